"""Background tasks outlive their failures, and everybody who should know learns of them."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from hang import HANG_S
from scripted_engine import ScriptedEngine, recognizer, server_at, wait_until
from starlette.testclient import TestClient

from lab_kit.gateway.run import background, maintenance
from lab_kit.gateway.run.app import create_app
from lab_kit.gateway.run.server import Server


class Fails:
    """Fails the first time, and counts how often it is called."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, *_: object) -> None:
        self.calls += 1
        if self.calls == 1:
            raise TypeError("a caller's option made no sense")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = server_at(tmp_path, lambda _: recognizer(ScriptedEngine("so")))
    wait_until(lambda: made.door.is_ready)
    yield made
    made.stop()


@pytest.mark.parametrize("task", ["watch", "trim"])
async def test_each_task_that_fails_once_goes_on_and_is_told_of(
    server: Server,
    task: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    fails = Fails()
    monkeypatch.setattr(maintenance, "LOOK_S", 0.01)
    monkeypatch.setattr(maintenance, "TRIM_S", 0.01)
    if task == "watch":
        monkeypatch.setattr(server.watch, "look", fails)
    else:
        monkeypatch.setattr(maintenance, "trimmer", lambda: fails)
    maintenance.begin_maintenance(server.background, server)
    async with asyncio.timeout(HANG_S):
        while fails.calls < 3:
            await asyncio.sleep(0.01)
    server.background.stop()
    with TestClient(create_app(server)) as client:
        assert client.get("/readyz").json()["background_failures"] == {task: 1}
        told = client.get("/metrics").text
    assert f'lab_background_failures_total{{task="{task}"}} 1.0' in told
    assert f"background task {task} failed for the 1. time: TypeError" in caplog.text
    assert "Traceback" not in caplog.text


async def test_a_task_that_always_fails_does_not_fill_the_log(
    server: Server, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "AFTER_FAILURE_S", 0.0)

    async def fail() -> None:
        raise ValueError("again")

    server.background.repeat("doomed", 0.0, fail)
    async with asyncio.timeout(HANG_S):
        while server.background.failures["doomed"] < 100:
            await asyncio.sleep(0)
    server.background.stop()
    assert 1 <= caplog.text.count("background task doomed") <= 8


async def test_a_task_that_always_fails_does_not_take_the_loop(server: Server) -> None:
    """One that paces itself, and fails before it does, would begin again at once for ever."""

    async def fail() -> None:
        raise ValueError("again")

    server.background.repeat("doomed", 0.0, fail)
    for _ in range(1_000):
        await asyncio.sleep(0)
    server.background.stop()
    assert server.background.failures["doomed"] == 1
