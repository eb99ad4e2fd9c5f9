"""Bodies as a server takes them: limited before they are read, released however it ends."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hang import HANG_S
from scripted_engine import MODEL, ScriptedEngine, recognizer, server_at, wait_until
from test_app import speech

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.errors import InvalidParameter
from lab_kit.core.ids import RequestId
from lab_kit.dialects.openai.transcriptions.options import PATH as OPENAI_PATH
from lab_kit.gateway.api import recordings
from lab_kit.gateway.api.recordings import TRANSCRIBE_PATH
from lab_kit.gateway.door import call as http
from lab_kit.gateway.door.door import Admitted
from lab_kit.gateway.door.keys import Keys, Role
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.run.app import create_app
from lab_kit.gateway.run.server import Server

LIMITS = replace(Limits(), upload_bytes=100_000, held_bytes=200_000)
INFER_PATH = f"/v2/models/{MODEL}/infer"
KIND = "audio/l16;rate=48000"
"""Its samples, which are held while they are recognized, are fewer than its bytes."""
WAYS = [TRANSCRIBE_PATH, OPENAI_PATH, INFER_PATH]


class Call:
    """One request by hand, its body given when a test wants it to come."""

    def __init__(self, path: str, headers: dict[str, str], host: str = "10.0.0.1") -> None:
        self.reads = 0
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.is_read = asyncio.Event()
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
            "client": (host, 5_000),
            "server": ("127.0.0.1", 8_300),
        }

    def send(self, data: bytes, more: bool = False) -> None:
        self._inbox.put_nowait({"type": "http.request", "body": data, "more_body": more})

    def hang_up(self) -> None:
        for _ in range(4):  # a connection that is gone says so whenever it is asked
            self._inbox.put_nowait({"type": "http.disconnect"})

    async def run(self, app: Any) -> "Call":
        async with asyncio.timeout(HANG_S):
            await app(self._scope, self._receive, self._answer)
        return self

    async def _receive(self) -> dict[str, Any]:
        self.reads += 1
        self.is_read.set()
        return await self._inbox.get()

    async def _answer(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {k.decode(): v.decode() for k, v in message["headers"]}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = server_at(tmp_path, lambda _: recognizer(ScriptedEngine("so")), limits=LIMITS)
    wait_until(lambda: made.door.is_ready)
    yield made
    made.stop()


class Gate:
    """Stands for decoding: begins when it is its turn and ends when a test says so."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.ends = threading.Event()

    def __call__(self, data: bytes, longest_s: float) -> FloatArray:
        self.begun.release()
        assert self.ends.wait(HANG_S)
        return np.zeros(1_600, np.float32)

    async def has_begun(self) -> None:
        assert await asyncio.to_thread(self.begun.acquire, timeout=HANG_S)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    made = Gate()
    monkeypatch.setattr(recordings, "read_recording", made)
    yield made
    made.ends.set()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(HANG_S):
        while not holds():
            await asyncio.sleep(0.001)


def held(server: Server) -> int:
    return server.uploads.memory.held_bytes


@pytest.mark.parametrize("path", WAYS)
async def test_a_body_that_says_that_it_is_too_large_is_never_read(
    server: Server, path: str
) -> None:
    call = await Call(path, {"content-length": "100001"}).run(create_app(server))
    assert (call.status, call.reads) == (413, 0)


@pytest.mark.parametrize("path", WAYS)
async def test_a_body_that_says_nothing_of_its_length_is_read_no_further_than_it_may(
    server: Server, path: str
) -> None:
    call = Call(path, {"transfer-encoding": "chunked"})
    for _ in range(5):
        call.send(bytes(40_000), more=True)
    await call.run(create_app(server))
    assert (call.status, call.reads) == (413, 3)
    assert held(server) == 0


@pytest.mark.parametrize("path", WAYS)
async def test_bodies_beyond_the_callers_share_are_refused_before_they_are_read(
    server: Server, path: str
) -> None:
    app = create_app(server)
    first = Call(TRANSCRIBE_PATH, {"content-length": "60000", "content-type": KIND})
    uploading = asyncio.create_task(first.run(app))
    await first.is_read.wait()
    refused = await Call(path, {"content-length": "60000"}).run(app)
    assert (refused.status, refused.reads) == (503, 0)
    assert int(refused.headers["retry-after"]) >= 1
    other = Call(path, {"content-length": "60000"}, host="10.0.0.2")
    other.send(bytes(60_000))
    await other.run(app)
    assert other.status != 503
    first.send(bytes(60_000))
    assert (await uploading).status == 200
    assert held(server) == 0


@pytest.mark.parametrize("moment", ["reading", "waiting", "decoding"])
async def test_who_hangs_up_gives_back_memory_version_and_place(
    server: Server, gate: Gate, moment: str
) -> None:
    app = create_app(server)
    calls = [Call(TRANSCRIBE_PATH, {"content-length": "9"}) for _ in range(2)]
    ahead, call = (asyncio.create_task(one.run(app)) for one in calls)
    if moment == "waiting":
        calls[0].send(bytes(9))
        await gate.has_begun()
    await calls[1].is_read.wait()
    if moment != "reading":
        calls[1].send(bytes(9))
    if moment == "decoding":
        await gate.has_begun()
    calls[1].hang_up()
    await call
    assert calls[1].status == 499
    assert held(server) == (18 if moment == "decoding" else 9)  # a thread cannot be interrupted
    if moment != "waiting":
        calls[0].send(bytes(9))
    gate.ends.set()
    assert (await ahead).status == 200
    await until(lambda: held(server) == 0)
    assert server.versions.status(1).in_flight == 0


async def test_a_request_that_is_cancelled_at_any_turn_of_the_loop_keeps_nothing(
    server: Server,
) -> None:
    """As a server does that stops: wherever it was, what it held is given back."""
    app = create_app(server)
    for turns in range(60):
        call = Call(TRANSCRIBE_PATH, {"content-length": "64000", "content-type": KIND})
        call.send(speech()[:64_000])
        running = asyncio.create_task(call.run(app))
        for _ in range(turns):
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await until(lambda: held(server) == 0)
        assert server.versions.status(1).in_flight == 0
    whole = Call(TRANSCRIBE_PATH, {"content-length": "64000", "content-type": KIND})
    whole.send(speech()[:64_000])
    assert (await whole.run(app)).status == 200


async def test_one_callers_long_recording_does_not_delay_anothers(
    server: Server, gate: Gate
) -> None:
    app = create_app(server)
    calls = [Call(TRANSCRIBE_PATH, {"content-length": "9"}) for _ in range(3)]
    for one in calls:
        one.send(bytes(9))
    slow = [asyncio.create_task(one.run(app)) for one in calls]
    await gate.has_begun()
    data = speech()
    headers = {"content-length": str(len(data)), "content-type": KIND}
    other = Call(TRANSCRIBE_PATH, headers, host="10.0.0.2")
    other.send(data)
    assert (await other.run(app)).status == 200
    assert not any(task.done() for task in slow)
    gate.ends.set()
    assert [(await task).status for task in slow] == [200, 200, 200]


def test_limits_that_would_never_take_the_largest_upload_are_refused() -> None:
    with pytest.raises(InvalidParameter, match="room for two of the largest"):
        replace(LIMITS, held_bytes=199_999)


def test_a_caller_is_who_holds_the_key_or_the_machine_that_calls() -> None:
    def caller(keys: Keys, peer: str) -> str:
        call = http.Call(RequestId.new(), "Token sesame", peer)
        principal = keys.authenticate(call.credential, Role.CALLER)
        return Admitted(call, principal, None, ExitStack()).caller  # type: ignore[arg-type]

    assert caller(Keys("sesame"), "10.0.0.1") == caller(Keys("sesame"), "10.0.0.2")
    assert caller(Keys(), "10.0.0.1") != caller(Keys(), "10.0.0.2")


async def test_samples_are_held_for_as_long_as_they_are_recognized(tmp_path: Path) -> None:
    """Little that unpacks to much, again and again, is no way around the share."""
    never = ScriptedEngine(None)
    waiting = server_at(tmp_path, lambda _: recognizer(never), limits=LIMITS)
    wait_until(lambda: waiting.door.is_ready)
    app = create_app(waiting)
    headers = {"content-length": "32000", "content-type": "audio/l16"}
    first, second = Call(TRANSCRIBE_PATH, headers), Call(TRANSCRIBE_PATH, headers)
    first.send(speech()[:32_000])
    running = asyncio.create_task(first.run(app))
    await until(never.asked.is_set)
    assert held(waiting) == 64_000  # 16,000 samples of four bytes
    second.send(speech()[:32_000])
    assert (await second.run(app)).status == 503
    first.hang_up()
    assert (await running).status == 499
    await until(lambda: held(waiting) == 0)
    waiting.stop()
