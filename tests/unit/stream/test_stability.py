"""What of a guess is fit for the screen: agreement between passes, and no stutter."""

import math

import pytest

from lab_kit.stream.stability import EARLY_S, VisibleText, agreed_words, shown, without_stutter

SURE, UNSURE = math.log(0.9), math.log(0.1)
LATER_S = EARLY_S + 0.1


@pytest.mark.parametrize(
    ("before", "after", "count"),
    [
        ("It was", "It was the", 2),
        ("it was,", "It was the best", 2),
        ("It is", "It was", 1),
        ("", "It", 0),
        ("He was", "It was", 0),
        ("don't go", "don't stop", 1),
    ],
)
def test_passes_agree_on_words_not_on_case_or_punctuation(
    before: str, after: str, count: int
) -> None:
    assert agreed_words(before.split(), after.split()) == count


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("It, it, it", "It,"),
        ("no no no no no", "no"),
        ("the cat the cat the cat", "the cat"),
        ("we will go home now we will go home now", "we will go home now we will go home now"),
        ("one two three four one two three four", "one two three four"),
    ],
)
def test_a_phrase_that_repeats_to_the_end_is_said_once(said: str, kept: str) -> None:
    assert " ".join(without_stutter(said.split())) == kept


@pytest.mark.parametrize(
    "said", ["", "had had", "No, no.", "it was the best of times, it was the worst of times", "a"]
)
def test_repetitions_that_people_make_stay(said: str) -> None:
    assert without_stutter(said.split()) == said.split()


def test_early_guesses_are_not_shown_until_two_passes_agree() -> None:
    assert shown("Thank you", "", 0.3, UNSURE) is None
    assert shown("It was a", "Thank you", 0.3, UNSURE) is None
    assert shown("It was the", "It was a", 0.4, UNSURE) == VisibleText("It was", 6)


def test_a_first_word_that_the_model_is_sure_of_is_shown_at_once() -> None:
    assert shown("It was a", "", 0.3, SURE) == VisibleText("It", 0)


def test_an_early_stutter_stays_off_the_screen() -> None:
    """This model's habit with half a second of speech."""
    assert shown("It, it, it", "", 0.3, SURE) == VisibleText("It", 0)
    assert shown("It it", "It it", 0.5, SURE) == VisibleText("It", 2)


def test_later_everything_is_shown_and_what_agrees_is_marked() -> None:
    visible = shown("It was the best", "It was a", LATER_S, UNSURE)
    assert visible == VisibleText("It was the best", len("It was"))


def test_nothing_is_shown_of_nothing() -> None:
    assert shown("", "It was", LATER_S, SURE) is None
    assert shown("", "", 0.3, -math.inf) is None


def test_what_is_stable_is_a_prefix_of_what_is_shown() -> None:
    for after in ("It, was; the: best", "it WAS not", "entirely other", "It was"):
        visible = shown(after, "It was the best of times", LATER_S, SURE)
        assert visible is not None
        assert 0 <= visible.stable_chars <= len(visible.text)
        assert not visible.text[: visible.stable_chars].endswith(" ")


def test_what_ends_the_last_agreed_word_may_still_change() -> None:
    """After "of" the model writes a full stop, until it has heard what follows."""
    visible = shown("It was the best of.", "It was the best of.", 2.0, 0.0)
    assert visible is not None
    assert visible.text[: visible.stable_chars] == "It was the best of"
    visible = shown("It was the best of times, it", "It was the best of times.", 2.0, 0.0)
    assert visible is not None
    assert visible.text[: visible.stable_chars] == "It was the best of times"
