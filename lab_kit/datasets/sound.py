"""The arithmetic of the clips: resampling, room tone and level, the same to the bit everywhere.

Real clips carry a SHA-256, so what makes them must not depend on the processor or on a library's
version. Here that is had by integer arithmetic alone: 48 kHz becomes 16 kHz by a fixed filter with
integer taps, and crossfades are integer ramps. Positions are in samples.
"""

import numpy as np
from numpy.typing import NDArray

# 10 ms, the frame in which levels are looked at
FRAME_SAMPLES = 160
_SILENCE_DBFS = -96.0

Pcm = NDArray[np.int16]

# A windowed sinc for a factor of three: passband to 7.2 kHz, 90 dB down from 8 kHz on.
# Kaiser's formulas: (90 - 7.95) / (2.285 * 2 * pi * 0.8 / 48) = 343 taps and
# beta = 0.1102 * (90 - 8.7) = 8.96.
_FACTOR = 3
_TAPS = 343
_BETA = 8.96
_CUTOFF = 7.6 / 24.0
_TAP_BITS = 18


def decimate_by_three(pcm: Pcm) -> Pcm:
    """48 kHz to 16 kHz: (samples,) int16 to (samples / 3,) int16, without a shift in time.

    Source:
        J. F. Kaiser's window design as in Oppenheim and Schafer, Discrete-Time Signal Processing.
    """
    taps = _integer_taps()
    half = _TAPS // 2
    padded = np.pad(pcm.astype(np.int64), half)
    n_out = len(pcm) // _FACTOR
    total = np.zeros(n_out, dtype=np.int64)
    for k, tap in enumerate(taps):
        total += tap * padded[k : k + _FACTOR * n_out : _FACTOR]
    rounded = (total + (1 << (_TAP_BITS - 1))) >> _TAP_BITS
    return to_pcm(rounded)


def _integer_taps() -> NDArray[np.int64]:
    n = np.arange(_TAPS) - _TAPS // 2
    taps = np.sinc(_CUTOFF * n) * np.kaiser(_TAPS, _BETA)
    return np.asarray(np.rint(taps / taps.sum() * (1 << _TAP_BITS)), dtype=np.int64)


def room_tone(tone: Pcm, n_samples: int, fade_samples: int) -> Pcm:
    """``n_samples`` of quiet made of a short recording of it, repeated with crossfades.

    Args:
        tone: (samples,) the recording's own room tone, longer than two fades.
        n_samples: how much is needed.
        fade_samples: length of the crossfade at each join.
    """
    out = tone
    while len(out) < n_samples:
        out = crossfade(out, tone, fade_samples)
    return out[:n_samples]


def crossfade(left: Pcm, right: Pcm, fade_samples: int) -> Pcm:
    """Join two stretches so that the last samples of one run into the first of the other."""
    ramp = np.arange(1, fade_samples + 1, dtype=np.int64)
    mixed = (
        left[-fade_samples:].astype(np.int64) * (fade_samples + 1 - ramp)
        + right[:fade_samples].astype(np.int64) * ramp
    ) // (fade_samples + 1)
    return np.concatenate([left[:-fade_samples], mixed.astype(np.int16), right[fade_samples:]])


def low_noise(n_samples: int, peak: int, seed: int) -> Pcm:
    """White noise of ±``peak`` steps: no line is digitally silent, so no clip is either."""
    generator = np.random.default_rng(seed)
    return generator.integers(-peak, peak, n_samples, endpoint=True, dtype=np.int16)


def mix(left: Pcm, right: Pcm) -> Pcm:
    """Add two stretches of the same length, held inside the 16-bit range."""
    return to_pcm(left.astype(np.int64) + right.astype(np.int64))


def to_pcm(values: NDArray[np.int64]) -> Pcm:
    """Hold whole numbers inside the 16-bit range."""
    return np.asarray(np.clip(values, -32_768, 32_767), dtype=np.int16)


def frame_levels_dbfs(pcm: Pcm) -> NDArray[np.float64]:
    """RMS level of each whole 10 ms frame, in dB below full scale: (frames,)."""
    n_frames = len(pcm) // FRAME_SAMPLES
    frames = pcm[: n_frames * FRAME_SAMPLES].reshape(n_frames, FRAME_SAMPLES) / 32_768.0
    rms = np.sqrt(np.mean(frames**2, axis=1))
    return np.asarray(20.0 * np.log10(np.maximum(rms, 10.0 ** (_SILENCE_DBFS / 20.0))))
