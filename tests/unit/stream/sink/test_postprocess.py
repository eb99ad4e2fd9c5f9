"""Optional steps: what they do to words, and that each fails alone."""

from dataclasses import replace

import pytest

from lab_kit.core.errors import InvalidParameter
from lab_kit.core.events import Final, Interim, TimedWord, Timing
from lab_kit.stream.sink.drafts import Draft
from lab_kit.stream.sink.steps import (
    BUDGET_S,
    STEPS,
    WITHHELD,
    Postprocess,
    Skipped,
    Step,
    numerals,
    punctuate,
)

TIMING = Timing(0, 0, 0, 0, 0, 0, 0)
FINAL = Final(1, 0, 1, "call twenty one", 0.9, True, False, TIMING)
WORDS = tuple(TimedWord(word, n, n + 1, 0.9) for n, word in enumerate(FINAL.text.split()))
INTERIM = Interim(1, 0, 1, "call twenty one", 11, 0.9, TIMING)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("twenty one", "21"),
        ("Twenty-one of them", "21 of them"),
        ("one of them", "one of them"),
        ("fifteen", "15"),
        ("two hundred five", "205"),
        ("three thousand two hundred ten", "3210"),
        ("four one one one", "4111"),
        ("five six", "five six"),
        ("twenty thirty", "twenty thirty"),
        ("nineteen forty", "nineteen forty"),
        ("it was the best of times", "it was the best of times"),
        ("everyone", "everyone"),
        ("", ""),
    ],
)
def test_number_words_become_digits_where_it_is_clear_which(said: str, shown: str) -> None:
    assert numerals(said) == shown


def test_a_capital_and_a_stop_only_where_there_is_neither() -> None:
    assert punctuate("it was") == "It was."
    assert punctuate("It was") == "It was"
    assert punctuate("") == ""


def test_only_what_was_opted_in_to_is_done() -> None:
    assert Postprocess(())(FINAL) == (FINAL, [])
    told, skipped = Postprocess(("numerals",))(FINAL)
    assert (told.text, skipped) == ("call 21", [])


def test_what_is_not_known_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="summarize"):
        Postprocess(("summarize",))


def test_an_interims_stable_part_stays_what_both_texts_share() -> None:
    told, _ = Postprocess(("numerals",))(INTERIM)
    assert isinstance(told, Interim)
    assert told.text == "call 21"
    assert told.text[: told.stable_chars] == "call 2"


def broken(draft: Draft) -> Draft:
    raise ValueError(draft.text)


def test_a_step_that_raises_is_left_out_and_the_others_are_done() -> None:
    steps = {"punctuate": Step(broken), "numerals": STEPS["numerals"]}
    told, skipped = Postprocess(("punctuate", "numerals"), steps)(FINAL)
    assert told == replace(FINAL, text="call 21")
    assert skipped == [Skipped("punctuate", "raised ValueError")]


def test_a_step_over_its_budget_is_left_out() -> None:
    clock = iter([0, round(BUDGET_S * 1e9) + 1])
    told, skipped = Postprocess(("numerals",))(FINAL, lambda: next(clock))
    assert told.text == FINAL.text
    assert skipped == [Skipped("numerals", "over budget")]


def test_where_redaction_fails_nothing_it_should_have_seen_passes() -> None:
    steps = {"redact": Step(broken, is_guard=True)}
    for event in (replace(FINAL, words=WORDS), replace(INTERIM, words=WORDS)):
        told, skipped = Postprocess(("redact",), steps)(event)
        assert (told.text, told.sequence) == (WITHHELD, 1)
        assert [word.text for word in told.words] == [WITHHELD]
        assert skipped == [Skipped("redact", "raised ValueError")]


def test_redaction_that_is_late_is_late_and_not_left_out() -> None:
    clock = iter([0, 10**10])
    event = replace(FINAL, text="a@example.com")
    told, skipped = Postprocess(("redact",))(event, lambda: next(clock))
    assert told.text == "[email]"
    assert skipped == [Skipped("redact", "over budget")]
