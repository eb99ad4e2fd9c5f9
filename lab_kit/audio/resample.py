"""Any sample rate to another, most often 16 kHz: whole recordings, or chunk by chunk.

Both filters keep frequencies above the new band from folding back into it, or images of the old
band from filling the new one. They differ in what they cost a listener. A recording goes through
soxr's "HQ" recipe, which passes 91 % of the band with more than 100 dB of rejection. Fed with 20 ms
at a time, the same recipe works in blocks and holds back up to 37 ms of a 48 kHz stream and up to
115 ms of a telephone's: more than a third of the whole budget. A stream therefore goes through
FFmpeg's filter, which is shorter: it holds back 1 to 2 ms, passes 87 % of the band within half a
decibel, and rejects what is 1 kHz above it by 60 dB, 2 kHz above by 98; speech has next to nothing
in between. It takes some 3 ms of CPU for a second of sound, the other one less than 1. FFmpeg is
imported where it is used, as in `packets`.
"""

from typing import TYPE_CHECKING

import numpy as np
import soxr

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.errors import UnsupportedSampleRate
from lab_kit.core.units import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    import av

LOWEST_RATE_HZ = 8_000
"""Telephone audio; below that the consonants are gone."""
HIGHEST_RATE_HZ = 96_000


def check_rate(rate_hz: int) -> None:
    """Refuse rates that cannot carry speech, or that are a typing error.

    Raises:
        UnsupportedSampleRate: outside 8,000 to 96,000 Hz.
    """
    if not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ:
        raise UnsupportedSampleRate(
            f"sample rate {rate_hz:,} Hz",
            f"{LOWEST_RATE_HZ:,} to {HIGHEST_RATE_HZ:,} Hz",
            "resample the audio to 16,000 Hz, or state the rate that it really has",
        )


def to_model_rate(audio: FloatArray, rate_hz: int) -> FloatArray:
    """Resample a whole recording, (samples,) at ``rate_hz``, to 16 kHz.

    Raises:
        UnsupportedSampleRate: see `check_rate`.
    """
    return to_rate(audio, rate_hz, SAMPLE_RATE_HZ)


def to_rate(audio: FloatArray, from_hz: int, rate_hz: int) -> FloatArray:
    """Resample a whole recording, (samples,) at ``from_hz``, to any rate.

    Raises:
        UnsupportedSampleRate: see `check_rate`.
    """
    check_rate(from_hz)
    check_rate(rate_hz)
    if from_hz == rate_hz:
        return audio
    return np.asarray(soxr.resample(audio, from_hz, rate_hz, quality="HQ"), np.float32)


class StreamResampler:
    """Resamples a live stream; the filter's memory lives here.

    Args:
        rate_hz: rate of what is pushed.
        to_hz: of what comes out.

    Raises:
        UnsupportedSampleRate: see `check_rate`.
    """

    def __init__(self, rate_hz: int, to_hz: int = SAMPLE_RATE_HZ) -> None:
        check_rate(rate_hz)
        check_rate(to_hz)
        self._rate_hz = rate_hz
        self._to_hz = to_hz
        self._taken = self._given = 0
        self._filter: av.AudioResampler | None = None

    def push(self, audio: FloatArray) -> FloatArray:
        """Resample a chunk; what the filter still holds comes out with later chunks."""
        if self._rate_hz == self._to_hz or not len(audio):
            return audio
        import av

        if self._filter is None:
            self._filter = av.AudioResampler(format="flt", layout="mono", rate=self._to_hz)
        frame = av.AudioFrame.from_ndarray(audio[None], format="flt", layout="mono")
        frame.sample_rate = self._rate_hz
        self._taken += len(audio)
        return self._joined(self._filter.resample(frame))

    def flush(self) -> FloatArray:
        """The samples that the filter still holds; push nothing afterwards."""
        if self._filter is None:
            return np.zeros(0, np.float32)
        rest = self._joined(self._filter.resample(None))
        # the filter is emptied with as many samples as it is long; what is no sound of the stream's
        surplus = self._given - round(self._taken * self._to_hz / self._rate_hz)
        return rest[: len(rest) - max(0, surplus)]

    def _joined(self, frames: "list[av.AudioFrame]") -> FloatArray:
        pieces = [frame.to_ndarray()[0] for frame in frames]
        self._given += sum(map(len, pieces))
        return np.concatenate([np.zeros(0, np.float32), *pieces])
