"""Telling a caller who breaks in from the answer's own echo, by level.

A microphone beside a loudspeaker hears the answer, and a voice detector calls it speech. While an
answer is played, what comes is held back for a moment, and heard only where it is louder than its
echo can be, in some band; else silence is heard in its place.

How loud the echo is, and how late, is learned from the answer itself: an echo rises and falls as
what was played did, a caller does not. With a headset nothing does, and there is no echo to fear.
"""

import math
from collections import Counter, deque
from collections.abc import Callable

import numpy as np

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.units import SAMPLE_RATE_HZ, samples
from lab_kit.voice.levels import BANDS, FRAME_S, SILENCE_DB, Levels, band_levels_db, whole_db

FRAME_SAMPLES = samples(FRAME_S)
ABOVE_ECHO_DB = 7.0
"""Two frames of a window differ by so much where sound and echo are not cut alike."""
ABOVE_ROOM_DB = 15.0
"""A caller is louder than the room, whatever the echo."""
OF_LATEST, LOUD = 5, 4
"""Frames: a knock is over sooner."""
HELD_FRAMES = 10
"""Of what is held back: the beginning of the word by which somebody breaks in."""
ECHO_S = 0.3
"""How long after it was sent a sound may be heard as echo: a client's buffer and the room."""
UNKNOWN_DB = -8.0
"""The loudest echo that is reckoned with, against what is played."""
OPEN_FRAMES = 15
"""How long what follows is heard, for a detector to say whether it is speech."""
_DRIFT = 2e-4
"""By which two clocks may go apart."""
_RISE_DB = 0.2
"""The room's level falls at once, and rises by so much a frame."""


class EchoLevel:
    """Learns how an answer comes back.

    Attributes:
        gain_db: how loud in each band, against what is played, (bands,); None where it does not
            come back, or that is not known yet.
        is_absent: it was quiet in the room while something loud was played.
    """

    FRAMES = 25
    LEAST = 15
    LAGS = round(ECHO_S / FRAME_S)
    PLAYED_DB = -50.0
    """Below it, what is played says nothing of its echo."""
    ALIKE = 0.8
    """Correlation of the levels from which on it is an echo: 0.9 and more in a quiet room. Of
    somebody else's speech the best of all lags reaches 0.7 now and then."""
    LOUD_DB, QUIET_DB = -40.0, 8.0
    """Where so much is played, and the room stays as quiet, it does not come back."""
    SMEARED = 4
    """Frames in which a room lets a sound fade."""
    LEARNED = 200
    """Frames of one band from which its gain is taken: four seconds of an answer."""

    def __init__(self) -> None:
        count = self.FRAMES + self.LAGS
        self._heard: deque[Levels] = deque(maxlen=count)
        self._played: deque[Levels] = deque(maxlen=count)
        self._lag = 0
        self.is_absent = False
        self._lags: deque[int] = deque(maxlen=self.LEARNED)
        self._gains: list[deque[float]] = [deque(maxlen=self.LEARNED) for _ in range(BANDS)]
        self.gain_db: Levels | None = None

    def push(self, heard_db: Levels, played_db: Levels, room_db: float, *, learns: bool) -> None:
        """The levels of a frame, (bands,) as heard and as played.

        Args:
            room_db: the level of the room without either.
            learns: nobody seems to speak.
        """
        self._heard.append(heard_db)
        self._played.append(played_db)
        if learns and len(self._heard) >= self.LEAST:
            self._learn(room_db)

    def loudest_db(self) -> Levels:
        """The level in each band that the echo may have now, (bands,)."""
        played = np.array(self._played)
        if self.gain_db is None and self.is_absent:
            return np.full(BANDS, SILENCE_DB)
        if self.gain_db is None:
            return np.asarray(played[-self.LAGS :].max(axis=0) + UNKNOWN_DB)
        newest = len(played) - 1 - self._lag
        about = played[max(0, newest - self.SMEARED) : newest + 2]
        return np.asarray(about.max(axis=0) + self.gain_db)

    def _learn(self, room_db: float) -> None:
        heard, played = np.array(self._heard), np.array(self._played)
        mine = np.maximum(whole_db(heard), self.PLAYED_DB - 20)
        theirs = np.maximum(whole_db(played), self.PLAYED_DB)
        loud = theirs > self.LOUD_DB
        if loud.sum() >= self.LEAST:
            self.is_absent = bool(np.median(mine[loud]) < room_db + self.QUIET_DB)
        best, at = self.ALIKE, None
        for lag in range(max(1, min(self.LAGS, len(heard) - self.LEAST))):
            alike = _alike(mine[lag:][-self.FRAMES :], theirs[: len(theirs) - lag][-self.FRAMES :])
            if alike > best:
                best, at = alike, lag
        if at is None:
            return
        self._lags.append(at)
        self._lag = Counter(self._lags).most_common(1)[0][0]
        newest_heard, newest_played = heard[-1], played[len(played) - 1 - self._lag]
        for band, gains in enumerate(self._gains):
            if newest_played[band] > self.PLAYED_DB:
                gains.append(float(newest_heard[band] - newest_played[band]))
        self.gain_db = np.array([self._gain_db(gains) for gains in self._gains])

    def _gain_db(self, gains: "deque[float]") -> float:
        if len(gains) < self.LEAST // 2:
            return UNKNOWN_DB
        return min(UNKNOWN_DB, float(np.percentile(gains, 75)))


class EchoGate:
    """What of a caller's sound is heard while an answer is played.

    Args:
        loudest_db: the highest level in each band that was played between two moments, in seconds.
        is_playing: whether an answer is being heard, at a moment.

    Attributes:
        echo: what is known of it.
    """

    def __init__(
        self, loudest_db: Callable[[float, float], Levels], is_playing: Callable[[float], bool]
    ) -> None:
        self._loudest_db = loudest_db
        self._is_playing = is_playing
        self._rest = np.zeros(0, np.float32)
        self._held: deque[FloatArray] = deque()
        self._latest: deque[bool] = deque(maxlen=OF_LATEST)
        self._room_db: Levels | None = None
        self._open = 0
        self._zero_s = math.inf
        self._came_s = 0.0
        self.echo = EchoLevel()

    def push(self, sound: FloatArray, now_s: float) -> FloatArray:
        """What is heard of (samples,) float32 at 16 kHz whose last sample came now."""
        now_s = self._sounded_s(len(sound) / SAMPLE_RATE_HZ, now_s)
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

    def _sounded_s(self, length_s: float, now_s: float) -> float:
        """When the last sample sounded: sound may come late, never early."""
        self._came_s += length_s
        self._zero_s = min(self._zero_s + _DRIFT * length_s, now_s - self._came_s)
        return self._zero_s + self._came_s

    def _all(self, sound: FloatArray) -> FloatArray:
        """Nothing is played: everything, once what was held back has passed, as silence unless
        somebody seems to have begun."""
        held = [frame if any(self._latest) else np.zeros_like(frame) for frame in self._held]
        rest, self._rest = self._rest, np.zeros(0, np.float32)
        self._held.clear()
        self._latest.clear()
        if len(sound) >= FRAME_SAMPLES:
            quietest = band_levels_db(sound, SAMPLE_RATE_HZ).min(axis=0)
            known = self._room_db
            self._room_db = quietest if known is None else np.minimum(quietest, known + _RISE_DB)
        return np.concatenate([*held, rest, sound]) if held or len(rest) else sound

    def _frame(self, frame: FloatArray, at_s: float) -> FloatArray:
        (levels_db,) = band_levels_db(frame, SAMPLE_RATE_HZ)
        room_db = SILENCE_DB if self._room_db is None else float(whole_db(self._room_db))
        self.echo.push(
            levels_db, self._loudest_db(at_s - FRAME_S, at_s), room_db, learns=not self._open
        )
        limit_db = self.echo.loudest_db() + ABOVE_ECHO_DB
        if self._room_db is not None:
            limit_db = np.maximum(limit_db, self._room_db + ABOVE_ROOM_DB)
        self._latest.append(bool((levels_db > limit_db).any()))
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


def _alike(one: Levels, other: Levels) -> float:
    """The correlation of two rows of levels; 0 where one of them does not change."""
    spread = float(one.std() * other.std())
    if spread < 1.0:
        return 0.0
    return float(((one - one.mean()) * (other - other.mean())).mean() / spread)
