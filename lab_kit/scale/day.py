"""A day in several regions, in steps of a few seconds: demand comes, nodes follow, some are lost.

What a policy costs is node-hours and callers refused; what a region's loss costs is said besides by
who was served far away and who could not be, for the law of where they live.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lab_kit.core.errors import InvalidParameter
from lab_kit.scale.autoscaling import LOOK_S, Autoscaler, Seen
from lab_kit.scale.counts import PINNED, OpenStreams
from lab_kit.scale.demand import DAY_S, Demand
from lab_kit.scale.fleet import Fleet
from lab_kit.scale.geography import Region, rtt_s

STEP_S = 5.0
"""A thirtieth of a call; with steps of one second refusals were the same within a tenth."""
SPILL_S = 0.1
"""Round trip up to which callers may be served elsewhere: a third of the 300 ms."""


@dataclass(frozen=True, slots=True)
class Loss:
    """A region that is gone for a while, from an hour of UTC on."""

    region: str
    from_hour: float
    hours: float = 1.0


@dataclass(frozen=True, slots=True)
class Mix:
    """How nodes are paid for: some for a year, the others by the hour, of which some are spare.

    Attributes:
        reserved: nodes of each region that are paid for whether there is work or not; empty for
            none.
        spot_share: of the nodes beyond them: cheaper, and taken back when somebody else pays more.
        reclaimed_per_hour: of those, on average. An assumption of ours.
        notice_s: before; AWS gives two minutes
            (docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html).
    """

    reserved: tuple[int, ...] = ()
    spot_share: float = 0.0
    reclaimed_per_hour: float = 0.05
    notice_s: float = 120.0

    def reserved_in(self, regions: int) -> NDArray[np.int64]:
        """In each region: (regions,)."""
        return np.array(self.reserved or [0] * regions, np.int64)


@dataclass(frozen=True, slots=True)
class World:
    """What a day is like, whatever the policy.

    Attributes:
        places: streams that a node holds; what its machine was measured at.
        cold_s: from the order of a node to its first stream.
        spill_s: round trip up to which callers may be served elsewhere; 0 for never.
    """

    demand: Demand
    places: int = 20
    cold_s: float = 90.0
    spill_s: float = SPILL_S
    loss: Loss | None = None
    mix: Mix = Mix()
    step_s: float = STEP_S


@dataclass(frozen=True, slots=True)
class Day:
    """What became of it; arrays are (steps, regions).

    Attributes:
        wanted: streams that arrived in each step, by where they came from.
        refused: those that were not served.
        refused_pinned: those of them that had to stay in their zone.
        cut: streams that ended because a region or a node was gone.
        open_streams, capacity: by where they were open, and places there.
        paid: nodes that were paid for.
        moved: streams served elsewhere, in each step: (steps, whence, where).
    """

    world: World
    at_s: NDArray[np.float64]
    wanted: NDArray[np.int64]
    refused: NDArray[np.int64]
    refused_pinned: NDArray[np.int64]
    cut: NDArray[np.int64]
    open_streams: NDArray[np.int64]
    capacity: NDArray[np.int64]
    paid: NDArray[np.int64]
    moved: NDArray[np.int64]

    @property
    def refused_share(self) -> float:
        """Of all that arrived; who was cut and found no other place counts, too."""
        return float(self.refused.sum() / max(1, self.wanted.sum()))

    @property
    def moved_share(self) -> float:
        """Served in another region than their own."""
        return float(self.moved.sum() / max(1, self.wanted.sum()))

    @property
    def node_hours(self) -> float:
        """Paid for."""
        return float(self.paid.sum() * self.world.step_s / 3600)

    @property
    def far_s(self) -> float:
        """The longest round trip that anybody was served at."""
        trips = np.array(rtt_s(self.world.demand.regions))
        return float(trips[self.moved.sum(axis=0) > 0].max(initial=0.0))


def routes(
    regions: tuple[Region, ...], spill_s: float
) -> tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]:
    """For each region where else its streams may go, nearest first: free ones, and pinned ones."""
    trips = rtt_s(regions)
    found = []
    for here, region in enumerate(regions):
        near = sorted(
            (n for n in range(len(regions)) if n != here and trips[here][n] <= spill_s),
            key=trips[here].__getitem__,
        )
        pinned = tuple(n for n in near if regions[n].zone == region.zone)
        found.append((tuple(near), pinned))
    return tuple(found)


def live(world: World, new_policy: Callable[[], Autoscaler], seed: int = 0) -> Day:
    """Live through the day.

    Args:
        new_policy: called once a region, as a policy remembers what it saw.

    Raises:
        InvalidParameter: the world names a region that it does not have, or a policy wants a number
            of nodes that is none.
    """
    return _Day(world, new_policy, seed).live()


class _Day:
    def __init__(self, world: World, new_policy: Callable[[], Autoscaler], seed: int) -> None:
        self._world = world
        regions = world.demand.regions
        self._chance: Generator = np.random.default_rng(seed)
        self._policies = [new_policy() for _ in regions]
        self._at_s = np.arange(0, DAY_S, world.step_s)
        self._usual = world.demand.usual_per_s(self._at_s) * world.demand.mean_s
        self._wanted = self._arrivals()
        self._streams = OpenStreams(len(regions), routes(regions, world.spill_s))
        self._none = np.zeros((len(regions), 2), np.int64)
        self._ending = -math.expm1(-world.step_s / world.demand.mean_s)
        at_first = np.ceil(self._usual[0] / (world.places * 0.7)).astype(np.int64)
        self._fleet = Fleet(np.maximum(at_first, 1), world.cold_s, world.demand.mean_s)
        self._fill(at_first)

    def live(self) -> Day:
        """Step by step."""
        world, steps = self._world, len(self._at_s)
        shape = self._usual.shape
        kept = {
            name: np.zeros(shape, np.int64)
            for name in ("refused", "refused_pinned", "cut", "open_streams", "capacity", "paid")
        }
        moved = np.zeros((*shape, shape[1]), np.int64)
        look = max(1, round(LOOK_S / world.step_s))
        for step in range(steps):
            at_s = float(self._at_s[step])
            self._fleet.tick(at_s)
            cut = self._lose(at_s) + self._reclaim(at_s)
            if step % look == 0:
                self._look(step, at_s)
            self._streams.end(self._chance, self._ending)
            new = self._wanted[step] + cut
            places = self._fleet.ready * world.places
            went, refused = self._streams.add(new, places)
            moved[step] = went
            kept["refused"][step] = refused.sum(axis=1)
            kept["refused_pinned"][step] = refused[:, PINNED]
            kept["cut"][step] = cut.sum(axis=1)
            kept["open_streams"][step] = self._streams.here
            kept["capacity"][step] = places
            kept["paid"][step] = self._fleet.paid
        wanted = np.asarray(self._wanted.sum(axis=2))
        return Day(world=world, at_s=self._at_s, wanted=wanted, moved=moved, **kept)

    def _arrivals(self) -> NDArray[np.int64]:
        """(steps, regions, free or pinned)."""
        demand = self._world.demand
        rates = demand.per_s(self._at_s) * self._world.step_s
        pinned = np.array([region.pinned for region in demand.regions])
        split = np.stack([rates * (1 - pinned), rates * pinned], axis=2)
        return np.asarray(self._chance.poisson(split), np.int64)

    def _fill(self, nodes: NDArray[np.int64]) -> None:
        """The day begins with those who called before it."""
        pinned = np.array([region.pinned for region in self._world.demand.regions])
        usual = self._usual[0]
        new = np.stack([usual * (1 - pinned), usual * pinned], axis=1).astype(np.int64)
        self._streams.add(new, nodes * self._world.places)

    def _look(self, step: int, at_s: float) -> None:
        world, streams, home = self._world, self._streams.here, self._streams.by_home
        ahead = (step + round(world.cold_s / world.step_s)) % len(self._at_s)
        wanted = np.zeros_like(streams)
        for region, policy in enumerate(self._policies):
            seen = Seen(
                region=world.demand.regions[region].name,
                at_s=at_s,
                streams=int(streams[region]),
                home=int(home[region]),
                ready=int(self._fleet.ready[region]),
                starting=int(self._fleet.starting[region]),
                places=world.places,
                usual=float(self._usual[ahead, region]),
                day_peak=float(self._usual[:, region].max()),
            )
            wanted[region] = 0 if self._is_lost(region, at_s) else _nodes(policy.wanted(seen))
        self._fleet.want(wanted, -(-streams // world.places), at_s)

    def _is_lost(self, region: int, at_s: float) -> bool:
        loss = self._world.loss
        if loss is None or region != _place(self._world.demand.regions, loss.region):
            return False
        return 0 <= at_s / 3600 - loss.from_hour < loss.hours

    def _lose(self, at_s: float) -> NDArray[np.int64]:
        lost = np.zeros_like(self._none)
        for region in range(len(self._policies)):
            if self._is_lost(region, at_s):
                self._fleet.lose(region)
                lost += self._streams.drop(region)
        return lost

    def _reclaim(self, at_s: float) -> NDArray[np.int64]:
        """Spot nodes that are wanted back: streams that outlast the notice are cut.

        They are counted, and look for another place, at once rather than after the notice.
        """
        mix = self._world.mix
        if not mix.spot_share:
            return np.zeros_like(self._none)
        ready = self._fleet.ready
        beyond = np.maximum(ready - mix.reserved_in(len(ready)), 0)
        nodes = np.floor(beyond * mix.spot_share).astype(np.int64)
        hours = self._world.step_s / 3600
        gone = self._chance.binomial(nodes, min(1.0, mix.reclaimed_per_hour * hours))
        if not gone.any():
            return np.zeros_like(self._none)
        outlast = math.exp(-mix.notice_s / self._world.demand.mean_s)
        lost = self._streams.cut(self._chance, gone / np.maximum(ready, 1) * outlast)
        self._fleet.reclaim(gone, at_s, mix.notice_s)
        return lost


def _place(regions: tuple[Region, ...], name: str) -> int:
    names = [region.name for region in regions]
    if name not in names:
        raise InvalidParameter(
            f"region {name!r}", f"one of {', '.join(names)}", "name one of the world's"
        )
    return names.index(name)


def _nodes(wanted: int) -> int:
    if not isinstance(wanted, int) or wanted < 0:
        raise InvalidParameter(
            f"{wanted!r} nodes", "a whole number, 0 or more", "have wanted() return math.ceil(…)"
        )
    return wanted
