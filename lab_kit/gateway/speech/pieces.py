"""A text in pieces that are spoken one after the other, so that the first is heard soon."""

import re
from collections.abc import Iterator, Sequence

LONGEST = 240
"""Characters of a piece: some fifteen seconds, which the voice makes in a quarter of one."""
FIRST = 80
"""Of the first, which somebody waits for."""
_SENTENCE = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|\n\s*\n")
_CLAUSE = re.compile(r"(?<=[,;:—–])\s+")
_SPACE = re.compile(r"\s+")


def pieces(text: str) -> Iterator[str]:
    """The text's sentences; long ones in clauses, and where there are none, at spaces.

    What has nothing to say, as three dots, is left out.
    """
    longest = FIRST
    for sentence in _SENTENCE.split(text):
        for piece in _cut(" ".join(sentence.split()), longest):
            if any(letter.isalnum() for letter in piece):
                yield piece
                longest = LONGEST


def between(text: str, parts: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Where a text's pieces are in it: what stands before each, it, and what stands behind it.

    All of them in a row are the text again. What lies between two pieces stands behind the first.

    Args:
        parts: what `pieces` made of the text.
    """
    places = [place for place, letter in enumerate(text) if not letter.isspace()]
    letters = "".join(text.split())
    spans, at = [], 0
    for part in parts:
        said = "".join(part.split())
        # the first letter or digit that is not taken yet is the part's first: nothing else has any
        at = letters.index(said, at)
        spans.append((places[at], places[at + len(said) - 1] + 1))
        at += len(said)
    for number, (start, end) in enumerate(spans):
        next_start = spans[number + 1][0] if number + 1 < len(spans) else len(text)
        yield "" if number else text[:start], text[start:end], text[end:next_start]


def _cut(text: str, longest: int) -> Iterator[str]:
    while len(text) > longest:
        at = _last_gap(text, longest)
        yield text[:at].rstrip()
        text, longest = text[at:].lstrip(), LONGEST
    if text:
        yield text


def _last_gap(text: str, longest: int) -> int:
    """Where to cut: behind the last clause that fits, else at the last space, else anywhere."""
    for gap in (_CLAUSE, _SPACE):
        ends = [found.start() for found in gap.finditer(text, 0, longest + 1)]
        if ends:
            return ends[-1]
    return longest
