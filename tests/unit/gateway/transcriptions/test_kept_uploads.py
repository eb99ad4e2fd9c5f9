"""Recordings that are sent ahead: transcribed as often as asked, bounded, and gone in the end."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hang import HANG_S
from made_orders import ANN, BOB, ROOT, order_of
from operations_at_work import SENTENCES, at_work, chunks, files, sentences
from scripted_engine import ScriptedEngine, recognizer, server_at, wait_until

from lab_kit.core.errors import (
    LabError,
    PayloadTooLarge,
    QuotaExceeded,
    SystemOverloaded,
    UploadNotFound,
)
from lab_kit.core.ids import TenantId
from lab_kit.database.rows import Rows
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.run.forms import FORMS
from lab_kit.gateway.run.server import Server
from lab_kit.gateway.state.database import Database
from lab_kit.gateway.state.folder import StateFolder
from lab_kit.gateway.transcriptions import kept_uploads as module
from lab_kit.gateway.transcriptions import transcriber
from lab_kit.gateway.transcriptions.operation import Operation
from lab_kit.gateway.transcriptions.operations import Allowance
from lab_kit.protocol.operations import OperationState

SMALL = replace(
    Limits(),
    operation_audio_s=60.0,
    operation_bytes=1_000_000,
    spool_bytes=4_000_000,
    operations=5,
    operations_of_one=3,
)
DAY_S = 86_400.0


@pytest.fixture
def make_server(tmp_path: Path, database_url: str | None) -> Iterator[Callable[[], Server]]:
    """Makes servers that keep their state in one folder, one after the other."""
    made: list[Server] = []

    def make() -> Server:
        root = tmp_path / str(len(made))
        root.mkdir()
        state = StateFolder(tmp_path / "state")
        server = server_at(
            root,
            lambda _: recognizer(ScriptedEngine("so")),
            limits=SMALL,
            state=state,
            database_url=database_url,
        )
        made.append(server)
        wait_until(lambda: server.door.is_ready)
        return server

    yield make
    for server in made:
        with suppress(RuntimeError):  # one that a test has stopped
            server.stop()


def itself(rows: Rows, operation: Operation) -> Operation:
    return operation


async def sent(server: Server, data: bytes, tenant: TenantId = ANN) -> UUID:
    return await server.transcriber.keep_upload(tenant, str(tenant), len(data), chunks(data))


async def asked(server: Server, upload: UUID, tenant: TenantId = ANN) -> Operation:
    return await server.transcriber.take_upload(order_of(tenant), DAY_S, upload, itself)


async def ended(server: Server, operation: Operation) -> Operation:
    async with asyncio.timeout(HANG_S):
        while True:
            now = await server.transcriber.wait(ANN, operation.number, 1.0)
            if now.state.is_done:
                return now


async def until_gone(server: Server) -> None:
    async with asyncio.timeout(HANG_S):
        while files(server):
            await asyncio.sleep(0.01)


async def test_one_is_transcribed_as_often_as_it_is_asked_for(
    make_server: Callable[[], Server],
) -> None:
    server = make_server()
    upload = await sent(server, sentences())
    first, second = await asked(server, upload), await asked(server, upload)
    assert len({path.stat().st_ino for path in files(server)}) == 1
    async with at_work(server):
        for operation in (first, second):
            done = await ended(server, operation)
            assert (done.state, done.audio_s) == (OperationState.SUCCEEDED, 24.0)
            found = await server.transcriber.operations.transcription(ANN, operation.number)
            assert found.text == " ".join(["so"] * SENTENCES)
    assert [path.name for path in files(server)] == [str(upload)]


async def test_its_bytes_count_once_and_until_nobody_needs_them(
    make_server: Callable[[], Server],
) -> None:
    server = make_server()
    large = bytes(900_000)
    upload = await sent(server, large)
    operation = await asked(server, upload)
    await sent(server, large)  # two million are one caller's half
    with pytest.raises(SystemOverloaded, match="bytes of this caller"):
        await sent(server, large)
    await server.transcriber.delete_upload(ANN, upload)
    with pytest.raises(SystemOverloaded, match="bytes of this caller"):
        await sent(server, large)  # the operation still has its sound
    await server.transcriber.cancel(ANN, operation.number)
    await sent(server, large)


async def test_what_is_no_recording_fails_when_its_turn_comes(
    make_server: Callable[[], Server],
) -> None:
    server = make_server()
    operation = await asked(server, await sent(server, b"no sound at all"))
    async with at_work(server):
        failed = await ended(server, operation)
    assert failed.error is not None
    assert failed.error.reason == "INVALID_AUDIO_FORMAT"


async def test_one_callers_is_nobody_elses(make_server: Callable[[], Server]) -> None:
    server = make_server()
    upload = await sent(server, sentences(2))
    for number, tenant in ((upload, BOB), (uuid4(), ANN)):
        with pytest.raises(UploadNotFound):
            await asked(server, number, tenant)
    await server.transcriber.delete_upload(BOB, upload)
    assert len(files(server)) == 1
    assert await server.transcriber.operations.pending() == {}
    await asked(server, upload)


async def test_there_may_be_so_many(make_server: Callable[[], Server]) -> None:
    server = make_server()
    for _ in range(3):
        await sent(server, b"sound")
    with pytest.raises(QuotaExceeded, match="3 uploads of this caller"):
        await sent(server, b"sound")
    for _ in range(2):
        await sent(server, b"sound", BOB)
    with pytest.raises(SystemOverloaded, match="5 uploads"):
        await sent(server, b"sound", BOB)
    assert len(files(server)) == 5


async def test_what_was_transcribed_gives_way_and_what_waits_does_not(
    make_server: Callable[[], Server],
) -> None:
    server = make_server()
    waiting = await sent(server, sentences(2))
    used = [await sent(server, sentences(2)) for _ in range(2)]
    for upload in used:
        await asked(server, upload)
    newer = [await sent(server, sentences(2)) for _ in range(2)]
    for upload in used:
        with pytest.raises(UploadNotFound):
            await asked(server, upload)
    with pytest.raises(QuotaExceeded):
        await sent(server, sentences(2))
    names = {path.name for path in files(server)}
    assert names >= {str(upload) for upload in (waiting, *newer)}
    assert len(names) == 5  # the operations have their sound
    bobs = [await sent(server, b"sound", BOB) for _ in range(2)]
    await asked(server, bobs[0], BOB)
    await sent(server, b"sound", BOB)  # there are five in all
    with pytest.raises(UploadNotFound):
        await asked(server, bobs[0], BOB)


@pytest.mark.parametrize("declared", [True, False])
async def test_one_that_is_too_large_leaves_nothing(
    make_server: Callable[[], Server], declared: bool
) -> None:
    server = make_server()
    data = bytes(1_000_001)
    with pytest.raises(PayloadTooLarge):
        await server.transcriber.keep_upload(ANN, "ann", declared * len(data), chunks(data))
    assert files(server) == []
    for _ in range(3):  # nor is it counted
        await sent(server, b"sound")


async def test_a_caller_who_goes_away_leaves_nothing(make_server: Callable[[], Server]) -> None:
    server = make_server()
    has_begun = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield bytes(600_000)
        has_begun.set()
        await asyncio.Event().wait()

    sending = asyncio.create_task(server.transcriber.keep_upload(ANN, "ann", 0, slow()))
    await has_begun.wait()
    (path,) = files(server)
    with pytest.raises(UploadNotFound):  # it is not whole
        await asked(server, UUID(path.name))
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    assert files(server) == []
    for _ in range(3):
        await sent(server, b"sound")


async def test_one_that_nobody_asks_for_goes_by_itself(
    make_server: Callable[[], Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT_S", 0.0)
    monkeypatch.setattr(transcriber, "EXPIRY_S", 0.0)
    server = make_server()
    upload = await sent(server, sentences(2))
    assert len(files(server)) == 1
    async with at_work(server):
        await until_gone(server)
    with pytest.raises(UploadNotFound):
        await asked(server, upload)


async def test_one_that_goes_is_transcribed_all_the_same(
    make_server: Callable[[], Server],
) -> None:
    server = make_server()
    upload = await sent(server, sentences())
    operation = await asked(server, upload)
    await server.transcriber.delete_upload(ANN, upload)
    assert [path.name for path in files(server)] == [str(operation.number)]
    async with at_work(server):
        assert (await ended(server, operation)).state is OperationState.SUCCEEDED
    assert files(server) == []


async def test_they_outlive_a_server_that_ends(make_server: Callable[[], Server]) -> None:
    first = make_server()
    upload = await sent(first, sentences())
    await asked(first, upload)
    half = uuid4()
    (first.state.path() / "audio" / str(half)).write_bytes(b"half of a recording")
    first.stop()
    second = make_server()
    operation = await asked(second, upload)
    assert str(half) not in {path.name for path in files(second)}
    assert len(files(second)) == 3  # the upload, and a name for each operation
    async with at_work(second):
        assert (await ended(second, operation)).state is OperationState.SUCCEEDED
    with pytest.raises(LabError):
        await asked(second, half)


async def test_one_on_its_way_when_a_server_ends_is_forgotten(
    tmp_path: Path, database_url: str | None
) -> None:
    first = Database(lambda: tmp_path, FORMS, lambda: ROOT, database_url)
    await module.KeptUploads(first, Allowance(1, 1)).receive(uuid4(), ANN, "ann")
    first.close()
    second = Database(lambda: tmp_path, FORMS, lambda: ROOT, database_url)
    uploads = module.KeptUploads(second, Allowance(1, 1))
    with pytest.raises(QuotaExceeded):
        await uploads.receive(uuid4(), ANN, "ann")
    assert await uploads.recover() == {}
    await uploads.receive(uuid4(), ANN, "ann")
    second.close()
