"""A caller is told from the answer's echo by level, and nothing of what they say is lost."""

import numpy as np
import pytest

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.voice.echo import HELD_FRAMES, EchoGate
from lab_kit.voice.playback import LEVEL_S, Playback

CHUNK = SAMPLE_RATE_HZ // 50
ROOM = 1e-3


def noise(duration_s: float, level: float, seed: int = 1) -> FloatArray:
    count = round(duration_s * SAMPLE_RATE_HZ)
    return np.random.default_rng(seed).normal(0, level, count).astype(np.float32)


class Room:
    """A loudspeaker that the microphone hears, by a clock that the sound is."""

    def __init__(self, echo_db: float) -> None:
        self.playback = Playback()
        self.gate = EchoGate(self.playback.loudest_db, lambda at_s: self.playback.left_s(at_s) > 0)
        self.gain = 10 ** (echo_db / 20)
        self.now_s = 0.0
        self.hear(noise(0.5, ROOM))

    def play(self, sound: FloatArray) -> FloatArray:
        self.playback.send(sound, SAMPLE_RATE_HZ, self.now_s)
        return sound * self.gain

    def hear(self, sound: FloatArray) -> FloatArray:
        heard = []
        for start in range(0, len(sound), CHUNK):
            piece = sound[start : start + CHUNK]
            self.now_s += len(piece) / SAMPLE_RATE_HZ
            heard.append(self.gate.push(piece, self.now_s))
        return np.concatenate(heard)


def level(sound: FloatArray) -> float:
    return float(np.sqrt((sound * sound).mean())) if len(sound) else 0.0


@pytest.mark.parametrize("echo_db", [-10, -20, -30, -60])
def test_an_echo_is_heard_as_silence(echo_db: float) -> None:
    room = Room(echo_db)
    echo = room.play(noise(3.0, 0.1))
    assert level(room.hear(echo + noise(3.0, ROOM, 2))) == 0.0


@pytest.mark.parametrize("echo_db", [-10, -20, -30, -60])
def test_a_caller_who_breaks_in_is_heard_from_their_first_sound_on(echo_db: float) -> None:
    room = Room(echo_db)
    echo = room.play(noise(3.0, 0.1))
    room.hear(echo[:SAMPLE_RATE_HZ])
    before = room.now_s
    mine = noise(0.3, 0.1, 3)
    heard = room.hear(mine + echo[SAMPLE_RATE_HZ : SAMPLE_RATE_HZ + len(mine)])
    loud = heard[np.flatnonzero(heard)[0] :]
    assert room.now_s - before == pytest.approx(0.3)
    assert len(loud) >= len(mine) - CHUNK
    assert len(heard) <= len(mine) + HELD_FRAMES * CHUNK


def test_a_knock_is_no_caller() -> None:
    room = Room(-20)
    sound = room.play(noise(2.0, 0.1))
    sound = sound.copy()
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
    assert playback.loudest_db(1.1, 1.2) == pytest.approx(-20, abs=1)
    assert playback.loudest_db(1.6, 1.9) == pytest.approx(-40, abs=1)
    assert playback.loudest_db(2.1, 2.4) < -90
    assert playback.left_s(1.2) == pytest.approx(0.8)
    playback.stop(1.3)
    assert playback.left_s(1.3) == 0
    assert playback.loudest_db(1.4, 1.9) < -90
    assert playback.loudest_db(1.1, 1.3) == pytest.approx(-20, abs=1)
    assert LEVEL_S == 0.02
