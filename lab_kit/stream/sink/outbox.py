"""What waits for a client to read it.

A client that reads slowly must not make the server's memory grow. The newest interim replaces the
one that waits; finals are never dropped, so when too many wait, the stream ends.
"""

import asyncio
from collections import deque

from lab_kit.core.errors import SlowConsumer
from lab_kit.core.events import Event, Interim

MAX_UNREAD_EVENTS = 64
"""Finals and speech marks that may wait: minutes of speech for a client that stopped reading."""


class Outbox:
    """Events in the order they are to be sent."""

    def __init__(self, limit: int = MAX_UNREAD_EVENTS) -> None:
        self._events: deque[Event] = deque()
        self._limit = limit
        self._changed = asyncio.Event()
        self._closed = False
        self.dropped_interims = 0

    def put(self, event: Event) -> None:
        """Add an event.

        Raises:
            SlowConsumer: the client left ``limit`` events unread.
        """
        if isinstance(event, Interim) and self._events and isinstance(self._events[-1], Interim):
            self._events.pop()
            self.dropped_interims += 1
        if len(self._events) >= self._limit:
            raise SlowConsumer(
                f"{len(self._events)} results wait unread",
                f"at most {self._limit} may",
                "read results while sending audio",
            )
        self._events.append(event)
        self._changed.set()

    def close(self) -> None:
        """Let `take` return None once everything has been taken."""
        self._closed = True
        self._changed.set()

    async def take(self) -> Event | None:
        """The next event, waiting for one; None after `close` when none is left."""
        while not self._events and not self._closed:
            self._changed.clear()
            await self._changed.wait()
        return self._events.popleft() if self._events else None
