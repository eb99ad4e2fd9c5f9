"""The inference log has what was sent on every way in, and what is billed says the same."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from scripted_engine import ScriptedEngine, recognizer, server_at, wait_until
from starlette.testclient import TestClient
from test_listeners import SAID
from test_redaction import WAYS

from lab_kit.core.errors import StateUnusable
from lab_kit.core.ids import StreamIdentity, TenantId
from lab_kit.gateway.observe.inference_log import InferenceLog
from lab_kit.gateway.observe.work import Delivery, Ended, Reached, Work, WorkKind
from lab_kit.gateway.run.app import create_app
from lab_kit.gateway.run.server import Server
from lab_kit.metering.event import UsageEvent, read_event
from lab_kit.metering.reconciliation import (
    Mark,
    Side,
    from_events,
    from_marks,
    read_marks,
    reconcile,
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = server_at(
        tmp_path,
        lambda _: recognizer(ScriptedEngine(SAID)),
        usage_folder=tmp_path / "usage",
        inference_file=tmp_path / "sent.jsonl",
    )
    wait_until(lambda: made.door.is_ready)
    yield made
    made.stop()


@pytest.fixture
def client(server: Server) -> Iterator[TestClient]:
    with TestClient(create_app(server)) as client:
        yield client


def marks(tmp_path: Path) -> list[Mark]:
    return read_marks((tmp_path / "sent.jsonl").read_bytes().splitlines())


def events(tmp_path: Path) -> list[UsageEvent]:
    files = sorted(tmp_path.glob("usage/*.jsonl"))
    return [read_event(line) for file in files for line in file.read_bytes().splitlines()]


@pytest.mark.parametrize("way", WAYS)
def test_what_was_sent_is_what_is_billed(client: TestClient, tmp_path: Path, way: str) -> None:
    assert SAID in WAYS[way](client, True)
    wait_until(lambda: any(one.is_last for one in events(tmp_path)))
    wait_until(lambda: bool(from_marks(marks(tmp_path))))
    logged, billed = from_marks(marks(tmp_path)), from_events(events(tmp_path))
    found = reconcile(logged, logged, billed)
    assert sum(row.counts_us[Side.LEDGER] for row in found.rows) > 0
    assert sum(finding.total_us for finding in found.findings) == 0
    assert SAID not in (tmp_path / "sent.jsonl").read_text()


WORK = Work(WorkKind.STREAM, StreamIdentity.new(), TenantId("acme"), 1)


@pytest.fixture
def failures() -> list[tuple[str, OSError]]:
    return []


def test_a_line_for_each_final_and_one_for_the_end(tmp_path: Path) -> None:
    log = InferenceLog(tmp_path / "sent.jsonl", lambda *_: None)
    log.delivered(WORK, Delivery(is_final=False, audio_s=1.0, until_s=1.0))
    log.delivered(WORK, Delivery(is_final=True, audio_s=1.5, until_s=1.5))
    log.ended(WORK, Ended("OK", Reached(told_s=2.25)))
    log.close()
    assert [one.until_us for one in marks(tmp_path)] == [1_500_000, 2_250_000]
    assert {(one.stream, one.tenant) for one in marks(tmp_path)} == {
        (str(WORK.identity.stream), "acme")
    }


def test_it_goes_on_behind_what_is_there(tmp_path: Path) -> None:
    for _ in range(2):
        log = InferenceLog(tmp_path / "sent.jsonl", lambda *_: None)
        log.ended(WORK, Ended("OK", Reached(told_s=1.0)))
        log.close()
    assert len(marks(tmp_path)) == 2


def test_it_does_not_grow_beyond_its_limit_and_says_so(
    tmp_path: Path, failures: list[tuple[str, OSError]]
) -> None:
    log = InferenceLog(
        tmp_path / "sent.jsonl", lambda *failed: failures.append(failed), most_bytes=300
    )
    for _ in range(5):
        log.ended(WORK, Ended("OK", Reached(told_s=1.0)))
    log.close()
    written = (tmp_path / "sent.jsonl").stat().st_size
    assert written <= 300
    assert len(marks(tmp_path)) + len(failures) == 5
    assert failures[0][0] == "inference log"


def test_a_file_that_cannot_be_written_is_told_of_at_once(tmp_path: Path) -> None:
    with pytest.raises(StateUnusable):
        InferenceLog(tmp_path / "missing" / "sent.jsonl", lambda *_: None)
