"""What a listening socket hands on to its connections."""

import asyncio
import socket

from lab_kit.core.child_process import bind


async def test_what_is_written_to_a_connection_leaves_at_once() -> None:
    """Nagle's algorithm holds a second write back until the first is confirmed: 40 ms."""
    is_at_once: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = writer.get_extra_info("socket")
        is_at_once.set_result(bool(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)))
        writer.close()

    listener = bind("127.0.0.1", 0)
    async with await asyncio.start_server(serve, sock=listener):
        _, writer = await asyncio.open_connection(*listener.getsockname())
        assert await is_at_once
        writer.close()
