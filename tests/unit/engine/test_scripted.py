"""An engine that says what it was given."""

from itertools import pairwise

import numpy as np
import pytest

from lab_kit.core.errors import InvalidParameter
from lab_kit.engine.api import DecodeRequest, Hypothesis, Priority
from lab_kit.engine.scripted import LONGEST_LINE, MOST_LINES, WORDS_PER_S, ScriptedEngine, spread

LINES = ("one two three four five", "six seven")


def said(priority: Priority, heard_s: float = 1.0, **asked: object) -> Hypothesis:
    audio = np.zeros(round(16_000 * heard_s), np.float32)
    request = DecodeRequest(audio, priority, **asked)  # type: ignore[arg-type]
    return ScriptedEngine(LINES).submit(request).future.result(0)


def test_the_nth_utterance_is_the_nth_line_and_then_the_first_again() -> None:
    texts = [said(Priority.FINAL, utterance=number).text for number in range(3)]
    assert texts == [*LINES, LINES[0]]


def test_what_was_cut_is_said_once() -> None:
    assert said(Priority.FINAL, utterance=1, goes_on=True).text == ""


@pytest.mark.parametrize(("heard_s", "words"), [(0.1, 1), (2 / WORDS_PER_S, 2), (60.0, 5)])
def test_an_interim_says_as_much_as_was_heard(heard_s: float, words: int) -> None:
    assert said(Priority.INTERIM, heard_s).text.split() == LINES[0].split()[:words]


def test_words_have_times_where_they_are_wanted() -> None:
    assert said(Priority.FINAL).words == ()
    words = said(Priority.FINAL, 2.0, wants_words=True).words
    assert [word.text for word in words] == LINES[0].split()
    assert words[0].start_s == 0.0
    assert words[-1].end_s == pytest.approx(2.0)
    assert all(a.end_s == b.start_s for a, b in pairwise(words))
    assert spread([], 1.0) == ()


@pytest.mark.parametrize(
    "lines", [(), ("",) * (MOST_LINES + 1), ("x" * (LONGEST_LINE + 1),)], ids=["no", "many", "long"]
)
def test_what_nobody_says_is_refused(lines: tuple[str, ...]) -> None:
    with pytest.raises(InvalidParameter, match=f"1 to {MOST_LINES} lines"):
        ScriptedEngine(lines)
