"""A session as its client holds it: it goes on when a connection was lost.

What was sent and not taken is kept, and sent again; what was heard is counted, and asked for from
there on. So no event is lost and none is heard twice, and no sound is decoded twice. How long a
session waits, the server says; a client that cannot connect again for so long gives up.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module

from lab_kit.client.address import ServerAddress
from lab_kit.client.sessions.line import Heard, Line, Lines
from lab_kit.core.call_record import Received
from lab_kit.core.errors import (
    ConnectionFailed,
    InvalidMessage,
    LabError,
    MessageOutOfOrder,
    QuotaExceeded,
    SystemOverloaded,
)
from lab_kit.core.events import StreamOptions
from lab_kit.dialects.lab.client import event_of
from lab_kit.dialects.lab.options import request_for
from lab_kit.protocol.error_body import ErrorEnvelope
from lab_kit.protocol.stream_messages import (
    RESUME_WINDOW_S,
    Command,
    CommandMessage,
    EndReason,
    Numbered,
    Refreshed,
    Resume,
    SessionBegun,
    SessionEnded,
    SessionResumed,
    StreamError,
    StreamRequest,
)

MOST_UNTAKEN_BYTES = 4_000_000
"""Kept to be sent again: two minutes of PCM16, more than a connection holds that is lost."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.1, 2.0
"""Before a client connects again. It waits by chance up to that, so that all clients of a server
that was lost do not come back at once."""
FIRST_ANSWER_S = 5.0
_WORTH_ANOTHER_TRY = (ConnectionFailed, SystemOverloaded, QuotaExceeded)


class NativeWire(StrEnum):
    """What carries our own messages."""

    WEBSOCKET = "WebSocket, own messages"
    EVENTS = "posts and SSE, own messages"
    GRPC = "gRPC, own messages"


_LINES = {
    NativeWire.WEBSOCKET: ("lab_kit.client.sessions.socket", "SocketLines"),
    NativeWire.EVENTS: ("lab_kit.client.sessions.events", "EventsLines"),
    NativeWire.GRPC: ("lab_kit.client.sessions.grpc", "CallLines"),
}
"""Imported when they are asked for: gRPC takes half a second."""


@dataclass(frozen=True, slots=True)
class _HeardNumbered:
    message: Numbered
    received_ns: int


class SessionClient:
    """An open session.

    Args:
        patience_s: give a lost session up after so long, though the server would wait longer; None
            tries as long as it waits.

    Attributes:
        name: what the server calls it.
        resumed: how often it went on over a new connection.
        messages: every message of the server's, in order; each once.
    """

    is_live = True

    def __init__(self, lines: Lines, asked: StreamRequest, patience_s: float | None = None) -> None:
        self.name = ""
        self.resumed = 0
        self.messages: list[Numbered] = []
        self.opening_ns = time.perf_counter_ns()
        self.opened_ns = 0
        self._lines = lines
        self._asked = asked
        self._line: Line
        self._heard: AsyncIterator[Heard]
        self._held = AsyncExitStack()
        self._turn = asyncio.Lock()
        self._patience_s = RESUME_WINDOW_S if patience_s is None else patience_s
        self._window_s = RESUME_WINDOW_S
        self._number = self._seen = 0
        self._connections = 0
        # whether a message may have been left out: its sending failed, or was cancelled
        self._is_torn = self._is_closed = False
        self._untaken: deque[tuple[int, bytes | CommandMessage]] = deque()
        self._untaken_bytes = 0
        # tokens that the server has not answered yet, in the order in which it will
        self._offered: deque[str] = deque()
        self._begun: SessionBegun | None = None
        # while nothing comes through: until when it is tried, how long it waits, how it failed
        self._until_ns: int | None = None
        self._wait_s = FIRST_WAIT_S
        self._failure: Exception | None = None

    async def open(self) -> None:
        """Begin the session, and wait for its name.

        Raises:
            LabError: refused, or nobody listens.
        """
        await self._connect(self._asked)
        try:
            async with asyncio.timeout(FIRST_ANSWER_S):
                while self._begun is None:
                    self._note((await anext(self._heard)).message)
        except (TimeoutError, StopAsyncIteration) as error:
            raise ConnectionFailed(
                "a connection without a session", "session_begun first", "see the server's log"
            ) from error
        self.opened_ns = time.perf_counter_ns()

    async def close(self) -> None:
        """Let the connection go, for good."""
        self._is_closed = True
        await self._held.aclose()

    async def send(self, pcm: bytes) -> int:
        """Send sound, over a new connection if need be; returns when it left."""
        return await self._say(pcm)

    async def finalize(self) -> None:
        """Ask for a final of what was heard so far."""
        await self._say(CommandMessage(type=Command.FINALIZE))

    async def keep_alive(self) -> None:
        """Keep the session open while there is no sound."""
        await self._say(CommandMessage(type=Command.KEEP_ALIVE))

    async def refresh(self, token: str) -> None:
        """Have the session go on with another access token.

        The server's answer is among `messages`: it was taken, or why it was not. Once it was, later
        connections show it, too.
        """
        self._offered.append(token)
        await self._say(CommandMessage(type=Command.REFRESH, token=token))

    async def finish(self) -> None:
        """Say that no more sound will come; the iteration ends when everything was said."""
        await self._say(CommandMessage(type=Command.FINISH))

    async def __aiter__(self) -> AsyncIterator[Received]:
        """Events as they arrive, each once, until the session has ended.

        Raises:
            LabError: it ended for another reason than that everything was said.
        """
        version = self._begun.model_version if self._begun is not None else None
        failure: LabError | None = None
        async for heard in self._until_ended():
            message = heard.message
            if isinstance(message, StreamError) and message.fatal:
                failure = _raised(message)
            event = event_of(message, self._asked.channels)
            if event is not None:
                yield Received(event, heard.received_ns, message.sent_ns, version)
            if isinstance(message, SessionEnded) and not self._is_well(message):
                raise failure or ConnectionFailed(
                    f"the session ended: {message.reason}", EndReason.FINISHED, "begin another"
                )

    def _is_well(self, ended: SessionEnded) -> bool:
        """A server that stops has said all that it owed, if it had taken all that was sent."""
        went_away = ended.reason is EndReason.GOING_AWAY and not self._untaken
        return ended.reason is EndReason.FINISHED or went_away

    # -- over one connection after the other -----------------------------------------------------

    async def _until_ended(self) -> AsyncIterator[_HeardNumbered]:
        """Every numbered message, each once."""
        while True:
            connection = self._connections
            try:
                async for heard in self._heard:
                    if self._connections != connection:
                        break  # whoever sends has gone on, and what came since is told again
                    if not isinstance(heard.message, SessionResumed):
                        self._note(heard.message)
                        yield _HeardNumbered(heard.message, heard.received_ns)
                    if isinstance(heard.message, SessionEnded):
                        return
            except ConnectionFailed:
                pass  # as one that just ends: the session goes on, or it is said why not
            async with self._turn:
                if self._connections == connection:
                    await self._go_on()

    async def _say(self, message: bytes | CommandMessage) -> int:
        async with self._turn:
            self._number += 1
            self._untaken.append((self._number, message))
            self._untaken_bytes += _bytes_of(message)
            if self._untaken_bytes > MOST_UNTAKEN_BYTES:
                raise ConnectionFailed(
                    f"{self._untaken_bytes:,} bytes that the server has not taken",
                    f"at most {MOST_UNTAKEN_BYTES:,}",
                    "read what it says while you send, and send no faster than it takes",
                )
            if not self._is_torn:
                self._is_torn = True
                try:
                    left_ns = await self._line.send(message, self._number)
                except (*_WORTH_ANOTHER_TRY, MessageOutOfOrder):
                    pass
                else:
                    self._is_torn = False
                    return left_ns
            await self._go_on()
            return time.perf_counter_ns()

    async def _connect(self, asked: StreamRequest | Resume) -> None:
        await self._held.aclose()
        self._held = AsyncExitStack()
        self._line = await self._held.enter_async_context(self._lines.open(asked))
        self._heard = self._line.messages()

    async def _go_on(self) -> None:
        """Connect again, as often as the session waits for it, and send again what was not taken.

        Raises:
            LabError: the session is over, or nobody could be reached in time.
        """
        self._connections += 1
        self._is_torn = True
        while True:
            await self._wait_for_another_try()
            try:
                await self._connect(Resume(session=self.name, after=self._seen))
                async with asyncio.timeout(FIRST_ANSWER_S):
                    first = (await anext(self._heard)).message
                break
            except (*_WORTH_ANOTHER_TRY, TimeoutError, StopAsyncIteration) as error:
                self._failure = error
        if not isinstance(first, SessionResumed):
            raise _no_answer(first)
        self.resumed += 1
        self._forget_until(first.taken)
        try:
            for number, message in tuple(self._untaken):
                await self._line.send(message, number)
            self._is_torn = False
        except _WORTH_ANOTHER_TRY:
            pass  # whoever reads or sends next goes on again, or hears that the session has ended

    async def _wait_for_another_try(self) -> None:
        """The first comes at once, later ones by chance, and none after the session's time.

        Raises:
            LabError: how the last one failed, or that the session has ended.
        """
        if self._is_closed:
            raise ConnectionFailed("a closed session", "an open one", "begin another one")
        if isinstance(self.messages[-1], SessionEnded):
            raise ConnectionFailed(
                f"the session has ended: {self.messages[-1].reason}",
                "an open session",
                "begin another one",
            )
        now_ns = time.perf_counter_ns()
        if self._until_ns is None:
            self._until_ns = now_ns + round(min(self._window_s, self._patience_s) * 1e9)
            return
        if now_ns > self._until_ns:
            failure = self._failure
            raise (
                failure
                if isinstance(failure, LabError)
                else ConnectionFailed(
                    f"no connection for {self._window_s:g} s", "one", "begin another session"
                )
            )
        await asyncio.sleep(random.uniform(0, self._wait_s))
        self._wait_s = min(2 * self._wait_s, LONGEST_WAIT_S)

    def _get_on(self) -> None:
        """Something came through: the next loss is a new one."""
        self._until_ns, self._wait_s, self._failure = None, FIRST_WAIT_S, None

    def _note(self, message: Numbered | SessionResumed) -> None:
        """
        Raises:
            InvalidMessage: its number is not the next one.
        """
        if isinstance(message, SessionResumed):  # how events begin, on a new session too
            return
        if message.sequence != self._seen + 1:
            raise InvalidMessage(
                f"message {message.sequence} after {self._seen}",
                f"{self._seen + 1}",
                "report it: a server must tell every message once",
            )
        self._seen = message.sequence
        self._get_on()
        self.messages.append(message)
        self._forget_until(message.taken)
        if isinstance(message, SessionBegun):
            self._begun = message
            self.name, self._window_s = message.session, message.resume_window_s
        if isinstance(message, Refreshed) and self._offered:
            self._lines.use(self._offered.popleft())
        if isinstance(message, StreamError) and not message.fatal and self._offered:
            self._offered.popleft()  # nothing else that we say can be refused alone

    def _forget_until(self, taken: int) -> None:
        if self._untaken and self._untaken[0][0] <= taken:
            self._get_on()
        while self._untaken and self._untaken[0][0] <= taken:
            self._untaken_bytes -= _bytes_of(self._untaken.popleft()[1])


def _raised(message: StreamError) -> LabError:
    error = ErrorEnvelope(error=message.error).raised()
    body = message.error
    return error or ConnectionFailed(body.received, body.expected, body.next_step)


def _no_answer(first: object) -> InvalidMessage:
    return InvalidMessage(
        f"{type(first).__name__} first", "session_resumed", "check the server's version"
    )


def lines_to(wire: NativeWire, address: ServerAddress) -> Lines:
    """How connections are made to a server."""
    module, name = _LINES[wire]
    made: Lines = getattr(import_module(module), name)(address)
    return made


@asynccontextmanager
async def connect_session(
    wire: NativeWire, address: ServerAddress, options: StreamOptions, model: str = ""
) -> AsyncIterator[SessionClient]:
    """Begin a session over ``wire``.

    Args:
        model: by its name, one of its versions as ``NAME@3``, or ``production``; empty leaves it to
            the server.

    Raises:
        LabError: refused, or nobody listens.
    """
    client = SessionClient(lines_to(wire, address), request_for(options, model))
    try:
        await client.open()
        yield client
    finally:
        await client.close()


def _bytes_of(message: bytes | CommandMessage) -> int:
    return len(message) if isinstance(message, bytes) else len(message.token or "")
