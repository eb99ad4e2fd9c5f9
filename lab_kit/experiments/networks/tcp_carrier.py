"""One TCP connection through the fault proxy: bytes arrive late, in order, or not any more."""

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from lab_kit.experiments.networks.network import ByteCounter, Link, Network

_READ_BYTES = 65_536
_MAX_TRAVELLING_BYTES = 4_000_000
"""Beyond it the sender is held back, as by a full window."""
Address = tuple[str, int]


class TcpCarrier:
    """One TCP connection through the proxy."""

    def __init__(self, network: Network, chance: Callable[[], float], counter: ByteCounter) -> None:
        self._network = network
        self._chance = chance
        self._counter = counter
        self._loop = asyncio.get_running_loop()
        self._began_s = self._active_s = self._loop.time()
        self._torn = asyncio.Event()

    def tear(self) -> None:
        """Have it be reset now, both ways."""
        self._torn.set()

    async def carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: Address
    ) -> None:
        """Carry bytes both ways until both ends have closed, one vanishes, or its time is over."""
        try:
            there_reader, there_writer = await asyncio.open_connection(*target)
        except OSError:
            writer.close()
            return
        both = (
            self._direction(reader, there_writer, is_up=True),
            self._direction(there_reader, writer, is_up=False),
        )
        carrying: asyncio.Future[Any] = asyncio.gather(*both)
        idle: asyncio.Future[Any] = asyncio.create_task(self._idle())
        age: asyncio.Future[Any] = asyncio.create_task(self._grow_old())
        all_ends = (carrying, idle, age)
        try:
            await asyncio.wait(all_ends, return_when=asyncio.FIRST_COMPLETED)
            if age.done():
                _reset(writer)
                _reset(there_writer)
        finally:
            for end in all_ends:
                end.cancel()
            # one end vanished, or the proxy stops; the other end learns of it by the closing below
            await asyncio.gather(*all_ends, return_exceptions=True)
            writer.close()
            there_writer.close()

    async def _idle(self) -> None:
        """Return when nothing has passed for too long; never if there is no limit."""
        limit_s = self._network.idle_close_s
        while limit_s is None or self._loop.time() - self._active_s < limit_s:
            await asyncio.sleep(limit_s / 10 if limit_s else 3_600.0)

    async def _grow_old(self) -> None:
        """Return when it is to be reset; never if it is not."""
        limit_s = self._network.reset_after_s
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._torn.wait()

    def _is_deaf(self) -> bool:
        limit_s = self._network.deaf_after_s
        return limit_s is not None and self._loop.time() - self._began_s >= limit_s

    async def _direction(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_up: bool
    ) -> None:
        """Write what is read, each piece when it arrives; then pass the end on."""
        # TCP's own handshake ends at the proxy; its round trip is made up for by the first bytes
        handshake_s = 2 * self._network.one_way_s if is_up else 0.0
        link = Link(self._network, True, self._chance, self._began_s + handshake_s)
        travelling: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        arriving = asyncio.create_task(self._arrive(travelling, writer))
        try:
            while piece := await reader.read(_READ_BYTES):
                if self._is_deaf():
                    continue
                self._count(len(piece), is_up)
                due_s = link.arrival_s(self._loop.time(), len(piece))
                assert due_s is not None
                travelling.put_nowait((due_s, piece))
                while travelling.qsize() * _READ_BYTES > _MAX_TRAVELLING_BYTES:
                    await asyncio.sleep(0.005)
            if not self._is_deaf():
                end_s = link.arrival_s(self._loop.time(), 0)
                travelling.put_nowait((end_s or 0.0, b""))
            await arriving
        finally:
            arriving.cancel()

    async def _arrive(
        self, travelling: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter
    ) -> None:
        while True:
            due_s, piece = await travelling.get()
            await asyncio.sleep(max(0.0, due_s - self._loop.time()))
            if not piece:
                break
            writer.write(piece)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

    def _count(self, size_bytes: int, is_up: bool) -> None:
        self._active_s = self._loop.time()
        if is_up:
            self._counter.up_bytes += size_bytes
        else:
            self._counter.down_bytes += size_bytes


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection as one that never was: whoever reads or writes is told of a reset."""
    connection = writer.get_extra_info("socket")
    # no time to linger, after which the system closes with RST and not with FIN
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
