"""Words in sentences and paragraphs: by the marks at their ends, and by the pauses between them.

Where a provider parts its own is its secret; here a paragraph ends after some sentences or a long
pause.
"""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from lab_kit.protocol.captions import SENTENCE_ENDS, Spoken

PARAGRAPH_SENTENCES, PARAGRAPH_PAUSE_S = 5, 2.0
_Word = TypeVar("_Word", bound=Spoken)


def sentences(words: Iterable[_Word]) -> Iterator[list[_Word]]:
    """The words in runs, each to the end of a sentence."""
    sentence: list[_Word] = []
    for word in words:
        sentence.append(word)
        if word.text.endswith(SENTENCE_ENDS):
            yield sentence
            sentence = []
    if sentence:
        yield sentence


def parted(words: Iterable[_Word], pause_s: float) -> Iterator[list[_Word]]:
    """The words in runs, each behind a pause of at least ``pause_s``."""
    part: list[_Word] = []
    for word in words:
        if part and word.start_s - part[-1].end_s >= pause_s:
            yield part
            part = []
        part.append(word)
    if part:
        yield part


def paragraphs(words: Iterable[_Word]) -> Iterator[list[list[_Word]]]:
    """The words in paragraphs, and those in sentences."""
    for run in parted(words, PARAGRAPH_PAUSE_S):
        found = list(sentences(run))
        for start in range(0, len(found), PARAGRAPH_SENTENCES):
            yield found[start : start + PARAGRAPH_SENTENCES]
