"""A fault proxy: stands between clients and a server, on TCP and UDP, and does what a network does.

It runs on a thread of its own, so that a busy notebook adds no delay of its own, and it counts
every byte each way. WebRTC's peers tell each other their addresses; the proxy puts its own there.
"""

import asyncio
import re
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from lab_kit.client import Place
from lab_kit.load.network import Lane, Network, chances
from lab_kit.trace import Traffic

_READ_BYTES = 65_536
_MAX_TRAVELLING_BYTES = 4_000_000
"""Beyond it the sender is held back, as by a full window."""
_CANDIDATE = re.compile(r"(a=candidate:\S+ \d+ \w+ \d+ )(\S+) (\d+)( typ)")
_HOST = "127.0.0.1"
_T = TypeVar("_T")
_Address = tuple[str, int]


@contextmanager
def between(place: Place, network: Network) -> Iterator[Place]:
    """Put ``network`` before the server at ``place``; gives its addresses behind the proxy."""
    proxy = FaultProxy(network)
    try:
        yield proxy.start(place)
    finally:
        proxy.stop()


@contextmanager
def far_away(url: str, one_way_s: float) -> Iterator[str]:
    """Put the server at ``url`` behind ``one_way_s`` of delay each way; gives the new address.

    Raises:
        InvalidParameter: a negative delay, or more than 2 s.
    """
    with between(Place(url), Network(one_way_s)) as place:
        yield place.url


@dataclass(slots=True)
class Counter:
    """Bytes that passed, each way."""

    up_bytes: int = 0
    down_bytes: int = 0


class FaultProxy:
    """Carries connections and packets from a thread of its own; a `Meter` and a `Route`."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._chance = chances(network)
        self._counter = Counter()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="network")
        self._servers: list[asyncio.Server] = []
        self._calls: list[RtcRoute] = []

    def start(self, place: Place) -> Place:
        """Begin to listen; returns the server's addresses as they are to be used."""
        self._thread.start()
        target = urlsplit(place.url)
        port = self._listen((str(target.hostname), int(target.port or 80)))
        grpc = None
        if place.grpc is not None:
            host, _, number = place.grpc.rpartition(":")
            grpc = f"{_HOST}:{self._listen((host, int(number)))}"
        return replace(place, url=f"http://{_HOST}:{port}", grpc=grpc, route=self, meter=self)

    def stop(self) -> None:
        """Close every connection and end the thread."""
        self._on_thread(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def traffic(self) -> Traffic:
        """Bytes so far."""
        return Traffic(self._counter.up_bytes, self._counter.down_bytes)

    def offer(self, sdp: str) -> str:
        """The client's description with our addresses for its own."""
        self._calls.append(RtcRoute(self._network, self._chance, self._counter))
        return self._on_thread(self._calls[-1].offer(sdp))

    def answer(self, sdp: str) -> str:
        """The server's description with our addresses for its own."""
        return self._on_thread(self._calls[-1].answer(sdp))

    def _listen(self, target: _Address) -> int:
        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await TcpCarrier(self._network, self._chance, self._counter).carry(
                reader, writer, target
            )

        server = self._on_thread(asyncio.start_server(carry, _HOST, 0))
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    def _on_thread(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        for call in self._calls:
            call.close()
        carrying = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in carrying:
            task.cancel()
        await asyncio.gather(*carrying, return_exceptions=True)


class TcpCarrier:
    """One TCP connection through the proxy."""

    def __init__(self, network: Network, chance: Callable[[], float], counter: Counter) -> None:
        self._network = network
        self._chance = chance
        self._counter = counter
        self._loop = asyncio.get_running_loop()
        self._began_s = self._active_s = self._loop.time()

    async def carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: _Address
    ) -> None:
        """Carry bytes both ways until both ends have closed, one vanishes, or it was idle."""
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
        try:
            await asyncio.wait({carrying, idle}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            idle.cancel()
            carrying.cancel()
            # one end vanished, or the proxy stops; the other end learns of it by the closing below
            await asyncio.gather(carrying, idle, return_exceptions=True)
            writer.close()
            there_writer.close()

    async def _idle(self) -> None:
        """Return when nothing has passed for too long; never if there is no limit."""
        limit_s = self._network.idle_close_s
        while limit_s is None or self._loop.time() - self._active_s < limit_s:
            await asyncio.sleep(limit_s / 10 if limit_s else 3_600.0)

    def _is_deaf(self) -> bool:
        limit_s = self._network.deaf_after_s
        return limit_s is not None and self._loop.time() - self._began_s >= limit_s

    async def _direction(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_up: bool
    ) -> None:
        """Write what is read, each piece when it arrives; then pass the end on."""
        # TCP's own handshake ends at the proxy; its round trip is made up for by the first bytes
        handshake_s = 2 * self._network.one_way_s if is_up else 0.0
        lane = Lane(self._network, True, self._chance, self._began_s + handshake_s)
        travelling: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        arriving = asyncio.create_task(self._arrive(travelling, writer))
        try:
            while piece := await reader.read(_READ_BYTES):
                if self._is_deaf():
                    continue
                self._count(len(piece), is_up)
                due_s = lane.arrival_s(self._loop.time(), len(piece))
                assert due_s is not None
                travelling.put_nowait((due_s, piece))
                while travelling.qsize() * _READ_BYTES > _MAX_TRAVELLING_BYTES:
                    await asyncio.sleep(0.005)
            if not self._is_deaf():
                end_s = lane.arrival_s(self._loop.time(), 0)
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


class RtcRoute:
    """One WebRTC call through the proxy: a socket of ours for each address that a peer tells.

    The server is told ours for the client's, and the client ours for the server's, so each sees
    packets from where it expects them.
    """

    def __init__(self, network: Network, chance: Callable[[], float], counter: Counter) -> None:
        self._network = network
        self._counter = counter
        self._lanes = {up: Lane(network, False, chance) for up in (True, False)}
        self._for_client: dict[_Address, _Socket] = {}
        self._for_server: dict[_Address, _Socket] = {}
        self._began_s: float | None = None
        self._early: list[tuple[bytes, _Address, _Address]] = []

    async def offer(self, sdp: str) -> str:
        """Stand in for the client's addresses."""
        return await self._replaced(sdp, self._for_client, is_up=False)

    async def answer(self, sdp: str) -> str:
        """Stand in for the server's addresses; what it sent before it told them is carried now."""
        replaced = await self._replaced(sdp, self._for_server, is_up=True)
        early, self._early = self._early, []
        for data, sender, receiver in early:
            self._take(data, sender, receiver, is_up=False)
        return replaced

    def close(self) -> None:
        """Close the sockets."""
        for socket in (*self._for_client.values(), *self._for_server.values()):
            socket.transport.close()

    async def _replaced(self, sdp: str, known: "dict[_Address, _Socket]", is_up: bool) -> str:
        for found in _CANDIDATE.finditer(sdp):
            address = (found[2], int(found[3]))
            if address not in known:
                known[address] = await self._socket(address, is_up)
        ours = {address: socket.port for address, socket in known.items()}
        return _CANDIDATE.sub(
            lambda m: f"{m[1]}{_HOST} {ours[m[2], int(m[3])]}{m[4]}",
            sdp,
        )

    async def _socket(self, stands_for: _Address, is_up: bool) -> "_Socket":
        def take(data: bytes, sender: _Address) -> None:
            self._take(data, sender, stands_for, is_up)

        loop = asyncio.get_running_loop()
        _, socket = await loop.create_datagram_endpoint(
            lambda: _Socket(take), local_addr=(_HOST, 0)
        )
        return socket

    def _take(self, data: bytes, sender: _Address, receiver: _Address, is_up: bool) -> None:
        """A packet for ``receiver``: it leaves from the socket that stands for its sender."""
        senders = self._for_client if is_up else self._for_server
        leaves_by = senders.get(sender)
        if leaves_by is None and not self._for_server:
            self._early.append((data, sender, receiver))
        loop = asyncio.get_running_loop()
        self._began_s = self._began_s if self._began_s is not None else loop.time()
        deaf_s = self._network.deaf_after_s
        if leaves_by is None or (deaf_s is not None and loop.time() - self._began_s >= deaf_s):
            return
        if is_up:
            self._counter.up_bytes += len(data)
        else:
            self._counter.down_bytes += len(data)
        due_s = self._lanes[is_up].arrival_s(loop.time(), len(data))
        if due_s is not None:
            loop.call_at(due_s, leaves_by.send, data, receiver)


class _Socket(asyncio.DatagramProtocol):
    """A UDP socket of the proxy."""

    def __init__(self, take: Callable[[bytes, _Address], None]) -> None:
        self._take = take
        self.transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is bound."""
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: _Address) -> None:
        """A packet came."""
        self._take(data, addr)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.transport.get_extra_info("sockname")[1])

    def send(self, data: bytes, receiver: _Address) -> None:
        """Let a packet go, unless the call is over."""
        if not self.transport.is_closing():
            self.transport.sendto(data, receiver)
