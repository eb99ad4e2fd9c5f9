"""A guess is the reader's own: nothing filled in, kept with their progress, refused if senseless.

The widgets are the real ones; what a browser would send is set on them.
"""

import json
from pathlib import Path
from typing import Any

import ipywidgets
import pytest

from lab_kit.core.errors import InvalidParameter
from lab_kit.course import guess, progress, progress_report
from lab_kit.course.guesses import read_number


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The rows that were displayed, each with its widgets."""
    rows: list[Any] = []
    monkeypatch.setattr("IPython.display.display", lambda row, **_: rows.append(row))
    return rows


@pytest.fixture
def stills(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What pages without a kernel would say, the newest last."""
    told: list[str] = []
    monkeypatch.setattr(
        "IPython.display.publish_display_data",
        lambda bundle, **_: told.append(bundle["text/plain"]),
    )
    return told


def control(rows: list[Any], kind: type) -> Any:
    return next(child for child in rows[-1].children if isinstance(child, kind))


def test_nothing_is_filled_in_and_the_plausible_range_is_shown(shown: list[Any]) -> None:
    asked = guess("01.share", "In turn, the server uses", low=5, high=100, unit="%")
    field = control(shown, ipywidgets.Text)
    assert (field.value, field.placeholder) == ("", "5 to 100")
    assert asked.number is None
    assert asked.against(48.0) == "No guess; it was 48 %."
    assert progress.load().guesses == {}


def test_what_is_entered_is_kept_and_there_again_with_its_outcome(shown: list[Any]) -> None:
    asked = guess("01.share", "In turn, the server uses", low=5, high=100, unit="%")
    control(shown, ipywidgets.Text).value = "90"
    assert asked.number == 90
    assert shown[-1].children[-1].value == "Taken: 90 %."
    assert "not measured yet" in progress_report()
    assert asked.against(48.0) == "You said 90 %; it was 48 %: 42 points too high."
    assert "| 01.share | You said 90 %; it was 48 %: 42 points too high. |" in progress_report()
    again = guess("01.share", "In turn, the server uses", low=5, high=100, unit="%")
    assert again.number == 90
    assert control(shown, ipywidgets.Text).value == "90"


def test_a_guess_can_be_taken_back(shown: list[Any]) -> None:
    asked = guess("01.share", "In turn, the server uses", low=5, high=100, unit="%")
    field = control(shown, ipywidgets.Text)
    field.value = "90"
    field.value = ""
    assert asked.number is None
    assert progress.load().guesses == {}


def test_what_makes_no_sense_is_refused_at_once_and_the_last_guess_stands(
    shown: list[Any],
) -> None:
    asked = guess("01.share", "In turn, the server uses", low=5, high=100, unit="%")
    field, remark = control(shown, ipywidgets.Text), shown[-1].children[-1]
    field.value = "90"
    for typed, why in (
        ("half", "no number"),
        ("-3", "from 0 up"),
        ("300", "at most 100 %"),
        ("1,5", "a decimal point"),
    ):
        field.value = typed
        assert why in remark.value
        assert asked.number == 90
    field.value = "2"
    assert "outside 5 to 100 %" in remark.value
    assert asked.number == 2


def test_a_choice_has_no_answer_until_one_is_chosen(shown: list[Any]) -> None:
    asked = guess("02.fastest", "Fastest here", of=("eager", "compiled"))
    field = control(shown, ipywidgets.Dropdown)
    assert asked.value is None
    assert field.label == "choose one"
    field.value = "eager"
    assert asked.against("compiled") == "You said eager; it was compiled."
    assert guess("02.fastest", "Fastest here", of=("eager", "compiled")).value == "eager"
    assert guess("02.fastest", "Fastest here", of=("other",)).value is None
    control(shown, ipywidgets.Dropdown).value = "other"
    control(shown, ipywidgets.Dropdown).value = ""
    assert progress.load().guesses == {}


def test_where_its_control_is_gone_a_guess_is_told_in_words(
    shown: list[Any], stills: list[str]
) -> None:
    guess("01.share", "In turn, the server uses", low=5, high=100, unit="%")
    assert stills == ['No guess for "In turn, the server uses"; run this cell to enter one.']
    control(shown, ipywidgets.Text).value = "90"
    assert stills[-1] == 'Your guess for "In turn, the server uses": 90 %.'
    guess("02.fastest", "Fastest?", of=("eager", "compiled"))
    control(shown, ipywidgets.Dropdown).value = "eager"
    assert stills[-1] == 'Your guess for "Fastest?": eager.'
    control(shown, ipywidgets.Dropdown).value = ""
    assert stills[-1].startswith("No guess")


def test_a_range_or_choices_must_be_given() -> None:
    with pytest.raises(InvalidParameter, match="low= and high="):
        guess("01.share", "In turn")
    with pytest.raises(InvalidParameter, match="pass one of them"):
        guess("01.share", "In turn", low=1, high=2, of=("a",))


def test_a_progress_file_that_cannot_be_read_stops_no_guess(
    shown: list[Any], progress_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    progress_file.mkdir(parents=True)
    asked = guess("01.share", "In turn, the server uses", low=5, high=100, unit="%")
    assert asked.number is None
    assert "not read" in capsys.readouterr().err


@pytest.mark.parametrize("typed", ["1,500", "1.5e3", "1500 ms", " 1500ms ", "1_500"])
def test_a_number_may_be_written_in_many_ways(typed: str) -> None:
    assert read_number(typed, "ms") == 1_500


@pytest.mark.parametrize("typed", ["", "  ", "ms"])
def test_nothing_typed_is_no_guess(typed: str) -> None:
    assert read_number(typed, "ms") is None


@pytest.mark.parametrize("typed", ["nan", "inf", "1e400", "1 2", "0x10", "three " * 40])
def test_what_is_no_number_is_not_guessed_at(typed: str) -> None:
    with pytest.raises(ValueError, match=r"no number|from 0 up") as refused:
        read_number(typed, "")
    assert len(str(refused.value)) < 120


def test_a_guess_that_cannot_be_kept_counts_all_the_same(
    shown: list[Any], progress_file: Path
) -> None:
    asked = guess("01.share", "In turn, the server uses", low=5, high=100, unit="%")
    progress_file.parent.parent.joinpath("data").write_text("a file where the folder should be")
    control(shown, ipywidgets.Text).value = "90"
    assert asked.number == 90
    assert "not kept" in shown[-1].children[-1].value


@pytest.mark.parametrize(
    "kept",
    [
        {"guessed": None, "unit": "", "outcome": 1},
        {"guessed": True, "unit": "", "outcome": 1},
        {"guessed": [1], "unit": "", "outcome": None},
        {"unit": ""},
    ],
)
def test_a_damaged_guess_sets_the_file_aside(kept: dict[str, Any], progress_file: Path) -> None:
    progress.record_pass("01.1")
    data = json.loads(progress_file.read_text())
    data["guesses"] = {"01.share": kept}
    progress_file.write_text(json.dumps(data))
    assert "kept as" in (progress.load().note or "")


def test_a_file_from_before_guesses_is_read(progress_file: Path) -> None:
    progress.record_pass("01.1")
    data = json.loads(progress_file.read_text())
    del data["guesses"]
    progress_file.write_text(json.dumps(data))
    assert set(progress.load().passed) == {"01.1"}
    assert progress.load().guesses == {}
