"""Lab 15's exercises: starter refused, plausible mistakes refused by name, solutions accepted."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from solutions import lab15 as solved

from lab_kit.course.checking import judge
from lab_kit.course.exercises import EXERCISES
from lab_kit.course.outcome import Outcome, Verdict
from lab_kit.experiments.game_day import Dashboard, Ending, Fault


def judged(exercise: str, answer: object) -> Outcome:
    return judge(EXERCISES[exercise], answer, None)


def told(outcome: Outcome) -> str:
    return "\n".join(outcome.reasons)


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [("15.1", solved.clinic), ("15.2", solved.decide), ("15.3", solved.triage)],
)
def test_the_solutions_are_accepted(exercise: str, answer: object) -> None:
    outcome = judged(exercise, answer)
    assert outcome.verdict is Verdict.PASS, told(outcome)


@pytest.mark.parametrize("exercise", ["15.1", "15.2", "15.3"])
def test_starters_are_refused(exercise: str) -> None:
    assert judged(exercise, lambda *_: ...).verdict is Verdict.NOT_YET
    assert judged(exercise, lambda *_: None).verdict is Verdict.NOT_YET


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"home_region": "eu-west"}, "where its own customers are"),
        ({"allowed_regions": ("us-east", "eu-west")}, "allowed: eu-west"),
        ({"allowed_regions": ()}, "named as allowed, too"),
        ({"consents": ()}, "every call is refused"),
        ({"consents": ("recognition", "training")}, "consent to training"),
        ({"streams": None}, "at most four"),
    ],
)
def test_what_a_clinic_has_not_signed_is_refused(changed: dict[str, Any], reason: str) -> None:
    answer = replace(solved.clinic, settings=replace(solved.clinic.settings, **changed))
    outcome = judged("15.1", answer)
    assert outcome.verdict is Verdict.NOT_YET
    assert reason in told(outcome)


def test_another_plan_is_refused() -> None:
    assert "plan 'scale'" in told(judged("15.1", replace(solved.clinic, plan="scale")))


def relative(production: Any, canary: Any, minutes: float) -> str:
    if canary.words >= 1_000 and canary.word_error_rate > 1.02 * production.word_error_rate:
        return "roll back"
    return solved.decide(production, canary, minutes)


def patient(production: Any, canary: Any, minutes: float) -> str:
    return "wait" if minutes < 30 else solved.decide(production, canary, minutes)


def without_words(production: Any, canary: Any, minutes: float) -> str:
    return solved.decide(production, replace(canary, words=5_000), minutes)


def accurate_only(production: Any, canary: Any, minutes: float) -> str:
    return solved.decide(production, replace(canary, p95_s=production.p95_s), minutes)


def hasty(production: Any, canary: Any, minutes: float) -> str:
    return solved.decide(production, canary, 60)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (relative, "0.3 points are not more than 2"),
        (patient, "what is bad is not waited for"),
        (without_words, "40 words say nothing"),
        (accurate_only, "51 ms above"),
        (hasty, "30 minutes are not over"),
        (lambda *_: "maybe", "one of roll back"),
    ],
)
def test_a_wrong_rule_is_refused_by_name(answer: Callable[..., str], reason: str) -> None:
    outcome = judged("15.2", answer)
    assert outcome.verdict is Verdict.NOT_YET
    assert reason in told(outcome)


def in_their_own_order(seen: Dashboard) -> Fault | None:
    return next((fault for fault in Fault if seen.shows(fault)), None)


def by_lateness(seen: Dashboard) -> Fault | None:
    return Fault.DRIFT if seen.shows(Fault.DRIFT) else solved.triage(seen)


def by_cuts(seen: Dashboard) -> Fault | None:
    return Fault.CASCADE if seen.ended(Ending.CUT) else solved.triage(seen)


def by_page(seen: Dashboard) -> Fault | None:
    return solved.triage(seen) if seen.is_paging else None


def always(seen: Dashboard) -> Fault | None:
    return solved.triage(seen) or Fault.DRIFT


def one_sided(seen: Dashboard) -> Fault | None:
    found = solved.triage(seen)
    return None if found is Fault.BILLING and seen.gauges.off_s < 0 else found


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (in_their_own_order, "what ends the server comes first"),
        (by_lateness, "has just started is slow"),
        (by_cuts, "the starts follow from it"),
        (by_page, "None from every call"),
        (always, "nothing is wrong"),
        (one_sided, "less than was told"),
        (lambda _: "memory", "a game_day.Fault"),
    ],
)
def test_a_wrong_order_is_refused_by_name(answer: Callable[[Dashboard], Any], reason: str) -> None:
    outcome = judged("15.3", answer)
    assert outcome.verdict is Verdict.NOT_YET
    assert reason in told(outcome)
