"""Captions: what was said in pieces that can be read while they are shown, cut at words.

Source of the limits: Netflix (2025), "English (USA) Timed Text Style Guide": two lines of 42
characters, 5/6 to 7 seconds.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Protocol

LINE_CHARS = 42
LINES = 2
CUE_S = 7.0
SENTENCE_ENDS = (".", "?", "!")


class Spoken(Protocol):
    """A word, or what words are parts of."""

    @property
    def text(self) -> str:
        """As it is written."""
        ...

    @property
    def start_s(self) -> float:
        """When it began to sound."""
        ...

    @property
    def end_s(self) -> float:
        """When it ended."""
        ...


class Said(Spoken, Protocol):
    """What was said in one go."""

    @property
    def words(self) -> Sequence[Spoken]:
        """Its words; none where they have no times."""
        ...


@dataclass(frozen=True, slots=True)
class Cue:
    """What is shown at once: one line, or two of them."""

    start_s: float
    end_s: float
    text: str


def srt(said: Iterable[Said], most_chars: int | None = None) -> str:
    """As SubRip writes captions; see `cues_of`."""
    cues = enumerate(cues_of(said, most_chars), 1)
    return "\n".join(f"{number}\n{_span(cue, ',')}\n{cue.text}\n" for number, cue in cues)


def vtt(said: Iterable[Said], most_chars: int | None = None) -> str:
    """As browsers read captions [Source: W3C, 2019, WebVTT]; see `cues_of`."""
    cues = cues_of(said, most_chars)
    return "\n".join(["WEBVTT\n", *(f"{_span(cue, '.')}\n{cue.text}\n" for cue in cues)])


def cues_of(said: Iterable[Said], most_chars: int | None = None) -> Iterator[Cue]:
    """The cues, in order; none holds words of two parts, and what says nothing has none.

    Args:
        most_chars: of one cue, which is one line then; a longer word is a cue of its own. None for
            as many as fit into two lines.
    """
    for part in said:
        for words in _cut(part.words or ([part] if part.text else []), most_chars):
            texts = [word.text for word in words]
            text = _lines(texts) if most_chars is None else " ".join(texts)
            yield Cue(words[0].start_s, words[-1].end_s, text)


def _cut(words: Sequence[Spoken], most_chars: int | None) -> Iterator[list[Spoken]]:
    """Words that may be shown together: to the end of a sentence, or as many as there is room."""
    cue: list[Spoken] = []
    for word in words:
        if cue and not _fit([*cue, word], most_chars):
            yield cue
            cue = []
        cue.append(word)
        if word.text.endswith(SENTENCE_ENDS):
            yield cue
            cue = []
    if cue:
        yield cue


def _fit(words: Sequence[Spoken], most_chars: int | None) -> bool:
    text = " ".join(word.text for word in words)
    has_room = (
        len(wrap(text, LINE_CHARS)) <= LINES if most_chars is None else len(text) <= most_chars
    )
    return has_room and words[-1].end_s - words[0].start_s <= CUE_S


def _lines(words: Sequence[str]) -> str:
    """One line where it fits, else two of like length."""
    whole = " ".join(words)
    if len(whole) <= LINE_CHARS or len(words) == 1:
        return whole
    splits = ((" ".join(words[:n]), " ".join(words[n:])) for n in range(1, len(words)))
    return "\n".join(min(splits, key=lambda lines: max(map(len, lines))))


def _span(cue: Cue, mark: str) -> str:
    return f"{_clock(cue.start_s, mark)} --> {_clock(cue.end_s, mark)}"


def _clock(seconds: float, mark: str) -> str:
    whole_ms = round(seconds * 1000)
    minutes, ms = divmod(whole_ms, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{ms // 1000:02}{mark}{ms % 1000:03}"
