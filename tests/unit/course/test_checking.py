"""What ``check`` and ``hint`` print, and what they keep."""

from pathlib import Path

import pytest
from solutions import lab01 as solved01

from lab_kit.core.errors import InvalidParameter
from lab_kit.course import check, checking, hint, progress
from lab_kit.course.checking import judge
from lab_kit.course.exercises import Exercise
from lab_kit.course.outcome import MARGIN, Verdict, inconclusive, passed


def answer_that_raises() -> None:
    raise ZeroDivisionError("by the reader")


def calls_the_answer(answer: object, measured: object) -> object:
    assert callable(answer)
    return passed(str(answer()))


CALLING = Exercise("99.1", "Write a function", calls_the_answer, ("one",))  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _no_hints_given(monkeypatch: pytest.MonkeyPatch) -> None:
    checking._hints_given.clear()


def test_the_verdict_stands_alone_on_the_first_line(capsys: pytest.CaptureFixture[str]) -> None:
    check("01.1", solved01.CULPRITS)
    first, *others = capsys.readouterr().out.splitlines()
    assert first == "01.1 PASS"
    assert others
    assert all(line.startswith(MARGIN) for line in others)


def test_a_starter_is_told_what_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    check("01.1", ...)
    out = capsys.readouterr().out
    assert out.startswith("01.1 NOT YET\n")
    assert "Traceback" not in out


def test_a_pass_is_remembered_and_a_refusal_is_not() -> None:
    check("01.1", {"A": "inference", "B": "inference", "C": "inference"})
    assert progress.load().passed == {}
    check("01.1", solved01.CULPRITS)
    assert set(progress.load().passed) == {"01.1"}


def test_a_pass_that_cannot_be_kept_is_a_pass_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("LAB_PROGRESS", str(tmp_path / "file" / "progress.json"))
    monkeypatch.setattr(progress, "load", progress.Progress)
    check("01.1", solved01.CULPRITS)
    printed = capsys.readouterr()
    assert printed.out.startswith("01.1 PASS\n")
    assert "progress not kept" in printed.err


def test_an_answer_that_raises_shows_the_readers_lines_only() -> None:
    outcome = judge(CALLING, answer_that_raises)
    assert outcome.verdict is Verdict.ERROR
    trace = outcome.reasons[1]
    assert "answer_that_raises" in trace
    assert "ZeroDivisionError: by the reader" in trace
    assert "course/checking.py" not in trace


def test_a_mistake_of_the_check_itself_is_not_blamed_on_the_reader(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # as if this file were part of the package
    monkeypatch.setattr(checking, "_NOT_THE_READERS", ("/",))
    with pytest.raises(ZeroDivisionError):
        judge(CALLING, answer_that_raises)


def test_an_inconclusive_answer_is_neither_right_nor_wrong() -> None:
    noisy = Exercise("99.2", "Measure", lambda a, m: inconclusive("noise", "again"), ("one",))
    assert judge(noisy, 1).verdict is Verdict.INCONCLUSIVE


def test_hints_become_more_specific_and_end_at_the_solution(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = []
    for _ in range(4):
        hint("01.2")
        said.append(capsys.readouterr().out)
    assert len(set(said[:3])) == 3
    assert "labs/solutions/lab01.py" in said[2]
    assert "labs/solutions" not in said[0] + said[1]
    assert said[3] == said[2]


def test_an_unknown_exercise_names_the_known_ones() -> None:
    with pytest.raises(InvalidParameter, match=r"01\.1"):
        check("77.1", "x")
    with pytest.raises(InvalidParameter, match=r"01\.1"):
        hint("77.1")
