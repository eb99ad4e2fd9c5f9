"""A TCP proxy that resets connections after so many bytes, of either direction."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from urllib.parse import urlsplit

from lab_kit.client import ServerAddress


@asynccontextmanager
async def cutting(
    address: ServerAddress, bytes_until_cut: Callable[[], int]
) -> AsyncIterator[tuple[ServerAddress, list[int]]]:
    """Addresses behind the proxy, and after how many bytes it has cut each connection so far.

    Args:
        bytes_until_cut: asked for each connection.
    """
    cuts: list[int] = []
    servers: list[asyncio.Server] = []

    async def listen(host: str, port: int) -> int:
        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(OSError, asyncio.CancelledError):
                there = await asyncio.open_connection(host, port)
                await _Connection(bytes_until_cut(), cuts).carry(reader, writer, *there)

        server = await asyncio.start_server(carry, "127.0.0.1", 0)
        servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    target = urlsplit(address.url)
    url = f"http://127.0.0.1:{await listen(str(target.hostname), int(target.port or 80))}"
    grpc = None
    if address.grpc is not None:
        host, _, port = address.grpc.rpartition(":")
        grpc = f"127.0.0.1:{await listen(host, int(port))}"
    try:
        yield replace(address, url=url, grpc=grpc), cuts
    finally:
        for server in servers:
            server.close()


class _Connection:
    """One connection, and the bytes that it still carries."""

    def __init__(self, left: int, cuts: list[int]) -> None:
        self._first = self._left = left
        self._cuts = cuts

    async def carry(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        there_reader: asyncio.StreamReader,
        there_writer: asyncio.StreamWriter,
    ) -> None:
        both = (self._pass(reader, there_writer), self._pass(there_reader, writer))
        tasks = [asyncio.ensure_future(one) for one in both]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for end in (writer, there_writer):
                if self._left <= 0:
                    _reset(end)
                end.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(4_096):
            writer.write(piece[: max(0, self._left)])
            self._left -= len(piece)
            if self._left <= 0:
                self._cuts.append(self._first)
                return
            await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
