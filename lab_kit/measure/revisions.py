"""How a transcript grows, shrinks and settles: what of each result was shown before.

A reader sees a segment's text again and again. What stays is its beginning, as far as two texts in
a row are the same; what followed it in the earlier one was shown and is taken back.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shown:
    """A result as it arrived.

    Attributes:
        segment: names the stretch of speech; results of one have the same.
    """

    at_s: float
    segment: str
    text: str
    is_final: bool
    stable_chars: int


@dataclass(frozen=True, slots=True)
class Revision:
    """A result, against the one before it.

    Attributes:
        chars: of its text.
        stable_chars: of these, called stable; all of a final.
        new_chars: shown for the first time.
        taken_back: characters that the one before had shown and this one has not, or otherwise.
    """

    shown: Shown
    chars: int
    stable_chars: int
    new_chars: int
    taken_back: int


def revisions(results: Iterable[Shown]) -> list[Revision]:
    """Each result against the one of its segment before it."""
    before: dict[str, str] = {}
    found = []
    for shown in results:
        last = before.get(shown.segment, "")
        kept = _alike(last, shown.text)
        stable = len(shown.text) if shown.is_final else shown.stable_chars
        chars = len(shown.text)
        found.append(Revision(shown, chars, stable, chars - kept, len(last) - kept))
        before[shown.segment] = shown.text
    return found


def _alike(one: str, other: str) -> int:
    """How long two texts are the same from their beginnings on."""
    pairs = zip(one, other, strict=False)
    first = next((at for at, (a, b) in enumerate(pairs) if a != b), None)
    return min(len(one), len(other)) if first is None else first


def taken_back_share(found: Iterable[Revision]) -> float:
    """Of all characters that were shown as new, the share that did not stay; 0 without any."""
    listed = list(found)
    new = sum(one.new_chars for one in listed)
    return sum(one.taken_back for one in listed) / new if new else 0.0
