"""The level as a witness: on synthetic sound, where the truth is known to the sample."""

import numpy as np
import pytest

from lab_kit.audio.detect.loudness import FRAME_SAMPLES, Loudness, frame_levels_db
from lab_kit.audio.pcm import FloatArray

WINDOW = 512


def noise(duration_s: float, level_db: float, seed: int = 1) -> FloatArray:
    size = round(duration_s * 16_000 / WINDOW) * WINDOW
    sound = np.random.default_rng(seed).normal(0, 10 ** (level_db / 20), size)
    return sound.astype(np.float32)


def followed(*parts: FloatArray) -> Loudness:
    loudness = Loudness()
    for levels_db in frame_levels_db(np.concatenate(parts).reshape(-1, WINDOW)):
        loudness.push(levels_db)
    return loudness


@pytest.mark.parametrize("floor_db", [-90.0, -60.0, -45.0])
def test_the_end_of_a_burst_is_placed_within_a_few_frames(floor_db: float) -> None:
    before, burst = noise(0.5, floor_db), noise(1.0, -20.0, seed=2)
    loudness = followed(before, burst, noise(0.5, floor_db, seed=3))
    end = len(before) + len(burst)
    assert loudness.loud_until_sample == pytest.approx(end, abs=3 * FRAME_SAMPLES)


def test_steady_sound_of_any_level_is_not_loud() -> None:
    """A fan is the room's floor, not speech; one frame that sticks out is not a sound either."""
    for level_db in (-60.0, -30.0, -10.0):
        assert followed(noise(2.0, level_db)).loud_until_sample == 0


def test_digital_silence_says_nothing_of_the_room() -> None:
    """A line that was muted at first is heard as well as one that was not."""
    muted = np.zeros(WINDOW * 60, np.float32)
    room, burst, after = noise(0.5, -60.0), noise(1.0, -20.0, seed=2), noise(0.5, -60.0, seed=3)
    loudness = followed(muted, room, burst, after)
    end = len(muted) + len(room) + len(burst)
    assert loudness.loud_until_sample == pytest.approx(end, abs=3 * FRAME_SAMPLES)
    assert loudness.is_clear


def test_a_single_click_is_not_loud() -> None:
    room = noise(1.0, -70.0)
    room[8_000:8_010] = 0.9
    assert followed(room).loud_until_sample == 0


def test_speech_is_clear_when_it_stands_far_above_the_room() -> None:
    assert followed(noise(0.5, -70.0), noise(0.5, -30.0)).is_clear
    assert not followed(noise(0.5, -40.0), noise(0.5, -28.0)).is_clear


def test_clearness_outlives_a_pause_but_not_for_ever() -> None:
    burst = (noise(0.5, -60.0), noise(0.5, -30.0))
    assert followed(*burst, noise(1.0, -60.0)).is_clear
    assert not followed(*burst, noise(6.0, -60.0)).is_clear


def test_the_floor_follows_a_room_that_turns_loud() -> None:
    """A fan that starts is loud at first and the floor after a while."""
    change = len(noise(1.0, -60.0))
    soon = followed(noise(1.0, -60.0), noise(1.0, -45.0))
    later = followed(noise(1.0, -60.0), noise(20.0, -45.0))
    assert soon.loud_until_sample > change + 8_000
    assert later.loud_until_sample < change + 10 * 16_000


def test_digital_silence_is_finite() -> None:
    loudness = followed(np.zeros(WINDOW * 10, np.float32))
    assert loudness.loud_until_sample == 0
    assert not loudness.is_clear


@pytest.mark.parametrize("unmuted_samples", [2, 3, 5])
def test_a_frame_that_is_muted_in_part_says_nothing_of_the_room(unmuted_samples: int) -> None:
    """A line is muted and opened in the middle of frames: what is left of them is no quiet room."""
    room, after = noise(1.024, -55.0), noise(0.512, -55.0, seed=3)
    burst = noise(0.256, -20.0, seed=2)
    room[20 * FRAME_SAMPLES + unmuted_samples : 120 * FRAME_SAMPLES - unmuted_samples] = 0.0
    loudness = followed(room, burst, after)
    end = len(room) + len(burst)
    assert loudness.loud_until_sample == pytest.approx(end, abs=3 * FRAME_SAMPLES)
