"""Which words of an answer were heard, by the times of its sound."""

import pytest

from lab_kit.core.events import TimedWord
from lab_kit.voice.heard import heard_words


def timed(text: str, word_s: float = 0.5) -> list[TimedWord]:
    return [
        TimedWord(word, n * word_s, (n + 1) * word_s, 1.0) for n, word in enumerate(text.split())
    ]


@pytest.mark.parametrize(
    ("until_s", "heard"),
    [(0.0, ""), (0.2, ""), (0.3, "We"), (1.2, "We are"), (1.3, "We are open"), (9, "We are open.")],
)
def test_a_word_was_heard_if_its_middle_was(until_s: float, heard: str) -> None:
    assert heard_words("We are open.", timed("we are open"), until_s).rstrip(".") == heard.rstrip(
        "."
    )


def test_a_word_that_was_not_recognized_lies_between_its_neighbours() -> None:
    recognized = timed("We close at ate today")
    assert heard_words("We close at 8 today", recognized, 1.4) == "We close at"
    assert heard_words("We close at 8 today", recognized, 2.4) == "We close at 8 today"


def test_where_nothing_was_recognized_half_is_taken_for_heard() -> None:
    assert heard_words("Ten of clubs indeed", [], 1.0) == "Ten of"
