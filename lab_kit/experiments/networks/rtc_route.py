"""One WebRTC call through the fault proxy: packets arrive late, out of order, or never."""

import asyncio
import re
from collections.abc import Callable
from typing import cast

from lab_kit.experiments.networks.network import ByteCounter, Link, Network

HOST = "127.0.0.1"
Address = tuple[str, int]
_CANDIDATE = re.compile(r"(a=candidate:\S+ \d+ \w+ \d+ )(\S+) (\d+)( typ)")


class RtcRoute:
    """One WebRTC call through the proxy: a socket of ours for each address that a peer tells.

    The server is told ours for the client's, and the client ours for the server's, so each sees
    packets from where it expects them.
    """

    def __init__(self, network: Network, chance: Callable[[], float], counter: ByteCounter) -> None:
        self._network = network
        self._counter = counter
        self._links = {up: Link(network, False, chance) for up in (True, False)}
        self._for_client: dict[Address, _Socket] = {}
        self._for_server: dict[Address, _Socket] = {}
        self._began_s: float | None = None
        self._early: list[tuple[bytes, Address, Address]] = []

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

    async def _replaced(self, sdp: str, known: "dict[Address, _Socket]", is_up: bool) -> str:
        for found in _CANDIDATE.finditer(sdp):
            address = (found[2], int(found[3]))
            if address not in known:
                known[address] = await self._socket(address, is_up)
        ours = {address: socket.port for address, socket in known.items()}
        return _CANDIDATE.sub(
            lambda m: f"{m[1]}{HOST} {ours[m[2], int(m[3])]}{m[4]}",
            sdp,
        )

    async def _socket(self, stands_for: Address, is_up: bool) -> "_Socket":
        def take(data: bytes, sender: Address) -> None:
            self._take(data, sender, stands_for, is_up)

        loop = asyncio.get_running_loop()
        _, socket = await loop.create_datagram_endpoint(lambda: _Socket(take), local_addr=(HOST, 0))
        return socket

    def _take(self, data: bytes, sender: Address, receiver: Address, is_up: bool) -> None:
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
        due_s = self._links[is_up].arrival_s(loop.time(), len(data))
        if due_s is not None:
            loop.call_at(due_s, leaves_by.send, data, receiver)


class _Socket(asyncio.DatagramProtocol):
    """A UDP socket of the proxy."""

    def __init__(self, take: Callable[[bytes, Address], None]) -> None:
        self._take = take
        self.transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is bound."""
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """A packet came."""
        self._take(data, addr)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.transport.get_extra_info("sockname")[1])

    def send(self, data: bytes, receiver: Address) -> None:
        """Let a packet go, unless the call is over."""
        if not self.transport.is_closing():
            self.transport.sendto(data, receiver)
