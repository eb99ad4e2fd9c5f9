"""A server told to stop: what was heard is said before the sockets close, and it does stop."""

import asyncio
import json
import signal
import subprocess
import time

import httpx
import pytest
from server_process import (
    HANG_S,
    ServerProcess,
    eventually,
    metrics,
    plain,
    raw_stream,
    rest_of,
    said,
    speech,
    talk,
)
from websockets.exceptions import InvalidStatus

from lab_kit.bench import Bench
from lab_kit.gateway.door.limits import Limits

SAID = "it was the best of times"


@pytest.fixture
def server() -> ServerProcess:
    with ServerProcess(Limits()) as server:
        yield server


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
        stop(server)
        messages, code, _ = await rest_of(socket)
    assert code == 1001
    assert plain(said(messages)).startswith("it was the best")
    assert messages[-1]["type"] == "Metadata"
    assert await ended(server.process) == 0


async def test_while_it_drains_nobody_new_is_let_in(server: ServerProcess) -> None:
    """One stream is owed much, so that there is a while to look at."""
    async with raw_stream(server.url) as socket:
        await socket.send(speech("two-cities")[: 2 * 16_000 * 20])
        stop(server)
        answers = []
        try:
            while not answers or answers[-1].json()["status"] != "draining":
                answers.append(httpx.get(f"{server.url}/readyz"))
            assert answers[-1].status_code == 503
            with pytest.raises(InvalidStatus) as refused:
                async with raw_stream(server.url):
                    pass
            assert refused.value.response.status_code == 503
        except httpx.TransportError:
            pytest.skip("this machine drains faster than one can look")
        finally:
            _, code, _ = await rest_of(socket)
    assert code == 1001
    assert await ended(server.process) == 0


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
        began = time.monotonic()
        stop(server)
        assert await ended(server.process) == 0
        assert time.monotonic() - began < HANG_S


async def test_a_second_signal_stops_it_at_once(server: ServerProcess) -> None:
    async with raw_stream(server.url) as socket:
        await socket.send(speech("two-cities")[: 2 * 16_000 * 20])
        stop(server)
        await asyncio.sleep(0.05)
        stop(server)
        await rest_of(socket)
    await ended(server.process)


async def test_stopping_the_bench_drains_too() -> None:
    """It closes a pipe and sends a signal; that is one request to stop, not two."""
    bench = Bench.start("drained")
    async with raw_stream(bench.url, key="drained") as socket:
        await talk(socket, speech("two-cities-best")[: 2 * 16_000 * 2], pace=4)
        stopping = asyncio.create_task(asyncio.to_thread(bench.stop))
        messages, code, _ = await rest_of(socket)
        await stopping
    assert code == 1001
    assert plain(said(messages)).startswith("it was the best")
    assert json.dumps(messages[-1]).count("Metadata") == 1
    assert not bench.alive
