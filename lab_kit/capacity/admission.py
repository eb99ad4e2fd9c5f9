"""Whether one more stream fits: a promise is counted when it is made, not when it begins to cost.

A stream that was admitted a moment ago has cost nothing yet, so a server that looks at its load
alone lets in a crowd. Here each open stream counts with what streams have cost so far.
"""

from collections.abc import Collection
from typing import NoReturn, Protocol

from lab_kit.capacity.open_streams import RETRY_AFTER_S, OpenStream, fair_share, live_count
from lab_kit.capacity.watch import Watch
from lab_kit.core.errors import SystemOverloaded
from lab_kit.core.events import PriorityClass
from lab_kit.engine.fairness import WEIGHTS


class RefusalListener(Protocol):
    """Who wants to know of refusals."""

    def refused(self, priority_class: PriorityClass, reason: str, *, is_stream: bool) -> None:
        """A stream or a recording was turned away; ``reason`` is a word for a metric."""
        ...


class Admission:
    """Decides about new streams, by the service level and by the places that are left.

    Args:
        most_streams: that may be open at once, whatever they cost.
    """

    def __init__(self, watch: Watch, most_streams: int, listener: RefusalListener) -> None:
        self._watch = watch
        self._most_streams = most_streams
        self._listener = listener

    def admit(
        self,
        priority_class: PriorityClass,
        streams: Collection[OpenStream],
        caller: str | None = None,
    ) -> None:
        """Make sure that one more may open beside ``streams``.

        Batch streams take what others leave: they need a place, and take none from a live one.

        Args:
            caller: who wants a place; None for work that needs none.

        Raises:
            SystemOverloaded: the level forbids it, there is no place, or it would be others'.
        """
        if self._watch.degradation.refuses(priority_class):
            found = f"the service is at level {self._watch.level}"
            self._refuse(priority_class, "level", found, caller)
        if len(streams) >= self._most_streams:
            self._refuse(priority_class, "limit", f"{len(streams)} streams are open", caller)
        capacity = self._watch.capacity
        if caller is not None:
            self._leave_others(priority_class, streams, capacity, caller)
        if capacity is None:
            return
        live = live_count(streams)
        if priority_class is PriorityClass.BATCH:
            batch = len(streams) - live
            if batch >= batch_places(capacity, live):
                found = f"{batch} streams of class batch are open beside {live} others"
                self._refuse(priority_class, "capacity", found, caller)
        elif live >= capacity:
            costs = f"each costs {self._watch.cost.workers:.3f} of a worker"
            found = f"{live} streams are open, {costs}"
            self._refuse(priority_class, "capacity", found, caller)

    def _leave_others(
        self,
        priority_class: PriorityClass,
        streams: Collection[OpenStream],
        capacity: int | None,
        caller: str,
    ) -> None:
        places = self._most_streams if capacity is None else min(capacity, self._most_streams)
        share = fair_share(places, streams, caller)
        own = sum(stream.caller == caller for stream in streams)
        if share is not None and own >= share:
            found = f"{len(streams)} streams are open, {own} of them this caller's"
            self._refuse(priority_class, "share", found, caller)

    @property
    def is_open_to_batch(self) -> bool:
        """Whether the level of service lets batch work begin, or go on."""
        return not self._watch.degradation.refuses(PriorityClass.BATCH)

    def _refuse(
        self, priority_class: PriorityClass, reason: str, received: str, caller: str | None
    ) -> NoReturn:
        self._listener.refused(priority_class, reason, is_stream=caller is not None)
        raise SystemOverloaded(
            received,
            f"room for one more of class {priority_class}",
            "try again after the stated delay",
            RETRY_AFTER_S,
        )


def batch_places(capacity: int, live: int) -> int:
    """Batch streams that may be open beside so many live ones: what they leave.

    However many they are, it is the share of the device that batch work gets beside them, one place
    at least. More would be admitted only to wait: a batch stream's sound is read and judged as any
    other's, on the cores that live streams need.
    """
    share = WEIGHTS[PriorityClass.BATCH] / (
        WEIGHTS[PriorityClass.BATCH] + WEIGHTS[PriorityClass.INTERACTIVE]
    )
    return max(capacity - live, int(capacity * share), 1)
