"""What every dialect's words have to keep: their order, and where they were said."""

from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import pairwise
from statistics import median
from typing import TypeAlias

from lab_kit.datasets import Clip
from lab_kit.stream.stability import bare_word

Spoken: TypeAlias = tuple[str, float, float]
"""A word, and its start and end in seconds."""


def assert_said_where_they_are(words: Sequence[Spoken], clip: Clip, least: int) -> None:
    """The words are in order, ``least`` of them are the clip's, and lie where those do."""
    assert all(start <= end for _, start, end in words)
    assert all(one[2] <= two[1] + 1e-6 for one, two in pairwise(words))
    said = [bare_word(word.text) for word in clip.words]
    alike = SequenceMatcher(a=said, b=[bare_word(text) for text, _, _ in words], autojunk=False)
    errors_s = []
    for first, second, count in alike.get_matching_blocks():
        for step in range(count):
            true, (_, start_s, end_s) = clip.words[first + step], words[second + step]
            errors_s += [abs(start_s - true.start_s), abs(end_s - true.end_s)]
    assert len(errors_s) >= 2 * least
    assert median(errors_s) < 0.06
