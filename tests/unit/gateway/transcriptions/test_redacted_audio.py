"""The sound of transcriptions without what was redacted: made once, and gone with its text."""

import io
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID
from zipfile import ZipFile

import httpx
import numpy as np
import pytest
import pytest_asyncio
import soundfile
from made_orders import BOB
from operations_at_work import at_work, files, sentences
from scripted_engine import ScriptedEngine, recognizer, server_at, wait_until

from lab_kit.core.errors import RedactedAudioNotFound, SystemOverloaded
from lab_kit.gateway.door.keys import ANYBODY
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.run.app import create_app
from lab_kit.gateway.run.server import Server
from lab_kit.gateway.state.folder import StateFolder
from lab_kit.gateway.transcriptions import redacted_audio as module
from lab_kit.gateway.transcriptions.redacted_file import MP3, WAV, written
from lab_kit.protocol.transcriptions import TRANSCRIPTIONS_PATH
from lab_kit.stream.sink.sound import redacted_blocks

CARD = "my card is 4111 1111 1111 1111 thank you"
SUBJECT = {"x-subject": "customer-7"}
ASKED = f"{TRANSCRIPTIONS_PATH}?redact=true&redacted_audio=true"
BEFORE = sentences(3)
OPERATOR = "of-the-operator"


def make_server(tmp_path: Path, root: str, said: str = CARD) -> Server:
    folder = tmp_path / root
    folder.mkdir()
    server = server_at(
        folder,
        lambda _: recognizer(ScriptedEngine(said)),
        limits=replace(Limits(), spool_bytes=4_000_000, operation_bytes=1_000_000),
        state=StateFolder(tmp_path / "state"),
    )
    server.keys.operator = OPERATOR
    wait_until(lambda: server.door.is_ready)
    return server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = make_server(tmp_path, "first")
    yield made
    with suppress(RuntimeError):  # one that a test has stopped
        made.stop()


def client_of(server: Server) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(create_app(server))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")


@pytest_asyncio.fixture
async def client(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(server) as client:
        yield client


async def transcribed(
    client: httpx.AsyncClient, server: Server, path: str = ASKED, sound: bytes = BEFORE
) -> str:
    """The path of what came of it."""
    answer = await client.post(
        path, content=sound, headers={"content-type": "audio/wav", **SUBJECT}
    )
    assert answer.status_code == 202, answer.text
    name = answer.json()["name"]
    async with at_work(server):
        done = (await client.post(f"/v1/{name}:wait?timeout_s=30")).json()
    assert done["metadata"]["state"] == "SUCCEEDED", done
    return f"/v1/{done['response']['transcription']}"


def samples_of(file: bytes) -> np.ndarray:
    sound, rate_hz = soundfile.read(io.BytesIO(file), dtype="int16")
    assert rate_hz == 16_000
    return sound


def redacted_files(server: Server) -> list[Path]:
    return list((server.state.path() / "redacted").glob("*"))


async def redactions(client: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    told = (await client.get(path)).json()
    return [one for segment in told["segments"] for one in segment["redactions"]]


async def test_it_is_silent_where_something_was_taken_out_and_otherwise_as_it_was(
    client: httpx.AsyncClient, server: Server
) -> None:
    path = await transcribed(client, server)
    answer = await client.get(f"{path}/audio")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "audio/wav"
    assert int(answer.headers["content-length"]) == len(answer.content)
    sound, before = samples_of(answer.content), samples_of(BEFORE)
    assert len(sound) == len(before)
    gone = await redactions(client, path)
    assert [one["kind"] for one in gone] == ["card"] * 3
    is_near = np.zeros(len(sound), bool)
    for one in gone:
        first, end = round(one["start_s"] * 16_000), round(one["end_s"] * 16_000)
        assert before[first:end].any()
        assert not sound[first:end].any()
        is_near[max(0, first - 900) : end + 900] = True
    np.testing.assert_allclose(sound[~is_near], before[~is_near], atol=2)
    assert before[~is_near].any(), "something is left to be heard"


async def test_a_tone_may_stand_for_it(client: httpx.AsyncClient, server: Server) -> None:
    path = await transcribed(client, server, f"{ASKED}&fill=tone")
    sound = samples_of((await client.get(f"{path}/audio")).content)
    one = (await redactions(client, path))[0]
    assert sound[round(one["start_s"] * 16_000) : round(one["end_s"] * 16_000)].any()


async def test_its_file_is_sealed_and_says_nothing(
    client: httpx.AsyncClient, server: Server
) -> None:
    path = await transcribed(client, server)
    (file,) = redacted_files(server)
    assert samples_of((await client.get(f"{path}/audio")).content)[:64].tobytes() not in (
        file.read_bytes()
    )
    assert b"WAVE" not in file.read_bytes()
    assert files(server) == [], "the recording itself is gone"


async def test_another_tenant_has_none_of_that_name(
    client: httpx.AsyncClient, server: Server
) -> None:
    path = await transcribed(client, server)
    with pytest.raises(RedactedAudioNotFound):
        await server.transcriber.redacted.open(BOB, UUID(path.rpartition("/")[2]))


@pytest.mark.parametrize("deletes", ["transcription", "subject", "expiry"])
async def test_it_goes_with_its_text(
    client: httpx.AsyncClient, server: Server, deletes: str
) -> None:
    path = await transcribed(client, server)
    number = path.rpartition("/")[2]
    assert (await client.delete(f"/v1/operations/{number}")).status_code == 204
    assert len(redacted_files(server)) == 1, "the operation's own row is not needed"
    assert (await client.get(f"{path}/audio")).status_code == 200
    if deletes == "transcription":
        assert (await client.delete(path)).status_code == 204
    elif deletes == "subject":
        erased = await server.stored.erase(ANYBODY, "customer-7")
        assert erased.erased == {"transcriptions": 1, "redacted_recordings": 1}, erased
    else:
        await server.database.run(
            lambda rows: rows.execute("UPDATE transcriptions SET expires_ms = 1")
        )
        server.transcriber._expired_s = -1_000.0
        await server.transcriber._expire()
    assert redacted_files(server) == []
    gone = await client.get(f"{path}/audio")
    assert (gone.status_code, gone.json()["error"]["reason"]) == (404, "TRANSCRIPTION_NOT_FOUND")


async def test_whoever_asks_for_what_is_kept_of_a_person_gets_it(
    client: httpx.AsyncClient, server: Server
) -> None:
    path = await transcribed(client, server)
    number = path.rpartition("/")[2]
    kept = await server.stored.kept(ANYBODY, "customer-7")
    (item,) = [one for one in kept.items if one.store == "redacted_recordings"]
    assert (item.name, item.size_bytes) == (number, redacted_files(server)[0].stat().st_size)
    pieces = await server.stored.exported(ANYBODY, "customer-7")
    with ZipFile(io.BytesIO(b"".join(pieces))) as file:
        held = file.read(f"redacted_recordings/{number}")
    assert held == (await client.get(f"{path}/audio")).content


async def test_a_server_that_begins_keeps_those_whose_text_is_there(
    client: httpx.AsyncClient, server: Server, tmp_path: Path
) -> None:
    path = await transcribed(client, server)
    expected = (await client.get(f"{path}/audio")).content
    await client.delete(f"/v1/operations/{path.rpartition('/')[2]}")
    (tmp_path / "state" / "redacted" / str(UUID(int=7))).write_bytes(b"of nobody")
    server.stop()
    second = make_server(tmp_path, "second")
    try:
        await second.transcriber.turn()
        async with client_of(second) as later:
            assert (await later.get(f"{path}/audio")).content == expected
        assert len(redacted_files(second)) == 1
    finally:
        second.stop()


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("redacted_audio=true", "redact=true"),
        ("redact=true&redacted_audio=maybe", "true or false"),
        ("redact=true&fill=tone", "redacted_audio"),
        ("redact=true&redacted_audio=true&fill=music", "silence or tone"),
    ],
)
async def test_what_has_no_meaning_is_refused(
    client: httpx.AsyncClient, query: str, says: str
) -> None:
    answer = await client.post(
        f"{TRANSCRIPTIONS_PATH}?{query}", content=BEFORE, headers={"content-type": "audio/wav"}
    )
    assert answer.status_code == 400
    assert says in answer.json()["error"]["message"]


async def test_a_transcription_that_was_not_asked_for_with_it_has_none(
    client: httpx.AsyncClient, server: Server
) -> None:
    path = await transcribed(client, server, f"{TRANSCRIPTIONS_PATH}?redact=true")
    answer = await client.get(f"{path}/audio")
    assert answer.status_code == 404
    assert answer.json()["error"]["reason"] == "REDACTED_AUDIO_NOT_FOUND"
    assert "redacted_audio=true" in answer.json()["error"]["message"]


async def test_where_there_is_no_room_it_is_tried_again_and_then_the_operation_fails(
    client: httpx.AsyncClient, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BETWEEN_S", 0.0)
    tries: list[int] = []

    async def full(*_: object) -> int:
        tries.append(1)
        raise SystemOverloaded("a full disk", "room", "make some")

    receive = server.transcriber.redacted.spool.receive
    monkeypatch.setattr(server.transcriber.redacted.spool, "receive", full)
    answer = await client.post(ASKED, content=BEFORE, headers={"content-type": "audio/wav"})
    name = answer.json()["name"]
    async with at_work(server):
        done = (await client.post(f"/v1/{name}:wait?timeout_s=30")).json()
    assert (done["metadata"]["state"], len(tries)) == ("FAILED", module.TRIES)
    assert done["error"]["reason"] == "SYSTEM_OVERLOADED"
    assert redacted_files(server) == []
    monkeypatch.setattr(server.transcriber.redacted.spool, "receive", receive)
    await transcribed(client, server)


@pytest.mark.parametrize("form", [WAV, MP3])
def test_a_file_has_the_length_that_was_said(form: str) -> None:
    blocks = [np.full(size, 0.25, np.float32) for size in (20_000, 20_000, 20_000)]
    for count in (48_000, 60_000, 64_000):
        file = b"".join(written(blocks, count, form))
        sound, rate_hz = soundfile.read(io.BytesIO(file))
        assert rate_hz == 16_000
        assert abs(len(sound) - count) <= (0 if form == WAV else 2_400), "an encoder's own frames"


def test_blocks_are_redacted_as_the_whole_is() -> None:
    whole = np.random.default_rng(1).uniform(-0.5, 0.5, 64_000).astype(np.float32)
    spans_s = [(-np.inf, 0.2), (0.9, 1.1), (2.5, 2.5), (3.9, np.inf)]
    blocks = np.array_split(whole, 7)
    done = np.concatenate([*redacted_blocks(blocks, spans_s, "silence")])
    expected = np.concatenate([*redacted_blocks([whole], spans_s, "silence")])
    assert np.count_nonzero(done != expected) <= 2 * len(blocks), "a sample at an edge"
    assert not done[: round(0.2 * 16_000)].any()
    assert not done[round(0.9 * 16_000) : round(1.1 * 16_000)].any()
    assert not done[round(3.9 * 16_000) :].any()
    np.testing.assert_array_equal(done[5_000:12_000], whole[5_000:12_000])
