from itertools import pairwise

import pytest

from lab_kit.core.events import TimedWord
from lab_kit.stream.words import carried, shifted

WORDS = (
    TimedWord("call", 0.0, 0.5, 0.9),
    TimedWord("twenty", 0.5, 0.8, 0.8),
    TimedWord("one", 0.8, 1.0, 0.6),
    TimedWord("now", 1.2, 1.5, 0.9),
)


def test_words_that_stay_keep_their_times_and_one_for_two_takes_both() -> None:
    made = carried(WORDS, "call 21 now.")
    assert made == (WORDS[0], TimedWord("21", 0.5, 1.0, 0.6), TimedWord("now.", 1.2, 1.5, 0.9))


@pytest.mark.parametrize(
    "text",
    ["call twenty one now", "Call.", "[withheld]", "now now now now now", "so call one", ""],
)
def test_the_words_always_spell_the_text_in_order(text: str) -> None:
    made = carried(WORDS, text)
    assert [word.text for word in made] == text.split()
    assert all(word.start_s <= word.end_s for word in made)
    assert all(one.end_s <= two.start_s for one, two in pairwise(made))


def test_without_words_there_are_none() -> None:
    assert carried((), "a text") == ()


def test_shifted_words_do_not_reach_beyond_their_result() -> None:
    made = shifted(WORDS, 2.0, 3.3)
    assert made[0] == TimedWord("call", 2.0, 2.5, 0.9)
    assert (made[-1].start_s, made[-1].end_s) == (3.2, 3.3)
