"""Words of partial results that are settled, and do not change until their segment is complete.

The provider settles a word of a partial result sooner or later, as it was asked for, and says so in
the word's ``Stable``. From then on the word stays, in the complete result too, even where the
recognizer has changed its mind: the sooner, the fewer words change before a reader's eyes, and the
more of them are wrong. How soon is the provider's secret. Here words are settled that two passes of
the recognizer agree on, but for the last few of them. Marks between words are settled with the
segment alone: they depend on what follows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from lab_kit.dialects.amazon.options import Stability

HELD_BACK_WORDS = {Stability.HIGH: 1, Stability.MEDIUM: 3, Stability.LOW: 6}
"""Of those agreed on: the last one may be the beginning of a longer one."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word as it is written, with the marks around it.

    Attributes:
        start_s, end_s: when it sounded; None where that is not known.
        confidence: in [0, 1]; None likewise.
    """

    text: str
    start_s: float | None = None
    end_s: float | None = None
    confidence: float | None = None

    @property
    def parts(self) -> tuple[str, str, str]:
        """The marks before it, what is spoken of it, and the marks behind it."""
        spoken = [place for place, letter in enumerate(self.text) if letter.isalnum()]
        if not spoken:
            return "", "", self.text
        start, end = spoken[0], spoken[-1] + 1
        return self.text[:start], self.text[start:end], self.text[end:]


class Settling:
    """The words of one segment after the other.

    Args:
        level: None settles none before the segment is complete.
    """

    def __init__(self, level: Stability | None) -> None:
        self._level = level
        self._settled: tuple[Word, ...] = ()

    def follow(self, words: Sequence[Word], agreed: int) -> tuple[tuple[Word, ...], int]:
        """The words of the next partial result as they are told, and how many are settled.

        Args:
            words: as the recognizer has them now.
            agreed: how many of them two passes agree on.
        """
        told = self._kept(words)
        if self._level is not None:
            # what is agreed on is counted in the recognizer's words, which ours stand in place of
            agreed_told = agreed + len(told) - len(words)
            until = min(agreed_told, len(told)) - HELD_BACK_WORDS[self._level]
            self._settled = told[: max(until, len(self._settled))]
        return told, len(self._settled)

    def complete(self, words: Sequence[Word]) -> tuple[Word, ...]:
        """The words of the complete segment as they are told; the next one begins."""
        told = self._kept(words)
        self._settled = ()
        return told

    def _kept(self, words: Sequence[Word]) -> tuple[Word, ...]:
        """What is settled, and behind it what the recognizer now has behind that."""
        length = _length_alike(self._settled, words)
        settled = self._settled
        if length == len(settled):
            settled = tuple(_renewed(*pair) for pair in zip(settled, words, strict=False))
        return tuple(_in_order((*settled, *words[length:])))


def _renewed(settled: Word, now: Word) -> Word:
    """A settled word with the marks and times that it now has; as it was if it is another now."""
    (_, spoken, _), (before, spoken_now, behind) = settled.parts, now.parts
    is_same = spoken.lower() == spoken_now.lower()
    return replace(now, text=f"{before}{spoken}{behind}") if is_same else settled


def _in_order(words: Sequence[Word]) -> Iterator[Word]:
    """Words with times of different passes, none of which begins before the one in front of it."""
    begun_s = 0.0
    for word in words:
        if word.start_s is None or word.end_s is None:
            yield word
            continue
        begun_s = max(begun_s, word.start_s)
        yield replace(word, start_s=begun_s, end_s=max(begun_s, word.end_s))


def _length_alike(settled: Sequence[Word], words: Sequence[Word]) -> int:
    """How many of the first words stand where ``settled`` does: those that need fewest changes.

    Where several do, the number that is nearest to that of the settled words.
    """
    wanted, spoken = [_spoken(word) for word in settled], [_spoken(word) for word in words]
    changes = list(range(len(words) + 1))
    for row, settled_word in enumerate(wanted, start=1):
        before, changes = changes, [row]
        for column, word in enumerate(spoken, start=1):
            replaced = before[column - 1] + (word != settled_word)
            changes.append(min(replaced, before[column] + 1, changes[-1] + 1))
    return min(range(len(changes)), key=lambda n: (changes[n], abs(n - len(wanted))))


def _spoken(word: Word) -> str:
    return word.parts[1].lower()
