"""A session's connection as a WebSocket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.parse import urlencode

from pydantic import ValidationError

from lab_kit.client.address import ServerAddress
from lab_kit.client.sessions.line import Heard
from lab_kit.core.errors import InvalidMessage
from lab_kit.dialects.lab.options import query_for
from lab_kit.protocol.stream_messages import (
    SOCKET_PATH,
    CommandMessage,
    Resume,
    ServerMessage,
    StreamRequest,
    server_message,
)
from lab_kit.wires.websocket import WebSocketWire, open_websocket


class SocketLine:
    """Sound as binary messages, commands as JSON."""

    def __init__(self, wire: WebSocketWire) -> None:
        self._wire = wire

    async def send(self, message: bytes | CommandMessage, number: int) -> int:
        """Send one; on a connection they are in order, and need no number."""
        if isinstance(message, bytes):
            return await self._wire.send(message)
        return await self._wire.send(message.model_dump_json(exclude_none=True))

    async def messages(self) -> AsyncIterator[Heard]:
        """Those of the server."""
        async for arrived in self._wire.messages():
            yield Heard(read(arrived.text), arrived.received_ns)


class SocketLines:
    """WebSockets to one server."""

    def __init__(self, address: ServerAddress) -> None:
        self._address = address

    def use(self, key: str) -> None:
        """Connect with another key from now on."""
        self._address = replace(self._address, key=key)

    @asynccontextmanager
    async def open(self, asked: StreamRequest | Resume) -> AsyncIterator[SocketLine]:
        """Connect."""
        query = asked.model_dump() if isinstance(asked, Resume) else query_for(asked)
        url = self._address.url.replace("http", "ws", 1) + f"{SOCKET_PATH}?{urlencode(query)}"
        key = self._address.key
        async with open_websocket(url, {"Authorization": f"Bearer {key}"} if key else {}) as wire:
            yield SocketLine(wire)


def read(text: str | bytes) -> ServerMessage:
    """A message of the server's from JSON.

    Raises:
        InvalidMessage: it is none of the schema's.
    """
    try:
        return server_message.validate_json(text)
    except ValidationError as error:
        raise InvalidMessage(
            f"the server's message {text[:200]!r}",
            "one of our own stream's",
            "check that the server is a lab_kit of this version",
        ) from error
