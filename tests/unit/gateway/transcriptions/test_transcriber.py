"""Operations at work: done once each, whoever ends in the middle, and nothing left on the disk."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hang import HANG_S
from made_orders import ANN, BOB, order_of
from operations_at_work import SENTENCES, at_work, chunks, files, sentences
from receiver import Receiver
from scripted_engine import MODEL, ScriptedEngine, heard, recognizer, server_at, wait_until

from lab_kit.audio.files import RawPcm
from lab_kit.capacity.degradation import Level
from lab_kit.core.errors import (
    InvalidAudioFormat,
    PayloadTooLarge,
    QuotaExceeded,
    SystemOverloaded,
)
from lab_kit.database.rows import Rows
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.run.server import Server
from lab_kit.gateway.state.folder import StateFolder
from lab_kit.gateway.transcriptions import transcriber as module
from lab_kit.gateway.transcriptions.operation import Operation
from lab_kit.models.store.repository import Repository
from lab_kit.models.store.version import Settings
from lab_kit.protocol.operations import OperationState

SMALL = replace(
    Limits(),
    operation_audio_s=60.0,
    operation_bytes=2_000_000,
    spool_bytes=8_000_000,
    operations_of_one=3,
)
DAY_S = 86_400.0
ServerWith = Callable[[ScriptedEngine], Server]


@pytest.fixture
def server_with(tmp_path: Path) -> Iterator[ServerWith]:
    """Makes servers that keep their state in one folder, one after the other."""
    made: list[Server] = []

    def make(engine: ScriptedEngine) -> Server:
        root = tmp_path / str(len(made))
        root.mkdir()
        server = server_at(
            root,
            lambda _: recognizer(engine),
            limits=SMALL,
            state=StateFolder(tmp_path / "state"),
            allowed_hosts=("127.0.0.1",),
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


async def taken(server: Server, data: bytes, raw: RawPcm | None = None) -> Operation:
    order = replace(order_of(), raw=raw)
    return await server.transcriber.take(order, DAY_S, len(data), chunks(data), itself)


async def ended(server: Server, operation: Operation) -> Operation:
    async with asyncio.timeout(HANG_S):
        while True:
            now = await server.transcriber.wait(ANN, operation.number, 1.0)
            if now.state.is_done:
                return now


async def test_a_recording_is_transcribed_and_its_sound_goes(server_with: ServerWith) -> None:
    server = server_with(ScriptedEngine("so"))
    operation = await taken(server, sentences())
    assert (operation.state, operation.audio_s) == (OperationState.QUEUED, 24.0)
    assert len(files(server)) == 1
    async with at_work(server):
        done = await ended(server, operation)
    assert done.state is OperationState.SUCCEEDED
    transcription = await server.transcriber.operations.transcription(ANN, operation.number)
    assert transcription.text == " ".join(["so"] * SENTENCES)
    assert [round(s.start_s) for s in transcription.segments] == [2 * n for n in range(SENTENCES)]
    assert files(server) == []


async def test_bare_samples_are_what_the_caller_says(server_with: ServerWith) -> None:
    server = server_with(ScriptedEngine("so"))
    pcm = sentences(2)[44:]
    operation = await taken(server, pcm, RawPcm(8_000))
    assert operation.audio_s == 8.0
    with pytest.raises(InvalidAudioFormat, match="63,999 bytes"):
        await taken(server, pcm[:63_999], RawPcm(16_000))


async def test_an_operation_that_names_a_version_gets_it_or_fails_by_name(
    server_with: ServerWith, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = server_with(ScriptedEngine("so"))
    repository = Repository(tmp_path / "0" / "repository")
    repository.publish(MODEL, {"weights": tmp_path / "0" / "weights"}, Settings())
    monkeypatch.setattr(module, "PINNED_S", 0.0)
    ends: dict[str, str | None] = {}
    async with at_work(server):
        for named in ("@1", "@2", "@3"):
            order = replace(order_of(), model=MODEL + named)
            data = sentences(2)
            pinned = await server.transcriber.take(order, DAY_S, len(data), chunks(data), itself)
            done = await ended(server, pinned)
            ends[named] = None if done.error is None else done.error.reason
    assert ends == {"@1": None, "@2": "MODEL_NOT_LOADED", "@3": "VERSION_NOT_FOUND"}


@pytest.mark.parametrize("answered", [0, 1, 5, SENTENCES - 1])
async def test_a_server_that_ends_leaves_the_rest_to_the_next(
    server_with: ServerWith, answered: int
) -> None:
    engine = ScriptedEngine()
    first = server_with(engine)
    operation = await taken(first, sentences())
    async with at_work(first):
        for number in range(answered):
            async with asyncio.timeout(HANG_S):
                while len(engine.tickets) <= number:
                    await asyncio.sleep(0.001)
            engine.tickets[number].future.set_result(heard(f"first{number}"))
        async with asyncio.timeout(HANG_S):
            while (
                await first.transcriber.operations.get(ANN, operation.number)
            ).segments < answered:
                await asyncio.sleep(0.001)
    first.stop()
    later = ScriptedEngine("second")
    second = server_with(later)
    async with at_work(second):
        done = await ended(second, operation)
    assert done.state is OperationState.SUCCEEDED
    assert len(later.requests) == SENTENCES - answered
    found = await second.transcriber.operations.transcription(ANN, operation.number)
    told = [f"first{number}" for number in range(answered)]
    assert [s.text for s in found.segments] == told + ["second"] * (SENTENCES - answered)
    starts_s = [segment.start_s for segment in found.segments]
    assert np.allclose(starts_s, [2.0 * n for n in range(SENTENCES)], atol=0.3)
    assert files(second) == []


async def test_redaction_goes_on_where_a_server_ended_in_the_middle_of_a_name(
    server_with: ServerWith,
) -> None:
    engine = ScriptedEngine()
    first = server_with(engine)
    data = sentences(3)
    order = replace(order_of(), steps=("redact",))
    operation = await first.transcriber.take(order, DAY_S, len(data), chunks(data), itself)
    async with at_work(first):
        for number, text in enumerate(("it is late", "and my name is")):
            async with asyncio.timeout(HANG_S):
                while len(engine.tickets) <= number:
                    await asyncio.sleep(0.001)
            engine.tickets[number].future.set_result(heard(text))
        async with asyncio.timeout(HANG_S):
            while (await first.transcriber.operations.get(ANN, operation.number)).segments < 2:
                await asyncio.sleep(0.001)
    first.stop()
    later = ScriptedEngine()
    second = server_with(later)
    async with at_work(second):
        for number, text in enumerate(("it is late", "and my name is", "Zbigniew thank you")):
            async with asyncio.timeout(HANG_S):
                while len(later.tickets) <= number:
                    await asyncio.sleep(0.001)
            later.tickets[number].future.set_result(heard(text))
        done = await ended(second, operation)
    assert done.state is OperationState.SUCCEEDED
    found = await second.transcriber.operations.transcription(ANN, operation.number)
    assert [s.text for s in found.segments] == ["it is late", "and my name is", "[name] thank you"]
    assert [round(s.start_s) for s in found.segments] == [0, 2, 4]
    assert done.processed_s == done.audio_s == 6.0


async def test_cancelling_frees_what_it_holds(server_with: ServerWith) -> None:
    engine = ScriptedEngine()
    server = server_with(engine)
    operation = await taken(server, sentences())
    async with at_work(server):
        async with asyncio.timeout(HANG_S):
            while not engine.tickets:
                await asyncio.sleep(0.001)
        cancelled = await server.transcriber.cancel(ANN, operation.number)
        assert cancelled.state is OperationState.CANCELLED
        assert cancelled.error is not None
        assert cancelled.error.reason == "OPERATION_CANCELLED"
        assert files(server) == []
        async with asyncio.timeout(HANG_S):
            while engine.cancelled != {ticket.number for ticket in engine.tickets}:
                await asyncio.sleep(0.001)
        assert server.versions.status(1).in_flight == 0
        # and there is room for another
        engine.answer = "so"
        assert (await ended(server, await taken(server, sentences()))).error is None


async def test_a_failure_is_its_own_and_told(server_with: ServerWith) -> None:
    engine = ScriptedEngine(ZeroDivisionError("a defect"))
    server = server_with(engine)
    operation = await taken(server, sentences())
    async with at_work(server):
        failed = await ended(server, operation)
        assert failed.state is OperationState.FAILED
        assert failed.error is not None
        assert failed.error.code == "INTERNAL"
        assert "defect" not in failed.error.message
        assert failed.error.request_id == str(operation.order.identity.request)
        engine.answer = "so"
        assert (await ended(server, await taken(server, sentences()))).error is None
    assert files(server) == []


async def test_a_recording_at_which_servers_end_is_given_up(
    server_with: ServerWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_ATTEMPTS", 2)
    engine = ScriptedEngine()
    for attempt in range(3):
        server = server_with(engine)
        if not attempt:
            operation = await taken(server, sentences())
        seen = len(engine.tickets)
        async with at_work(server):
            if attempt == 2:
                failed = await ended(server, operation)
            else:
                async with asyncio.timeout(HANG_S):
                    while len(engine.tickets) == seen:
                        await asyncio.sleep(0.001)
        server.stop()
    assert failed.error is not None
    assert failed.error.reason == "INTERRUPTED_TOO_OFTEN"


async def test_a_full_engine_makes_it_wait_and_no_more(
    server_with: ServerWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROOM_S", 0.01)
    engine = ScriptedEngine("so", is_full=True)
    server = server_with(engine)
    operation = await taken(server, sentences())
    async with at_work(server):
        running = await server.transcriber.wait(ANN, operation.number, 0.2)
        assert not running.state.is_done
        engine.is_full = False
        assert (await ended(server, operation)).state is OperationState.SUCCEEDED


async def test_it_stands_still_while_the_service_is_reduced(
    server_with: ServerWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROOM_S", 0.01)
    engine = ScriptedEngine("so")
    server = server_with(engine)
    server.watch.degradation.level = Level.REFUSE_ALL
    operation = await taken(server, sentences())
    async with at_work(server):
        assert not (await server.transcriber.wait(ANN, operation.number, 0.2)).state.is_done
        assert engine.requests == []
        server.watch.degradation.level = Level.FULL
        assert (await ended(server, operation)).state is OperationState.SUCCEEDED


async def test_a_caller_with_many_does_not_keep_others_waiting(server_with: ServerWith) -> None:
    engine = ScriptedEngine()
    server = server_with(engine)
    for _ in range(3):
        await taken(server, sentences())
    bobs = await server.transcriber.take(order_of(BOB), DAY_S, 0, chunks(sentences(2)), itself)
    async with at_work(server):
        async with asyncio.timeout(HANG_S):
            while not (await server.transcriber.operations.get(BOB, bobs.number)).attempts:
                await asyncio.sleep(0.01)
        page = [one.state for one in (await _all(server)) if one.number != bobs.number]
        assert page.count(OperationState.RUNNING) == 1


async def _all(server: Server) -> list[Operation]:
    numbers = await server.transcriber.operations.pending()
    return [
        await server.transcriber.operations.get(ANN, n) for n, c in numbers.items() if c == "ann"
    ]


async def test_what_does_not_fit_is_refused_and_leaves_nothing(server_with: ServerWith) -> None:
    server = server_with(ScriptedEngine())
    wrong: list[tuple[bytes, type[Exception]]] = [
        (b"", InvalidAudioFormat),
        (b"no sound at all", InvalidAudioFormat),
        (sentences(31), PayloadTooLarge),  # longer than a minute
        (bytes(2_000_001), PayloadTooLarge),
    ]
    for data, kind in wrong:
        for declared in (len(data), 0):
            with pytest.raises(kind):
                await server.transcriber.take(order_of(), DAY_S, declared, chunks(data), itself)
    assert files(server) == []
    assert await server.transcriber.operations.pending() == {}
    for _ in range(2):
        await taken(server, sentences(30))
    with pytest.raises(SystemOverloaded, match="bytes of this caller"):
        await taken(server, sentences(30))
    await taken(server, sentences(2))
    with pytest.raises(QuotaExceeded):
        await taken(server, sentences(2))
    assert len(files(server)) == 3


async def test_a_caller_who_goes_away_leaves_nothing(server_with: ServerWith) -> None:
    server = server_with(ScriptedEngine())
    has_begun = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield sentences(2)
        has_begun.set()
        await asyncio.Event().wait()

    taking = asyncio.create_task(server.transcriber.take(order_of(), DAY_S, 0, slow(), itself))
    await has_begun.wait()
    assert len(files(server)) == 1
    taking.cancel()
    await asyncio.gather(taking, return_exceptions=True)
    assert files(server) == []
    await taken(server, sentences(30))  # nor is any room lost


async def test_a_caller_who_goes_away_at_any_moment_takes_no_place_along(
    server_with: ServerWith,
) -> None:
    server = server_with(ScriptedEngine())
    await server.transcriber.operations.pending()  # what opens the file takes its time
    for turns in range(40):
        data = sentences(2)
        taking = asyncio.create_task(
            server.transcriber.take(order_of(), DAY_S, len(data), chunks(data), itself)
        )
        for _ in range(turns):
            await asyncio.sleep(0)
        taking.cancel()
        (ended,) = await asyncio.gather(taking, return_exceptions=True)
        if isinstance(ended, Operation):
            await server.transcriber.cancel(ANN, ended.number)
    for number in await server.transcriber.operations.pending():  # queued, and nobody was told
        await server.transcriber.cancel(ANN, number)
    assert files(server) == []
    for _ in range(SMALL.operations_of_one):
        await taken(server, sentences(2))


async def test_sound_that_belongs_to_nothing_is_removed_at_the_start(
    server_with: ServerWith,
) -> None:
    first = server_with(ScriptedEngine())
    operation = await taken(first, sentences(2))
    (first.state.path() / "audio" / "half-received").write_bytes(b"something")
    first.stop()
    second = server_with(ScriptedEngine("so"))
    async with at_work(second):
        assert (await ended(second, operation)).state is OperationState.SUCCEEDED
    assert files(second) == []


async def test_what_has_been_kept_long_enough_goes(
    server_with: ServerWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EXPIRY_S", 0.0)
    engine = ScriptedEngine()
    server = server_with(engine)
    data = sentences()
    await server.transcriber.take(order_of(), 0.5, len(data), chunks(data), itself)
    async with at_work(server):
        async with asyncio.timeout(HANG_S):
            while await server.transcriber.operations.pending() or files(server):
                await asyncio.sleep(0.01)
        async with asyncio.timeout(HANG_S):
            while server.versions.status(1).in_flight:
                await asyncio.sleep(0.01)


# -- recordings that are fetched -------------------------------------------------------------------


async def fetched(server: Server, url: str) -> Operation:
    order = replace(order_of(), url=url)
    return await server.transcriber.take_address(order, DAY_S, itself)


async def test_a_recording_at_an_address_is_fetched_when_its_turn_comes(
    server_with: ServerWith,
) -> None:
    server = server_with(ScriptedEngine("so"))
    with Receiver() as receiver:
        receiver.files["/a.wav"] = sentences()
        operation = await fetched(server, f"http://127.0.0.1:{receiver.port}/a.wav")
        assert (operation.audio_s, receiver.requests) == (0.0, [])
        async with at_work(server):
            done = await ended(server, operation)
        (got,) = receiver.requests
    assert (done.state, done.audio_s) == (OperationState.SUCCEEDED, 24.0)
    assert {name.lower(): value for name, value in got.headers.items()}[
        "accept-encoding"
    ] == "identity"
    found = await server.transcriber.operations.transcription(ANN, operation.number)
    assert len(found.segments) == SENTENCES
    assert files(server) == []


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/no.wav", "INVALID_AUDIO_FORMAT"),
        ("/text.wav", "INVALID_AUDIO_FORMAT"),
        ("/long.wav", "PAYLOAD_TOO_LARGE"),
        ("/large.wav", "PAYLOAD_TOO_LARGE"),
    ],
)
async def test_what_is_no_recording_fails_by_its_reason(
    server_with: ServerWith, path: str, reason: str
) -> None:
    server = server_with(ScriptedEngine("so"))
    with Receiver() as receiver:
        receiver.files |= {
            "/text.wav": b"no sound at all",
            "/long.wav": sentences(31),
            "/large.wav": bytes(2_000_001),
        }
        operation = await fetched(server, f"http://127.0.0.1:{receiver.port}{path}")
        async with at_work(server):
            failed = await ended(server, operation)
    assert failed.error is not None
    assert failed.error.reason == reason
    assert files(server) == []


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://169.254.169.254/latest/meta-data", "ADDRESS_REFUSED"),
        ("https://localhost/", "ADDRESS_REFUSED"),
        ("http://127.0.0.1:1/", "CONNECTION_FAILED"),
    ],
)
async def test_what_the_server_does_not_ask_fails_by_its_reason(
    server_with: ServerWith, url: str, reason: str
) -> None:
    server = server_with(ScriptedEngine("so"))
    operation = await fetched(server, url)
    async with at_work(server):
        failed = await ended(server, operation)
    assert failed.error is not None
    assert failed.error.reason == reason


async def test_who_never_sends_it_is_not_waited_for(
    server_with: ServerWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FETCH_S", 0.2)
    server = server_with(ScriptedEngine("so"))
    with Receiver() as receiver:
        receiver.holds.clear()
        operation = await fetched(server, f"http://127.0.0.1:{receiver.port}/a.wav")
        async with at_work(server):
            failed = await ended(server, operation)
    assert failed.error is not None
    assert failed.error.reason == "CONNECTION_FAILED"
    assert failed.error.retryable
