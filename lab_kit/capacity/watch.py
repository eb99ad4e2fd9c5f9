"""What the server does about its load: moves the degradation level, ends what must end.

The level is `capacity.degradation`'s decision, who must end that of `capacity.open_streams`; here
they are given what is to be seen, and it is carried out. Every step of the level is logged, told to
a listener and kept for the operator.
"""

import logging
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol
from weakref import WeakSet

from lab_kit.capacity.degradation import (
    Degradation,
    Level,
    LevelChange,
    RecentWaits,
    Signals,
    Thresholds,
)
from lab_kit.capacity.open_streams import Eviction, OpenStream, evictions, live_count
from lab_kit.capacity.stream_cost import FILL, StreamCost
from lab_kit.core.errors import InvalidParameter
from lab_kit.core.events import Event, Final, PriorityClass
from lab_kit.engine.api import Load

_log = logging.getLogger(__name__)

BUSY_LOOKS = 8
"""Looks over which it is judged how busy the workers are: in one, somebody just fell silent."""
ACTIVE_S = 1.0
"""A stream that sent no sound for so long costs nothing, and says nothing of those that do."""
KEPT_CHANGES = 256


class WatchListener(Protocol):
    """Who wants to know what the watch does."""

    def level_changed(self, change: LevelChange) -> None:
        """The service level made a step."""
        ...

    def stream_evicted(self, priority_class: PriorityClass, reason: str) -> None:
        """A stream was asked to end before its client wanted it to."""
        ...


@dataclass(frozen=True, slots=True)
class LoadSample:
    """One look at the engines: when, and what the workers had done by then."""

    at_s: float
    busy_s: float
    interim_s: float
    workers: int


class Watch:
    """The level of service, what led to it, and what a stream costs.

    Args:
        no_audio_s: after so long without sound a stream's place is reclaimed.

    Attributes:
        changes: the last steps, oldest first.
        signals: as last seen.
    """

    def __init__(self, no_audio_s: float, listener: WatchListener) -> None:
        self.degradation = Degradation()
        self.cost = StreamCost()
        self.changes: deque[LevelChange] = deque(maxlen=KEPT_CHANGES)
        self.signals = Signals()
        self._no_audio_s = no_audio_s
        self._listener = listener
        self._waits = RecentWaits()
        self._samples: deque[LoadSample] = deque(maxlen=BUSY_LOOKS + 1)
        self._ending: WeakSet[OpenStream] = WeakSet()

    @property
    def level(self) -> str:
        """The level's name, in lower case."""
        return self.degradation.level.name.lower()

    @property
    def capacity(self) -> int | None:
        """Streams that fit; None before the first look."""
        return self.cost.capacity(self._samples[-1].workers) if self._samples else None

    def use(self, thresholds: Thresholds, fill: float | None) -> None:
        """Change what counts as pressure, and how much may be promised; None as at the start.

        Raises:
            InvalidParameter: a share that is not above 0.
        """
        if fill is not None and not fill > 0:
            raise InvalidParameter(
                f"a fill of {fill}", "more than 0", f"pass a fill above 0, such as {FILL}"
            )
        self.degradation.thresholds = thresholds
        self.cost.fill = FILL if fill is None else fill

    def interim_stretch(self) -> float:
        """By how much streams ask for interims less often now."""
        return self.degradation.interim_stretch

    def sent(self, event: Event, sent_ns: int, priority_class: PriorityClass) -> None:
        """A result was sent; how long it waited for the engine counts.

        What it waited for its reader does not, or one who does not read would reduce everybody's
        service; nor does batch work, which waits by design.
        """
        if isinstance(event, Final) and priority_class is not PriorityClass.BATCH:
            wait_ns = max(0, event.timing.finished_ns - event.timing.decided_ns)
            self._waits.add(wait_ns / 1e9, sent_ns / 1e9)

    def look(self, load: Load, streams: Collection[OpenStream], now_ns: int) -> None:
        """Take in the load, move the level, end what has to end."""
        sample = LoadSample(now_ns / 1e9, load.busy_s, load.interim_s, load.workers)
        self._samples.append(sample)
        if len(self._samples) == 1:
            return
        self._learn_cost(streams, now_ns)
        final_wait_s = self._waits.p95_s(sample.at_s)
        self.signals = Signals(final_wait_s, load.longest_wait_s, self._busy_share())
        change = self.degradation.observe(self.signals, sample.at_s)
        if change is not None:
            self._note(change)
        going_on = [stream for stream in streams if stream not in self._ending]
        for one in evictions(going_on, now_ns, self._no_audio_s, self.degradation.closes):
            self._evict(one)

    def _learn_cost(self, streams: Collection[OpenStream], now_ns: int) -> None:
        before, now = self._samples[-2], self._samples[-1]
        active = [s for s in streams if now_ns - s.last_audio_ns < ACTIVE_S * 1e9]
        # what is computed for streams that are ahead is batch work, which `busy_s` leaves out
        paced = [stream for stream in active if not stream.is_ahead]
        is_full = self.degradation.level is Level.FULL
        self.cost.observe(
            busy_s=max(0.0, now.busy_s - before.busy_s),
            streams=live_count(paced),
            elapsed_s=now.at_s - before.at_s,
            workers=now.workers,
            spare_interim_s=max(0.0, now.interim_s - before.interim_s) if is_full else 0.0,
        )

    def _busy_share(self) -> float:
        """Of the workers' time over the last looks."""
        since, now = self._samples[0], self._samples[-1]
        worker_s = (now.at_s - since.at_s) * now.workers
        if worker_s <= 0:
            return 0.0
        return min(1.0, max(0.0, now.busy_s - since.busy_s) / worker_s)

    def _note(self, change: LevelChange) -> None:
        self.changes.append(change)
        self._waits.clear()
        self._listener.level_changed(change)
        _log.warning(
            "service level %s -> %s at pressure %.2f (%s)",
            change.before.name,
            change.after.name,
            change.pressure,
            self.signals,
        )

    def _evict(self, eviction: Eviction) -> None:
        stream = eviction.stream
        if stream in self._ending:  # asked once; it may take a moment to deliver what it owes
            return
        self._listener.stream_evicted(stream.priority_class, eviction.reason)
        _log.warning("a stream of class %s is closed: %s", stream.priority_class, eviction.error)
        self._ending.add(stream)
        stream.close_early(eviction.error)
