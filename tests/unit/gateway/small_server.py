"""The server's protocols on a real socket, around an application that a test brings."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import uvicorn
from hang import HANG_S
from uvicorn.server import ServerState

from lab_kit.gateway.door.arrivals import Arrivals
from lab_kit.gateway.door.connections import Connections, connections
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.live.releasing import releasing_protocol
from lab_kit.gateway.run.http_connection import http_protocol

UPGRADE = (
    b"GET /socket HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
"""All of an upgrade's head but the empty line."""


@dataclass(frozen=True)
class SmallServer:
    """Where it listens, and what it has open."""

    port: int
    places: Connections
    state: ServerState

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def answer(self, sent: bytes) -> bytes:
        """Everything that comes until the server closes."""
        reader, writer = await self.connect()
        writer.write(sent)
        return await rest(reader, writer)


@asynccontextmanager
async def serving(
    app: Any, limits: Limits, received_bytes: int | None = None
) -> AsyncIterator[SmallServer]:
    """Serve until the block ends.

    Args:
        received_bytes: what the kernel holds of a connection's input; None leaves it to the system.
    """
    places, state = connections(limits), ServerState()
    config = uvicorn.Config(
        app,
        http=http_protocol(limits, places, Arrivals()),
        ws=releasing_protocol(limits, places),
        ws_max_size=limits.message_bytes,
        ws_ping_interval=None,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
    )
    config.load()
    protocol = cast(Any, config.http_protocol_class)
    listener = socket.create_server(("127.0.0.1", 0))
    if received_bytes is not None:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, received_bytes)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, received_bytes)
    server = await asyncio.get_running_loop().create_server(
        lambda: protocol(config, state, {}), sock=listener
    )
    try:
        yield SmallServer(listener.getsockname()[1], places, state)
    finally:
        server.close()
        for connection in tuple(state.connections):
            connection.transport.abort()
        for task in tuple(state.tasks):
            task.cancel()
        await asyncio.gather(*state.tasks, return_exceptions=True)


async def rest(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """Everything that comes until the server closes; then this end closes, too."""
    async with asyncio.timeout(HANG_S):
        try:
            return await reader.read()
        finally:
            writer.close()


async def until(holds: Any) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(HANG_S):
        while not holds():
            await asyncio.sleep(0.01)
