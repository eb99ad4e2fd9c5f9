"""Words with their times, and what stands between them."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from lab_kit.core.events import TimedWord

LANGUAGE = "en"
"""The model hears no other."""
_LEAST = 1e-9
"""Of a probability: the logarithm of none at all is no number of JSON."""


def word_objects(words: Sequence[TimedWord]) -> Iterator[dict[str, Any]]:
    """The words, and a space between each two, from the end of one to the start of the other.

    The recognizer's tokens begin with their space, so a space is as probable as the word behind it.
    """
    end_s: float | None = None
    for word in words:
        logprob = round(math.log(max(word.confidence, _LEAST)), 6)
        if end_s is not None:
            yield _object(" ", end_s, max(end_s, word.start_s), "spacing", logprob)
        yield _object(word.text, word.start_s, word.end_s, "word", logprob)
        end_s = word.end_s


def _object(text: str, start_s: float, end_s: float, kind: str, logprob: float) -> dict[str, Any]:
    return {"text": text, "start": start_s, "end": end_s, "type": kind, "logprob": logprob}
