"""The clips' arithmetic: exact, in time, and without an alias."""

import numpy as np
import pytest
from numpy.typing import NDArray

from lab_kit.datasets import sound


def tone(frequency_hz: float, rate_hz: int, duration_s: float = 0.5) -> NDArray[np.int16]:
    t = np.arange(int(rate_hz * duration_s)) / rate_hz
    return np.rint(16_000 * np.sin(2 * np.pi * frequency_hz * t)).astype(np.int16)


@pytest.mark.parametrize("frequency_hz", [100, 1_000, 4_000, 7_000])
def test_speech_passes_unchanged_and_in_time(frequency_hz: int) -> None:
    got = sound.decimate_by_three(tone(frequency_hz, 48_000)).astype(int)
    want = tone(frequency_hz, 16_000).astype(int)
    assert len(got) == len(want)
    inner = slice(200, -200)  # the filter's length away from the edges
    assert np.abs(got[inner] - want[inner]).max() <= 2


@pytest.mark.parametrize("frequency_hz", [8_100, 10_000, 15_000, 23_000])
def test_what_cannot_be_held_is_removed(frequency_hz: int) -> None:
    got = sound.decimate_by_three(tone(frequency_hz, 48_000))
    assert np.abs(got[200:-200]).max() <= 2


def test_full_scale_does_not_wrap() -> None:
    square = np.where(np.arange(4_800) % 480 < 240, 32_767, -32_768).astype(np.int16)
    got = sound.decimate_by_three(square)
    assert got[40] > 30_000
    assert got[120] < -30_000


def test_crossfade_keeps_both_sides_and_steps_nowhere() -> None:
    left, right = np.full(100, 1_000, np.int16), np.full(80, -1_000, np.int16)
    joined = sound.crossfade(left, right, 40)
    assert len(joined) == 140
    assert joined[:60].tolist() == [1_000] * 60
    assert joined[-40:].tolist() == [-1_000] * 40
    assert np.abs(np.diff(joined)).max() <= 50


def test_room_tone_is_as_long_as_needed_and_the_same_each_time() -> None:
    short = sound.low_noise(1_600, peak=57, seed=1)
    long = sound.room_tone(short, 10_000, fade_samples=480)
    assert len(long) == 10_000
    assert np.array_equal(long[:1_120], short[:1_120])
    assert np.array_equal(long, sound.room_tone(short, 10_000, fade_samples=480))


def test_noise_has_the_level_it_says() -> None:
    noise = sound.low_noise(16_000, peak=57, seed=1)
    assert np.abs(noise).max() == 57
    assert sound.frame_levels_dbfs(noise).mean() == pytest.approx(-60.0, abs=0.5)


def test_levels() -> None:
    pcm = np.concatenate([np.zeros(160), np.full(160, 16_384), np.zeros(50)]).astype(np.int16)
    assert sound.frame_levels_dbfs(pcm) == pytest.approx([-96.0, -6.02], abs=0.01)


def test_mix_holds_the_range() -> None:
    loud = np.array([30_000, -30_000, 5], np.int16)
    assert sound.mix(loud, loud).tolist() == [32_767, -32_768, 10]
