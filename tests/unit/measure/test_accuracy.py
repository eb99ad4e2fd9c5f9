"""Word error rate: what counts as a word, and what counts as an error."""

import pytest

from lab_kit.measure.accuracy import bare_words, word_error_rate

TRUTH = "It was the best of times, it was the worst of times"


@pytest.mark.parametrize(
    ("heard", "errors"),
    [
        (TRUTH, 0),
        (TRUTH.upper() + "!!", 0),
        ("It was the best of times it was the first of times", 1),
        ("It was the best of times it was worst of times", 1),
        ("It was the very best of times it was the worst of times", 1),
        ("", 12),
    ],
)
def test_substitutions_deletions_and_insertions_count_one_each(heard: str, errors: int) -> None:
    assert word_error_rate(TRUTH, heard) == pytest.approx(errors / 12)


def test_inventing_words_can_exceed_one() -> None:
    assert word_error_rate("Yes.", "no no no") == 3.0


def test_case_punctuation_and_hyphens_are_no_words() -> None:
    assert bare_words("An ill-disposed man – he said: “Don’t!”") == [
        *("an", "ill", "disposed", "man", "he", "said", "don't")
    ]


def test_a_reference_without_words_has_no_rate() -> None:
    with pytest.raises(ValueError, match="no words"):
        word_error_rate("...", "anything")
