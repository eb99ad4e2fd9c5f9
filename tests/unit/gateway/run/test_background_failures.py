"""Whatever the server does where nobody waits for it may fail once, and is told of by its name."""

import asyncio
import gc
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import uvicorn
from hang import HANG_S
from scripted_engine import ScriptedEngine, heard, recognizer, repository_at, wait_until
from starlette.testclient import TestClient

from lab_kit.core.child_process import HOST, bind, stop_with_parent
from lab_kit.core.errors import LabError, ModelNotLoaded, VersionFailed
from lab_kit.core.events import PriorityClass
from lab_kit.engine.api import DecodeRequest, Priority
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.observe.background_failures import LOOP, FewFromLibraries
from lab_kit.gateway.observe.metrics import Metrics
from lab_kit.gateway.observe.trace_file import TraceFile
from lab_kit.gateway.observe.tracing import Spans
from lab_kit.gateway.run.app import create_app
from lab_kit.gateway.run.draining_server import DrainingServer, Ports
from lab_kit.gateway.run.server import Server
from lab_kit.gateway.versions.lease import Recognizer
from lab_kit.gateway.versions.versions import Versions
from lab_kit.models.store.version import Label, Labels, VersionFiles
from lab_kit.protocol.versions import VersionState

DEFECT = TypeError("a defect of ours")
FULL = Path("/dev/full")
LOUD = np.ones(1_600, np.float32)


class FailsOnce:
    """Stands for a function: fails the first time it is called, and then does what it did."""

    def __init__(self, does: Callable[..., object]) -> None:
        self._does = does
        self.calls = 0

    def __call__(self, *arguments: object) -> object:
        self.calls += 1
        if self.calls == 1:
            raise DEFECT
        return self._does(*arguments)


class Parts:
    """A server, and what runs under it; nothing has begun."""

    def __init__(self, root: Path) -> None:
        self.engines = {n: ScriptedEngine(f"heard by {n}", version=n) for n in (1, 2)}
        self.opened: dict[int, Recognizer] = {}
        self.metrics = Metrics()
        self.repository = repository_at(root, versions=2)
        self.versions = Versions(self.repository, "scripted", self._open, self.metrics)
        self.server = Server(Limits(), self.versions, self.metrics)

    def _open(self, files: VersionFiles) -> Recognizer:
        number = files.version.number
        self.opened[number] = recognizer(self.engines[number])
        return self.opened[number]

    def begin(self) -> None:
        self.versions.begin(lambda: None)
        wait_until(lambda: self.versions.is_ready)

    def noted(self, task: str) -> bool:
        return self.metrics.background_failures.counts[task] == 1

    def state(self, number: int) -> VersionState:
        return self.versions.status(number).state


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    made = Parts(tmp_path)
    yield made
    made.server.stop()


def freeing(parts: Parts, patch: pytest.MonkeyPatch) -> None:
    """An engine cannot be stopped: its version is unloaded all the same, and others are loaded."""
    parts.begin()
    patch.setattr(parts.engines[2], "stop", FailsOnce(parts.engines[2].stop))
    parts.versions.loader.load(2).result(HANG_S)
    parts.versions.unload(2)
    wait_until(lambda: parts.state(2) is VersionState.UNLOADED)
    wait_until(lambda: parts.noted("versions"))
    parts.versions.loader.load(2).result(HANG_S)


def labels(parts: Parts, _: pytest.MonkeyPatch) -> None:
    """A label that was kept makes no sense: production answers without it."""
    parts.repository.keep_labels("scripted", Labels(production=1, canary=2, share=0.5))
    path = parts.repository.root / "scripted" / "labels.json"
    path.write_text('{"production": 1, "canary": 2, "share": 7}')
    parts.begin()
    wait_until(lambda: parts.noted("versions"))


def engine(parts: Parts, _: pytest.MonkeyPatch) -> None:
    """An engine breaks: nobody is given it, and it can be loaded again."""
    parts.begin()
    engines_thread = threading.Thread(target=parts.opened[1].broken.set_exception, args=(DEFECT,))
    engines_thread.start()
    engines_thread.join(HANG_S)
    assert not parts.server.door.is_ready
    with pytest.raises(ModelNotLoaded, match="version 1 is failed"):
        parts.versions.lease()
    with TestClient(create_app(parts.server)) as client:
        told = client.get("/readyz")
        assert (told.status_code, told.json()["status"]) == (503, "failed")
        assert "a defect of ours" in told.json()["reason"]
        assert client.get("/v1/models").status_code == 503
    assert parts.engines[1].stopped.wait(HANG_S)
    assert parts.engines[1].stopped_on != engines_thread.name
    parts.versions.loader.load(1).result(HANG_S)


def shadow(parts: Parts, patch: pytest.MonkeyPatch) -> None:
    """What the shadow is asked fails: production has answered, and is asked again."""
    parts.begin()
    parts.versions.loader.load(2).result(HANG_S)
    parts.versions.routing.set_label(Label.SHADOW, 2)
    patch.setattr(parts.engines[2], "submit", FailsOnce(parts.engines[2].submit))
    for _ in range(2):
        with parts.versions.lease() as lease:
            request = DecodeRequest(LOUD, Priority.FINAL)
            assert lease.engine.submit(request).future.result(HANG_S) == heard("heard by 1")
    wait_until(lambda: len(parts.engines[2].requests) == 1)
    assert parts.versions.status(2).in_flight == 0


@pytest.mark.parametrize(
    ("task", "scenario"),
    [
        ("versions", freeing),
        ("versions", labels),
        ("engine", engine),
        ("shadow", shadow),
    ],
)
def test_what_fails_once_is_told_of_and_goes_on(
    parts: Parts,
    task: str,
    scenario: Callable[[Parts, pytest.MonkeyPatch], None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    scenario(parts, monkeypatch)
    with TestClient(create_app(parts.server)) as client:
        ready = client.get("/readyz")
        scraped = client.get("/metrics").text
    assert (ready.status_code, ready.json()["background_failures"]) == (200, {task: 1})
    assert f'lab_background_failures_total{{task="{task}"}} 1.0' in scraped
    assert caplog.text.count(f"background task {task} failed") == 1


def test_whatever_fails_after_a_version_was_opened_fails_the_version_alone(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts.begin()
    monkeypatch.setattr(parts.metrics, "engine_loaded", FailsOnce(parts.metrics.engine_loaded))
    with pytest.raises(VersionFailed, match="a defect of ours"):
        parts.versions.loader.load(2).result(HANG_S)
    assert parts.state(2) is VersionState.FAILED
    assert parts.engines[2].stopped.is_set()
    parts.versions.loader.load(2).result(HANG_S)
    assert parts.state(2) is VersionState.READY


class Stuck:
    """Stands for a stream that cannot be told to end."""

    priority_class, opened_ns, owed_since_ns = PriorityClass.INTERACTIVE, 0, None
    is_ahead = False

    def __init__(self) -> None:
        self.last_audio_ns = time.perf_counter_ns()

    def drain(self) -> None:
        raise DEFECT

    def leave(self, reason: LabError, patience_s: float) -> None:
        raise DEFECT


async def test_a_server_that_is_told_to_stop_stops_whatever_draining_raises(
    parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    parts.begin()
    parts.server.door.streams.add(Stuck())
    configuration = uvicorn.Config(create_app(parts.server), lifespan="off", log_config=None)
    listening = DrainingServer(configuration, parts.server, Ports())
    async with asyncio.timeout(HANG_S):
        with bind(HOST, 0) as listener:
            serving = asyncio.create_task(listening.serve(sockets=[listener]))
            while not listening.started:
                await asyncio.sleep(0.01)
            listening.stop_soon()
            await serving
    assert parts.noted("drain")
    assert "background task drain failed for the 1. time: TypeError" in caplog.text


@pytest.mark.skipif(not FULL.exists(), reason="there is no device that is always full here")
def test_traces_that_a_full_disk_does_not_take_are_told_of_and_stop_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    metrics = Metrics()
    spans = Spans(TraceFile(FULL, share=1.0), metrics.background_failures.note)
    with spans.tracer.start_as_current_span("one"):
        pass
    spans.stop()
    assert metrics.background_failures.counts["traces"] >= 1
    assert "No space left on device" in caplog.text


def test_a_parent_that_cannot_be_watched_counts_as_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = open(os.devnull)  # noqa: SIM115 - it is closed at once
    closed.close()
    monkeypatch.setattr("sys.stdin", closed)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    stopped = threading.Event()
    stop_with_parent(stopped.set)
    assert stopped.wait(HANG_S)


def test_two_failures_of_one_task_from_many_threads_are_counted_exactly() -> None:
    failures = Metrics().background_failures
    threads = [
        threading.Thread(target=lambda: [failures.note("x", DEFECT) for _ in range(500)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(HANG_S)
    assert failures.counts == {"x": 2_000}


async def test_what_nobody_awaits_is_counted_and_is_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    metrics, loop = Metrics(), asyncio.get_running_loop()
    loop.set_exception_handler(metrics.background_failures.note_of_loop)

    async def fail() -> None:
        raise OSError("a library's task")

    try:
        for _ in range(100):
            forgotten = asyncio.create_task(fail())
            await asyncio.wait({forgotten})
            del forgotten
            gc.collect(0)
    finally:
        loop.set_exception_handler(None)
    assert metrics.background_failures.counts == {LOOP: 100}
    assert "Traceback" not in caplog.text
    assert len(caplog.records) == 7  # 1, 2, 4, ... 64


def test_a_library_that_complains_of_every_packet_fills_no_log() -> None:
    handler = logging.Handler()
    handler.addFilter(FewFromLibraries())
    theirs, ours = logging.getLogger("aiortc.rtcrtpreceiver"), logging.getLogger("lab_kit.door")
    written = []
    for logger in (theirs, ours):
        for packet in range(100):
            record = logger.makeRecord(
                logger.name, logging.WARNING, __file__, 1, "no frame: %s", (packet,), None
            )
            if handler.filter(record):
                written.append(logger)
    assert (written.count(theirs), written.count(ours)) == (7, 100)


def test_a_library_that_writes_a_page_gets_a_line() -> None:
    page = "(client) Traceback (most recent call last):\n  File a\nUnicodeDecodeError: no text\n"
    record = logging.makeLogRecord({"name": "aiortc.rtcdtlstransport", "msg": page})
    assert FewFromLibraries().filter(record)
    assert record.getMessage().endswith("... UnicodeDecodeError: no text")
    assert "\n" not in record.getMessage()
