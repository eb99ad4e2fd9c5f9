"""Lab 14's exercises: starter refused, plausible mistakes refused by name, solutions accepted."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from solutions import lab14 as solved

from lab_kit.course.checking import judge
from lab_kit.course.exercises import EXERCISES
from lab_kit.course.outcome import Outcome, Verdict
from lab_kit.experiments.scale import Predictive, Seen

Kept = dict[str, Any]


def judged(exercise: str, answer: object) -> Outcome:
    return judge(EXERCISES[exercise], answer, None)


def told(outcome: Outcome) -> str:
    return "\n".join(outcome.reasons)


# --- 14.1


def by_prediction(seen: Seen, kept: Kept) -> int:
    policy = kept.setdefault("policy", Predictive(0.85))
    return int(policy.wanted(seen))


@pytest.mark.parametrize("wanted", [solved.wanted, by_prediction])
def test_cheaper_autoscalers_are_accepted(wanted: Callable[[Seen, Kept], int]) -> None:
    outcome = judged("14.1", wanted)
    assert outcome.verdict is Verdict.PASS, told(outcome)
    assert "The given autoscaler" in told(outcome)


def nothing_kept(seen: Seen, kept: Kept) -> int:
    return math.ceil(seen.wish / (seen.places * 0.85))


def no_headroom(seen: Seen, kept: Kept) -> int:
    return math.ceil(seen.streams / seen.places)


def as_given(seen: Seen, kept: Kept) -> int:
    wish = math.ceil(seen.wish / (seen.places * 0.6))
    kept["recent"] = [*kept.get("recent", [])[-20:], wish]
    return int(max(kept["recent"]))


def all_day(seen: Seen, kept: Kept) -> int:
    return math.ceil(seen.day_peak * 1.05 / seen.places)


def only_more(seen: Seen, kept: Kept) -> int:
    wish = math.ceil(seen.wish / (seen.places * 0.85))
    return wish - seen.ready - seen.starting


def not_whole(seen: Seen, kept: Kept) -> float:
    return seen.wish / (seen.places * 0.85)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (nothing_kept, "what was the most of late?"),
        (no_headroom, "at a target of 1 it never looks"),
        (as_given, "a fifth less than"),
        (all_day, "which knows nothing of a crowd"),
        (only_more, "a whole number of nodes, 0 or more"),
        (not_whole, "a whole number of nodes, 0 or more"),
        (lambda seen, kept: ..., "no answer yet"),
        (lambda seen, kept: None, "no answer yet"),
        (0.85, "a function"),
    ],
)
def test_plausible_autoscalers_are_refused_by_name(wanted: object, said: str) -> None:
    outcome = judged("14.1", wanted)
    assert outcome.verdict is Verdict.NOT_YET
    assert said in told(outcome)


# --- 14.2

USUAL = {"target": 0.85, "targets": {}, "spill_ms": 100}


@pytest.mark.parametrize(
    "plan",
    [
        solved.plan,
        {**USUAL, "targets": {"North Europe": 0.45, "East US": 0.75}},
        {**USUAL, "targets": {"North Europe": 0.4}, "spill_ms": 90},
    ],
)
def test_plans_that_survive_are_accepted(plan: object) -> None:
    outcome = judged("14.2", plan)
    assert outcome.verdict is Verdict.PASS, told(outcome)
    assert "a second region under the same law" in told(outcome)


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (USUAL, "which other region is in their zone?"),
        ({**USUAL, "targets": {"West Europe": 0.5}}, "which is lost with it"),
        ({**USUAL, "target": 0.5}, "places where none of its callers would go"),
        ({**USUAL, "spill_ms": 250}, "ms away"),
        ({**USUAL, "spill_ms": 0}, "nobody may be served elsewhere"),
        ({**USUAL, "targets": {"Dublin": 0.4}}, "one of East US"),
        ({**USUAL, "target": 85}, "a share from 0.05 to 1"),
        ({**USUAL, "targets": 0.4}, "a dict, such as {}"),
        ({**USUAL, "spill_ms": "far"}, "milliseconds, 0 or more"),
        ({"target": 0.85}, "a dict with target"),
        ({"target": ..., "targets": {}, "spill_ms": ...}, "no answer yet"),
    ],
)
def test_plausible_plans_are_refused_by_name(plan: object, said: str) -> None:
    outcome = judged("14.2", plan)
    assert outcome.verdict is Verdict.NOT_YET
    assert said in told(outcome)
