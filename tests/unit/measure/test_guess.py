"""A guess beside what came out: the sentence follows from the two numbers."""

import math

import pytest

from lab_kit.measure.guess import Answer, Guess, compare_guess


@pytest.mark.parametrize(
    ("guessed", "outcome", "unit", "told"),
    [
        (None, 220.0, "ms", "No guess; it was 220 ms."),
        (230.0, 220.0, "ms", "You said 230 ms; it was 220 ms: close."),
        (660.0, 220.0, "ms", "You said 660 ms; it was 220 ms: too high by a factor of 3.0."),
        (10.0, 220.0, "ms", "You said 10 ms; it was 220 ms: too low by a factor of 22."),
        (50.0, 53.0, "%", "You said 50 %; it was 53 %: close."),
        (50.0, 93.0, "%", "You said 50 %; it was 93 %: 43 points too low."),
        (4.0, 0.0, "", "You said 4; it was 0: 4 too high."),
        (0.0, 0.0, "", "You said 0; it was 0: right."),
        (20.0, -5.0, "ms", "You said 20 ms; it was -5 ms: 25 ms too high."),
        (1_500.0, 3_000.0, "", "You said 1,500; it was 3,000: too low by a factor of 2.0."),
        ("segment", "infer", "", "You said segment; it was infer."),
        ("infer", "infer", "", "You said infer, and so it was."),
        ("the stream ends", "it is late", "", 'You said "the stream ends"; it was "it is late".'),
    ],
)
def test_the_distance_is_told_in_words(
    guessed: Answer | None, outcome: Answer, unit: str, told: str
) -> None:
    assert compare_guess(guessed, outcome, unit) == told


def test_an_outcome_that_never_came_is_kept_as_a_word() -> None:
    kept: list[tuple[Answer | None, Answer]] = []
    asked = Guess("ms", keep=lambda said, came: kept.append((said, came)), value=300)
    assert asked.against(math.inf) == "You said 300 ms; it never came."
    assert kept == [(300, "never")]


@pytest.mark.parametrize("outcome", [math.nan, -math.inf])
def test_what_is_no_figure_is_neither_compared_nor_kept(outcome: float) -> None:
    kept: list[object] = []
    asked = Guess("ms", keep=lambda *both: kept.append(both), value=300)
    assert "no figure to compare with" in asked.against(outcome)
    assert kept == []


def test_a_guess_is_drawn_as_a_number_or_as_words() -> None:
    assert (Guess("ms", value=300).number, Guess("ms", value=300).choice) == (300, "")
    assert (Guess(value="infer").number, Guess(value="infer").choice) == (None, "infer")
    assert (Guess("ms").number, Guess("ms").choice) == (None, "")


def test_a_void_run_is_neither_compared_nor_kept() -> None:
    kept: list[object] = []
    asked = Guess("ms", keep=lambda *both: kept.append(both), value=300)
    assert asked.against(310.0, is_void=True) == "This run is void: no figure to compare with."
    assert kept == []
