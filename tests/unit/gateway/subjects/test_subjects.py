"""What is kept of a person: sealed, handed over whole, and gone everywhere once it is erased."""

import io
import json
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID
from zipfile import ZipFile

import pytest
from made_orders import ANN, BOB
from operations_at_work import at_work, chunks, sentences
from scripted_engine import ScriptedEngine, recognizer, server_at, wait_until
from starlette.testclient import TestClient

from lab_kit.core.errors import OperationCancelled, StateUnusable, UnderLegalHold
from lab_kit.core.ids import StreamIdentity, TenantId
from lab_kit.database.rows import Rows
from lab_kit.database.sealing import Sealer
from lab_kit.gateway.run.app import create_app
from lab_kit.gateway.run.server import Server
from lab_kit.gateway.state import subjects
from lab_kit.gateway.state.database import FILE
from lab_kit.gateway.state.folder import StateFolder
from lab_kit.gateway.transcriptions.operation import Operation, Order
from lab_kit.protocol.subjects import KeptOfSubject
from lab_kit.protocol.tenants import TenantSettings

IN_A_FILE = pytest.mark.parametrize("database_url", [None])
"""What is looked for in files; what PostgreSQL keeps in its own, see test_postgres."""
SECRET = "marmalade lighthouse"
ALICE, CAROL = "customer-7", "customer-8"
DAY_S = 86_400.0
ROOT = bytes([0x55] * 32)


@pytest.fixture
def server(tmp_path: Path, database_url: str | None) -> Iterator[Server]:
    state = StateFolder(tmp_path / "state")
    made = server_at(
        tmp_path,
        lambda _: recognizer(ScriptedEngine(SECRET)),
        state=state,
        database_url=database_url,
    )
    made.keys.operator = "of-the-operator"
    wait_until(lambda: made.door.is_ready)
    yield made
    made.stop()


def told(_: Rows, operation: Operation) -> UUID:
    return operation.number


async def transcribed(server: Server, tenant: TenantId, subject: str | None) -> UUID:
    """One that has ended, with what was said."""
    order = Order(tenant, str(tenant), StreamIdentity.new(), (), subject=subject)
    sound = sentences(1)
    number = await server.transcriber.take(order, DAY_S, len(sound), chunks(sound), told)
    async with at_work(server):
        operation = await server.transcriber.wait(tenant, number, 30.0)
    assert operation.state == "SUCCEEDED", operation
    return number


async def uploaded(server: Server, tenant: TenantId, subject: str | None) -> UUID:
    sound = sentences(1)
    return await server.transcriber.keep_upload(
        tenant, str(tenant), len(sound), chunks(sound), subject
    )


def files(server: Server) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in server.state.path().rglob("*") if path.is_file()}


def holding(server: Server, wanted: bytes) -> list[str]:
    return [path.name for path, data in files(server).items() if wanted in data]


def stores(kept: KeptOfSubject) -> set[str]:
    return {one.store for one in kept.items}


async def wrapped_key(server: Server, tenant: TenantId, subject: str) -> bytes:
    sql = "SELECT wrapped FROM subjects WHERE tenant = ? AND name = ?"
    row = await server.database.run(
        lambda rows: rows.execute(sql, (str(tenant), subject)).fetchone()
    )
    return bytes(row["wrapped"])


@IN_A_FILE
async def test_no_file_holds_words_or_sound(server: Server) -> None:
    number = await transcribed(server, ANN, ALICE)
    await uploaded(server, ANN, ALICE)
    assert SECRET in (await server.transcriber.operations.transcription(ANN, number)).text
    sound = sentences(1)
    for wanted in (SECRET.encode(), b"marmalade", sound[1_000:1_064], b"RIFF"):
        assert holding(server, wanted) == []
    assert holding(server, await wrapped_key(server, ANN, ALICE))  # so they are looked through


@IN_A_FILE
async def test_what_is_erased_is_in_no_file_and_its_key_is_not_either(server: Server) -> None:
    await transcribed(server, ANN, ALICE)
    upload = await uploaded(server, ANN, ALICE)
    wrapped = await wrapped_key(server, ANN, ALICE)
    erased = await server.stored.erase(ANN, ALICE)
    assert erased.is_key_destroyed
    assert erased.held == {}
    assert erased.erased == {"operations": 1, "transcriptions": 1, "recordings": 1}
    for wanted in (wrapped, ALICE.encode(), str(upload).encode()):
        assert holding(server, wanted) == []
    assert list((server.state.path() / "audio").iterdir()) == []
    assert (await server.stored.kept(ANN, ALICE)).items == ()


@IN_A_FILE
async def test_a_copy_that_was_made_before_cannot_be_read_without_the_key(
    server: Server, tmp_path: Path
) -> None:
    number = await transcribed(server, ANN, ALICE)
    copy = tmp_path / "copy"
    shutil.copytree(server.state.path(), copy)
    with closing(sqlite3.connect(copy / FILE)) as kept:
        sealed, wrapped = kept.execute(
            "SELECT segment, wrapped FROM segments JOIN subjects ON subjects.number = subject"
        ).fetchone()
    context, sealer = f"segment {number}/0", Sealer(lambda: ROOT)
    assert SECRET in sealer.open(wrapped, context, sealed)  # with the key, it can
    for key in (None, sealer.new_key()):
        with pytest.raises(StateUnusable, match="segment in the database"):
            sealer.open(key, context, sealed)


async def test_nobody_elses_is_touched(server: Server) -> None:
    others = [(ANN, CAROL), (BOB, ALICE), (ANN, None)]
    kept = {(tenant, name): await transcribed(server, tenant, name) for tenant, name in others}
    await transcribed(server, ANN, ALICE)
    await server.stored.erase(ANN, ALICE)
    for (tenant, _), number in kept.items():
        found = await server.transcriber.operations.transcription(tenant, number)
        assert SECRET in found.text
    assert stores(await server.stored.kept(ANN, str(ANN))) == {"operations", "transcriptions"}


async def test_a_recording_that_is_being_transcribed_is_erased_too(server: Server) -> None:
    order = Order(ANN, "ann", StreamIdentity.new(), (), subject=ALICE)
    sound = sentences(2)
    await server.transcriber.take(order, DAY_S, len(sound), chunks(sound), told)
    assert (await server.stored.erase(ANN, ALICE)).erased == {"operations": 1, "recordings": 1}
    async with at_work(server):
        await transcribed(server, ANN, CAROL)  # it goes on with the next
    assert list((server.state.path() / "audio").iterdir()) == []


@pytest.mark.parametrize("is_upload", [True, False])
async def test_a_recording_that_is_still_coming_is_erased_too(
    server: Server, is_upload: bool
) -> None:
    async def coming() -> AsyncIterator[bytes]:
        yield sentences(1)
        assert (await server.stored.erase(ANN, ALICE)).is_key_destroyed
        yield sentences(1)

    async def sent() -> None:
        if is_upload:
            await server.transcriber.keep_upload(ANN, "ann", 0, coming(), ALICE)
        else:
            order = Order(ANN, "ann", StreamIdentity.new(), (), subject=ALICE)
            await server.transcriber.take(order, DAY_S, 0, coming(), told)

    with pytest.raises(OperationCancelled):
        await sent()
    assert list((server.state.path() / "audio").iterdir()) == []
    assert (await server.stored.kept(ANN, ALICE)).items == ()


async def test_a_file_has_all_of_it(server: Server) -> None:
    number = await transcribed(server, ANN, ALICE)
    upload = await uploaded(server, ANN, ALICE)
    data = b"".join(await server.stored.exported(ANN, ALICE))
    with ZipFile(io.BytesIO(data)) as file:
        assert file.testzip() is None
        assert file.read(f"recordings/{upload}") == sentences(1)
        kept = json.loads(file.read("data.json"))
    assert SECRET in kept["said"][str(number)]["text"]
    assert kept["asked"][str(number)]["subject"] == ALICE
    assert {one["store"] for one in kept["items"]} == {
        "operations",
        "transcriptions",
        "recordings",
    }


async def test_under_a_hold_nothing_goes(server: Server) -> None:
    number = await transcribed(server, ANN, ALICE)
    await server.tenants.put("ann", TenantSettings(retention_s=0.0, legal_hold=True))
    erased = await server.stored.erase(ANN, ALICE)
    assert (erased.erased, erased.is_key_destroyed) == ({}, False)
    assert erased.held == {"operations": 1, "transcriptions": 1}
    operations = server.transcriber.operations
    assert await operations.expire() == []
    for removing in (
        operations.delete_transcription(ANN, number),
        operations.delete(ANN, number),
        server.transcriber.delete_upload(ANN, number),
    ):
        with pytest.raises(UnderLegalHold):
            await removing
    await server.tenants.put("ann", TenantSettings())
    assert (await server.stored.erase(ANN, ALICE)).is_key_destroyed


async def test_a_tier_is_shorter_than_what_was_asked_for(server: Server) -> None:
    kept = await transcribed(server, ANN, ALICE)
    others = await transcribed(server, BOB, ALICE)
    assert await server.transcriber.operations.expire() == []
    await server.tenants.put("ann", TenantSettings(retention_s=0.0))
    assert set(await server.transcriber.operations.expire()) == {kept}
    assert (await server.transcriber.operations.get(BOB, others)).number == others


async def test_a_caller_is_told_when_it_goes_by_the_tier(server: Server) -> None:
    await server.tenants.put("ann", TenantSettings(retention_s=60.0))
    operation = await server.transcriber.operations.get(ANN, await transcribed(server, ANN, ALICE))
    assert operation.expires_ms <= operation.updated_ms + 60_000


@IN_A_FILE
async def test_a_name_goes_with_the_last_thing_that_is_kept(server: Server) -> None:
    await transcribed(server, ANN, ALICE)
    await server.tenants.put("ann", TenantSettings(retention_s=0.0))
    await server.transcriber.operations.expire()
    assert await wrapped_key(server, ANN, ALICE)
    await server.database.erase(subjects.forget_unused)
    assert holding(server, ALICE.encode()) == []


@IN_A_FILE
async def test_another_root_key_is_refused_at_the_start(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    await transcribed(server, ANN, ALICE)
    shutil.copytree(server.state.path(), tmp_path / "copy")
    monkeypatch.setenv("LAB_SUBJECT_KEY", "66" * 32)
    root = tmp_path / "again"
    root.mkdir()
    other = server_at(
        root,
        lambda _: recognizer(ScriptedEngine(SECRET)),
        state=StateFolder(tmp_path / "copy"),
    )
    with pytest.raises(StateUnusable, match="LAB_SUBJECT_KEY"):
        other.database.read_now(subjects.check)
    other.stop()


HEADERS = {"authorization": "Token of-the-operator"}


def test_over_http(server: Server) -> None:
    with TestClient(create_app(server)) as client:
        sound = sentences(1)
        named = {"x-subject": ALICE}
        assert client.post("/v2/upload", content=sound, headers=named).is_success
        assert client.post("/v1/transcriptions", content=sound, headers=named).status_code == 202
        asked: dict[str, Any] = {"params": {"tenant": "anybody"}, "headers": HEADERS}
        path = f"/operator/subjects/{ALICE}"
        kept = client.get(path, **asked).json()
        assert {one["store"] for one in kept["items"]} >= {"operations", "recordings"}
        exported = client.get(f"{path}/export", **asked)
        assert exported.headers["content-type"] == "application/zip"
        assert "data.json" in ZipFile(io.BytesIO(exported.content)).namelist()
        erased = client.delete(path, **asked).json()
        assert erased["is_key_destroyed"]
        assert client.get(path, **asked).json()["items"] == []


def test_an_upload_about_somebody_else_is_refused(server: Server) -> None:
    with TestClient(create_app(server)) as client:
        answer = client.post("/v2/upload", content=sentences(1), headers={"x-subject": ALICE})
        body = {"audio_url": answer.json()["upload_url"]}
        refused = client.post("/v2/transcript", json=body, headers={"x-subject": CAROL})
        assert refused.status_code == 400
        assert "x-subject" in refused.json()["error"]
        assert client.post("/v2/transcript", json=body, headers={"x-subject": ALICE}).is_success


def test_a_subject_that_is_no_name_is_refused(server: Server) -> None:
    with TestClient(create_app(server)) as client:
        answer = client.post(
            "/v1/transcriptions", content=sentences(1), headers={"x-subject": "a b"}
        )
        assert answer.status_code == 400
        assert answer.json()["error"]["reason"] == "INVALID_PARAMETER"


def test_an_answer_under_a_key_is_about_its_subject(server: Server) -> None:
    with TestClient(create_app(server)) as client:
        headers = {"x-subject": ALICE, "idempotency-key": "one"}
        sound = sentences(1)
        first = client.post("/v1/audio:transcribe", content=sound, headers=headers)
        assert SECRET in first.json()["text"]
        assert holding(server, SECRET.encode()) == []
        again = client.post("/v1/audio:transcribe", content=sound, headers=headers)
        assert again.json() == first.json()
        path = f"/operator/subjects/{ALICE}/export"
        exported = client.get(path, params={"tenant": "anybody"}, headers=HEADERS)
        with ZipFile(io.BytesIO(exported.content)) as file:
            assert json.loads(file.read("answers/1")) == first.json()
        path, tenant = f"/operator/subjects/{ALICE}", {"tenant": "anybody"}
        erased = client.delete(path, params=tenant, headers=HEADERS).json()
        assert erased["erased"] == {"answers": 1}
