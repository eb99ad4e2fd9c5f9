"""Lab 12's exercises: starter refused, plausible mistakes refused by name, solutions accepted."""

from collections.abc import Callable
from typing import Any

import pytest
from slo_samples import BOTH
from solutions import lab12 as solved

from lab_kit.core.spans import Span, Trace
from lab_kit.course.checking import judge
from lab_kit.course.exercises import EXERCISES
from lab_kit.course.outcome import Outcome, Verdict
from lab_kit.experiments.objectives import Spike

Events = list[dict[str, Any]]


def judged(exercise: str, answer: object, measured: object = None) -> Outcome:
    return judge(EXERCISES[exercise], answer, measured)


def told(outcome: Outcome) -> str:
    return "\n".join(outcome.reasons)


# --- 12.1


@pytest.mark.parametrize("name", ["usual", "refused"])
def test_goodput_is_accepted(name: str) -> None:
    outcome = judged("12.1", solved.goodput, BOTH[name])
    assert outcome.verdict is Verdict.PASS, told(outcome)


def is_good(one: dict[str, Any], *, final: int = -1, first: bool = True) -> bool:
    in_time = one["finals_s"] and one["finals_s"][final] - one["end_s"] <= 0.3
    return bool(in_time and (not first or one["first_s"] - one["onset_s"] <= 0.8))


def of_answered(events: Events, seconds: float) -> tuple[float, float]:
    answered = [one for one in events if one["finals_s"]]
    good = sum(is_good(one) for one in answered)
    return 60 * good / seconds, good / len(answered)


def of_complete(events: Events, seconds: float) -> tuple[float, float]:
    good = sum(is_good(one) for one in events if one["ended"] == "complete")
    return 60 * good / seconds, good / len(events)


def by_first_final(events: Events, seconds: float) -> tuple[float, float]:
    good = sum(is_good(one, final=0) for one in events)
    return 60 * good / seconds, good / len(events)


def without_first_words(events: Events, seconds: float) -> tuple[float, float]:
    good = sum(is_good(one, first=False) for one in events)
    return 60 * good / seconds, good / len(events)


def a_count(events: Events, seconds: float) -> tuple[float, float]:
    good = sum(is_good(one) for one in events)
    return good, good / len(events)


def by_mean(events: Events, seconds: float) -> tuple[float, float]:
    delays = [one["finals_s"][-1] - one["end_s"] for one in events if one["finals_s"]]
    good = len(events) if sum(delays) / len(delays) <= 0.3 else 0
    return 60 * good / seconds, good / len(events)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (of_answered, "all 2 offered"),
        (of_complete, "before it broke"),
        (by_first_final, "the last one counts"),
        (without_first_words, "first words 1.4 s"),
        (a_count, "not good turns a minute"),
        (by_mean, "is late"),
        (lambda events, seconds: 3.0, "(good turns a minute, share"),
        (lambda events, seconds: ..., "write goodput"),
        (7, "a function"),
    ],
)
def test_a_wrong_goodput_is_refused_by_its_mistake(
    answer: Callable[[Events, float], Any], reason: str
) -> None:
    outcome = judged("12.1", answer, BOTH["usual"])
    assert outcome.verdict is Verdict.NOT_YET
    assert reason in told(outcome)


def test_a_goodput_that_raises_is_an_error() -> None:
    def broken(events: Events, seconds: float) -> Any:
        return events[0]["final_s"]

    assert judged("12.1", broken, BOTH["usual"]).verdict is Verdict.ERROR


# --- 12.2


def test_objectives_for_three_products_are_accepted() -> None:
    outcome = judged("12.2", solved.mine, BOTH["usual"])
    assert outcome.verdict is Verdict.PASS, told(outcome)
    assert "agent: final delay, 99.5 % asked" in told(outcome)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"agent": ("first result", 0.65, 0.995)}, "what its people mind"),
        ({"agent": ("final delay", 0.7, 0.995)}, "an edge of the histogram"),
        ({"agent": ("final delay", 0.8, 0.995)}, "beyond that they are gone"),
        ({"agent": ("final delay", 0.3, 0.995)}, "less pages for nothing"),
        ({"agent": ("final delay", 0.65, 1.0)}, "a budget of nothing"),
        ({"agent": ("final delay", 0.65, 0.999)}, "no stricter than they ask"),
        ({"agent": ("final delay", 0.65, 0.99)}, "one bad event in 200"),
        ({"agent": ("final delay", 0.65, 99.5)}, "a budget of nothing"),
        ({"agent": ("final delay", 0.65, "99 %")}, "a share, such as"),
        ({"agent": ("p95", 0.65, 0.995)}, "one of"),
        ({"agent": ("final delay", 0.65)}, "the limit is None"),
        ({"captions": ("first result", 1.2, 0.95)}, "an edge of the histogram"),
        ({"captions": ("first result", 1.5, 0.95)}, "beyond that they are gone"),
        ({"captions": ("first result", None, 0.95)}, "seconds"),
        ({"notes": ("final delay", 10.0, 0.999)}, "what its people mind"),
        ({"notes": ("availability", 10.0, 0.999)}, "nobody waits"),
        ({"notes": "availability"}, "the limit is None"),
        ({"other": ("availability", None, 0.999)}, "a dict with"),
    ],
)
def test_a_wrong_objective_is_refused_by_its_mistake(changed: dict[str, Any], reason: str) -> None:
    outcome = judged("12.2", {**solved.mine, **changed}, BOTH["usual"])
    assert outcome.verdict is Verdict.NOT_YET
    assert reason in told(outcome)


def test_what_was_not_counted_is_said() -> None:
    outcome = judged("12.2", solved.mine, BOTH["nothing counted"])
    assert outcome.verdict is Verdict.PASS
    assert "nothing was counted" in told(outcome)


# --- 12.3

SLOW, QUICK = "a" * 32, "b" * 32


def trace(trace_id: str, **lengths_s: float) -> Trace:
    root = Span("stream", trace_id, "0", None, 0.0, 9.0, {}, ())
    spans = [
        Span(name, trace_id, str(at), "0", 1.0, 1.0 + length_s, {}, ())
        for at, (name, length_s) in enumerate(lengths_s.items(), 1)
    ]
    return Trace((root, *spans))


def line(trace_id: str) -> str:
    return (
        f"2026-01-01 INFO log [call-{trace_id[0]}] stream stream-{trace_id[0]} served by 1000:"
        f" version 1, 9.0 s of sound, 3 finals, slowest 1.0 s, trace {trace_id}"
    )


CASE = Spike(
    {SLOW: 1.8, QUICK: 0.2},
    [trace(QUICK, batch=0.001, infer=0.03), trace(SLOW, batch=1.6, infer=0.04)],
    [line(QUICK), line(SLOW)],
)


def test_a_spike_is_found() -> None:
    outcome = judged("12.3", solved.found(CASE), CASE)
    assert outcome.verdict is Verdict.PASS, told(outcome)
    assert "1,800 ms, 1,600 of them in batch" in told(outcome)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"trace": QUICK}, "a trace of 200 ms"),
        ({"trace": "c" * 32}, "that of the slowest final"),
        ({"stream": "call-a"}, "the call's id, in brackets"),
        ({"stream": "stream-b"}, "the id behind the word stream"),
        ({"stage": "infer"}, "the one that took longest"),
        ({"stage": "decode"}, "the one that took longest"),
        ({"more": 1}, "a dict with"),
    ],
)
def test_a_wrong_finding_is_refused_by_its_mistake(changed: dict[str, Any], reason: str) -> None:
    outcome = judged("12.3", {**solved.found(CASE), **changed}, CASE)
    assert outcome.verdict is Verdict.NOT_YET
    assert reason in told(outcome)


def test_a_spike_without_a_trace_cannot_be_judged() -> None:
    outcome = judged("12.3", solved.found(CASE), Spike({}, [], []))
    assert outcome.verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("exercise", ["12.1", "12.2", "12.3"])
def test_no_measurement_is_asked_for(exercise: str) -> None:
    outcome = judged(exercise, solved.mine, None)
    assert outcome.verdict is Verdict.NOT_YET
    assert f'check("{exercise}"' in told(outcome)
