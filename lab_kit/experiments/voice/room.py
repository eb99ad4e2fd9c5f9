"""A caller's room: a mouth, a loudspeaker that plays answers at once, a microphone that hears both.

All of it goes by the clock: sound is there when it was due, whether or not anybody was quick.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

from lab_kit.audio.pcm import FloatArray, to_float
from lab_kit.audio.resample import to_rate
from lab_kit.core.units import SAMPLE_RATE_HZ, samples
from lab_kit.dialects.openai.conversation.client import RATE_HZ

FRAME_S = 0.02
FRAME_SAMPLES = samples(FRAME_S)
ROOM_DB = -60.0
"""The noise of a quiet room."""
AUDIBLE = 10 ** (-50 / 20)
"""Amplitude from which a sound can be heard in it."""
REFLECTIONS = ((0.0, 0.0), (0.007, -6.0), (0.013, -9.0), (0.023, -12.0))
"""Of the loudspeaker's sound on its way to the microphone: seconds later, decibels weaker."""
_SEED = 7


@dataclass(frozen=True, slots=True)
class Placed:
    """Sound at 16 kHz, and the frame in which it begins."""

    frame: int
    sound: FloatArray


class Room:
    """One caller's.

    Args:
        started_ns: when its first frame begins.
        echo_db: how loud the loudspeaker is in the microphone, against what is played; None for a
            headset.
    """

    def __init__(self, started_ns: int, echo_db: float | None = None) -> None:
        self.started_ns = started_ns
        self._echo = 0.0 if echo_db is None else 10 ** (echo_db / 20)
        self._noise = np.random.default_rng(_SEED)
        self._frame = 0
        self._said: deque[Placed] = deque()
        self._played = np.zeros(0, np.float32)
        self._playing: deque[FloatArray] = deque()
        self._item = ""
        self._item_s = 0.0

    @property
    def is_playing(self) -> bool:
        """Whether an answer is to be heard."""
        return bool(self._playing)

    @property
    def is_silent(self) -> bool:
        """Whether the caller has said all that they had to say."""
        return not self._said

    @property
    def played(self) -> tuple[str, float]:
        """The answer that was played last, and how much of it, in seconds."""
        return self._item, self._item_s

    def say(self, sound: FloatArray) -> int:
        """Say (samples,) float32 at 16 kHz from the next frame on; returns when that begins."""
        self._said.append(Placed(self._frame, sound))
        return self.due_ns(self._frame)

    def due_ns(self, frame: int) -> int:
        """When a frame begins."""
        return self.started_ns + round(frame * FRAME_S * 1e9)

    def play(self, item: str, pcm24: bytes) -> float | None:
        """Play more of an answer, at once or behind what is played.

        Returns:
            Seconds of it until something can be heard; None where it is not the first, or nothing
            can.
        """
        sound = to_float(pcm24, "linear16")
        is_first = item != self._item
        if is_first:
            self._item, self._item_s = item, 0.0
        loud = np.flatnonzero(np.abs(sound) > AUDIBLE)
        narrow = to_rate(sound, RATE_HZ, SAMPLE_RATE_HZ)
        if self._playing and len(self._playing[-1]) < FRAME_SAMPLES:
            narrow = np.concatenate([self._playing.pop(), narrow])
        for start in range(0, len(narrow), FRAME_SAMPLES):
            self._playing.append(narrow[start : start + FRAME_SAMPLES])
        return float(loud[0] / RATE_HZ) if is_first and len(loud) else None

    def stop(self) -> None:
        """Play no more."""
        self._playing.clear()

    def hear(self) -> FloatArray:
        """The next frame of the microphone, (320,) float32; its last sample sounds as it ends."""
        noise = self._noise.normal(0, 10 ** (ROOM_DB / 20), FRAME_SAMPLES)
        frame = (noise + self._voice() + self._loudspeaker()).astype(np.float32)
        self._frame += 1
        return frame

    def _voice(self) -> FloatArray:
        heard = np.zeros(FRAME_SAMPLES, np.float32)
        for placed in tuple(self._said):
            at = (self._frame - placed.frame) * FRAME_SAMPLES
            piece = placed.sound[at : at + FRAME_SAMPLES]
            heard[: len(piece)] += piece
            if at + FRAME_SAMPLES >= len(placed.sound):
                self._said.remove(placed)
        return heard

    def _loudspeaker(self) -> FloatArray:
        piece = self._playing.popleft() if self._playing else np.zeros(0, np.float32)
        self._item_s += len(piece) / SAMPLE_RATE_HZ
        frame = np.zeros(FRAME_SAMPLES, np.float32)
        frame[: len(piece)] = piece
        longest = samples(REFLECTIONS[-1][0])
        self._played = np.concatenate([self._played[-longest:], frame])
        heard = np.zeros(FRAME_SAMPLES, np.float32)
        end = len(self._played)
        for later_s, weaker_db in REFLECTIONS:
            first = end - FRAME_SAMPLES - samples(later_s)
            if first >= 0:
                weight = np.float32(self._echo * 10 ** (weaker_db / 20))
                heard += weight * self._played[first : first + FRAME_SAMPLES]
        return heard
