"""What a server had counted at each moment of a run, as a dashboard asks for it: over a window."""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter

from lab_kit.slo.histogram import quantile, share_within
from lab_kit.slo.terms import Sample

OVER_S = 5.0
"""What each point of a panel looks back over: a handful of finals of each caller."""

Buckets = dict[float, float]


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at the server's counters and gauges.

    Attributes:
        at_s: in seconds of the run.
        finals, firsts: how many were at most each edge, of all versions together.
        outcomes: streams by who decided their end.
        peak: the most streams open at one moment of the last minute.
        open_now: when it was looked at.
    """

    at_s: float
    finals: Buckets
    firsts: Buckets
    outcomes: dict[str, float]
    peak: float
    open_now: float


FINALS: Callable[[Reading], Buckets] = attrgetter("finals")
FIRSTS: Callable[[Reading], Buckets] = attrgetter("firsts")


def reading(at_s: float, samples: Sequence[Sample]) -> Reading:
    """What the panels need of all that was read."""
    finals: Buckets = {}
    firsts: Buckets = {}
    outcomes: dict[str, float] = {}
    peak = open_now = 0.0
    for one in samples:
        match one.name:
            case "lab_final_delay_seconds_bucket":
                _add(finals, float(one.labels["le"]), one.value)
            case "lab_first_result_seconds_bucket":
                _add(firsts, float(one.labels["le"]), one.value)
            case "lab_stream_outcomes_total":
                outcomes[one.labels["outcome"]] = one.value
            case "lab_streams_peak":
                peak = one.value
            case "lab_streams":
                open_now += one.value
    return Reading(at_s, finals, firsts, outcomes, peak, open_now)


def shares_within(readings: Sequence[Reading], edge_s: float) -> list[tuple[float, float]]:
    """At each moment the share of finals up to an edge; none where there were none."""
    return _over(readings, FINALS, lambda grown: share_within(grown, edge_s))


def quantiles(
    readings: Sequence[Reading], share: float, of: Callable[[Reading], Buckets]
) -> list[tuple[float, float]]:
    """At each moment the estimate of a percentile, in seconds."""
    return _over(readings, of, lambda grown: quantile(grown, share))


def outcomes_per_s(readings: Sequence[Reading], names: Sequence[str]) -> list[tuple[float, float]]:
    """At each moment the streams a second that ended in one of some ways."""
    found = []
    for before, now in _pairs(readings):
        grown = sum(now.outcomes.get(one, 0) - before.outcomes.get(one, 0) for one in names)
        found.append((now.at_s, grown / (now.at_s - before.at_s)))
    return found


def _over(
    readings: Sequence[Reading],
    of: Callable[[Reading], Buckets],
    told: Callable[[Buckets], float],
) -> list[tuple[float, float]]:
    found = []
    for before, now in _pairs(readings):
        grown = {edge: count - of(before).get(edge, 0) for edge, count in of(now).items()}
        if grown.get(math.inf, 0) > 0:
            found.append((now.at_s, told(grown)))
    return found


def _pairs(readings: Sequence[Reading]) -> list[tuple[Reading, Reading]]:
    """Each reading with the one that is a window older, or the first."""
    times = [one.at_s for one in readings]
    return [
        (readings[min(bisect_left(times, now.at_s - OVER_S), at - 1)], now)
        for at, now in enumerate(readings)
        if at
    ]


def _add(buckets: Buckets, edge: float, count: float) -> None:
    buckets[edge] = buckets.get(edge, 0.0) + count
