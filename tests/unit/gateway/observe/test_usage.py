"""What any way in uses is written down before its caller is told; added up it is what they had."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scripted_engine import MODEL, ScriptedEngine, recognizer, server_at, wait_until
from starlette.testclient import TestClient
from test_app import speech
from test_listeners import HEARD_S, SAID, UPLOAD
from test_open_inference_routes import TONE, asked
from test_redaction import WAYS

from lab_kit.core.ids import StreamIdentity, TenantId
from lab_kit.gateway.observe.work import Ended, Reached, Work, WorkKind
from lab_kit.gateway.run.app import create_app
from lab_kit.gateway.run.server import Server
from lab_kit.metering.event import Quantities, UsageEvent, read_event


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine(SAID)


@pytest.fixture
def server(tmp_path: Path, engine: ScriptedEngine) -> Iterator[Server]:
    made = server_at(tmp_path, lambda _: recognizer(engine), usage_folder=tmp_path / "usage")
    wait_until(lambda: made.door.is_ready)
    yield made
    made.stop()


@pytest.fixture
def client(server: Server) -> Iterator[TestClient]:
    with TestClient(create_app(server)) as client:
        yield client


def events(tmp_path: Path) -> list[UsageEvent]:
    lines = [
        line
        for file in sorted(tmp_path.glob("usage/*.jsonl"))
        for line in file.open("rb").readlines()
    ]
    return [read_event(line) for line in lines]


def ended(tmp_path: Path) -> list[UsageEvent]:
    wait_until(lambda: any(one.is_last for one in events(tmp_path)))
    return events(tmp_path)


def total(found: list[UsageEvent]) -> Quantities:
    return sum((one.amount for one in found), Quantities())


@pytest.mark.parametrize("way", WAYS)
def test_what_was_used_on_every_way_in_adds_up(
    client: TestClient, tmp_path: Path, way: str
) -> None:
    assert SAID in WAYS[way](client, True)
    found = ended(tmp_path)
    assert len({one.used.stream for one in found}) == 1
    assert [one.is_last for one in found] == [False] * (len(found) - 1) + [True]
    assert len({one.id for one in found}) == len(found)
    heard_us = total(found)
    for counted_us in (heard_us.billed_us, heard_us.submitted_us):
        assert counted_us == pytest.approx(HEARD_S * 1e6, abs=1e4)
    used, last = found[0].used, found[-1]
    is_live = way.startswith(("listen", "realtime", "streaming"))
    assert used.kind == ("stream" if is_live else "recording")
    assert (used.model, used.version, used.tenant) == (MODEL, 1, "anybody")
    assert "redact" in last.features
    assert last.until_us == heard_us.billed_us
    assert SAID not in "".join(map(str, found))


def test_an_inference_is_counted(client: TestClient, tmp_path: Path) -> None:
    assert client.post(f"/v2/models/{MODEL}/infer", **asked()).status_code == 200
    (event,) = ended(tmp_path)
    asked_us = round(len(TONE) / 16_000 * 1e6)
    assert (event.used.kind, event.amount.billed_us) == ("inference", asked_us)


def test_of_a_recording_that_fails_nothing_is_billed(
    client: TestClient, tmp_path: Path, engine: ScriptedEngine
) -> None:
    engine.is_full = True
    client.post("/v1/audio:transcribe", content=speech(), headers=UPLOAD)
    (event,) = ended(tmp_path)
    assert (event.code, event.amount.billed_us) == ("SYSTEM_OVERLOADED", 0)
    assert event.amount.submitted_us == round(HEARD_S * 1e6)


def test_a_text_is_counted_by_its_characters(client: TestClient, tmp_path: Path) -> None:
    text = "One sentence. And then another one."
    answer = client.post("/v1/audio:synthesize", json={"text": text})
    assert answer.status_code == 200
    found = ended(tmp_path)
    assert total(found).characters == len(text)
    assert found[0].used.kind == "speech"


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """While it holds True, the journal can write nothing."""
    is_full, write = [True], os.write

    def refused(file: int, data: Any) -> int:
        if is_full[0] and b"specversion" in bytes(data):
            raise OSError(errno.ENOSPC, "no space left on device")
        return write(file, data)

    monkeypatch.setattr(os, "write", refused)
    return is_full


def test_while_the_disk_is_full_who_is_served_is_served_and_nobody_else_begins(
    client: TestClient, tmp_path: Path, server: Server, full_disk: list[bool]
) -> None:
    assert SAID in WAYS["listen"](client, False)
    wait_until(lambda: 'lab_usage_events_total{outcome="put off"}' in client.get("/metrics").text)
    wait_until(
        lambda: (
            client.post("/v1/audio:transcribe", content=speech(), headers=UPLOAD).status_code == 503
        )
    )
    refused = client.post("/v1/audio:transcribe", content=speech(), headers=UPLOAD)
    assert "usage that cannot be written down" in refused.json()["error"]["message"]
    assert events(tmp_path) == []
    full_disk[0] = False
    assert server.usage is not None
    server.usage.write_rest()  # as a server does every second
    found = ended(tmp_path)
    assert total(found).billed_us == pytest.approx(HEARD_S * 1e6, abs=1e4)
    answer = client.post("/v1/audio:transcribe", content=speech(), headers=UPLOAD)
    assert answer.status_code == 200


async def test_an_operation_is_counted_once_it_is_done_however_often_it_is_begun(
    server: Server, tmp_path: Path
) -> None:
    work = Work(WorkKind.RECORDING, StreamIdentity.new(), TenantId("acme"), 1, is_operation=True)
    assert server.usage is not None
    server.usage.opened(work)
    server.usage.telling(work, Reached(told_s=1.0))
    server.usage.ended(work, Ended("SYSTEM_OVERLOADED", Reached(told_s=1.0)))
    assert events(tmp_path) == []
    for compute_ns in (5_000, 7_000):  # a server that ended before it could say so, and the next
        server.usage.operation_done(work, Reached(60.0, 60.0, 60.0, compute_ns=compute_ns))
    first, again = events(tmp_path)
    assert (first.source, first.id) == (again.source, again.id)
    assert first.amount.billed_us == again.amount.billed_us == 60_000_000
    assert first.is_last
