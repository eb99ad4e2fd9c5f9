"""Detectors judged: the truth comes from words, the curve is right, savings are of silence only."""

from pathlib import Path

import numpy as np
import pytest
from made_clips import clip

from lab_kit.audio.detect.energy import EnergyScorer
from lab_kit.audio.pcm import FloatArray
from lab_kit.datasets import Word
from lab_kit.experiments.sound import Noise, compare_detectors
from lab_kit.experiments.sound.detectors import area_under, roc, speech_truth

WORDS = (Word("one", 1.024, 2.048), Word("two", 3.072, 3.584))


def test_a_window_holds_speech_if_words_cover_more_than_half(tmp_path: Path) -> None:
    truth = speech_truth(clip(tmp_path, WORDS, 5.12))
    assert len(truth) == 160
    assert np.flatnonzero(truth).tolist() == [*range(32, 64), *range(96, 112)]


def test_a_perfect_score_has_an_area_of_one_and_a_blind_one_of_a_half() -> None:
    truth = np.array([False] * 50 + [True] * 50)
    assert area_under(roc(truth.astype(float), truth)) == 1.0
    assert area_under(roc(np.ones(100), truth)) == 0.5
    assert area_under(roc(1.0 - truth, truth)) == 0.0
    curve = roc(np.linspace(0, 1, 100), truth)
    assert (curve[0].hits, curve[0].false_alarms) == (0.0, 0.0)
    assert (curve[-1].hits, curve[-1].false_alarms) == (1.0, 1.0)


def test_no_curve_without_both_kinds_of_windows() -> None:
    with pytest.raises(ValueError, match="without"):
        roc(np.ones(3), np.array([True] * 3))


class AlwaysSilent:
    def score(self, windows: FloatArray) -> list[float]:
        return [0.0] * len(windows)


def test_energy_is_sure_in_quiet_and_lost_in_noise_as_loud_as_speech(tmp_path: Path) -> None:
    spoken = clip(tmp_path, WORDS, 5.12)
    found = compare_detectors(
        [spoken], snrs_db=(0.0,), noises=(Noise.WHITE,), scorers={"energy": EnergyScorer}
    )
    clean, noisy = found
    assert (clean.noise, clean.snr_db, noisy.noise) == (Noise.CLEAN, None, Noise.WHITE)
    assert clean.area > 0.99
    assert clean.at.hits > 0.95
    assert clean.skipped == pytest.approx(112 / 160, abs=0.03)
    assert noisy.at.hits < 0.5


def test_a_detector_that_skips_everything_saves_only_the_silence(tmp_path: Path) -> None:
    spoken = clip(tmp_path, WORDS, 5.12)
    (found,) = compare_detectors([spoken], noises=(), scorers={"deaf": AlwaysSilent})
    assert found.at.hits == 0
    assert found.skipped == 112 / 160
