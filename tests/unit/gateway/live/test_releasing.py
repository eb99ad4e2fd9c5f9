"""The connection under a stream that takes nothing: how much is read ahead of it."""

import asyncio
import socket
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from lab_kit.gateway.live.releasing import releasing_protocol

HANG_S = 30.0
MESSAGE = bytes([0x82, 0x80 | 126, *(3_200).to_bytes(2, "big"), 0, 0, 0, 0]) + bytes(3_200)
"""A tenth of a second of sound as a masked WebSocket frame."""
ONE_READ_BYTES = 262_144
"""What asyncio reads of a socket at a time."""
BUFFER_BYTES = 65_536
"""What the kernel is told to hold at either end; it doubles that."""
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


async def test_little_is_read_ahead_of_a_stream_that_takes_nothing() -> None:
    over = asyncio.Event()

    async def deaf(_: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await over.wait()

    loop, state = asyncio.get_running_loop(), ServerState()
    config = uvicorn.Config(deaf, ws=releasing_protocol(1.0), lifespan="off", log_level="error")
    config.load()
    protocol = releasing_protocol(1.0)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    server = await loop.create_server(lambda: protocol(config, state, {}), sock=listener)
    with socket.socket() as client:
        client.setblocking(False)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
        await loop.sock_connect(client, listener.getsockname())
        await loop.sock_sendall(client, UPGRADE)
        async with asyncio.timeout(HANG_S):
            assert b" 101 " in await loop.sock_recv(client, 4_096)
            sent = await sent_until_held_back(client)
    over.set()
    server.close()
    assert sent <= 4 * BUFFER_BYTES + ONE_READ_BYTES + len(MESSAGE)


async def sent_until_held_back(client: socket.socket) -> int:
    """Bytes that the connection takes, until it takes none for a second."""
    sent, stalled = 0, 0
    while stalled < 50:
        try:
            sent += client.send(MESSAGE[sent % len(MESSAGE) :])
            stalled = 0
            await asyncio.sleep(0)
        except BlockingIOError:
            stalled += 1
            await asyncio.sleep(0.02)
    return sent
