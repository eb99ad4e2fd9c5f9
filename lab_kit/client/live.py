"""A live stream to a server: send audio, iterate over what comes back."""

import hashlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol
from urllib.parse import urlencode

from lab_kit.core.call_record import Received
from lab_kit.core.errors import ConnectionFailed
from lab_kit.core.events import StreamEnded, StreamOptions
from lab_kit.dialects import deepgram
from lab_kit.dialects.deepgram import Command
from lab_kit.wires.websocket import GOING_AWAY, WebSocketWire, open_websocket

DEFAULT_MODEL = "moonshine-tiny-en"


class StreamClient(Protocol):
    """The client's end of a stream on any wire.

    Attributes:
        opening_ns, opened_ns: when connecting began, and when audio could be sent.
        is_live: whether audio leaves as it is sent, rather than all of it at the end.
    """

    @property
    def opening_ns(self) -> int: ...
    @property
    def opened_ns(self) -> int: ...
    @property
    def is_live(self) -> bool: ...

    async def send(self, pcm: bytes) -> int:
        """Send PCM16; returns when it was handed to the wire, in nanoseconds.

        Raises:
            ConnectionFailed: the stream is gone.
        """
        ...

    async def keep_alive(self) -> None:
        """Keep the stream open while there is no audio."""
        ...

    async def finish(self) -> None:
        """Say that no more audio will come; the iteration ends when everything was said."""
        ...

    def __aiter__(self) -> AsyncIterator[Received]:
        """Events as they arrive, until the stream has ended.

        Raises:
            ConnectionFailed: the stream ended for another reason; it is in the error.
            InvalidMessage: the server said something that is not of the dialect.
        """
        ...


class LiveClient:
    """An open stream in Deepgram's dialect: binary audio, JSON back.

    A server that stops says what it owes and goes away. That is a good end only if it owed nothing
    more: if its last message accounts for every byte that was sent.
    """

    is_live = True

    def __init__(self, wire: WebSocketWire, opening_ns: int) -> None:
        self._wire = wire
        self._sent = hashlib.sha256()
        self.opening_ns = opening_ns
        self.opened_ns = time.perf_counter_ns()

    async def send(self, pcm: bytes) -> int:
        """Send audio; returns when it was handed to the socket, in nanoseconds."""
        self._sent.update(pcm)
        return await self._wire.send(pcm)

    async def finalize(self) -> None:
        """Ask for a final of what was heard so far."""
        await self._command(Command.FINALIZE)

    async def keep_alive(self) -> None:
        """Keep the stream open while there is no audio."""
        await self._command(Command.KEEP_ALIVE)

    async def finish(self) -> None:
        """Say that no more audio will come; the iteration ends when everything was said."""
        await self._command(Command.CLOSE_STREAM)

    async def __aiter__(self) -> AsyncIterator[Received]:
        """Events as they arrive, until the stream has ended."""
        answered: str | None = None
        try:
            async for arrived in self._wire.messages():
                told = deepgram.parse_message(arrived.text)
                if isinstance(told.event, StreamEnded):
                    answered = told.event.sha256
                yield Received(told.event, arrived.received_ns, told.sent_ns, told.version)
        except ConnectionFailed as closed:
            if closed.close_code != GOING_AWAY or answered != self._sent.hexdigest():
                raise

    async def _command(self, command: Command) -> None:
        await self._wire.send(json.dumps({"type": command}))


@asynccontextmanager
async def connect(
    url: str, options: StreamOptions, key: str | None = None
) -> AsyncIterator[LiveClient]:
    """Open a stream to the server at ``url``, such as ``http://127.0.0.1:8300``.

    Raises:
        Unauthenticated, ConnectionFailed: see `wires.websocket.open_websocket`.
    """
    query = urlencode(deepgram.query_for(options, DEFAULT_MODEL))
    address = url.replace("http", "ws", 1) + f"{deepgram.PATH}?{query}"
    headers = {} if key is None else {"Authorization": f"Token {key}"}
    opening_ns = time.perf_counter_ns()
    async with open_websocket(address, headers) as wire:
        yield LiveClient(wire, opening_ns)
