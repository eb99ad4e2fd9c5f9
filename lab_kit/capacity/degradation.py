"""Getting worse on purpose, in order, and better again without flapping: a pure controller.

Signals go in with the time, a level comes out. Each level keeps what those below it do:

1. fewer interims: the interval between them is stretched, and silence alone ends turns,
2. new streams of low priority are refused,
3. all new streams are refused, with a time to come back,
4. the longest streams of low priority are closed, their finals delivered.

A step up takes pressure for a while, a step down takes much less pressure for much longer: what
relieves the server at one level must not be taken for the end of the load.
"""

from collections import deque
from dataclasses import dataclass
from enum import IntEnum

from lab_kit.core.errors import InvalidParameter
from lab_kit.core.events import PriorityClass
from lab_kit.measure.percentiles import percentile


class Level(IntEnum):
    """How far the service is reduced."""

    FULL = 0
    FEWER_INTERIMS = 1
    REFUSE_LOW = 2
    REFUSE_ALL = 3
    CLOSE_LOW = 4


INTERIM_STRETCH = 2.0
"""Interims are most of a stream's cost, and fewer still read as live text."""
_HOLDS = 0.99
"""A pressure that leads neither up nor down, wherever down begins."""
LOW = (PriorityClass.STANDARD, PriorityClass.BATCH)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What counts as pressure, and how long it must last. Pressure 1 is exactly at a limit.

    Attributes:
        final_wait_s: what a final may come later than its endpoint, p95 of the last ones. With
            200 ms of silence it is what the 300 ms leave.
        queue_wait_s: what the oldest live request may wait; interims are due twice a second, and
            once where they are made fewer.
        busy: share of the workers' time. Beyond it a queue grows with every burst, so interims
            become fewer.
        saturated: share of their time beyond which fewer interims were not enough; up to here they
            take whatever time there is, and nobody is late for it.
        rise_s: pressure of 1 for so long is a step up. Admission keeps crowds out, so a step can
            wait until it is sure that this is no burst.
        fall: pressure must be below this,
        fall_s: for so long, for a step down.
    """

    final_wait_s: float = 0.1
    queue_wait_s: float = 0.5
    busy: float = 0.85
    saturated: float = 0.98
    rise_s: float = 1.5
    fall: float = 0.7
    fall_s: float = 3.0

    def __post_init__(self) -> None:
        waits, shares = (self.final_wait_s, self.queue_wait_s), (self.busy, self.saturated)
        limits = (*waits, *shares, self.fall)
        if not (all(limit > 0 for limit in limits) and self.fall < 1):
            raise InvalidParameter(
                f"thresholds {limits}",
                "more than 0, and fall below 1",
                "send every threshold above 0 and a fall such as 0.7",
            )
        if self.rise_s < 0 or self.fall_s < 0:
            raise InvalidParameter(
                f"{self.rise_s} s up and {self.fall_s} s down",
                "0 or more",
                "send rise_s and fall_s of 0 s or more",
            )


@dataclass(frozen=True, slots=True)
class Signals:
    """What is seen of the load at one moment.

    Attributes:
        final_wait_s: p95 over the last few seconds; None if nothing ended in them.
        queue_wait_s: of the oldest live request that waits.
        busy: share of the workers' time since the last look, in [0, 1].
    """

    final_wait_s: float | None = None
    queue_wait_s: float = 0.0
    busy: float = 0.0

    def pressure(self, thresholds: Thresholds, level: Level) -> float:
        """The worst of those that count at that level, in units of its limit."""
        late = max(
            (self.final_wait_s or 0.0) / thresholds.final_wait_s,
            self.queue_wait_s / thresholds.queue_wait_s,
        )
        if level is Level.FULL:
            return max(late, self.busy / thresholds.busy)
        if self.busy >= thresholds.saturated:
            return max(late, self.busy / thresholds.saturated)
        if level is Level.FEWER_INTERIMS:  # with all of them the workers would be busy again
            return max(late, min(self.busy / thresholds.busy, _HOLDS))
        return late


@dataclass(frozen=True, slots=True)
class LevelChange:
    """A step, up or down.

    Attributes:
        at_s: on the clock that the controller is given.
        pressure: that decided it.
    """

    at_s: float
    before: Level
    after: Level
    pressure: float


class Degradation:
    """The controller.

    Attributes:
        level: now.
        pressure: as last observed.
    """

    def __init__(self, thresholds: Thresholds | None = None) -> None:
        self.thresholds = thresholds or Thresholds()
        self.level = Level.FULL
        self.pressure = 0.0
        self._since_s: float | None = None
        self._is_high = False

    def observe(self, signals: Signals, now_s: float) -> LevelChange | None:
        """Take the signals as of ``now_s``; the step that follows, at most one at a time."""
        self.pressure = signals.pressure(self.thresholds, self.level)
        is_high, is_low = self.pressure >= 1, self.pressure < self.thresholds.fall
        if not (is_high or is_low) or (self._since_s is not None and is_high != self._is_high):
            self._since_s = None  # in between, or turned: whatever began to last has ended
        if not (is_high or is_low):
            return None
        if self._since_s is None:
            self._since_s, self._is_high = now_s, is_high
        lasted_s = now_s - self._since_s
        if is_high and self.level < Level.CLOSE_LOW and lasted_s >= self.thresholds.rise_s:
            return self._move(Level(self.level + 1), now_s)
        if is_low and self.level > Level.FULL and lasted_s >= self.thresholds.fall_s:
            return self._move(Level(self.level - 1), now_s)
        return None

    @property
    def interim_stretch(self) -> float:
        """By how much the interval between interims is stretched."""
        return INTERIM_STRETCH if self.level >= Level.FEWER_INTERIMS else 1.0

    def refuses(self, priority_class: PriorityClass) -> bool:
        """Whether a new stream of that class is refused."""
        refuses_low = self.level >= Level.REFUSE_LOW and priority_class in LOW
        return refuses_low or self.level >= Level.REFUSE_ALL

    @property
    def closes(self) -> bool:
        """Whether open streams of low priority are closed."""
        return self.level >= Level.CLOSE_LOW

    def _move(self, after: Level, now_s: float) -> LevelChange:
        change = LevelChange(now_s, self.level, after, self.pressure)
        self.level, self._since_s = after, None
        return change


LEAST_FINALS = 8
"""One late final in a quiet moment is no load; with so few streams, the queue tells more."""


class RecentWaits:
    """What the finals of the last few seconds waited."""

    def __init__(self, window_s: float = 5.0, least: int = LEAST_FINALS) -> None:
        self._window_s = window_s
        self._least = least
        self._waits: deque[tuple[float, float]] = deque()

    def add(self, wait_s: float, now_s: float) -> None:
        """A final was sent."""
        self._waits.append((now_s, wait_s))

    def p95_s(self, now_s: float) -> float | None:
        """Of those in the window; None if they are too few to say."""
        while self._waits and self._waits[0][0] < now_s - self._window_s:
            self._waits.popleft()
        if len(self._waits) < self._least:
            return None
        return percentile([wait_s for _, wait_s in self._waits], 0.95)

    def clear(self) -> None:
        """A step was made: what came before it says nothing of how it works."""
        self._waits.clear()


def to_close(streams: list[tuple[PriorityClass, float]]) -> int | None:
    """Which of the open streams goes first: the least urgent class, and in it the longest.

    Args:
        streams: the class of each, and for how long it has been open.

    Returns:
        Its place; None if none is of low priority.
    """
    urgency = tuple(PriorityClass)
    ranked = [(urgency.index(kind), open_s, n) for n, (kind, open_s) in enumerate(streams)]
    low = [place for place in ranked if urgency[place[0]] in LOW]
    return max(low)[2] if low else None
