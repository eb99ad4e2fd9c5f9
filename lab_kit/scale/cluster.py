"""Many servers by streams: each comes, is placed once, stays, and leaves.

A server that is full refuses, and whoever was sent there is refused: what a policy is worth shows
in that. The counted model (`counts`) asks the same of streams that have no server; `erlang_b` is
what theory says of both.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lab_kit.core.errors import InvalidParameter
from lab_kit.scale.placement import Placement

SAMPLE_S = 5.0
"""How often it is noted where streams are."""


@dataclass(frozen=True, slots=True)
class Calls:
    """Streams that are wanted, in order.

    Attributes:
        at_s, seconds: when each begins, and for how long: (calls,) float64.
        callers: who: (calls,) int64.
    """

    at_s: NDArray[np.float64]
    seconds: NDArray[np.float64]
    callers: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.at_s)


def poisson_calls(
    rate_per_s: float, mean_s: float, seconds: float, seed: int, callers: int = 10_000
) -> Calls:
    """Calls that know nothing of each other, exponentially long, of callers of whom few call often.

    The n-th caller calls in proportion to 1/n (Zipf's law), as a provider's customers do.

    Raises:
        InvalidParameter: a rate or a length that is not above 0.
    """
    if not (rate_per_s > 0 and mean_s > 0 and seconds > 0):
        raise InvalidParameter(
            f"{rate_per_s} calls per second of {mean_s} s, for {seconds} s",
            "all more than 0",
            "pass rate_per_s, mean_s and seconds above 0",
        )
    chance = np.random.default_rng(seed)
    count = chance.poisson(rate_per_s * seconds)
    weights = 1 / np.arange(1, callers + 1)
    return Calls(
        np.sort(chance.uniform(0, seconds, count)),
        chance.exponential(mean_s, count),
        chance.choice(callers, count, p=weights / weights.sum()),
    )


@dataclass(frozen=True, slots=True)
class Placed:
    """What became of the calls.

    Attributes:
        placement: the policy's name.
        refused: of those that came after the warm-up, as many as `offered`.
        places: that each server has.
        at_s: moments after the warm-up: (moments,) float64.
        open_streams: on each server then: (moments, servers) int64.
    """

    placement: str
    offered: int
    refused: int
    places: tuple[int, ...]
    at_s: NDArray[np.float64]
    open_streams: NDArray[np.int64]

    @property
    def refused_share(self) -> float:
        """Of the calls."""
        return self.refused / max(1, self.offered)

    @property
    def fullest_to_mean(self) -> float:
        """How much fuller the fullest server is than the average, on average over the moments."""
        means = self.open_streams.mean(axis=1)
        return float((self.open_streams.max(axis=1)[means > 0] / means[means > 0]).mean())

    def share_beyond(self, streams: int) -> float:
        """Share of all streams, over time, that shared their server with more than so many."""
        crowded = self.open_streams[self.open_streams > streams].sum()
        return float(crowded / max(1, self.open_streams.sum()))


def place(
    calls: Calls,
    places: Sequence[int],
    placement: Placement,
    *,
    report_s: float = 0.0,
    warm_up_s: float = 0.0,
) -> Placed:
    """Place every call.

    Args:
        places: streams that each server can hold.
        report_s: how often servers say how many they hold; 0 for at every moment.
    """
    ends: list[tuple[float, int]] = []
    count, known = [0] * len(places), [0] * len(places)
    if not report_s:
        known = count
    reported_s, sampled_s = 0.0, warm_up_s
    samples: list[list[int]] = []
    offered = refused = 0
    rows = zip(calls.at_s.tolist(), calls.seconds.tolist(), calls.callers.tolist(), strict=True)
    for at_s, seconds, caller in rows:
        while sampled_s <= at_s:
            _leave(ends, count, sampled_s)
            samples.append(count.copy())
            sampled_s += SAMPLE_S
        _leave(ends, count, at_s)
        if report_s and at_s - reported_s >= report_s:
            known, reported_s = count.copy(), at_s
        offered += at_s >= warm_up_s
        server = placement.choose(caller, known, places)
        if count[server] >= places[server]:
            refused += at_s >= warm_up_s
            continue
        count[server] += 1
        heapq.heappush(ends, (at_s + seconds, server))
    at = warm_up_s + SAMPLE_S * np.arange(len(samples), dtype=np.float64)
    taken = np.array(samples, np.int64).reshape(len(samples), len(places))
    return Placed(placement.name, offered, refused, tuple(places), at, taken)


def _leave(ends: list[tuple[float, int]], count: list[int], until_s: float) -> None:
    while ends and ends[0][0] <= until_s:
        count[heapq.heappop(ends)[1]] -= 1


def erlang_b(offered_streams: float, places: int) -> float:
    """Share that is refused where so many are offered to so many places that all can be reached.

    Source: Erlang's loss formula, 1917, in its stable recursive form.
    """
    blocked = 1.0
    for place_number in range(1, places + 1):
        blocked = offered_streams * blocked / (place_number + offered_streams * blocked)
    return blocked
