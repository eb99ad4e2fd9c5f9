"""Runs against an objective, made by hand: paged for or not, with and without Prometheus."""

import math
from collections.abc import Callable
from dataclasses import replace

from show_calls import STARTED_NS, stream

from lab_kit.experiments.load.call_plans import Stairs
from lab_kit.experiments.load.live_load import CallEnding, LiveLoad, OfferedCall
from lab_kit.experiments.objectives.both_ends import LIMITS, BothEnds
from lab_kit.experiments.objectives.omission import Asked, Omission
from lab_kit.experiments.objectives.paging import shown_windows
from lab_kit.experiments.objectives.readings import reading
from lab_kit.experiments.objectives.shipped import objectives
from lab_kit.experiments.objectives.watched import (
    FAR,
    READ_S,
    Incident,
    Moment,
    Plan,
    TurnSeen,
    Watched,
)
from lab_kit.gateway.observe.indicators import EDGES_S
from lab_kit.slo.burn import Count, Severity, budget_spent, burn_rate, firing
from lab_kit.slo.terms import Sample

PLAN = Plan(callers=4)
OBJECTIVE = objectives()["final-delay"]
PER_S = 3
LATE = 1.2


def load(
    *calls: OfferedCall, cores: float = 0.3, seconds: float = 10.0, warm_up_s: float = 0.0
) -> LiveLoad:
    return LiveLoad(Stairs((1,), seconds), calls, STARTED_NS, warm_up_s, cores, 1.0, limits=LIMITS)


CALL = OfferedCall(STARTED_NS, stream(), CallEnding.COMPLETE)
REFUSED = OfferedCall(STARTED_NS, replace(stream(), received=()), CallEnding.REFUSED, "full")
LOAD = load(CALL)


def watched(
    delay_s: Callable[[float], float],
    *,
    by_prometheus: bool = True,
    far: bool = True,
    cores: float = 0.3,
    end_s: float | None = None,
) -> Watched:
    """A run in which a final at a second of the run was as late as ``delay_s`` says.

    What is behind the slow network is late for its callers alone.
    """
    far_s = PLAN.near_s + 1
    end_s = end_s or (far_s + PLAN.far_s + 2 if far else PLAN.near_s)
    incidents = [PLAN.blip, PLAN.slow]
    if far:
        incidents.append(Incident(FAR, far_s, far_s + PLAN.far_s))
    turns, counts, moments = [], [Count(0.0, 0, 0)], []
    good = total = 0
    for step in range(round(end_s * PER_S)):
        at_s = step / PER_S
        is_far = far and far_s <= at_s < far_s + PLAN.far_s
        took_s = delay_s(at_s)
        turns.append(TurnSeen(at_s, LATE if is_far else took_s, step % PLAN.callers))
        good, total = good + (took_s <= 0.8), total + 1
        counts.append(Count(at_s + took_s if math.isfinite(took_s) else at_s, good, total))
    for step in range(1, round(end_s / READ_S)):
        now_s = step * READ_S
        known = [one for one in counts if one.at_s <= now_s]
        rates = {
            w.name: burn_rate(OBJECTIVE, known, now_s, w.seconds / 120) for w in shown_windows()
        }
        alerts = firing(OBJECTIVE, known, now_s, 120)
        told = frozenset(one.severity for one in alerts)
        moments.append(
            Moment(
                now_s,
                known[-1],
                {name: rate for name, rate in rates.items() if rate is not None},
                budget_spent(OBJECTIVE, known, now_s, 120),
                alerts,
                (moments[-1].told if moments else frozenset()) if by_prometheus else None,
            )
        )
        assert told == moments[-1].told
    loads = (load(CALL, cores=cores),)
    read = tuple(
        reading(step * READ_S, samples_at(step * READ_S, delay_s, min(end_s, step * READ_S)))
        for step in range(1, round(end_s / READ_S))
    )
    return Watched(PLAN, tuple(incidents), OBJECTIVE, tuple(moments), tuple(turns), loads, read)


def samples_at(now_s: float, delay_s: Callable[[float], float], end_s: float) -> list[Sample]:
    """What a server exposes by then: each final a stream's, and as late as its first words."""
    delays = [delay_s(step / PER_S) for step in range(round(end_s * PER_S))]
    came = [one for step, one in enumerate(delays) if step / PER_S + one <= now_s]
    edges = (*EDGES_S, math.inf)
    samples = [
        Sample(f"lab_{name}_seconds_bucket", {"le": str(edge)}, sum(one <= edge for one in came))
        for name in ("final_delay", "first_result")
        for edge in edges
    ]
    outcomes = {"served": len(came), "failed": len(delays) - len(came), "refused": 0, "left": 0}
    samples += [Sample("lab_stream_outcomes_total", {"outcome": o}, n) for o, n in outcomes.items()]
    return [*samples, Sample("lab_streams_peak", {}, 6), Sample("lab_streams", {"version": "1"}, 5)]


def usual(at_s: float) -> float:
    """Late while the server is slow; one turn of the blip, too."""
    is_slow = PLAN.slow.from_s <= at_s < PLAN.slow.until_s
    return 1.7 if is_slow else 0.9 if PLAN.blip.from_s <= at_s < PLAN.blip.from_s + 0.3 else 0.2


WATCHED: dict[str, Watched] = {
    "usual": watched(usual),
    "without Prometheus": watched(usual, by_prometheus=False),
    "nobody paged": watched(lambda at_s: 0.2),
    "paged too soon": watched(lambda at_s: 2.5 if 3 <= at_s < 12 else 0.2),
    "never": watched(lambda at_s: math.inf if at_s > PLAN.slow.from_s else 0.2, far=False),
    "void": watched(usual, cores=0.95),
}
assert WATCHED["usual"].told_s(Severity.PAGE) is not None


def both(load_: LiveLoad, finals: dict[float, float], **counted: float) -> BothEnds:
    """A load, and a server that counted so many finals up to each edge."""
    grown = {
        ("lab_final_delay_seconds_bucket", (("le", str(edge)), ("version", "1"))): value
        for edge, value in finals.items()
    }
    grown |= {
        ("lab_stream_outcomes_total", (("outcome", outcome),)): value
        for outcome, value in counted.items()
    }
    return BothEnds(load_, grown, 1.0)


HISTOGRAM = {edge: float((edge >= 0.2) + (edge >= 0.4)) for edge in (*EDGES_S, math.inf)}
"""A final between 0.1 and 0.2 s, and one between 0.3 and 0.4."""
BOTH: dict[str, BothEnds] = {
    "usual": both(LOAD, HISTOGRAM, served=1.0),
    "refused": both(load(CALL, REFUSED), HISTOGRAM, served=1.0, refused=1.0),
    "nothing counted": both(LOAD, {}),
    "void": both(load(CALL, cores=0.99), HISTOGRAM),
    "far beyond": both(LOAD, {0.3: 0.0, 10.0: 0.0, math.inf: 2.0}, served=1.0),
}


def omission_of(*answered_s: float, every_s: float = 0.2) -> Omission:
    """Requests that took so long, each sent when due or when the one before was answered."""
    asked, free_s = [], 0.0
    for number, took_s in enumerate(answered_s):
        due_s = number * every_s
        sent_s = max(due_s, free_s)
        free_s = sent_s + took_s
        asked.append(Asked(due_s, sent_s, free_s))
    return Omission(tuple(asked), 2.0)


OMISSIONS: dict[str, Omission] = {
    "usual": omission_of(*[0.04] * 25, 2.0, *[0.04] * 24),
    "nothing omitted": omission_of(*[0.01] * 20),
    "two": omission_of(0.1, 0.1),
}
