"""Connections that owe the real server something: each ends, and nobody beside them notices.

The server's limits are small, so that reaching one takes seconds; a client that is alive is never
held up for so long.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import replace

import httpx
import pytest
from hang import HANG_S
from server_process import (
    ServerProcess,
    eventually,
    healthy,
    is_at_rest,
    metrics,
    raw_stream,
    rest_of,
)
from websockets.exceptions import InvalidStatus

from lab_kit import datasets
from lab_kit.gateway.door.limits import Limits
from lab_kit.measure.accuracy import word_error_rate

LIMITS = Limits(
    connections=40,
    probe_connections=4,
    head_bytes=4_096,
    unreceived_s=5.0,
    message_frames=64,
)
FROM_HERE = 30
"""Three quarters of the places: everybody has the same address."""
CLIP = "two-cities-best-and-worst"
EMPTY_MORE = bytes([0x00, 0x80, 0, 0, 0, 0])
"""A fragment without a byte, masked with zeros."""


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess(LIMITS) as server:
        yield server


@pytest.fixture
async def beside(server: ServerProcess) -> AsyncIterator[ServerProcess]:
    """The server, with a neighbour who speaks meanwhile and must be understood as ever."""
    neighbour = asyncio.create_task(healthy(server.url))
    await eventually(lambda: metrics(server.url).get("lab_streams", 0) == 1, "speaking")
    yield server
    heard = await asyncio.wait_for(neighbour, HANG_S)
    assert word_error_rate(datasets.clip(CLIP).text, heard) <= 0.1, heard
    await eventually(lambda: is_at_rest(server.url), "at rest")
    assert "Traceback" not in server.log.read_text("utf-8")


def connected(server: ServerProcess) -> socket.socket:
    port = int(server.url.rpartition(":")[2])
    return socket.create_connection(("127.0.0.1", port), HANG_S)


def closed(client: socket.socket) -> bytes:
    """What the server said before it closed."""
    said = b""
    try:
        while piece := client.recv(65_536):
            said += piece
    except ConnectionResetError:
        pass  # more was on its way than the server read
    return said


def is_well(url: str) -> bool:
    return httpx.get(f"{url}/healthz", timeout=HANG_S).status_code == 200


async def test_silent_and_half_sent_requests_are_closed(beside: ServerProcess) -> None:
    begun = [
        b"",
        b"GET / HT",
        b"POST /v1/rtc HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{",
    ]
    with ExitStack() as held:
        clients = [held.enter_context(connected(beside)) for _ in range(12)]
        for number, client in enumerate(clients):
            client.sendall(begun[number % len(begun)])
        answers = [await asyncio.to_thread(closed, client) for client in clients]
    assert [answer[:13] for answer in answers] == [b"", b"HTTP/1.1 408 ", b"HTTP/1.1 408 "] * 4


@pytest.mark.parametrize("piece", [b"a: b\r\n", b"a"], ids=["headers", "one header"])
async def test_a_head_without_end_is_cut_off(beside: ServerProcess, piece: bytes) -> None:
    def pour() -> None:
        with connected(beside) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nx: y\r\nz: ")
            for _ in range(1_000):
                client.sendall(piece * 10_000)

    with pytest.raises(OSError, match=r"reset|pipe"):
        await asyncio.to_thread(pour)


async def test_probes_are_answered_when_every_place_is_taken() -> None:
    # who holds a place and says nothing keeps it for as long as the test may take
    with ServerProcess(replace(LIMITS, unreceived_s=HANG_S)) as server:
        with ExitStack() as held:
            for _ in range(FROM_HERE):
                held.enter_context(connected(server))
            for path in ("/healthz", "/readyz", "/metrics"):
                assert httpx.get(server.url + path, timeout=HANG_S).status_code == 200
            assert metrics(server.url)["lab_connections"] == FROM_HERE
            refused = httpx.get(f"{server.url}/v1/models", timeout=HANG_S)
            assert (refused.status_code, int(refused.headers["retry-after"]) >= 1) == (503, True)
            with pytest.raises(InvalidStatus) as upgrade:
                async with raw_stream(server.url):
                    pass
            assert upgrade.value.response.status_code == 503
        await eventually(lambda: httpx.get(f"{server.url}/v1/models").status_code == 200, "free")


async def test_a_message_of_endless_fragments_ends_its_stream_alone(beside: ServerProcess) -> None:
    async with raw_stream(beside.url) as socket:
        async with socket.send_context():
            socket.protocol.send_binary(b"", fin=False)
        socket.transport.write(EMPTY_MORE * 40_000)
        _, code, reason = await rest_of(socket)
    assert (code, reason) == (1009, "a message of more than 64 frames")


async def test_pings_that_nobody_hears_the_answers_of_are_dropped(beside: ServerProcess) -> None:
    ping = bytes([0x89, 0x80 | 125, 0, 0, 0, 0]) + bytes(125)
    async with raw_stream(beside.url) as socket:
        socket.transport.pause_reading()
        for _ in range(30):
            await socket.send('{"type":"KeepAlive"}')
            socket.transport.write(ping * 1_000)
            while socket.transport.get_write_buffer_size():
                await asyncio.sleep(0.01)
            assert await asyncio.to_thread(is_well, beside.url)
        socket.transport.resume_reading()
        await socket.send('{"type":"CloseStream"}')
        _, code, _ = await rest_of(socket)
    assert code == 1000


async def test_an_upgrade_with_a_long_header_is_answered(server: ServerProcess) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with raw_stream(server.url, key="k" * 9_000):
            pass
    assert refused.value.response.status_code == 431


async def test_a_refused_upgrade_leaves_no_line_and_no_key_in_the_log(
    server: ServerProcess,
) -> None:
    before = server.log.read_text("utf-8")
    with pytest.raises(InvalidStatus):
        async with raw_stream(server.url, encoding="morse", key_in_query="secret"):
            pass
    async with raw_stream(server.url, key_in_query="secret") as socket:
        await socket.send('{"type":"CloseStream"}')
        await rest_of(socket)
    await eventually(lambda: is_at_rest(server.url), "at rest")
    after = server.log.read_text("utf-8")
    assert after.startswith(before)
    # a stream that was let in has a line when it ends
    lines = [one for one in after[len(before) :].splitlines() if "observe.stream_log" not in one]
    assert lines == []
    assert "secret" not in after
