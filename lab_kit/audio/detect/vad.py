"""Voice activity: labels a stream's windows with the probability that they hold speech.

The neural scorer is passed in; this module cuts the stream into the windows it wants.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from lab_kit.audio.detect.loudness import Loudness, frame_levels_db
from lab_kit.audio.pcm import FloatArray

WINDOW_SAMPLES = 512
"""32 ms at 16 kHz, the window Silero VAD was made for."""
MOST_AT_ONCE = 16
"""Half a second; more together is hardly faster, and a long recording's would take much memory."""


class SpeechScorer(Protocol):
    """Scores the windows of one stream in order."""

    def score(self, windows: FloatArray) -> list[float]:
        """Probability in [0, 1] that each window holds speech; (n, 512) at 16 kHz, n above 0."""
        ...


@dataclass(frozen=True, slots=True)
class Window:
    """One labelled window, by its place in the stream.

    Attributes:
        loud_until_sample: where the stream was last loud, at the window's end or before.
        is_clear: whether the level alone can tell speech from silence here.
    """

    start_sample: int
    end_sample: int
    speech_probability: float
    loud_until_sample: int
    is_clear: bool


class VoiceActivity:
    """Windows of one stream as they become whole."""

    def __init__(self, scorer: SpeechScorer) -> None:
        self._scorer = scorer
        self._loudness = Loudness()
        self._rest = np.zeros(0, np.float32)
        self._start_sample = 0

    def push(self, audio: FloatArray) -> list[Window]:
        """Label every window that ``audio``, (samples,) at 16 kHz, completes."""
        pending = np.concatenate([self._rest, audio])
        count = len(pending) // WINDOW_SAMPLES
        self._rest = pending[count * WINDOW_SAMPLES :]
        whole = pending[: count * WINDOW_SAMPLES].reshape(count, WINDOW_SAMPLES)
        labelled: list[Window] = []
        for start in range(0, count, MOST_AT_ONCE):
            windows = whole[start : start + MOST_AT_ONCE]
            heard = zip(self._scorer.score(windows), frame_levels_db(windows), strict=True)
            labelled += [self._label(probability, levels_db) for probability, levels_db in heard]
        return labelled

    def _label(self, probability: float, levels_db: Sequence[float]) -> Window:
        start = self._start_sample
        self._start_sample += WINDOW_SAMPLES
        self._loudness.push(levels_db)
        return Window(
            start_sample=start,
            end_sample=self._start_sample,
            speech_probability=probability,
            loud_until_sample=self._loudness.loud_until_sample,
            is_clear=self._loudness.is_clear,
        )
