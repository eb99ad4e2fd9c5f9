"""Several gateways behind one address: who gets a connection, and what becomes of one that dies."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import psutil
import pytest
from hang import HANG_S
from server_process import eventually, metrics, plain, wait_until

from lab_kit import client, datasets
from lab_kit.client import NativeWire, ServerAddress, connect_anywhere, connect_session
from lab_kit.core.events import Final, StreamOptions

CHUNK = 3_200
SPEECH = datasets.clip("two-cities-best").pcm16
SAID = "it was the best of times"
_STARTED = re.compile(r"gateway (\d+) on (http\S+)")


class Several:
    """``lab serve`` with two gateways and an engine that they share."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "lab_kit.cli", "serve", "--port", "0", "--ready-json"),
                    *("--gateways", "2", "--engines", "1", "--names", "lists"),
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, "LAB_TRACE_SHARE": "0"},
            )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(b"{"):
                ready = json.loads(line)
                break
        self.address = ServerAddress(ready["url"], grpc=ready["grpc"])
        wait_until(lambda: len(self.ready) == 2, "both gateways answer")

    @property
    def gateways(self) -> dict[int, str]:
        """Own addresses of those that live, by process."""
        started = _STARTED.findall(self._log.read_text())
        return {int(pid): url for pid, url in started if psutil.pid_exists(int(pid))}

    @property
    def ready(self) -> dict[int, str]:
        """Of those that have taken the model."""
        return {
            pid: url for pid, url in self.gateways.items() if "lab_engine_waiting" in metrics(url)
        }

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(HANG_S)
        if self.process.stdout is not None:
            self.process.stdout.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Several]:
    made = Several(tmp_path_factory.mktemp("several"))
    yield made
    made.stop()


def streams(server: Several) -> list[float]:
    return [metrics(url).get("lab_streams", 0.0) for url in server.gateways.values()]


async def test_streams_are_spread_and_outlive_their_gateway(server: Several) -> None:
    async def place() -> ServerAddress:
        return server.address

    async with asyncio.timeout(HANG_S), AsyncExitStack() as stack:
        wires = [*NativeWire, NativeWire.WEBSOCKET]
        opened = [
            await stack.enter_async_context(connect_anywhere(wire, place, StreamOptions()))
            for wire in wires
        ]
        half = len(SPEECH) // CHUNK // 2 * CHUNK
        for start in range(0, half, CHUNK):
            for one in opened:
                await one.send(SPEECH[start : start + CHUNK])
        # gRPC's are spread by the kernel, all others by who has fewest
        assert sum(streams(server)) == len(wires)
        assert min(streams(server)) >= 1
        killed = max(server.gateways, key=lambda pid: metrics(server.gateways[pid])["lab_streams"])
        held = metrics(server.gateways[killed])["lab_streams"]
        os.kill(killed, signal.SIGKILL)
        heard = [asyncio.create_task(_text(one)) for one in opened]
        for start in range(half, len(SPEECH), CHUNK):
            for one in opened:
                await one.send(SPEECH[start : start + CHUNK])
        for one in opened:
            await one.finish()
        assert [plain(text) for text in await asyncio.gather(*heard)] == [SAID] * len(wires)
        assert sum(len(one.begun_again) for one in opened) == held
    await eventually(lambda: len(server.ready) == 2, "another one serves in its place")
    assert killed not in server.gateways


async def test_what_is_several_requests_comes_to_the_gateway_that_knows_it(
    server: Several,
) -> None:
    """A session over posts and SSE; each post may be a connection of its own."""
    for _ in range(4):
        async with (
            asyncio.timeout(HANG_S),
            connect_session(NativeWire.EVENTS, server.address, StreamOptions()) as session,
        ):
            for start in range(0, len(SPEECH), CHUNK):
                await session.send(SPEECH[start : start + CHUNK])
            await session.finish()
            texts = [r.event.text async for r in session if isinstance(r.event, Final)]
        assert plain(" ".join(texts)) == SAID
        assert session.resumed == 0
    answer = await client.transcribe(server.address.url, SPEECH, "audio/l16;rate=16000", "")
    assert plain(answer.text) == SAID


async def test_a_gateway_that_hangs_is_replaced(server: Several) -> None:
    hanging = next(iter(server.gateways))
    os.kill(hanging, signal.SIGSTOP)
    await eventually(lambda: hanging not in server.gateways, "it is gone")
    await eventually(lambda: len(server.ready) == 2, "another one serves in its place")


@pytest.mark.parametrize(
    "kept", [("--state", "somewhere"), ("--tls-port", "0"), ("--operator-key", "of-an-operator")]
)
def test_what_one_gateway_would_keep_to_itself_is_refused(kept: tuple[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "lab_kit.cli", "serve", "--port", "0"),
                *("--model", "scripted", "--gateways", "2", *kept),
            ],
            capture_output=True,
            text=True,
            timeout=HANG_S,
            cwd=folder,
        )
    assert done.returncode == 1
    assert f"several gateways and {kept[0]}" in done.stderr


def test_nobody_is_left_when_the_parent_ends(server: Several) -> None:
    """The last of these tests: there is no server after it."""
    children = psutil.Process(server.process.pid).children(recursive=True)
    assert len(children) == 4, "two gateways, an engine and one that stands by"
    server.process.kill()
    _, alive = psutil.wait_procs(children, timeout=HANG_S)
    assert alive == []


async def _text(stream: client.FailoverClient) -> str:
    return " ".join([r.event.text async for r in stream if isinstance(r.event, Final)])
