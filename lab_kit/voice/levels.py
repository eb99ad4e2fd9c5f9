"""The level of sound in bands, frame by frame: what an echo is compared by.

Two voices that are as loud as each other differ in where they are loud. Bands end at 4 kHz, which
a telephone carries too.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lab_kit.audio.pcm import FloatArray

FRAME_S = 0.02
SILENCE_DB = -100.0
EDGES_HZ = (100, 350, 600, 900, 1_300, 1_900, 2_700, 4_000)
BANDS = len(EDGES_HZ) - 1
Levels = NDArray[np.float64]


def band_levels_db(sound: FloatArray, rate_hz: int) -> Levels:
    """(frames, bands) of (samples,) in [-1, 1], against a full-scale square wave; whole frames."""
    length = round(FRAME_S * rate_hz)
    whole = len(sound) // length * length
    frames = np.asarray(sound[:whole], np.float64).reshape(-1, length)
    powers = np.abs(np.fft.rfft(frames * np.hanning(length), axis=1)) ** 2
    # of the mean square: both halves of the spectrum, and what the window takes away
    powers *= 2 / (length * length * _WINDOW_POWER)
    hertz = np.fft.rfftfreq(length, 1 / rate_hz)
    bands = [
        powers[:, (hertz >= low) & (hertz < high)].sum(axis=1) for low, high in pairwise(EDGES_HZ)
    ]
    return np.asarray(10 * np.log10(np.maximum(np.stack(bands, axis=1), 10 ** (SILENCE_DB / 10))))


def whole_db(levels: Levels) -> Levels:
    """The level of all bands together, (frames,)."""
    return np.asarray(10 * np.log10((10 ** (levels / 10)).sum(axis=-1)))


_WINDOW_POWER = 0.375
"""Mean square of a Hann window."""
