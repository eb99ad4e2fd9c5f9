"""A caller is told from the answer's echo by level, and nothing of what they say is lost."""

import numpy as np
import pytest

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.datasets import clip
from lab_kit.voice.echo import HELD_FRAMES, EchoGate
from lab_kit.voice.levels import BANDS, EDGES_HZ, band_levels_db, whole_db
from lab_kit.voice.playback import Playback

CHUNK = SAMPLE_RATE_HZ // 50
ROOM = 1e-3
ECHOES_DB = [-10, -20, -30, -60]


def noise(duration_s: float, level: float, seed: int = 1) -> FloatArray:
    count = round(duration_s * SAMPLE_RATE_HZ)
    return np.random.default_rng(seed).normal(0, level, count).astype(np.float32)


def speech(name: str, level: float) -> FloatArray:
    said = clip(name)
    first, last = round(said.words[0].start_s * 16_000), round(said.words[-1].end_s * 16_000)
    sound = said.samples[first:last]
    return np.asarray(sound * (level / np.sqrt((sound * sound).mean())), np.float32)


ANSWER = np.tile(speech("speech-book-table", 0.1), 2)
CALLER = speech("two-cities-best", 0.1)


class Room:
    """A loudspeaker that the microphone hears, by a clock that the sound is."""

    def __init__(self, echo_db: float) -> None:
        self.playback = Playback()
        self.gate = EchoGate(self.playback.loudest_db, lambda at_s: self.playback.left_s(at_s) > 0)
        self.gain = 10 ** (echo_db / 20)
        self.now_s = 0.0
        self.hear(noise(0.5, ROOM))

    def play(self, sound: FloatArray) -> FloatArray:
        """Sound, and its echo with the room's noise."""
        self.playback.send(sound, SAMPLE_RATE_HZ, self.now_s)
        return np.asarray(sound * self.gain + noise(len(sound) / 16_000, ROOM, 2), np.float32)

    def hear(self, sound: FloatArray) -> FloatArray:
        heard = []
        for start in range(0, len(sound), CHUNK):
            piece = sound[start : start + CHUNK]
            self.now_s += len(piece) / SAMPLE_RATE_HZ
            heard.append(self.gate.push(piece, self.now_s))
        return np.concatenate(heard)


def level(sound: FloatArray) -> float:
    return float(np.sqrt((sound * sound).mean())) if len(sound) else 0.0


@pytest.mark.parametrize("echo_db", ECHOES_DB)
def test_an_echo_is_heard_as_silence(echo_db: float) -> None:
    room = Room(echo_db)
    assert level(room.hear(room.play(ANSWER))) == 0.0
    gain_db = room.gate.echo.gain_db
    if echo_db > -40:  # else it is below the room's noise
        assert gain_db is not None
        assert np.median(gain_db) == pytest.approx(echo_db, abs=4)


@pytest.mark.parametrize("echo_db", ECHOES_DB)
def test_a_caller_who_breaks_in_is_heard_from_their_first_word_on(echo_db: float) -> None:
    room = Room(echo_db)
    echo = room.play(ANSWER)
    begins = 3 * SAMPLE_RATE_HZ // 2
    room.hear(echo[:begins])
    mine = CALLER[: round(0.4 * SAMPLE_RATE_HZ)]
    heard = room.hear(mine + echo[begins : begins + len(mine)])
    loud = heard[np.flatnonzero(heard)[0] :]
    assert len(loud) >= len(mine) - 4 * CHUNK
    assert len(heard) <= len(mine) + HELD_FRAMES * CHUNK


@pytest.mark.parametrize("quieter", [1, 0.5])
def test_with_a_headset_a_quiet_caller_is_heard_in_the_first_words_of_an_answer(
    quieter: float,
) -> None:
    room = Room(-90)
    echo = room.play(ANSWER)
    heard = room.hear(CALLER * quieter + echo[: len(CALLER)])
    assert level(heard) > quieter * 0.02


def test_a_knock_is_no_caller() -> None:
    room = Room(-20)
    sound = room.play(ANSWER)
    sound[16_000:16_900] += 0.5
    assert level(room.hear(sound)) == 0.0


@pytest.mark.parametrize("chunk", [160, 320, 480, 4_000])
def test_no_sample_is_lost_or_moved(chunk: int) -> None:
    room = Room(-20)
    sound = noise(1.0, ROOM, 5)
    room.play(noise(0.4, 0.1))
    after = np.concatenate([sound, np.full(16_000, 0.25, np.float32)])
    heard = []
    for start in range(0, len(after), chunk):
        piece = after[start : start + chunk]
        room.now_s += len(piece) / SAMPLE_RATE_HZ
        heard.append(room.gate.push(piece, room.now_s))
    whole = np.concatenate(heard)
    assert len(whole) == len(after)
    assert (whole[16_000:] == 0.25).all()


def test_what_is_played_has_a_level_when_it_is_heard() -> None:
    playback = Playback()
    assert playback.send(noise(0.5, 0.1), SAMPLE_RATE_HZ, 1.0) == 1.0
    assert playback.send(noise(0.5, 0.01), SAMPLE_RATE_HZ, 1.2) == 1.5

    def level_db(from_s: float, to_s: float) -> float:
        return float(whole_db(playback.loudest_db(from_s, to_s)))

    loud_db = level_db(1.1, 1.2)
    assert loud_db == pytest.approx(-22, abs=3)  # of noise up to 8 kHz the bands have half
    assert level_db(1.6, 1.9) == pytest.approx(loud_db - 20, abs=2)
    assert level_db(2.1, 2.4) < -80
    assert playback.left_s(1.2) == pytest.approx(0.8)
    playback.stop(1.3)
    assert playback.left_s(1.3) == 0
    assert level_db(1.4, 1.9) < -80
    assert level_db(1.1, 1.3) == pytest.approx(loud_db, abs=2)


def test_a_tone_is_loud_in_its_own_band_whatever_the_rate() -> None:
    for rate_hz in (16_000, 24_000):
        tone = np.sin(2 * np.pi * 1_000 * np.arange(rate_hz) / rate_hz).astype(np.float32)
        levels = band_levels_db(tone * 0.1, rate_hz)
        assert levels.shape == (50, BANDS)
        band = next(n for n, low in enumerate(EDGES_HZ) if low <= 1_000 < EDGES_HZ[n + 1])
        assert levels[:, band] == pytest.approx(np.full(50, -23.0), abs=1)
        assert np.delete(levels, band, axis=1).max() < -40
