"""Connections on a real socket, accepted together and begun in turns."""

import asyncio
import resource
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hang import HANG_S

from lab_kit.core.child_process import HOST, bind
from lab_kit.gateway.door.arrivals import Arrivals
from lab_kit.gateway.run import accepting
from lab_kit.gateway.run.accepting import Accepting

ELSEWHERE = "127.0.0.2"


@dataclass
class Seen:
    """What came of connections: each one's client port in the order of their beginning."""

    begun: list[int] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    async def until(self, count: int) -> None:
        async with asyncio.timeout(HANG_S):
            while len(self.begun) < count:
                await asyncio.sleep(0)


class Noted(asyncio.Protocol):
    def __init__(self, seen: Seen) -> None:
        self._seen = seen

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._seen.begun.append(transport.get_extra_info("peername")[1])


def client(listener: socket.socket, source: str = HOST, says: bytes = b"") -> socket.socket:
    """Connected in the kernel; nobody has accepted it."""
    connection = socket.create_connection(listener.getsockname(), HANG_S, (source, 0))
    connection.sendall(says)
    return connection


def port_of(connection: socket.socket) -> int:
    return int(connection.getsockname()[1])


@asynccontextmanager
async def accepted(listener: socket.socket) -> AsyncIterator[tuple[Seen, Accepting]]:
    seen = Seen()
    made = Accepting(
        listener,
        lambda: Noted(seen),
        Arrivals(),
        lambda task, error: seen.failures.append(f"{task}: {error}"),
    )
    try:
        yield seen, made
    finally:
        made.stop()


def on_a_socket(test: Callable[[socket.socket], Coroutine[None, None, None]]) -> None:
    with bind(HOST, 0) as listener:
        asyncio.run(asyncio.wait_for(test(listener), HANG_S))


@pytest.mark.parametrize(
    ("source", "says"),
    [
        pytest.param(
            ELSEWHERE,
            b"",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="has no such address"),
        ),
        (HOST, b"GET /healthz HTTP/1.1\r\n\r\n"),
    ],
)
def test_a_neighbour_and_a_probe_do_not_wait_behind_many(source: str, says: bytes) -> None:
    async def test(listener: socket.socket) -> None:
        many = [client(listener) for _ in range(30)]
        last = client(listener, source, says)
        async with accepted(listener) as (seen, _):
            await seen.until(31)
        assert seen.begun.index(port_of(last)) <= 2
        assert [port for port in seen.begun if port != port_of(last)] == list(map(port_of, many))

    on_a_socket(test)


def test_others_have_their_turns_while_many_begin() -> None:
    async def test(listener: socket.socket) -> None:
        many = [client(listener) for _ in range(30)]
        async with accepted(listener) as (seen, _):
            counts = [0]
            while counts[-1] < len(many):
                await asyncio.sleep(0)
                counts.append(len(seen.begun))
        assert max(after - before for before, after in pairwise(counts)) == 1

    on_a_socket(test)


def test_few_wait_here_and_all_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accepting, "share_of_descriptors", lambda _: 2)

    async def test(listener: socket.socket) -> None:
        many = [client(listener) for _ in range(20)]
        async with accepted(listener) as (seen, made):
            while len(seen.begun) < len(many):
                assert len(made._waiting) <= 2
                await asyncio.sleep(0)
        assert seen.failures == []

    on_a_socket(test)


def test_what_has_not_begun_is_closed_in_the_end() -> None:
    async def test(listener: socket.socket) -> None:
        many = [client(listener) for _ in range(10)]
        async with accepted(listener) as (seen, _):
            await seen.until(1)
        await asyncio.sleep(0)
        left = many[len(seen.begun) + 1 :]
        assert left
        for connection in left:
            assert await asyncio.to_thread(connection.recv, 1) == b""

    on_a_socket(test)


def test_without_descriptors_it_is_told_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accepting, "NO_DESCRIPTOR_S", 0.01)

    async def test(listener: socket.socket) -> None:
        waits = client(listener)
        async with accepted(listener) as (seen, _):
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
            try:
                while not seen.failures:
                    await asyncio.sleep(0.001)
                assert seen.begun == []
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            await seen.until(1)
        assert seen.begun == [port_of(waits)]
        assert "accept: [Errno 24]" in seen.failures[0]

    on_a_socket(test)
