"""A ring buffer for captured sound: it never blocks the sound card and never loses silently.

Whoever records cannot wait. When nobody fetches, the oldest chunk makes room for the newest, is
counted, and told of as an event; more than one in a hundred within a minute is an alarm.
"""

from collections import deque
from dataclasses import dataclass

ALARM_SHARE = 0.01
ALARM_WINDOW_S = 60.0


@dataclass(frozen=True, slots=True)
class Overflow:
    """A chunk was overwritten before anybody fetched it.

    Attributes:
        at_s: when, in seconds of captured sound.
        lost: chunks lost since the beginning.
        share: lost in the last minute, of the chunks that a minute has.
        is_alarm: whether that is more than `ALARM_SHARE`.
    """

    at_s: float
    lost: int
    share: float
    is_alarm: bool


class CaptureRing:
    """The chunks of one capture, oldest first.

    Args:
        chunk_s: sound in a chunk.
        capacity_s: sound that is kept for a consumer that is slow; at least one chunk.
    """

    def __init__(self, chunk_s: float, capacity_s: float) -> None:
        self._chunk_s = chunk_s
        self._capacity = max(1, round(capacity_s / chunk_s))
        self._chunks: deque[bytes] = deque()
        self._lost_at_s: deque[float] = deque()
        self._lost = 0
        self._now_s = 0.0

    def __len__(self) -> int:
        return len(self._chunks)

    def push(self, chunk: bytes) -> Overflow | None:
        """Keep a chunk; tells of the one that had to make room, if one had to."""
        self._now_s += self._chunk_s
        self._chunks.append(chunk)
        if len(self._chunks) <= self._capacity:
            return None
        self._chunks.popleft()
        self._lost += 1
        self._lost_at_s.append(self._now_s)
        while self._lost_at_s[0] <= self._now_s - ALARM_WINDOW_S:
            self._lost_at_s.popleft()
        share = len(self._lost_at_s) / round(ALARM_WINDOW_S / self._chunk_s)
        return Overflow(self._now_s, self._lost, share, share > ALARM_SHARE)

    def pop(self) -> bytes | None:
        """The oldest chunk; None if there is none."""
        return self._chunks.popleft() if self._chunks else None
