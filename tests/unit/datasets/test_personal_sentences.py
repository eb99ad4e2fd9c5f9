"""The marked sentences: read as they are marked, in two halves of all kinds."""

from collections import Counter

from lab_kit.core.personal_data import PersonalKind
from lab_kit.datasets.personal_data import sentences


def test_the_marks_are_taken_out_and_kept() -> None:
    (one,) = [s for s in sentences() if s.text.startswith("This is Frank")]
    assert one.text == "This is Frank Evans, born May 6th, 1966, at 90 River Road."
    assert [(span.kind, one.text[span.start : span.end]) for span in one.spans] == [
        (PersonalKind.NAME, "Frank Evans"),
        (PersonalKind.DATE_OF_BIRTH, "May 6th, 1966"),
        (PersonalKind.ADDRESS, "90 River Road"),
    ]


def test_both_halves_have_every_kind_and_sentences_without_any() -> None:
    assert len(sentences()) == 245
    assert len(sentences(is_held_out=True)) == 97
    for is_held_out in (False, True):
        half = sentences(is_held_out=is_held_out)
        kinds = Counter(span.kind for sentence in half for span in sentence.spans)
        assert min(kinds[kind] for kind in PersonalKind) >= 6
        assert sum(not sentence.spans for sentence in half) >= 28


def test_no_sentence_stands_twice_and_no_mark_is_left() -> None:
    texts = [sentence.text for sentence in sentences()]
    assert len(set(texts)) == len(texts)
    assert not any("<" in text or ">" in text for text in texts)
