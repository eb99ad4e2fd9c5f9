"""A text in pieces that are spoken one after the other, so that the first is heard soon."""

import re
from collections.abc import Iterator

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
