"""Telling a caller who breaks in from the answer's own echo, by level.

A microphone beside a loudspeaker hears the answer, and a voice detector calls it speech. While an
answer is played, what comes is held back for a moment, and heard only where it is louder than that
echo can be; else silence is heard in its place. What the echo can be is learned from the answer
itself: nobody breaks in at its first words.
"""

from collections import deque
from collections.abc import Callable

import numpy as np

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.units import SAMPLE_RATE_HZ, samples
from lab_kit.voice.playback import LEVEL_S, SILENCE_DB, levels_db

FRAME_SAMPLES = samples(LEVEL_S)
ABOVE_ECHO_DB = 6.0
ABOVE_ROOM_DB = 12.0
"""A caller is louder than the room, whatever the echo."""
OF_LATEST, LOUD = 5, 4
"""Frames: a knock is over sooner."""
HELD_FRAMES = 10
"""Of what is held back: the beginning of the word by which somebody breaks in."""
ECHO_S = 0.3
"""How long after it was sent a sound may be heard as echo: a client's buffer and the room."""
LEARNED_FRAMES = 15
"""Of sound that was loud enough to be heard again, after which the echo is known."""
UNKNOWN_DB = -8.0
"""The loudest echo that is reckoned with before it is known, against what is played."""
OPEN_FRAMES = 15
"""How long what follows is heard, for a detector to say whether it is speech."""
_PLAYED_DB = -45.0
"""Below it, what is played says nothing of its echo."""
_SETTLING = 0.2
_MARGIN = 1.0


class EchoGate:
    """What of a caller's sound is heard while an answer is played.

    Args:
        loudest_db: the highest level that was played between two moments, in seconds.
        is_playing: whether an answer is being heard, at a moment.

    Attributes:
        echo_db: how loud the echo is against what is played; None until it is known.
    """

    def __init__(
        self, loudest_db: Callable[[float, float], float], is_playing: Callable[[float], bool]
    ) -> None:
        self._loudest_db = loudest_db
        self._is_playing = is_playing
        self._rest = np.zeros(0, np.float32)
        self._held: deque[FloatArray] = deque()
        self._latest: deque[bool] = deque(maxlen=OF_LATEST)
        self._learned: list[float] = []
        self._room_db = SILENCE_DB
        self._open = 0
        self.echo_db: float | None = None

    def push(self, sound: FloatArray, now_s: float) -> FloatArray:
        """What is heard of (samples,) float32 at 16 kHz whose last sample came now."""
        if not self._is_playing(now_s - ECHO_S):
            return self._all(sound)
        waiting = np.concatenate([self._rest, sound])
        whole = len(waiting) // FRAME_SAMPLES * FRAME_SAMPLES
        self._rest = waiting[whole:]
        heard = []
        for end in range(FRAME_SAMPLES, whole + 1, FRAME_SAMPLES):
            at_s = now_s - (len(waiting) - end) / SAMPLE_RATE_HZ
            heard.append(self._frame(waiting[end - FRAME_SAMPLES : end], at_s))
        return np.concatenate(heard) if heard else np.zeros(0, np.float32)

    def open(self) -> None:
        """Somebody broke in: the answer stops, and everything is heard."""
        self._open = OPEN_FRAMES

    def _all(self, sound: FloatArray) -> FloatArray:
        """Nothing is played: everything, once what was held back has passed, as silence unless
        somebody seems to have begun."""
        held = [frame if any(self._latest) else np.zeros_like(frame) for frame in self._held]
        rest = self._rest
        self._held.clear()
        self._latest.clear()
        self._rest = np.zeros(0, np.float32)
        if len(sound) >= FRAME_SAMPLES:
            quietest = min(levels_db(sound, FRAME_SAMPLES))
            self._room_db = quietest if self._room_db <= SILENCE_DB else self._follow(quietest)
        return np.concatenate([*held, rest, sound]) if held or len(rest) else sound

    def _follow(self, level_db: float) -> float:
        """The room's level: falls at once, rises slowly."""
        return min(level_db, self._room_db + _SETTLING)

    def _frame(self, frame: FloatArray, at_s: float) -> FloatArray:
        (level_db,) = levels_db(frame, FRAME_SAMPLES)
        played_db = self._loudest_db(at_s - ECHO_S, at_s)
        self._learn(level_db, played_db)
        self._latest.append(level_db > self._limit_db(played_db))
        self._held.append(frame)
        if sum(self._latest) >= LOUD:
            self._open = OPEN_FRAMES
        if self._open:
            self._open -= 1
            heard = np.concatenate(list(self._held))
            self._held.clear()
            return heard
        if len(self._held) <= HELD_FRAMES:
            return np.zeros(0, np.float32)
        return np.zeros(len(self._held.popleft()), np.float32)

    def _limit_db(self, played_db: float) -> float:
        echo_db = UNKNOWN_DB if self.echo_db is None else self.echo_db
        return max(played_db + echo_db + ABOVE_ECHO_DB, self._room_db + ABOVE_ROOM_DB)

    def _learn(self, level_db: float, played_db: float) -> None:
        if self.echo_db is not None or played_db < _PLAYED_DB:
            return
        self._learned.append(level_db - played_db)
        if len(self._learned) >= LEARNED_FRAMES:
            self.echo_db = min(UNKNOWN_DB, max(self._learned) + _MARGIN)
