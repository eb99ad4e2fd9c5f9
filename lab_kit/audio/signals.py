"""Sound made by arithmetic: tones, noise by seed, and speech in noise at a stated distance.

The distance is counted from the level while somebody speaks. Counted from the whole recording, the
same "10 dB" would be louder noise the longer the pauses are.
"""

from collections.abc import Sequence

import numpy as np

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.units import SAMPLE_RATE_HZ, samples

Spans = Sequence[tuple[float, float]]
"""Beginnings and ends in seconds."""

BABBLE_VOICES = 8
"""From about so many voices on, no single one can be followed."""


def tone(
    frequency_hz: float, duration_s: float, rate_hz: int = SAMPLE_RATE_HZ, level: float = 0.5
) -> FloatArray:
    """A sine of amplitude ``level``: (samples,) at ``rate_hz``."""
    times_s = np.arange(samples(duration_s, rate_hz)) / rate_hz
    return np.asarray(level * np.sin(2 * np.pi * frequency_hz * times_s), np.float32)


def white(count: int, seed: int) -> FloatArray:
    """Noise with the same power at every frequency: (count,), of unit power."""
    return np.random.default_rng(seed).standard_normal(count).astype(np.float32)


def pink(count: int, seed: int) -> FloatArray:
    """Noise with the same power in every octave, as fans and streets have it: (count,)."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(count))
    octaves = np.sqrt(np.maximum(np.arange(len(spectrum)), 1))
    return unit(np.fft.irfft(spectrum / octaves, count).astype(np.float32))


def babble(voices: Sequence[FloatArray], count: int, seed: int) -> FloatArray:
    """Many people at once, each from a place of their own in one of ``voices``: (count,)."""
    generator = np.random.default_rng(seed)
    crowd = np.zeros(count, np.float32)
    for _ in range(BABBLE_VOICES):
        voice = unit(voices[int(generator.integers(len(voices)))])
        crowd += np.resize(np.roll(voice, int(generator.integers(len(voice)))), count)
    return unit(crowd)


def strongest_hz(audio: FloatArray, rate_hz: int) -> float:
    """The frequency with the most power in it."""
    power = np.abs(np.fft.rfft(audio * np.hanning(len(audio))))
    return float(np.argmax(power) * rate_hz / len(audio))


def unit(audio: FloatArray) -> FloatArray:
    """The same sound with a mean power of one; silence stays silent."""
    power = float(np.mean(audio**2))
    return np.asarray(audio / np.sqrt(power), np.float32) if power > 0 else audio


def in_noise(speech: FloatArray, noise: FloatArray, snr_db: float, spoken_s: Spans) -> FloatArray:
    """Speech with noise ``snr_db`` below its active level: (samples,) float32 at 16 kHz.

    Loud peaks may leave [-1, 1]; the sum is then scaled down as a whole, so the distance stays.

    Args:
        noise: as long as the speech.
        spoken_s: when somebody speaks.
    """
    wanted = active_power(speech, spoken_s) / 10 ** (snr_db / 10)
    mixed = speech + unit(noise) * np.float32(np.sqrt(wanted))
    return np.asarray(mixed / max(1.0, float(np.abs(mixed).max())), np.float32)


def active_power(speech: FloatArray, spoken_s: Spans) -> float:
    """Mean power while somebody speaks.

    Raises:
        ValueError: nobody does.
    """
    pieces = [speech[samples(start_s) : samples(end_s)] for start_s, end_s in spoken_s]
    active = np.concatenate([np.zeros(0, np.float32), *pieces])
    if not len(active):
        raise ValueError("nobody speaks in these spans, so there is no active level")
    return float(np.mean(active**2))
