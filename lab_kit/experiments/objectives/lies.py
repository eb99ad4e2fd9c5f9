"""Figures from true measurements that say what is not so: each on the reader's own run.

Each lie has what it says and what is, from the same events.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from lab_kit.core.table import Table
from lab_kit.core.units import ms
from lab_kit.experiments.objectives.burst import Burst
from lab_kit.experiments.objectives.omission import Omission
from lab_kit.experiments.objectives.watched import TurnSeen, Watched
from lab_kit.measure.percentiles import percentile
from lab_kit.slo.burn import H1

WINDOW_S = 10.0
"""Stretches whose percentiles somebody averages."""
_P95 = 0.95


@dataclass(frozen=True, slots=True)
class Lie:
    """One figure.

    Attributes:
        says, so: what it says, and what is; both with their unit.
        why: how it comes about.
    """

    name: str
    says: str
    so: str
    why: str


def lies(watched: Watched, omission: Omission, burst: Burst) -> tuple[Lie, ...]:
    """All of them; one that this run cannot show says so."""
    turns = [one for one in watched.turns if math.isfinite(one.final_delay_s)]
    whole_s = percentile([one.final_delay_s for one in turns], _P95)
    windows = _p95s(turns, lambda one: int(one.at_s // WINDOW_S))
    callers = _p95s(turns, lambda one: one.caller)
    return (
        Lie(
            "sampled gauge",
            f"{burst.gauge_said:.0f} streams",
            f"{burst.open_at_once} streams",
            "nobody looked while they were open; a peak is counted at each change",
        ),
        Lie(
            "coordinated omission",
            f"p95 {ms(omission.said_s(_P95)):,.0f} ms",
            f"p95 {ms(omission.was_s(_P95)):,.0f} ms",
            "who waits for answers asks least when the server is slow; count from when it was due",
        ),
        Lie(
            "averaged percentiles",
            f"p95 {ms(fmean(windows)):,.0f} ms",
            f"p95 {ms(whole_s):,.0f} ms",
            f"the mean of {len(windows)} stretches' p95; add up the histograms, then ask",
        ),
        Lie(
            "percentile of percentiles",
            f"p95 {ms(percentile(callers, _P95)):,.0f} ms",
            f"p95 {ms(whole_s):,.0f} ms",
            f"the p95 of {len(callers)} callers' p95: that of the worst of them",
        ),
        _low_traffic(watched),
    )


def lies_table(found: Sequence[Lie]) -> Table:
    """A line a lie."""
    rows = [(one.name, one.says, one.so, one.why) for one in found]
    return Table("figure", ("figure", "it says", "it is", "how that comes about"), rows, left=4)


def _low_traffic(watched: Watched) -> Lie:
    """One caller's late turn, in a window of theirs and in one of everybody's."""
    name = "low traffic"
    late = next((one for one in watched.turns if not one.is_good), None)
    if late is None:
        return Lie(name, "-", "-", "no final was late in this run")
    from_s = late.at_s - H1.seconds / watched.plan.compression
    seen = [one for one in watched.turns if from_s < one.at_s <= late.at_s]
    own = [one for one in seen if one.caller == late.caller]
    return Lie(
        name,
        f"burns {_rate(watched, own):.1f}x",
        f"burns {_rate(watched, seen):.1f}x",
        f"one late final among {len(own)} of one caller's, and among {len(seen)} of everybody's",
    )


def _rate(watched: Watched, turns: Sequence[TurnSeen]) -> float:
    return sum(not one.is_good for one in turns) / len(turns) / watched.objective.budget


def _p95s(turns: Sequence[TurnSeen], group: Callable[[TurnSeen], int]) -> list[float]:
    groups: dict[int, list[float]] = {}
    for one in turns:
        groups.setdefault(group(one), []).append(one.final_delay_s)
    return [percentile(each, _P95) for each in groups.values()]
