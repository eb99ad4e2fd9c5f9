"""A result's text while the optional steps work on it, with its words and how much is stable."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from lab_kit.core.events import TimedWord
from lab_kit.core.personal_data import PersonalKind, Redaction
from lab_kit.stream.words import carried

_WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Draft:
    """The text as one step leaves it for the next.

    Attributes:
        start_s, end_s: of what it tells.
        stable_chars: of the text; all of a final's.
        words: of the text with their times, or none.
        is_final: nothing in it will be revised.
        before: what the stream's finals before it said, as far as that is remembered.
        kinds: of personal data that redaction is for.
        named: characters of `looked_at` in which a recognizer sees a person named.
        redactions: what was taken out.
    """

    text: str
    start_s: float
    end_s: float
    stable_chars: int
    words: tuple[TimedWord, ...]
    is_final: bool
    before: str
    kinds: frozenset[PersonalKind]
    named: tuple[tuple[int, int], ...] = ()
    redactions: tuple[Redaction, ...] = ()

    @property
    def looked_at(self) -> str:
        """The text behind what was said before it: personal data may have begun there."""
        return f"{self.before} {self.text}" if self.before else self.text

    def rewritten(self, rewrite: Callable[[str], str]) -> "Draft":
        """The draft with its text rewritten; stable is what its stable part becomes, too."""
        text = rewrite(self.text)
        stable = agreed_chars(text, rewrite(self.text[: self.stable_chars]))
        return replace(self, text=text, stable_chars=stable, words=carried(self.words, text))

    def withheld(self, text: str) -> "Draft":
        """The draft with nothing left of it but ``text``."""
        if not self.text:
            return self
        gone = Redaction(
            "withheld", self.start_s, self.end_s, 1.0, "it could not be looked through"
        )
        return replace(
            self,
            text=text,
            stable_chars=len(text),
            words=carried(self.words, text),
            redactions=(gone,),
        )


def agreed_chars(text: str, stable: str) -> int:
    """How many characters the text and what its stable part becomes have in common."""
    pairs = enumerate(zip(text, stable, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(text), len(stable)))


def word_places(text: str) -> Iterator[tuple[int, int]]:
    """Where each word begins and ends."""
    return (found.span() for found in _WORD.finditer(text))


def one_word(text: str, words: Sequence[TimedWord]) -> TimedWord:
    """A word that stands for several, and has their time."""
    sure = min(word.confidence for word in words)
    return TimedWord(text, words[0].start_s, words[-1].end_s, sure)
