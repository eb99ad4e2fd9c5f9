"""A server told to stop: what was heard is said before the sockets close, and it does stop."""

import asyncio
import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hang import HANG_S
from server_process import (
    ServerProcess,
    eventually,
    metrics,
    plain,
    raw_stream,
    rest_of,
    said,
    speech,
    taken,
    talk,
)
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidStatus

from lab_kit.bench import Bench
from lab_kit.gateway.door.limits import Limits

SAID = "it was the best of times"


@pytest.fixture
def server() -> Iterator[ServerProcess]:
    with ServerProcess(Limits()) as server:
        yield server


@pytest.fixture
def held_back(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server that owes finals as long as a test wants."""
    barrier = tmp_path / "barrier"
    with ServerProcess(Limits(drain_s=2 * HANG_S), barrier=barrier) as server:
        barrier.touch()
        yield server


def go_on(server: ServerProcess) -> None:
    """Let the engine run."""
    assert server.barrier is not None
    server.barrier.unlink()


async def owed_finals(server: ServerProcess, socket: ClientConnection) -> None:
    """Say so much that the server owes finals."""
    await socket.send(speech("two-cities-opening"))
    await taken(socket)
    await eventually(lambda: metrics(server.url)["lab_engine_waiting"] > 0, "asked")


def is_draining(server: ServerProcess) -> bool:
    answer = httpx.get(f"{server.url}/readyz")
    return (answer.status_code, answer.json()["status"]) == (503, "draining")


def stop(server: ServerProcess) -> None:
    server.process.send_signal(signal.SIGTERM)


async def ended(process: "subprocess.Popen[bytes]") -> int:
    """Its exit code; waits for it without stopping the event loop."""
    return await asyncio.to_thread(process.wait, HANG_S)


async def test_finals_that_are_owed_are_said_before_the_socket_closes(
    server: ServerProcess,
) -> None:
    async with raw_stream(server.url) as socket:
        await talk(socket, speech("two-cities-best")[: 2 * 16_000 * 2], pace=4)
        before = await taken(socket)
        stop(server)
        messages, code, _ = await rest_of(socket)
    assert code == 1001
    assert plain(said(before + messages)).startswith("it was the best")
    assert messages[-1]["type"] == "Metadata"
    assert await ended(server.process) == 0


async def test_while_it_drains_nobody_new_is_let_in(held_back: ServerProcess) -> None:
    async with raw_stream(held_back.url) as socket:
        await owed_finals(held_back, socket)
        stop(held_back)
        await eventually(lambda: is_draining(held_back), "draining")
        with pytest.raises(InvalidStatus) as refused:
            async with raw_stream(held_back.url):
                pass
        assert refused.value.response.status_code == 503
        go_on(held_back)
        messages, code, _ = await rest_of(socket)
    assert code == 1001
    assert SAID in plain(said(messages))
    assert await ended(held_back.process) == 0


async def test_a_client_that_sends_without_a_pause_gets_its_finals_too(
    server: ServerProcess,
) -> None:
    """It is never found waiting for audio, so the drain must not wait for it to wait."""
    talking: asyncio.Task[None] | None = None
    async with raw_stream(server.url) as socket:

        async def pour() -> None:
            for _ in range(200):
                await socket.send(speech("two-cities-best"))

        talking = asyncio.create_task(pour())
        await eventually(lambda: "lab_results_total|final" in metrics(server.url), "talking")
        stop(server)
        messages, code, _ = await rest_of(socket)
        talking.cancel()
        await asyncio.gather(talking, return_exceptions=True)
    assert code == 1001
    assert SAID in plain(said(messages))
    assert messages[-1]["type"] == "Metadata"
    assert await ended(server.process) == 0


async def test_a_client_that_does_not_read_cannot_keep_the_server(server: ServerProcess) -> None:
    async with raw_stream(server.url) as socket:
        socket.transport.pause_reading()
        await socket.send('{"type":"KeepAlive"}')
        stop(server)
        assert await ended(server.process) == 0


async def test_a_second_signal_stops_it_at_once(held_back: ServerProcess) -> None:
    """Finals are owed, and will not come."""
    async with raw_stream(held_back.url) as socket:
        await owed_finals(held_back, socket)
        stop(held_back)
        await eventually(lambda: is_draining(held_back), "draining")
        stop(held_back)
        messages, code, _ = await rest_of(socket)
    assert code != 1001
    assert said(messages) == ""
    go_on(held_back)  # its threads end with their step
    await ended(held_back.process)


async def test_stopping_the_bench_drains_too() -> None:
    """It closes a pipe and sends a signal; that is one request to stop, not two."""
    bench = Bench.start("drained")
    async with raw_stream(bench.url, key="drained") as socket:
        await talk(socket, speech("two-cities-best")[: 2 * 16_000 * 2], pace=4)
        before = await taken(socket)
        stopping = asyncio.create_task(asyncio.to_thread(bench.stop))
        messages, code, _ = await rest_of(socket)
        await stopping
    assert code == 1001
    assert plain(said(before + messages)).startswith("it was the best")
    assert json.dumps(messages[-1]).count("Metadata") == 1
    assert not bench.alive
