"""What is played where a packet is missing: nothing, or the last pitch period again, fading.

A voice repeats itself every 2.5 to 15 ms. Repeating the last period keeps its pitch, so a gap of
one frame is hardly heard; longer ones fade away, because nobody's vowel lasts for ever. This is
the idea of ITU-T G.711 Appendix I; Opus conceals by its own decoder instead, which knows more
[Source: RFC 6716, 2012, section 4.4].
"""

from typing import Protocol

import numpy as np

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.units import SAMPLE_RATE_HZ, samples

_SHORTEST, _LONGEST = samples(0.0025), samples(0.015)
_TEMPLATE = samples(0.015)
_MEMORY = _TEMPLATE + _LONGEST
FADE_S = 0.06
"""After so long a gap is silent."""
JOIN_SAMPLES = samples(0.004)
"""Where sound comes back, it is faded in over the repetition: a step there would click."""


class Concealer(Protocol):
    """Follows one stream's frames and fills its gaps."""

    def follow(self, frame: FloatArray) -> FloatArray:
        """A frame that came, as it is to be played."""
        ...

    def fill(self, count: int) -> FloatArray:
        """(count,) samples for a frame that did not come."""
        ...


class PlaySilence:
    """Fills gaps with nothing."""

    def follow(self, frame: FloatArray) -> FloatArray:
        """The frame itself."""
        return frame

    def fill(self, count: int) -> FloatArray:
        """Zeros."""
        return np.zeros(count, np.float32)


class RepeatPitch:
    """Fills gaps with the last pitch period, fading."""

    def __init__(self) -> None:
        self._heard = np.zeros(_MEMORY, np.float32)
        self._period = self._heard[:_SHORTEST]
        # samples of the gap so far; zero while frames come
        self._gap = 0

    def follow(self, frame: FloatArray) -> FloatArray:
        """The frame, faded in where it follows a gap."""
        joined = frame
        if self._gap:
            length = min(JOIN_SAMPLES, len(frame))
            rise = np.linspace(0, 1, length, dtype=np.float32)
            joined = frame.copy()
            joined[:length] = rise * frame[:length] + (1 - rise) * self._repeated(length)
        self._gap = 0
        self._heard = np.concatenate([self._heard, joined])[-_MEMORY:]
        return joined

    def fill(self, count: int) -> FloatArray:
        """Repetitions of the period, each further sample a little quieter."""
        if not self._gap:
            self._period = self._heard[-pitch_samples(self._heard) :]
        filled = self._repeated(count)
        self._gap += count
        return filled

    def _repeated(self, count: int) -> FloatArray:
        where = np.arange(self._gap, self._gap + count)
        level = np.clip(1 - where / (FADE_S * SAMPLE_RATE_HZ), 0, 1)
        return np.asarray(self._period[where % len(self._period)] * level, np.float32)


def pitch_samples(heard: FloatArray) -> int:
    """The lag at which the end of ``heard``, at least 30 ms at 16 kHz, is most like itself."""
    end = heard[-_TEMPLATE:]
    lags = range(_SHORTEST, _LONGEST + 1)
    earlier = [heard[-_TEMPLATE - lag : -lag] for lag in lags]
    alike = [float(end @ past) / (float(np.linalg.norm(past)) + 1e-9) for past in earlier]
    return lags[int(np.argmax(alike))]
