"""What the server looks at four times a second: its load, and streams that nobody uses.

And what it does every few seconds: give back the memory that nobody uses.

The decisions are `capacity.degradation`'s and `capacity.admission`'s; here they are given what is
to be seen and carried out. Every step of the level is logged, counted and kept for the operator.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol
from weakref import WeakSet

from lab_kit.capacity.admission import FILL, StreamCost, batch_places
from lab_kit.capacity.degradation import (
    Change,
    Degradation,
    Level,
    RecentWaits,
    Signals,
    Thresholds,
    to_close,
)
from lab_kit.core.errors import InvalidParameter, LabError, StreamIdle, SystemOverloaded
from lab_kit.core.events import Event, Final, PriorityClass
from lab_kit.core.memory import trimmer
from lab_kit.engine.api import Load
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.observe.metrics import Metrics

_log = logging.getLogger(__name__)

LOOK_S = 0.25
BUSY_LOOKS = 8
"""Looks over which it is judged how busy the workers are: in one, somebody just fell silent."""
ACTIVE_S = 1.0
"""A stream that sent no sound for so long costs nothing, and says nothing of those that do."""
BEHIND_S = 4.0
"""A batch stream that has been owed a final for so long gets less than it brings: what is left for
batch work became less after it was admitted."""
TRIM_S = 5.0
"""At twice the server's load a trim took 4 ms of a core, and what faulted in again some 20 ms: half
a percent of it. With half a minute between trims the peak was 435 MB resident instead of 400."""
KEPT_CHANGES = 256
RETRY_AFTER_S = 2.0
"""A conversation ends, or a burst passes, in about that; sooner, the same answer would be given."""


class OpenStream(Protocol):
    """A stream that the server can ask to come to its end."""

    @property
    def priority_class(self) -> PriorityClass:
        """How urgent it is."""
        ...

    @property
    def opened_ns(self) -> int:
        """When it was opened."""
        ...

    @property
    def last_audio_ns(self) -> int:
        """When it last got sound; its opening, if it got none."""
        ...

    @property
    def owed_since_ns(self) -> int | None:
        """When the oldest final that it owes was decided; None if it owes none."""
        ...

    def drain(self) -> None:
        """Finish: send what is owed, then close."""
        ...

    def close_early(self, reason: LabError) -> None:
        """Finish in the same way, and tell the client why."""
        ...


@dataclass(frozen=True, slots=True)
class Looked:
    """One look: when, and what the workers had done by then."""

    at_s: float
    busy_s: float
    interim_s: float
    workers: int


class Watch:
    """The level of service, what led to it, and what a stream costs.

    Attributes:
        changes: the last steps, oldest first.
        signals: as last seen.
    """

    def __init__(self, metrics: Metrics, limits: Limits) -> None:
        self.degradation = Degradation()
        self.cost = StreamCost()
        self.changes: deque[Change] = deque(maxlen=KEPT_CHANGES)
        self.signals = Signals()
        self._metrics = metrics
        self._limits = limits
        self._waits = RecentWaits()
        self._looks: deque[Looked] = deque(maxlen=BUSY_LOOKS)
        self._ending: WeakSet[OpenStream] = WeakSet()

    @property
    def level(self) -> str:
        """The level's name, in lower case."""
        return self.degradation.level.name.lower()

    @property
    def capacity(self) -> int | None:
        """Streams that fit; None before the first look."""
        return self.cost.capacity(self._looks[-1].workers) if self._looks else None

    def use(self, thresholds: Thresholds, fill: float | None) -> None:
        """Change what counts as pressure, and how much may be promised; None as at the start.

        Raises:
            InvalidParameter: a share that is not above 0.
        """
        if fill is not None and not fill > 0:
            raise InvalidParameter(
                f"a fill of {fill}", "more than 0", "pass a fill above 0, such as 0.85"
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

    def admit(self, priority_class: PriorityClass, streams: Collection[OpenStream]) -> None:
        """Make sure that one more stream may open.

        Batch streams take what others leave: they need a place, and take none from a live one.

        Raises:
            SystemOverloaded: the level forbids it, or there is no place.
        """
        if self.degradation.refuses(priority_class):
            self._refuse(priority_class, "level", f"the service is at level {self.level}")
        if len(streams) >= self._limits.streams:
            self._refuse(priority_class, "limit", f"{len(streams)} streams are open")
        if self.capacity is None:
            return
        live = _live(streams)
        if priority_class is PriorityClass.BATCH:
            batch = len(streams) - live
            if batch >= batch_places(self.capacity, live):
                found = f"{batch} streams of class batch are open beside {live} others"
                self._refuse(priority_class, "capacity", found)
        elif live >= self.capacity:
            costs = f"each costs {self.cost.workers:.3f} of a worker"
            self._refuse(priority_class, "capacity", f"{live} streams are open, {costs}")

    def look(self, load: Load, streams: set[OpenStream], now_ns: int) -> None:
        """Take in the load, move the level, end what has to end."""
        looked = Looked(now_ns / 1e9, load.busy_s, load.interim_s, load.workers)
        if not self._looks:
            self._looks.append(looked)
            return
        before, since = self._looks[-1], self._looks[0]
        self._looks.append(looked)
        elapsed_s, spent_s = looked.at_s - before.at_s, max(0.0, looked.busy_s - before.busy_s)
        worker_s = (looked.at_s - since.at_s) * looked.workers
        busy = min(1.0, max(0.0, looked.busy_s - since.busy_s) / worker_s) if worker_s > 0 else 0.0
        active = [s for s in streams if now_ns - s.last_audio_ns < ACTIVE_S * 1e9]
        is_full = self.degradation.level is Level.FULL
        spare_s = max(0.0, looked.interim_s - before.interim_s) if is_full else 0.0
        self.cost.observe(spent_s, _live(active), elapsed_s, looked.workers, spare_s)
        final_wait_s = self._waits.p95_s(looked.at_s)
        self.signals = Signals(final_wait_s, load.longest_wait_s, busy)
        change = self.degradation.observe(self.signals, looked.at_s)
        if change is not None:
            self._note(change)
        going_on = [stream for stream in streams if stream not in self._ending]
        if self.degradation.closes:
            self._close_one(going_on, now_ns)
        self._close_behind(going_on, now_ns)
        self._reclaim(going_on, now_ns)

    def _note(self, change: Change) -> None:
        self.changes.append(change)
        self._waits.clear()
        self._metrics.level.set(change.after)
        direction = "up" if change.after > change.before else "down"
        self._metrics.level_changes.labels(change.after.name.lower(), direction).inc()
        _log.warning(
            "service level %s -> %s at pressure %.2f (%s)",
            change.before.name,
            change.after.name,
            change.pressure,
            self.signals,
        )

    def _close_one(self, streams: list[OpenStream], now_ns: int) -> None:
        ages = [(s.priority_class, (now_ns - s.opened_ns) / 1e9) for s in streams]
        chosen = to_close(ages)
        if chosen is not None:
            self._give_way(streams[chosen], "overload")

    def _close_behind(self, streams: list[OpenStream], now_ns: int) -> None:
        for stream in streams:
            since_ns = stream.owed_since_ns
            is_behind = since_ns is not None and now_ns - since_ns > BEHIND_S * 1e9
            if is_behind and stream.priority_class is PriorityClass.BATCH:
                self._give_way(stream, "behind")

    def _give_way(self, stream: OpenStream, reason: str) -> None:
        error = SystemOverloaded(
            f"a stream of class {stream.priority_class} gives way to others",
            "room for those who speak",
            "come back after the stated delay",
            RETRY_AFTER_S,
        )
        self._end(stream, reason, error)

    def _reclaim(self, streams: list[OpenStream], now_ns: int) -> None:
        silent_s = self._limits.no_audio_s
        for stream in streams:
            if (now_ns - stream.last_audio_ns) / 1e9 > silent_s:
                self._end(
                    stream,
                    "no audio",
                    StreamIdle(
                        f"no audio for {silent_s:.0f} s, whatever else was sent",
                        "sound, be it silence, now and then",
                        "close a stream that is not used",
                    ),
                )

    def _end(self, stream: OpenStream, reason: str, error: LabError) -> None:
        if stream in self._ending:  # asked once; it may take a moment to deliver what it owes
            return
        kind = stream.priority_class
        self._metrics.closed_early.labels(kind.value, reason).inc()
        _log.warning("a stream of class %s is closed: %s", kind, error)
        self._ending.add(stream)
        stream.close_early(error)

    def _refuse(self, priority_class: PriorityClass, reason: str, received: str) -> None:
        self._metrics.refusals.labels(priority_class.value, reason).inc()
        raise SystemOverloaded(
            received,
            f"room for one more of class {priority_class}",
            "try again after the stated delay",
            RETRY_AFTER_S,
        )


def _live(streams: Collection[OpenStream]) -> int:
    """How many of them are not batch work."""
    kinds = [stream.priority_class for stream in streams]
    return len(kinds) - kinds.count(PriorityClass.BATCH)


async def keep_watch(serving: "Watched") -> None:
    """Look for as long as the server runs, and give free memory back now and then."""
    trim = trimmer()
    now_s = asyncio.get_running_loop().time
    trimmed_s = now_s()
    while True:
        await asyncio.sleep(LOOK_S)
        serving.look()
        serving.metrics.tasks.set(len(asyncio.all_tasks()))
        if now_s() - trimmed_s >= TRIM_S:
            await asyncio.to_thread(trim)
            trimmed_s = now_s()


class Watched(Protocol):
    """What can be looked at."""

    @property
    def metrics(self) -> Metrics:
        """Where it is told."""
        ...

    def look(self) -> None:
        """Look once."""
        ...
