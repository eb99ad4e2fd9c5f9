"""Voice activity by level alone: the cheapest scorers there are.

They have the interface of `vad.SpeechScorer`. They hear that something is louder than the quiet
they know, or than a threshold; whether that is a voice, a door or the neighbour's radio they cannot
tell.
"""

import math

import numpy as np

from lab_kit.audio.pcm import FloatArray

FLOOR_RISE_DB = 0.064
"""A window: 2 dB a second, slower than speech rises, so that a long word is not taken for quiet."""
MARGIN_DB = 9.0
"""A window this far above the quiet gets a probability of one half."""
STEP_DB = 2.0
"""How fast the probability rises around that: softer than any difference that matters."""
THRESHOLD_DB = -50.0
"""Above a quiet room's noise, and below any speech that somebody is meant to hear."""
_SILENCE_DB = -100.0


class EnergyScorer:
    """Scores the windows of one stream in order, by their level above the quietest of late."""

    def __init__(self) -> None:
        self._floor_db = math.inf

    def score(self, windows: FloatArray) -> list[float]:
        """Probability in [0, 1] that each window holds speech, if whatever is loud is speech."""
        return [self._score(window) for window in windows]

    def _score(self, window: FloatArray) -> float:
        level_db = _level_db(window)
        self._floor_db = min(self._floor_db + FLOOR_RISE_DB, level_db)
        return 1 / (1 + math.exp((MARGIN_DB - (level_db - self._floor_db)) / STEP_DB))


class ThresholdScorer:
    """Scores windows one by one: what is louder than `THRESHOLD_DB` counts as speech, from the
    first sample on."""

    def score(self, windows: FloatArray) -> list[float]:
        """1 or 0 for each window."""
        return [float(_level_db(window) > THRESHOLD_DB) for window in windows]


def _level_db(window: FloatArray) -> float:
    power = max(float(np.mean(window * window)), 10 ** (_SILENCE_DB / 10))
    return 10 * math.log10(power)
