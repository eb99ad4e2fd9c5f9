"""The wire of a session that outlives its connections.

For `LiveStream` it is a wire like any other, except that it is not gone when a connection is: it
waits for the next one. What the server says is numbered and kept, so that a client that comes back
is told what it has not seen; what the client says is counted, so that it knows what to send again.
A message is taken once, however often it is sent: nothing is decoded twice.

Held for a session are `MOST_KEPT` messages of `MOST_KEPT_BYTES` in all, the latest, and one of the
client's that the stream has not come to yet.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass

from lab_kit.core.errors import InvalidMessage, MessageOutOfOrder, QuotaExceeded, SessionHistoryLost
from lab_kit.dialects.lab.errors import FAILED, SessionEnding
from lab_kit.gateway.live.live_stream import ClientGone
from lab_kit.protocol.live import Ending
from lab_kit.protocol.stream_messages import Command, Numbered

MOST_KEPT = 1_000
MOST_KEPT_BYTES = 262_144
"""Minutes of speech, where a session waits for half a minute at most."""
MOST_WAITING = 16
"""Posts that wait for their turn: a client that sends one after the other has one."""
LOOK_S = 1.0
"""So often a session without a connection looks whether its time is over. Until it is, that it
says nothing is no reason to end it."""
LOST = SessionEnding(FAILED, "the session was lost", status="ABORTED")
"""How a connection ends whose session nobody could end as it should."""


class Replaced(Exception):
    """The session goes on over another connection, or no longer waits for this one."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A message that was said, and as JSON."""

    message: Numbered
    json: str

    @property
    def sequence(self) -> int:
        """Its number."""
        return self.message.sequence


class SessionWire:
    """The server's end of a session.

    Attributes:
        taken: messages of the client's so far.
        ending: how the session ended; None while it goes on.
    """

    def __init__(self, window_s: float) -> None:
        self.taken = 0
        self.ending: SessionEnding | None = None
        self._window_s = window_s
        self._kept: deque[Kept] = deque()
        self._kept_bytes = 0
        self._sequence = 0
        self._inbox: deque[bytes | str] = deque()
        self._waiting = 0
        self._connection: Connection | None = None
        self._seen_ns = time.perf_counter_ns()
        self._changed = asyncio.Event()

    # -- the stream's side -----------------------------------------------------------------------

    async def open(self) -> None:
        """There is nothing to open: connections come and go."""

    async def receive(self) -> bytes | str:
        """The client's next message, over whatever connection it comes.

        While there is no connection, the client cannot say anything, which is told as its wish to
        stay.

        Raises:
            ClientGone: it has not come back in time.
        """
        while not self._inbox:
            if self._connection is None:
                if time.perf_counter_ns() - self._seen_ns > self._window_s * 1e9:
                    raise ClientGone
                if not await self._has_changed(LOOK_S):
                    return Command.KEEP_ALIVE
            else:
                await self._has_changed()
        message = self._inbox.popleft()
        self._notify()
        return message

    async def send(self, message: Numbered) -> None:
        """Keep a message; waits until the connection, if there is one, has taken it."""
        await self._taken_up(self._keep(message))

    async def close(self, ending: Ending) -> None:
        """Say the last words, and let the connection end."""
        assert isinstance(ending, SessionEnding)
        for word in ending.last_words:
            self._keep(word)
        self.ending = ending
        self._notify()
        await self._taken_up(self._sequence)

    # -- a connection's side ---------------------------------------------------------------------

    def connect(self, after: int) -> "Connection":
        """Take over from the connection that was there, if any.

        Args:
            after: the last number that the client has seen; 0 for none.

        Raises:
            InvalidMessage: nobody can have seen that number.
            SessionHistoryLost: what came after it is not kept any more.
        """
        if not 0 <= after <= self._sequence:
            raise InvalidMessage(
                f"after={after}",
                f"from 0 to {self._sequence}, the last number that was told",
                "send the number of the last message that you have seen",
            )
        oldest = self._kept[0].sequence if self._kept else self._sequence + 1
        if after < oldest - 1:
            raise SessionHistoryLost(
                f"after={after}, and messages from {oldest} on are kept",
                f"{oldest - 1} or more",
                "begin another session; what was between is lost",
            )
        self._connection = Connection(self, after)
        self._notify()
        return self._connection

    def leave(self, connection: "Connection") -> None:
        """A connection is gone; the session waits for the next one."""
        if self._connection is connection:
            self._let_go()

    async def take(
        self,
        message: bytes | str,
        connection: "Connection | None" = None,
        number: int | None = None,
    ) -> None:
        """Take one message of the client's; waits until the one before has been worked on.

        Args:
            connection: over which it came; None where each message comes by itself.
            number: which of the client's messages it is; None for the next. One that was taken
                before is not taken again.

        Raises:
            Replaced: that connection is not the session's any more; the message is not taken.
            MessageOutOfOrder: one that comes before it was not taken yet.
            QuotaExceeded: too many wait for their turn.
        """
        await self._turn_of(connection)
        if connection is not None and self._connection is not connection:
            raise Replaced
        if number is not None and number <= self.taken:
            return
        if number is not None and number > self.taken + 1:
            raise MessageOutOfOrder(
                f"message {number}",
                f"message {self.taken + 1}",
                "send that one first, and then those after it",
                details={"taken": str(self.taken)},
            )
        if self.ending is not None:  # nobody would work on it
            return
        self.taken += 1
        self._seen_ns = time.perf_counter_ns()
        self._inbox.append(message)
        self._notify()

    def abandon(self) -> None:
        """The stream is over without having said how: let connections and senders go."""
        if self.ending is None:
            self.ending = LOST
            self._notify()

    # -- between them ----------------------------------------------------------------------------

    def is_current(self, connection: "Connection") -> bool:
        """Whether the session goes on over this connection."""
        return self._connection is connection

    def after(self, number: int) -> Kept | None:
        """The message that comes next; None if it was not said yet."""
        if not self._kept or number >= self._sequence:
            return None
        return self._kept[max(0, number + 1 - self._kept[0].sequence)]

    async def changed(self) -> None:
        """Wait until anything has happened."""
        await self._has_changed()

    def told(self) -> None:
        """A connection has taken a message."""
        self._notify()

    async def _turn_of(self, connection: "Connection | None") -> None:
        """Wait until the message before has been worked on."""
        if connection is None and self._waiting >= MOST_WAITING:
            raise QuotaExceeded(
                f"{self._waiting} messages wait for their turn",
                f"fewer than {MOST_WAITING} at once",
                "send one after the other was answered",
                retry_after_s=1.0,
            )
        self._waiting += 1
        try:
            while self._inbox and self.ending is None:
                await self._has_changed()
        finally:
            self._waiting -= 1

    async def _taken_up(self, number: int) -> None:
        """Wait until the connection has taken that message, or there is none."""
        while self._connection is not None and self._connection.sent < number:
            await self._has_changed()

    def _keep(self, message: Numbered) -> int:
        self._sequence += 1
        given = {
            "sequence": self._sequence,
            "taken": self.taken,
            "sent_ns": time.perf_counter_ns(),
        }
        numbered = message.model_copy(update=given)
        kept = Kept(numbered, numbered.model_dump_json())
        self._kept.append(kept)
        self._kept_bytes += len(kept.json)
        while len(self._kept) > MOST_KEPT or self._kept_bytes > MOST_KEPT_BYTES:
            self._kept_bytes -= len(self._kept.popleft().json)
        self._notify()
        return self._sequence

    def _let_go(self) -> None:
        self._connection = None
        self._seen_ns = time.perf_counter_ns()
        self._notify()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _has_changed(self, within_s: float | None = None) -> bool:
        changed = self._changed
        try:
            async with asyncio.timeout(within_s):
                await changed.wait()
        except TimeoutError:
            return False
        return True


class Connection:
    """One connection of a session.

    Attributes:
        sent: the last number that it has taken.
    """

    def __init__(self, wire: SessionWire, after: int) -> None:
        self.sent = after
        self._wire = wire

    async def take(self, message: bytes | str) -> None:
        """Take a message that came over it.

        Raises:
            Replaced: it is not the session's connection any more.
        """
        await self._wire.take(message, self)

    async def until_replaced(self) -> None:
        """Wait until it is not the session's connection any more."""
        while self._wire.is_current(self):
            await self._wire.changed()

    async def messages(self) -> AsyncIterator[Kept]:
        """Those that were not told yet, and then those that come, until the session has ended.

        Asking for the next one says that the one before has left.

        Raises:
            Replaced: it is not the session's connection any more.
        """
        while True:
            if not self._wire.is_current(self):
                raise Replaced
            kept = self._wire.after(self.sent)
            if kept is not None:
                yield kept
                self.sent = kept.sequence
                self._wire.told()
            elif self._wire.ending is not None:
                return
            else:
                await self._wire.changed()
