"""Telling a caller who breaks in from the answer's own echo, by level.

A microphone beside a loudspeaker hears the answer, and a voice detector calls it speech. While an
answer is played, what comes is held back for a moment, and heard only where it is louder than its
echo can be; else silence is heard in its place.

How loud the echo is, and how late, is learned from the answer itself: an echo rises and falls as
what was played did, a caller does not. With a headset nothing does, and there is no echo to fear.
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
UNKNOWN_DB = -8.0
"""The loudest echo that is reckoned with before it is known, against what is played."""
OPEN_FRAMES = 15
"""How long what follows is heard, for a detector to say whether it is speech."""
_RISE_DB = 0.2
"""The room's level falls at once, and rises by so much a frame."""


class EchoLevel:
    """Learns how an answer comes back.

    Attributes:
        gain_db: how loud, against what is played; None where it does not, or is not known yet.
        is_known: whether enough was played to tell.
    """

    FRAMES = 25
    LEAST = 15
    LAGS = round(ECHO_S / LEVEL_S)
    PLAYED_DB = -50.0
    """Below it, what is played says nothing of its echo."""
    ALIKE = 0.6
    """Correlation of the levels from which on it is an echo: 0.9 and more in a quiet room, below
    0.4 for somebody else's speech."""
    SMEARED = 4
    """Frames in which a room lets a sound fade."""

    def __init__(self) -> None:
        count = self.FRAMES + self.LAGS
        self._heard: deque[float] = deque(maxlen=count)
        self._played: deque[float] = deque(maxlen=count)
        self._frames = self._lag = 0
        self.gain_db: float | None = None

    @property
    def is_known(self) -> bool:
        """Whether enough was played to tell."""
        return self._frames >= self.LEAST

    def push(self, heard_db: float, played_db: float) -> None:
        """The levels of a frame, as heard and as played."""
        self._heard.append(heard_db)
        self._played.append(played_db)
        self._frames += played_db > self.PLAYED_DB
        if self.is_known:
            self._learn()

    def loudest_db(self) -> float:
        """The level that the echo may have now."""
        played = list(self._played)
        if not self.is_known:
            return max(played) + UNKNOWN_DB
        if self.gain_db is None:
            return SILENCE_DB
        newest = len(played) - 1 - self._lag
        about = played[max(0, newest - self.SMEARED) : newest + 2]
        return max(about, default=SILENCE_DB) + self.gain_db

    def _learn(self) -> None:
        heard = np.maximum(np.array(self._heard), self.PLAYED_DB - 20)
        played = np.maximum(np.array(self._played), self.PLAYED_DB)
        best, at = self.ALIKE, None
        for lag in range(max(1, min(self.LAGS, len(heard) - self.LEAST))):
            mine, theirs = heard[lag:], played[: len(played) - lag]
            alike = _alike(mine[-self.FRAMES :], theirs[-self.FRAMES :])
            if alike > best:
                best, at = alike, lag
        if at is None:
            return
        mine, theirs = heard[at:][-self.FRAMES :], played[: len(played) - at][-self.FRAMES :]
        loud = theirs > self.PLAYED_DB + 10
        if loud.sum() >= self.LEAST // 2:
            self._lag = at
            self.gain_db = min(UNKNOWN_DB, float(np.percentile((mine - theirs)[loud], 75)))


class EchoGate:
    """What of a caller's sound is heard while an answer is played.

    Args:
        loudest_db: the highest level that was played between two moments, in seconds.
        is_playing: whether an answer is being heard, at a moment.

    Attributes:
        echo: what is known of it.
    """

    def __init__(
        self, loudest_db: Callable[[float, float], float], is_playing: Callable[[float], bool]
    ) -> None:
        self._loudest_db = loudest_db
        self._is_playing = is_playing
        self._rest = np.zeros(0, np.float32)
        self._held: deque[FloatArray] = deque()
        self._latest: deque[bool] = deque(maxlen=OF_LATEST)
        self._room_db = SILENCE_DB
        self._open = 0
        self.echo = EchoLevel()

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
        rest, self._rest = self._rest, np.zeros(0, np.float32)
        self._held.clear()
        self._latest.clear()
        if len(sound) >= FRAME_SAMPLES:
            quietest = min(levels_db(sound, FRAME_SAMPLES))
            known = self._room_db > SILENCE_DB
            self._room_db = min(quietest, self._room_db + _RISE_DB) if known else quietest
        return np.concatenate([*held, rest, sound]) if held or len(rest) else sound

    def _frame(self, frame: FloatArray, at_s: float) -> FloatArray:
        (level_db,) = levels_db(frame, FRAME_SAMPLES)
        self.echo.push(level_db, self._loudest_db(at_s - LEVEL_S, at_s))
        limit_db = max(self.echo.loudest_db() + ABOVE_ECHO_DB, self._room_db + ABOVE_ROOM_DB)
        self._latest.append(level_db > limit_db)
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


def _alike(one: FloatArray, other: FloatArray) -> float:
    """The correlation of two rows of levels; 0 where one of them does not change."""
    spread = float(one.std() * other.std())
    if spread < 1.0:
        return 0.0
    return float(((one - one.mean()) * (other - other.mean())).mean() / spread)
