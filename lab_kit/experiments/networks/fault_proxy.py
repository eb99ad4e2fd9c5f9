"""A fault proxy: stands between clients and a server, on TCP and UDP, and does what a network does.

It runs on a thread of its own, so that a busy notebook adds no delay of its own, and it counts
every byte each way. WebRTC's peers tell each other their addresses; the proxy puts its own there.
"""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from socket import socket
from typing import Any, TypeVar
from urllib.parse import urlsplit

from lab_kit.client import ServerAddress
from lab_kit.core.call_record import Traffic
from lab_kit.core.child_process import bind
from lab_kit.experiments.networks.network import ByteCounter, Network, chances
from lab_kit.experiments.networks.rtc_route import HOST, RtcRoute
from lab_kit.experiments.networks.tcp_carrier import Address, TcpCarrier

_T = TypeVar("_T")


@contextmanager
def between(address: ServerAddress, network: Network) -> Iterator[ServerAddress]:
    """Put ``network`` before the server at ``address``; gives its addresses behind the proxy."""
    proxy = FaultProxy(network)
    try:
        yield proxy.start(address)
    finally:
        proxy.stop()


@contextmanager
def far_away(url: str, one_way_s: float) -> Iterator[str]:
    """Put the server at ``url`` behind ``one_way_s`` of delay each way; gives the new address.

    Raises:
        InvalidParameter: a negative delay, or more than 2 s.
    """
    with between(ServerAddress(url), Network(one_way_s)) as address:
        yield address.url


class FaultProxy:
    """Carries connections and packets from a thread of its own; a `Meter` and a `Route`."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._chance = chances(network)
        self._counter = ByteCounter()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="network")
        self._servers: list[asyncio.Server] = []
        self._calls: list[RtcRoute] = []
        self._carriers: set[TcpCarrier] = set()

    def start(self, address: ServerAddress, port: int = 0) -> ServerAddress:
        """Begin to listen; returns the server's addresses as they are to be used.

        Args:
            port: for HTTP; 0 takes any free one, as gRPC always does.

        Raises:
            ServerFailed: the port is taken.
        """
        self._thread.start()
        target = urlsplit(address.url)
        http = self._listen((str(target.hostname), int(target.port or 80)), bind(HOST, port))
        grpc = None
        if address.grpc is not None:
            host, _, number = address.grpc.rpartition(":")
            grpc = f"{HOST}:{self._listen((host, int(number)), bind(HOST, 0))}"
        return replace(address, url=f"http://{HOST}:{http}", grpc=grpc, route=self, meter=self)

    def stop(self) -> None:
        """Close every connection and end the thread."""
        self._on_thread(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def reset(self) -> None:
        """Reset every TCP connection that is open now."""

        def tear() -> None:
            for carrier in self._carriers:
                carrier.tear()

        self._loop.call_soon_threadsafe(tear)

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

    def _listen(self, target: Address, listener: socket) -> int:
        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            carrier = TcpCarrier(self._network, self._chance, self._counter)
            self._carriers.add(carrier)
            try:
                with suppress(asyncio.CancelledError):  # asyncio would log it as a failure of ours
                    await carrier.carry(reader, writer, target)
            finally:
                self._carriers.discard(carrier)

        server = self._on_thread(asyncio.start_server(carry, sock=listener))
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
