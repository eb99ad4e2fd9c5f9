"""Captions: what was said in pieces that can be read while they are shown, cut at words.

Source of the limits: Netflix (2025), "English (USA) Timed Text Style Guide": two lines of 42
characters, 5/6 to 7 seconds.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap

from lab_kit.core.events import Final, TimedWord

LINE_CHARS = 42
LINES = 2
CUE_S = 7.0
_SENTENCE_ENDS = (".", "?", "!")


@dataclass(frozen=True, slots=True)
class Cue:
    """What is shown at once: one line, or two of them."""

    start_s: float
    end_s: float
    text: str


def cues_of(finals: Iterable[Final]) -> Iterator[Cue]:
    """The cues of some finals in order; one never holds words of two of them."""
    for final in finals:
        whole = TimedWord(final.text, final.start_s, final.end_s, final.confidence)
        for words in _cut(final.words or [whole]):
            yield Cue(words[0].start_s, words[-1].end_s, _lines([word.text for word in words]))


def _cut(words: Sequence[TimedWord]) -> Iterator[list[TimedWord]]:
    """Words that may be shown together: to the end of a sentence, or as many as there is room."""
    cue: list[TimedWord] = []
    for word in words:
        if cue and not _fit([*cue, word]):
            yield cue
            cue = []
        cue.append(word)
        if word.text.endswith(_SENTENCE_ENDS):
            yield cue
            cue = []
    if cue:
        yield cue


def _fit(words: Sequence[TimedWord]) -> bool:
    lines = wrap(" ".join(word.text for word in words), LINE_CHARS)
    return len(lines) <= LINES and words[-1].end_s - words[0].start_s <= CUE_S


def _lines(words: Sequence[str]) -> str:
    """One line where it fits, else two of like length."""
    whole = " ".join(words)
    if len(whole) <= LINE_CHARS or len(words) == 1:
        return whole
    splits = ((" ".join(words[:n]), " ".join(words[n:])) for n in range(1, len(words)))
    return "\n".join(min(splits, key=lambda lines: max(map(len, lines))))
