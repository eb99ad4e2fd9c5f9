"""Words judged by what was said, and what their confidences are worth."""

import pytest

from lab_kit.core.events import TimedWord
from lab_kit.measure.confidence import (
    JudgedWord,
    calibration_error,
    confidence_ranges,
    judged_words,
)


def heard(*words: tuple[str, float]) -> list[TimedWord]:
    return [TimedWord(text, n / 2, (n + 1) / 2, sure) for n, (text, sure) in enumerate(words)]


def told(words: list[JudgedWord]) -> list[tuple[str, bool]]:
    return [(word.text, word.is_right) for word in words]


def test_a_word_is_right_where_it_was_said() -> None:
    words = heard(("It", 0.9), ("was", 0.9), ("the", 0.9), ("rest", 0.4), ("of", 0.8), ("it.", 0.3))
    assert told(judged_words("It was the best of times.", words)) == [
        ("it", True),
        ("was", True),
        ("the", True),
        ("rest", False),
        ("of", True),
        ("it", False),
    ]


def test_hyphens_part_words_and_both_have_the_confidence_of_the_whole() -> None:
    words = judged_words("cold hearted", heard(("cold-hearted", 0.7)))
    assert [(w.text, w.confidence, w.is_right) for w in words] == [
        ("cold", 0.7, True),
        ("hearted", 0.7, True),
    ]


def test_what_is_invented_is_wrong() -> None:
    assert told(judged_words("yes", heard(("Oh", 0.9), ("yes", 0.9)))) == [
        ("oh", False),
        ("yes", True),
    ]


def test_ranges_without_words_are_left_out_and_certainty_counts() -> None:
    words = [JudgedWord("a", 1.0, True), JudgedWord("b", 0.95, False), JudgedWord("c", 0.2, False)]
    low, high = confidence_ranges(words)
    assert (low.low, low.high, low.words, low.right) == (0.0, 0.5, 1, 0)
    assert (high.low, high.high, high.words, high.right) == (0.95, 1.0, 2, 1)
    assert high.confidence == pytest.approx(0.975)


def test_a_model_that_is_as_right_as_it_is_sure_is_calibrated() -> None:
    words = [JudgedWord("a", 0.75, n != 0) for n in range(4)]
    assert calibration_error(confidence_ranges(words)) == pytest.approx(0)
    words = [JudgedWord("a", 0.75, False) for _ in range(4)]
    assert calibration_error(confidence_ranges(words)) == pytest.approx(0.75)


def test_without_words_there_is_nothing_to_say() -> None:
    with pytest.raises(ValueError, match="no words"):
        calibration_error([])
