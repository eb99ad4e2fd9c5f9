"""How well personal data is found: precision, recall, and what got out all the same.

A span counts as found when every letter and digit of it is covered, since half a card number is a
leak, too; it does not matter as which kind. The leak rate counts letters and digits instead: the
share of what should have been withheld that was told. What was heard is judged by the same gold
spans, carried over to where a recognizer wrote them.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from lab_kit.core.personal_data import PersonalSpan
from lab_kit.measure.accuracy import bare_words

_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_SAID = {word: str(n) for n, word in enumerate(_DIGITS)} | {"oh": "0", "dot": ".", "at": "@"}
"""What a recognizer writes with a sign, so that both texts are compared by the same signs."""
_UNIT = re.compile(r"[^\W\d_]+|\d|[.@]")
_WORD = re.compile(r"\w+")


class Span(Protocol):
    """Characters of a text, the end not included, and the kind of what they tell."""

    @property
    def kind(self) -> str: ...

    @property
    def start(self) -> int: ...

    @property
    def end(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Judged:
    """A text, what in it is personal, and what was found."""

    text: str
    gold: Sequence[Span]
    found: Sequence[Span]


@dataclass(frozen=True, slots=True)
class Figures:
    """How well it went.

    Attributes:
        spans, found_spans: that are personal, and those of them found whole.
        chars, leaked_chars: letters and digits in them, and those that were not covered.
        findings, right_findings: that were made, and those that touch something personal.
    """

    spans: int = 0
    found_spans: int = 0
    chars: int = 0
    leaked_chars: int = 0
    findings: int = 0
    right_findings: int = 0

    @property
    def recall(self) -> float | None:
        """Share of the spans that was found whole; None where there are none."""
        return self.found_spans / self.spans if self.spans else None

    @property
    def precision(self) -> float | None:
        """Share of the findings that touch something personal; None where there are none."""
        return self.right_findings / self.findings if self.findings else None

    @property
    def leak_rate(self) -> float | None:
        """Share of the personal letters and digits that got out; None where there are none."""
        return self.leaked_chars / self.chars if self.chars else None

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(
            self.spans + other.spans,
            self.found_spans + other.found_spans,
            self.chars + other.chars,
            self.leaked_chars + other.leaked_chars,
            self.findings + other.findings,
            self.right_findings + other.right_findings,
        )


def figures_by_kind(judged: Iterable[Judged]) -> dict[str, Figures]:
    """The figures for each kind that there is or that was found, by name, in alphabetical order.

    Recall and leak rate are of the spans of that kind, precision of the findings of that kind.
    """
    totals: dict[str, Figures] = {}
    for one in judged:
        for kind, figures in (*_of_gold(one), *_of_findings(one)):
            totals[kind] = totals.get(kind, Figures()) + figures
    return dict(sorted(totals.items()))


def overall(by_kind: dict[str, Figures]) -> Figures:
    """All kinds together."""
    return sum(by_kind.values(), Figures())


def carried_spans(said: str, spans: Iterable[PersonalSpan], heard: str) -> list[PersonalSpan]:
    """Where in what was heard the spans of what was said are.

    Both texts are aligned by their letters and digits; a word belongs to a span if half of the
    word is in it, or half of it in the word. What was not heard at all is left out.
    """
    ours, theirs = _signs(said), _signs(heard)
    place_of = _aligned("".join(sign for sign, _ in ours), "".join(sign for sign, _ in theirs))
    carried = []
    for span in spans:
        places = {
            theirs[place_of[n]][1]
            for n, (_, at) in enumerate(ours)
            if span.start <= at < span.end and n in place_of
        }
        if whole := _whole_words(heard, places):
            carried.append(PersonalSpan(span.kind, *whole))
    return carried


def _signs(text: str) -> list[tuple[str, int]]:
    """Letters and digits with their places; a number that is a word is its digit."""
    signs: list[tuple[str, int]] = []
    for found in _UNIT.finditer(text.lower()):
        if sign := _SAID.get(found.group()):
            signs.append((sign, found.start()))
        else:
            signs += [(one, found.start() + n) for n, one in enumerate(found.group())]
    return signs


def _aligned(ours: str, theirs: str) -> dict[int, int]:
    """Which sign of theirs stands for which of ours, in the alignment with the fewest edits."""
    import jiwer  # here, because a server that judges nothing does without it

    if not ours or not theirs:
        return {}
    as_it_is = jiwer.Compose([jiwer.ReduceToListOfListOfChars()])
    found = jiwer.process_characters(ours, theirs, as_it_is, as_it_is)
    return {
        chunk.ref_start_idx + n: chunk.hyp_start_idx + n
        for chunk in found.alignments[0]
        if chunk.type in ("equal", "substitute")
        for n in range(chunk.ref_end_idx - chunk.ref_start_idx)
    }


def _whole_words(text: str, places: set[int]) -> tuple[int, int] | None:
    """From the first to the last word that has half of its own signs among the places, or half of
    the places among its signs."""
    words = []
    for word in _WORD.finditer(text):
        signs = [at for _, at in _signs(word.group())]
        inside = sum(word.start() + at in places for at in signs)
        if inside and 2 * inside >= min(len(signs), len(places)):
            words.append(word)
    return (words[0].start(), words[-1].end()) if words else None


def _of_gold(one: Judged) -> Iterator[tuple[str, Figures]]:
    covered = {at for span in one.found for at in range(span.start, span.end)}
    for span in one.gold:
        chars = [at for at in range(span.start, span.end) if one.text[at].isalnum()]
        leaked = sum(at not in covered for at in chars)
        yield span.kind, Figures(1, int(not leaked), len(chars), leaked)


def _of_findings(one: Judged) -> Iterator[tuple[str, Figures]]:
    for found in one.found:
        is_right = any(found.start < span.end and span.start < found.end for span in one.gold)
        yield found.kind, Figures(findings=1, right_findings=int(is_right))


def early_words(interim: str, heard: str, final: str) -> list[str]:
    """Words that an interim told and the final then withheld.

    Args:
        interim, final: as they were told.
        heard: the final before anything was taken out of it.
    """
    told = bare_words(final)
    withheld = {word for word in bare_words(heard) if word not in told}
    return [word for word in bare_words(interim) if word in withheld]
