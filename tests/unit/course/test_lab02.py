"""Lab 02's exercises: the starter, plausible mistakes, other right answers, the solution."""

from collections.abc import Callable

import pytest
from solutions import lab02 as solved

from lab_kit.course.checking import judge
from lab_kit.course.exercises import EXERCISES
from lab_kit.course.exercises.lab02 import BRIEFS, CRITERIA, FRAMEWORKS, SCENARIOS, Health
from lab_kit.course.outcome import Outcome, Verdict


def judged(exercise: str, answer: object) -> Outcome:
    return judge(EXERCISES[exercise], answer)


def test_every_brief_has_an_opinion_on_every_framework_and_no_two() -> None:
    for brief in BRIEFS.values():
        assert sorted([*brief.fits, *brief.others]) == sorted(FRAMEWORKS)
        assert len(brief.fits) > 1
        assert set(brief.deciding) <= set(CRITERIA)
    decided = [criterion for brief in BRIEFS.values() for criterion in brief.deciding]
    assert set(decided) == set(CRITERIA)


def test_the_solution_fits_all_four_and_says_what_else_would() -> None:
    outcome = judged("02.1", solved.CHOICES)
    assert outcome.verdict is Verdict.PASS
    assert "SGLang would do as well" in outcome.reasons[0]


@pytest.mark.parametrize("name", BRIEFS)
def test_each_framework_that_fits_is_accepted_in_any_case(name: str) -> None:
    brief = BRIEFS[name]
    for framework in brief.fits:
        for criterion in brief.deciding:
            choice = {name: [framework.upper(), criterion.title()]}
            assert judged("02.1", solved.CHOICES | choice).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("choice", "named"),
    [
        ({"A": ("TensorRT-LLM", "latency")}, "trails at 100"),
        ({"B": ("KServe", "operational burden")}, "one developer"),
        ({"C": ("BentoML", "latency")}, "Python handles every request"),
        ({"D": ("TorchServe", "scaling model")}, "archived"),
        ({"A": ("vLLM", "operational burden")}, "does not decide"),
        ({"B": ("Flask", "latency")}, "is not one of plain handler"),
        ({"B": ("LitServe", "taste")}, "is not one of model type"),
        ({"B": "LitServe"}, "is not ("),
        ({"B": (..., ...)}, "is not one of"),
    ],
)
def test_a_choice_that_does_not_fit_is_told_why(choice: dict[str, object], named: str) -> None:
    outcome = judged("02.1", solved.CHOICES | choice)
    assert outcome.verdict is Verdict.NOT_YET
    assert named in outcome.reasons[0]
    (name,) = choice
    assert outcome.reasons[0].startswith(f"seen: {name}: ")


@pytest.mark.parametrize("answer", ["vLLM", {"A": ("vLLM", "latency")}, ["vLLM"] * 4])
def test_choices_of_another_form_are_refused(answer: object) -> None:
    assert judged("02.1", answer).verdict is Verdict.NOT_YET


def test_the_probe_is_right_in_every_moment() -> None:
    outcome = judged("02.2", solved.ready)
    assert outcome.verdict is Verdict.PASS
    assert len(outcome.reasons) == len(SCENARIOS)


def starter(health: Health) -> object:
    return ...


def test_a_probe_that_says_nothing_is_the_starter() -> None:
    outcome = judged("02.2", starter)
    assert outcome.verdict is Verdict.NOT_YET
    assert "no answer yet" in outcome.reasons[0]


def loaded(health: Health) -> bool:
    return health.weights_loaded and not health.draining


def any_failure(health: Health) -> bool:
    return solved.ready(health) and "failed" not in (health.canary, health.shadow)


def undrained(health: Health) -> bool:
    return health.weights_loaded and health.warmed_up


def overcautious(health: Health) -> bool:
    return solved.ready(health) and health.waiting < health.most_waiting / 2


def full_is_unready(health: Health) -> bool:
    return solved.ready(health) and health.waiting < health.most_waiting


def trusting(health: Health) -> bool:
    return health.warmed_up and not health.draining


def always(health: Health) -> bool:
    return True


@pytest.mark.parametrize(
    ("probe", "named"),
    [
        (loaded, "never inferred"),
        (any_failure, "canary failed"),
        (undrained, "told to stop"),
        (overcautious, "busy is not broken".capitalize()),
        (full_is_unready, "full to the last place"),
        (trusting, "weights gone since"),
        (always, "just started"),
    ],
)
def test_a_plausible_probe_is_refused_with_the_moment_it_gets_wrong(
    probe: Callable[[Health], bool], named: str
) -> None:
    outcome = judged("02.2", probe)
    assert outcome.verdict is Verdict.NOT_YET
    assert named in outcome.reasons[0]


def test_a_probe_answers_yes_or_no() -> None:
    outcome = judged("02.2", lambda health: "ready" if solved.ready(health) else "")
    assert outcome.verdict is Verdict.NOT_YET


@pytest.mark.parametrize("answer", [True, "ready", lambda: True, lambda a, b: True])
def test_what_is_no_probe_is_refused(answer: object) -> None:
    outcome = judged("02.2", answer)
    assert outcome.verdict is Verdict.NOT_YET
    assert "function of one argument" in outcome.reasons[1]


def test_a_probe_that_raises_gets_its_own_traceback() -> None:
    outcome = judged("02.2", lambda health: health.is_fine)
    assert outcome.verdict is Verdict.ERROR
    assert "is_fine" in outcome.reasons[1]
