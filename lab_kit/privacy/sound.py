"""Personal data taken out of sound: silence, or a tone, where it was spoken.

Silence is the default: it cannot be filtered out again, hurts nobody's ears, and a recognizer hears
nothing in it. Nothing is cut, so that every other word keeps its time.
"""

from collections.abc import Iterable
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from lab_kit.core.units import SAMPLE_RATE_HZ

PAD_S = 0.05
"""On both sides: a word's times are known to a few hundredths of a second."""
TONE_HZ = 1_000
TONE_PEAK = 0.1


class Fill(StrEnum):
    """What is heard instead."""

    SILENCE = "silence"
    TONE = "tone"


def covered(
    sound: NDArray[np.float32], spans_s: Iterable[tuple[float, float]], fill: Fill = Fill.SILENCE
) -> NDArray[np.float32]:
    """A copy of the sound in which the spans are filled.

    Args:
        sound: (samples,) float32 in [-1, 1] at 16 kHz.
        spans_s: start and end of each, in seconds from its beginning.

    Returns:
        As many samples.
    """
    done = sound.copy()
    for first, end in _merged(spans_s, len(sound)):
        done[first:end] = 0.0 if fill is Fill.SILENCE else _tone(end - first)
    return done


def _merged(spans_s: Iterable[tuple[float, float]], count: int) -> list[tuple[int, int]]:
    """The padded spans in samples, in order; those that touch are one."""
    merged: list[tuple[int, int]] = []
    for start_s, end_s in sorted(spans_s):
        first = min(count, max(0, int((start_s - PAD_S) * SAMPLE_RATE_HZ)))
        end = min(count, max(0, int((end_s + PAD_S) * SAMPLE_RATE_HZ) + 1))
        if merged and first <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((first, end))
    return merged


def _tone(count: int) -> NDArray[np.float32]:
    phase = 2 * np.pi * TONE_HZ / SAMPLE_RATE_HZ * np.arange(count)
    return np.asarray(TONE_PEAK * np.sin(phase), np.float32)
