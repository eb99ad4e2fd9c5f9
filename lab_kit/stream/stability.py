"""What of a hypothesis may be shown before it is final.

A recognizer asked about half a second of speech guesses, and this one stutters ("It, it, it").
Words that two successive passes agree on are stable; early in a segment only those are shown,
or a first word that the model itself is sure of.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

EARLY_S = 0.6
"""Below this much speech the words after the first are mostly invented."""
EARLY_TOKENS = 4
"""Enough for the first word and a half; the rest would not be shown."""
SURE_PROBABILITY = 0.3
"""A first word this sure is shown without a second pass; most of them are right."""
_LONGEST_STUTTER_WORDS = 4


@dataclass(frozen=True, slots=True)
class VisibleText:
    """Text fit for the screen; its first ``stable_chars`` characters are agreed on."""

    text: str
    stable_chars: int


def shown(
    text: str, previous: str, speech_s: float, first_token_log_probability: float
) -> VisibleText | None:
    """What to show of ``text``, given the previous pass's text; None if nothing is fit."""
    words = without_stutter(text.split())
    agreed = agreed_words(previous.split(), words)
    if speech_s < EARLY_S:
        words = words[: max(agreed, _sure_words(first_token_log_probability))]
        words = _first_of_repeated(words)
    if not words:
        return None
    # what ends a word depends on what follows it, which nobody has heard yet
    stable = len(_bare_end(" ".join(words[:agreed])))
    return VisibleText(" ".join(words), stable)


def agreed_words(before: Sequence[str], after: Sequence[str]) -> int:
    """Number of leading words that are the same, but for case and punctuation."""
    count = 0
    for old, new in zip(before, after, strict=False):
        if bare_word(old) != bare_word(new):
            break
        count += 1
    return count


def without_stutter(words: list[str]) -> list[str]:
    """The words without a phrase that repeats up to their end.

    "It, it, it" becomes "It,". A phrase said twice in the middle stays: people do that. So does
    one repetition of a longer phrase, which speech has too ("had had", "no, no").
    """
    bare = [bare_word(word) for word in words]
    for length in range(1, _LONGEST_STUTTER_WORDS + 1):
        kept = len(bare)
        while (
            kept >= 2 * length
            and bare[kept - length : kept] == bare[kept - 2 * length : kept - length]
        ):
            kept -= length
        if len(bare) - kept >= (2 * length if length < 3 else length):
            return words[:kept]
    return words


def _first_of_repeated(words: list[str]) -> list[str]:
    """The words up to the first that says the one before it again, its punctuation cut off."""
    bare = [bare_word(word) for word in words]
    count = next((n for n in range(1, len(bare)) if bare[n] == bare[n - 1]), len(words))
    return [*words[: count - 1], _bare_end(words[count - 1])] if words and bare[0] else []


def _bare_end(word: str) -> str:
    """The word without the punctuation after it."""
    return word.rstrip(".,!?;:")


def _sure_words(first_token_log_probability: float) -> int:
    return int(math.exp(first_token_log_probability) >= SURE_PROBABILITY)


def bare_word(word: str) -> str:
    """The word as two passes are compared by: lower case, no punctuation."""
    return re.sub(r"[^\w']", "", word).lower()
