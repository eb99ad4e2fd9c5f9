"""Redaction of results: in the text, in the words with their times, in interims, across finals."""

import random
import re
import time
from collections.abc import Sequence
from dataclasses import replace

import pytest

from lab_kit.core.errors import InvalidParameter
from lab_kit.core.events import Final, Interim, TimedWord, Timing
from lab_kit.core.personal_data import PersonalKind, parse_redact, redact_value, united
from lab_kit.datasets.personal_data import Sentence, sentences
from lab_kit.stream.sink.steps import BUDGET_S, WITHHELD, Postprocess, Skipped, asked_for

TIMING = Timing(0, 0, 0, 0, 0, 0, 0)
CARD = "4111 1111 1111 1111"


def timed(text: str, from_s: float = 0.0) -> tuple[TimedWord, ...]:
    return tuple(
        TimedWord(word, from_s + n, from_s + n + 0.5, 1 - n / 100)
        for n, word in enumerate(text.split())
    )


def final(text: str) -> Final:
    words = timed(text)
    return Final(1, 0, words[-1].end_s if words else 0, text, 0.9, True, False, TIMING, words)


def interim(text: str) -> Interim:
    return Interim(1, 0, 9, text, len(text), 0.9, TIMING, timed(text))


def told(*texts: str, steps: Sequence[str] = ("redact",)) -> list[Final]:
    """What finals of one stream tell."""
    postprocess = Postprocess(tuple(steps))
    return [postprocess(final(text))[0] for text in texts]


def test_a_placeholder_has_the_time_of_the_words_that_it_stands_for() -> None:
    (one,) = told(f"my card is {CARD}, thanks")
    assert one.text == "my card is [card], thanks"
    assert [word.text for word in one.words] == one.text.split()
    assert (one.words[3].start_s, one.words[3].end_s) == (3, 6.5)
    assert one.words[3].confidence == 1 - 6 / 100
    assert one.words[4] == TimedWord("thanks", 7, 7.5, 1 - 7 / 100)
    (gone,) = one.redactions
    assert (gone.kind, gone.start_s, gone.end_s) == ("card", 3, 6.5)
    assert gone.score > 0.9
    assert "4111" not in gone.reason


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("write to ann.b@example.co.uk.", "write to [email]."),
        ("It was Kevin O'Brien's.", "It was [name]'s."),
        ("call me: 415-555-0192/ann@example.org", "call me: [phone]/[email]"),
        ("nothing personal here", "nothing personal here"),
        ("", ""),
    ],
)
def test_words_stay_in_step_with_the_text(said: str, shown: str) -> None:
    (one,) = told(said)
    assert one.text == shown
    assert [word.text for word in one.words] == shown.split()


def test_without_times_the_whole_segment_counts() -> None:
    event = replace(final(f"card {CARD}"), words=(), start_s=2.0, end_s=8.0)
    one, _ = Postprocess(("redact",))(event)
    assert one.text == "card [card]"
    assert [(gone.start_s, gone.end_s) for gone in one.redactions] == [(2.0, 8.0)]


def test_numerals_come_before_redaction() -> None:
    (one,) = told("my pin is four two seven one", steps=("numerals", "redact"))
    assert one.text == "my pin is [account]"
    assert [word.text for word in one.words] == one.text.split()


def test_only_the_kinds_that_are_asked_for() -> None:
    said = f"I am Mary Johnson and my card is {CARD}."
    (one,) = told(said, steps=parse_redact("card"))
    assert one.text == "I am Mary Johnson and my card is [card]."
    (one,) = told(said, steps=parse_redact("name,phone"))
    assert one.text == f"I am [name] and my card is {CARD}."


def test_an_unknown_kind_is_refused_by_name() -> None:
    with pytest.raises(InvalidParameter, match="shoe_size"):
        asked_for({"redact": "card,shoe_size"})
    with pytest.raises(InvalidParameter, match="shoe_size"):
        Postprocess(("redact", "redact:shoe_size"))


@pytest.mark.parametrize("value", ["true", "false", "card", "phone,name"])
def test_what_is_asked_for_is_written_and_read_again(value: str) -> None:
    assert redact_value(asked_for({"redact": value})) == value


def test_of_two_askings_the_larger_is_done() -> None:
    every, card, phone = map(parse_redact, ("true", "card", "phone"))
    assert redact_value(united(*every, *card)) == "true"
    assert redact_value(united(*card, *every)) == "true"
    assert redact_value(united(*card, *phone)) == "card,phone"
    assert united("numerals", *card, "punctuate") == ("numerals", *card, "punctuate")


def test_a_number_that_is_dictated_with_pauses_is_taken_out_of_each_final() -> None:
    texts = [one.text for one in told("My card number is", "4111 1111", "1111 1111.", "Thank you.")]
    assert texts == ["My card number is", "[card]", "[card].", "Thank you."]
    texts = [one.text for one in told("four one five", "five five five", "oh one nine two")]
    assert not re.search(r"\b(one|five)\b", " ".join(texts))
    texts = [one.text for one in told("I am called", "so my name is", "Oksana Petrenko.")]
    assert texts[-1] == "[name]."


def test_what_another_stream_said_changes_nothing() -> None:
    assert told("my pin is")[0].text == "my pin is"
    assert told("42 of them")[0].text == "42 of them"


def test_an_interim_ends_before_what_the_next_word_may_complete() -> None:
    shown, _ = Postprocess(("redact",))(interim("my card is 4111 1111"))
    assert (shown.text, shown.stable_chars) == ("my card is", 10)
    assert [word.text for word in shown.words] == ["my", "card", "is"]
    shown, _ = Postprocess(("redact",))(interim(f"my card is {CARD} and we are"))
    assert shown.text == "my card is [card] and we are"
    assert isinstance(shown, Interim)
    assert shown.stable_chars == len(shown.text)
    assert [word.text for word in shown.words] == shown.text.split()


def test_stable_is_never_more_than_what_is_told_and_ends_before_a_half_stable_finding() -> None:
    said = f"my card is {CARD} and we are"
    for stable in range(len(said) + 1):
        event = replace(interim(said), stable_chars=stable)
        shown, _ = Postprocess(("redact",))(event)
        assert isinstance(shown, Interim)
        part = shown.text[: shown.stable_chars]
        assert said.replace(CARD, "[card]").startswith(part)
        assert part == said[:stable] or stable > said.index(CARD)
        assert shown.stable_chars <= max(stable, len(part))


@pytest.mark.parametrize("sentence", sentences(), ids=lambda sentence: sentence.text[:40])
@pytest.mark.parametrize("errors", [0, 1, 2])
def test_no_interim_tells_what_the_final_withholds(sentence: Sentence, errors: int) -> None:
    """Every beginning is an interim; errors lose words, double them, or take their capitals."""
    words = with_errors(sentence.text.split(), errors)
    postprocess = Postprocess(("redact",))
    last, _ = postprocess(final(" ".join(words)))
    secret = withheld_words(words, last)
    for count in range(1, len(words)):
        shown, _ = Postprocess(("redact",))(interim(" ".join(words[:count])))
        early = {n for n in secret if n < count} - withheld_words(words[:count], shown)
        assert not early, f"{shown.text!r} tells {[words[n] for n in sorted(early)]}"


def with_errors(words: list[str], errors: int) -> list[str]:
    chance = random.Random(" ".join(words))
    for _ in range(errors):
        at = chance.randrange(len(words))
        word = words[at]
        words = words[:at] + chance.choice([[], [word, word], [word.lower()]]) + words[at + 1 :]
    return words


def withheld_words(words: list[str], event: Interim | Final) -> set[int]:
    """Which of the words are not told as they are; they are known by their times."""
    told_s = {word.start_s: word.text for word in event.words}
    return {n for n, word in enumerate(words) if told_s.get(float(n)) != word}


def test_a_text_too_long_to_be_looked_through_is_withheld() -> None:
    one, skipped = Postprocess(("redact",))(final("word " * 5_000))
    assert one.text == WITHHELD
    assert [gone.kind for gone in one.redactions] == ["withheld"]
    assert skipped == [Skipped("redact", "raised PayloadTooLarge")]


def test_it_keeps_within_its_budget_with_room() -> None:
    """A minute of dense speech, which no segment has, in a fifth of the budget of any machine."""
    text = " ".join(sentence.text for sentence in sentences(is_held_out=False)[:12])
    postprocess = Postprocess(("redact",))
    postprocess(final(text))
    times = []
    for _ in range(5):
        began = time.process_time()
        postprocess(interim(text))
        times.append(time.process_time() - began)
    assert min(times) < 10 * BUDGET_S


def test_every_kind_has_a_placeholder_of_one_word() -> None:
    assert all(" " not in f"[{kind}]" for kind in PersonalKind)
