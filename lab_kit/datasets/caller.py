"""A caller made of text: the lab's own voice, handed out at the pace of speech.

What is said is known, but not when to the millisecond, so a caller has no ``spoken``: delays are
measured with the clips, whose times were aligned.
"""

from functools import cache

import soxr

from lab_kit.audio.sources.recordings import PacedRecording
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.models.synthesizer import Synthesizer

TAIL_S = 1.0
"""Silence after the last word: more than any endpointing silence in the labs waits for."""
_TITLE_CHARACTERS = 40


def caller(text: str, seed: int = 0, tail_s: float = TAIL_S) -> PacedRecording:
    """Someone who says ``text``, as a source to stream.

    Args:
        text: English, up to a minute of speech.
        seed: of the voice's noise; the same text and seed give the same sound.
        tail_s: silence after it.

    Raises:
        InvalidParameter: nothing to say, or too much.
        NotInstalled: the voice is not installed.
    """
    speech = _voice().speak(text, seed)
    audio = soxr.resample(speech.samples, speech.sample_rate_hz, SAMPLE_RATE_HZ)
    title = text if len(text) <= _TITLE_CHARACTERS else f"{text[: _TITLE_CHARACTERS - 3]}..."
    return PacedRecording(f'caller: "{title}"', audio, tail_s=tail_s)


@cache
def _voice() -> Synthesizer:
    return Synthesizer()
