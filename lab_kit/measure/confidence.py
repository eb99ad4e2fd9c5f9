"""Whether words of which a model is surer are right more often.

A model whose confidences can be taken for probabilities is *calibrated*: of the words at 0.9, nine
in ten are right. Source: Guo et al., "On Calibration of Modern Neural Networks", 2017,
arXiv:1706.04599.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise

from lab_kit.core.events import TimedWord
from lab_kit.measure.accuracy import bare_words

EDGES = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0)
"""Of the ranges that words are counted in: narrow where most of them are."""


@dataclass(frozen=True, slots=True)
class JudgedWord:
    """A word that was heard.

    Attributes:
        confidence: the model's, in [0, 1].
        is_right: whether it was said there.
    """

    text: str
    confidence: float
    is_right: bool


@dataclass(frozen=True, slots=True)
class ConfidenceRange:
    """The words whose confidence is at least ``low`` and below ``high``.

    Attributes:
        confidence: their mean.
        right: how many of ``words`` were said.
    """

    low: float
    high: float
    words: int
    right: int
    confidence: float

    @property
    def share_right(self) -> float:
        """Of its words."""
        return self.right / self.words


def judged_words(truth: str, heard: Sequence[TimedWord]) -> list[JudgedWord]:
    """Each word that was heard, and whether it was said, in the order of the two texts."""
    said = bare_words(truth)
    words = [(word, bare) for word in heard for bare in bare_words(word.text)]
    alike = SequenceMatcher(a=said, b=[bare for _, bare in words], autojunk=False)
    right = {block.b + step for block in alike.get_matching_blocks() for step in range(block.size)}
    return [
        JudgedWord(bare, word.confidence, number in right)
        for number, (word, bare) in enumerate(words)
    ]


def confidence_ranges(
    words: Sequence[JudgedWord], edges: Sequence[float] = EDGES
) -> list[ConfidenceRange]:
    """The words by their confidence, ranges without any left out."""
    ranges = []
    for low, high in pairwise(edges):
        inside = [w for w in words if low <= w.confidence < high or w.confidence == high == 1.0]
        if inside:
            mean = sum(word.confidence for word in inside) / len(inside)
            right = sum(word.is_right for word in inside)
            ranges.append(ConfidenceRange(low, high, len(inside), right, mean))
    return ranges


def calibration_error(ranges: Sequence[ConfidenceRange]) -> float:
    """By how much confidence and share of right words differ, over all words: 0 is calibrated.

    Raises:
        ValueError: there are no words.
    """
    total = sum(each.words for each in ranges)
    if not total:
        raise ValueError("no words were judged, so their calibration means nothing")
    return sum(each.words * abs(each.share_right - each.confidence) for each in ranges) / total
