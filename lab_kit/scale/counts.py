"""Streams as counts: where they are open, whose they are, whether they may move.

A stream that is open at a moment ends within the next step with the same chance, however old it is
(exponential lengths), so a region's streams need no names: a binomial draw ends them, a Poisson
draw brings new ones. A million a day take seconds.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Counts = NDArray[np.int64]
FREE, PINNED = 0, 1


class OpenStreams:
    """Streams by where they are open, where they came from, and whether they must stay in a zone.

    Args:
        routes: for each region where else its streams may go, nearest first, those that are free
            to move and those that are pinned.

    Attributes:
        counts: (where, whence, free or pinned) int64.
    """

    def __init__(self, regions: int, routes: Sequence[tuple[Sequence[int], Sequence[int]]]) -> None:
        self.counts = np.zeros((regions, regions, 2), np.int64)
        self._routes = routes
        self._own = np.arange(regions)

    @property
    def here(self) -> Counts:
        """Open in each region: (regions,)."""
        return np.asarray(self.counts.sum(axis=(1, 2)))

    @property
    def by_home(self) -> Counts:
        """Open anywhere, by where they came from: (regions,)."""
        return np.asarray(self.counts.sum(axis=(0, 2)))

    def end(self, chance: Generator, share: float) -> None:
        """Each ends with that chance."""
        self.counts -= chance.binomial(self.counts, share)

    def add(self, new: Counts, places: Counts) -> tuple[Counts, Counts]:
        """Let new ones open where they come from, else elsewhere, else nowhere.

        Args:
            new: (whence, free or pinned).
            places: in each region, taken or not: (regions,).

        Returns:
            Those that went elsewhere, (whence, where), and those that were refused, as ``new``.
        """
        free = np.maximum(places - self.here, 0)
        moved = np.zeros((len(new), len(new)), np.int64)
        if (new.sum(axis=1) <= free).all():
            self.counts[self._own, self._own] += new
            return moved, np.zeros_like(new)
        left = new.copy()
        for region in range(len(new)):  # everybody at home before anybody elsewhere
            for kind in (PINNED, FREE):  # whoever can go nowhere else first
                self._open(left, free, region, region, kind)
        for region in range(len(new)):
            for kind in (PINNED, FREE):
                for where in self._routes[region][kind]:
                    moved[region, where] += self._open(left, free, where, region, kind)
        return moved, left

    def drop(self, where: int) -> Counts:
        """Everything there is gone; what must open anew, as (whence, free or pinned)."""
        lost = self.counts[where].copy()
        self.counts[where] = 0
        return np.asarray(lost)

    def cut(self, chance: Generator, shares: NDArray[np.float64]) -> Counts:
        """In each region that share of the streams is gone; what must open anew."""
        lost = chance.binomial(self.counts, shares[:, None, None])
        self.counts -= lost
        return np.asarray(lost.sum(axis=0))

    def _open(self, left: Counts, free: Counts, where: int, whence: int, kind: int) -> int:
        taken = int(min(left[whence, kind], free[where]))
        self.counts[where, whence, kind] += taken
        left[whence, kind] -= taken
        free[where] -= taken
        return taken


def refused_by_counts(
    rate_per_s: float,
    mean_s: float,
    places: int,
    seconds: float,
    *,
    warm_up_s: float = 0.0,
    step_s: float = 1.0,
    seed: int = 0,
) -> float:
    """Share that is refused in one region with so many places, which never change."""
    chance = np.random.default_rng(seed)
    streams = OpenStreams(1, [((), ())])
    ending, room = -math.expm1(-step_s / mean_s), np.array([places])
    offered = refused = 0
    for step in range(round(seconds / step_s)):
        streams.end(chance, ending)
        new = np.array([[chance.poisson(rate_per_s * step_s), 0]])
        _, left = streams.add(new, room)
        if step * step_s >= warm_up_s:
            offered += int(new.sum())
            refused += int(left.sum())
    return refused / max(1, offered)
