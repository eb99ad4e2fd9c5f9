"""Words in sentences and paragraphs, and captions of a size."""

from itertools import pairwise

import pytest

from lab_kit.protocol.captions import CUE_S, cues_of
from lab_kit.protocol.recordings import Segment, Word
from lab_kit.protocol.sentences import (
    PARAGRAPH_PAUSE_S,
    PARAGRAPH_SENTENCES,
    paragraphs,
    parted,
    sentences,
)


def spoken(text: str, start_s: float = 0.0, step_s: float = 0.3) -> list[Word]:
    """One word after the other, without a pause."""
    return [
        Word(word, start_s + n * step_s, start_s + (n + 1) * step_s, 0.9)
        for n, word in enumerate(text.split())
    ]


def texts(parts: object) -> list[str]:
    return [" ".join(word.text for word in part) for part in parts]  # type: ignore[attr-defined]


def test_a_sentence_ends_at_its_mark_and_the_last_one_at_the_end() -> None:
    said = spoken("It was so. Was it? It was! And then")
    assert texts(sentences(said)) == ["It was so.", "Was it?", "It was!", "And then"]
    assert list(sentences([])) == []


def test_parts_are_behind_pauses() -> None:
    said = [*spoken("one two"), *spoken("three", 1.0), *spoken("four", 1.6)]
    assert texts(parted(said, 0.4)) == ["one two", "three four"]
    assert texts(parted(said, 0.2)) == ["one two", "three", "four"]


def test_a_paragraph_is_some_sentences_or_ends_at_a_long_pause() -> None:
    many = spoken("So. " * (PARAGRAPH_SENTENCES + 1))
    later = spoken("Then.", many[-1].end_s + PARAGRAPH_PAUSE_S)
    found = list(paragraphs([*many, *later]))
    assert [len(paragraph) for paragraph in found] == [PARAGRAPH_SENTENCES, 1, 1]
    assert texts(found[2]) == ["Then."]


@pytest.mark.parametrize("most", [5, 12, 32, 100])
def test_a_caption_of_a_size_is_one_line_that_fits(most: int) -> None:
    words = spoken("It was incontrovertibly the best of times, it was the worst of times. So.")
    cues = list(cues_of([Segment(0.0, 9.0, "", 0.9, tuple(words))], most))
    for cue in cues:
        assert len(cue.text) <= most or " " not in cue.text
        assert "\n" not in cue.text
        assert cue.end_s - cue.start_s <= CUE_S
    assert " ".join(cue.text for cue in cues) == " ".join(word.text for word in words)
    for before, after in pairwise(cues):
        is_full = len(f"{before.text} {after.text.split()[0]}") > most
        assert is_full or before.text.endswith(".")
