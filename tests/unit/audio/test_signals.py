"""Made sound: the noise is what it says, the same for the same seed, and as far down as asked."""

import numpy as np
import pytest

from lab_kit.audio import signals
from lab_kit.audio.detect.energy import EnergyScorer
from lab_kit.audio.pcm import FloatArray

SPEECH = np.concatenate(
    [np.zeros(16_000, np.float32), signals.tone(300, 1.0), np.zeros(32_000, np.float32)]
)
SPOKEN = [(1.0, 2.0)]


def octave_power_db(noise: FloatArray, low_hz: float) -> float:
    power = np.abs(np.fft.rfft(noise)) ** 2
    frequencies = np.fft.rfftfreq(len(noise), 1 / 16_000)
    octave = (frequencies >= low_hz) & (frequencies < 2 * low_hz)
    return float(10 * np.log10(power[octave].sum()))


def test_white_noise_gains_three_decibels_an_octave_and_pink_none() -> None:
    white, pink = signals.white(160_000, 1), signals.pink(160_000, 1)
    gains = [octave_power_db(n, 2_000) - octave_power_db(n, 1_000) for n in (white, pink)]
    assert gains == pytest.approx([3.0, 0.0], abs=0.3)


def test_the_same_seed_gives_the_same_noise_and_another_seed_another() -> None:
    voices = [SPEECH, signals.white(5_000, 9)]
    for make in (signals.white, signals.pink, lambda n, s: signals.babble(voices, n, s)):
        assert np.array_equal(make(4_000, 1), make(4_000, 1))
        assert not np.array_equal(make(4_000, 1), make(4_000, 2))
        assert np.mean(make(4_000, 1) ** 2) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("snr_db", [-5, 0, 20])
def test_the_distance_counts_from_the_level_while_somebody_speaks(snr_db: float) -> None:
    mixed = signals.in_noise(SPEECH, signals.white(len(SPEECH), 1), snr_db, SPOKEN)
    assert np.abs(mixed).max() <= 1.0
    noise_power = float(np.mean(mixed[40_000:] ** 2))
    speech_power = signals.active_power(mixed, SPOKEN) - noise_power
    assert 10 * np.log10(speech_power / noise_power) == pytest.approx(snr_db, abs=0.8)


def test_without_speech_there_is_no_distance() -> None:
    with pytest.raises(ValueError, match="nobody speaks"):
        signals.active_power(SPEECH, [])


def test_energy_tells_loud_from_quiet_and_not_a_voice_from_a_door() -> None:
    quiet, loud = signals.white(512, 1) * 0.001, signals.white(512, 2) * 0.1
    scorer = EnergyScorer()
    scores = scorer.score(np.stack([quiet, quiet, loud, quiet]))
    assert max(scores[0], scores[1], scores[3]) < 0.1
    assert scores[2] > 0.9


def test_energy_gets_used_to_a_noise_that_stays() -> None:
    scorer = EnergyScorer()
    scorer.score(signals.white(512, 1)[None] * 0.001)
    fan = scorer.score(np.stack([signals.white(512, seed) * 0.1 for seed in range(800)]))
    assert fan[0] > 0.9
    assert fan[-1] < 0.1


def test_digital_silence_is_no_speech_and_no_error() -> None:
    assert EnergyScorer().score(np.zeros((1, 512), np.float32))[0] < 0.1


def test_the_strongest_frequency_is_where_a_tone_folds_back_to() -> None:
    high = signals.tone(15_000, 1.0, rate_hz=48_000)
    assert signals.strongest_hz(high, 48_000) == pytest.approx(15_000, abs=2)
    assert signals.strongest_hz(high[::3], 16_000) == pytest.approx(1_000, abs=2)
