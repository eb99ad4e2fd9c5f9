"""AssemblyAI's routes on a scripted engine: whose transcripts they are, how far, and refusals."""

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import pytest
import soundfile
from hang import HANG_S
from operations_at_work import SENTENCES, at_work, files, sentences
from receiver import Receiver
from scripted_engine import ScriptedEngine, heard, recognizer, server_at, wait_until

from lab_kit.core.ids import TenantId
from lab_kit.gateway.door import keys
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.run.app import create_app
from lab_kit.gateway.run.server import Server
from lab_kit.gateway.transcriptions import redacted_audio

SMALL = replace(Limits(), operation_bytes=2_000_000, spool_bytes=8_000_000, operations_of_one=4)
PATH = "/v2/transcript"
NOT_FOUND = {"error": "Transcript lookup error, transcript id not found"}


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine("so it was.")


@pytest.fixture
def server(tmp_path: Path, engine: ScriptedEngine) -> Iterator[Server]:
    made = server_at(
        tmp_path, lambda _: recognizer(engine), limits=SMALL, allowed_hosts=("127.0.0.1",)
    )
    wait_until(lambda: made.door.is_ready)
    yield made
    made.stop()


@asynccontextmanager
async def calling(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(server))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8300") as client:
        yield client


async def uploaded(client: httpx.AsyncClient, data: bytes | None = None) -> str:
    answer = await client.post("/v2/upload", content=sentences() if data is None else data)
    assert answer.status_code == 200
    return str(answer.json()["upload_url"])


async def created(client: httpx.AsyncClient, url: str, **fields: Any) -> str:
    answer = await client.post(PATH, json={"audio_url": url, **fields})
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "queued"
    return str(answer.json()["id"])


async def ended(client: httpx.AsyncClient, transcript: str) -> dict[str, Any]:
    async with asyncio.timeout(HANG_S):
        while True:
            body: dict[str, Any] = (await client.get(f"{PATH}/{transcript}")).json()
            if body["status"] in ("completed", "error"):
                return body
            await asyncio.sleep(0.01)


async def test_an_upload_is_polled_until_it_is_a_transcript(
    server: Server, engine: ScriptedEngine
) -> None:
    engine.answer = None
    async with calling(server) as client:
        url = await uploaded(client)
        transcript = await created(client, url)
        assert (await client.get(f"{PATH}/{transcript}")).json()["status"] == "queued"
        async with at_work(server):
            await asyncio.to_thread(engine.asked.wait, HANG_S)
            going_on = (await client.get(f"{PATH}/{transcript}")).json()
            assert (going_on["status"], going_on["text"]) == ("processing", None)
            early = await client.get(f"{PATH}/{transcript}/sentences")
            assert early.status_code == 400
            assert "which is processing" in early.json()["error"]
            early = await client.delete(f"{PATH}/{transcript}")
            assert early.status_code == 400
            engine.answer = "so it was."
            while engine.tickets:
                ticket = engine.tickets.pop()
                if not ticket.future.done():
                    ticket.future.set_result(heard("so"))
                await asyncio.sleep(0)
            done = await ended(client, transcript)
    assert done["status"] == "completed"
    assert (done["audio_url"], done["audio_duration"]) == (url, 24)


async def test_what_was_said_is_read_in_every_form(server: Server) -> None:
    async with calling(server) as client, at_work(server):
        transcript = await created(client, await uploaded(client))
        done = await ended(client, transcript)
        one = f"{PATH}/{transcript}"
        assert done["text"] == " ".join(["so it was."] * SENTENCES)
        assert len(done["words"]) == 3 * SENTENCES
        found = (await client.get(f"{one}/sentences")).json()["sentences"]
        assert [sentence["text"] for sentence in found] == ["so it was."] * SENTENCES
        (paragraph, *rest) = (await client.get(f"{one}/paragraphs")).json()["paragraphs"]
        assert len(paragraph["words"]) == 15
        assert len(rest) == 2
        captions = await client.get(f"{one}/srt", params={"chars_per_caption": 5})
        assert captions.text.startswith("1\n00:00:00,")
        assert "so it\n" in captions.text
        assert captions.headers["content-type"].startswith("text/plain")
        assert (await client.get(f"{one}/vtt")).text.startswith("WEBVTT\n\n00:00:0")
        search = (await client.get(f"{one}/word-search", params={"words": "IT was,no"})).json()
        assert (search["total_count"], search["matches"][0]["text"]) == (SENTENCES, "IT was")
        for path, query in (
            ("srt", {"chars_per_caption": "0"}),
            ("vtt", {"chars_per_caption": "x"}),
            ("word-search", {}),
            ("word-search", {"words": "one two three four five six"}),
        ):
            refused = await client.get(f"{one}/{path}", params=query)
            assert refused.status_code == 400
            assert list(refused.json()) == ["error"]
            assert isinstance(refused.json()["error"], str)


async def test_deleting_leaves_that_there_was_one(server: Server) -> None:
    async with calling(server) as client, at_work(server):
        upload = await uploaded(client)
        secret = {"webhook_auth_header_name": "x-secret", "webhook_auth_header_value": "of nobody"}
        transcript = await created(client, upload, webhook_url="https://127.0.0.1:1/", **secret)
        await ended(client, transcript)
        assert len(files(server)) == 1
        for _ in range(2):  # as often as one likes
            deleted = await client.delete(f"{PATH}/{transcript}")
            assert deleted.status_code == 200
            assert deleted.json()["text"] == "Deleted by user."
        assert files(server) == []  # the upload went, too
        again = await client.post(PATH, json={"audio_url": upload})
        assert (again.status_code, again.json()["error"]) == (403, "Cannot access uploaded file")
        now = (await client.get(f"{PATH}/{transcript}")).json()
        assert (now["text"], now["words"]) == ("Deleted by user.", None)
        (listed,) = (await client.get(PATH)).json()["transcripts"]
        assert listed["audio_url"] == "http://deleted_by_user"
        for part in ("sentences", "paragraphs", "srt", "vtt", "word-search"):
            refused = await client.get(f"{PATH}/{transcript}/{part}", params={"words": "so"})
            assert refused.status_code == 400
            assert "which is deleted" in refused.json()["error"]
    orders = await server.database.run(
        lambda rows: [row["made_order"] for row in rows.execute("SELECT * FROM operations")]
    )
    assert "of nobody" not in "".join(orders)


async def test_lists_lead_from_page_to_page(server: Server) -> None:
    async with calling(server) as client:
        upload = await uploaded(client, sentences(2))
        made = [await created(client, upload) for _ in range(3)]
        await client.post("/v1/transcriptions", content=sentences(2))  # in our own words
        newest = (await client.get(PATH, params={"limit": 2})).json()
        assert [one["id"] for one in newest["transcripts"]] == made[:0:-1]
        assert newest["page_details"]["result_count"] == 2
        assert newest["page_details"]["next_url"] is None
        older = (await client.get(newest["page_details"]["prev_url"])).json()
        assert [one["id"] for one in older["transcripts"]] == made[:1]
        assert older["page_details"]["prev_url"] is None
        newer = (await client.get(older["page_details"]["next_url"])).json()
        assert [one["id"] for one in newer["transcripts"]] == made[:0:-1]
        between = {"before_id": made[2], "after_id": made[0]}
        (one,) = (await client.get(PATH, params=between)).json()["transcripts"]
        assert one["id"] == made[1]
        assert one["resource_url"] == f"http://127.0.0.1:8300{PATH}/{made[1]}"
        # next to the first one is the second, and not the last
        second = (await client.get(PATH, params={"after_id": made[0], "limit": 1})).json()
        assert [one["id"] for one in second["transcripts"]] == [made[1]]
        for query, count in (
            ({"status": "completed"}, 0),
            ({"status": "queued"}, 3),
            ({"created_on": "2001-01-01"}, 0),
            ({"created_on": one["created"][:10]}, 3),
            ({"nobody": "knows"}, 3),
        ):
            page = (await client.get(PATH, params=query)).json()
            assert page["page_details"]["result_count"] == count, query
        refused = await client.get(PATH, params={"limit": 0})
        assert refused.status_code == 400
        assert refused.json()["error"].startswith("limit='0'")


async def test_one_callers_is_not_found_by_another(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with calling(server) as client:
        upload = await uploaded(client)
        transcript = await created(client, upload)
        monkeypatch.setattr(keys, "ANYBODY", TenantId("somebody-else"))
        for method, path in (
            ("GET", transcript),
            ("DELETE", transcript),
            ("GET", f"{transcript}/sentences"),
            ("GET", f"{transcript}/srt"),
            ("GET", str(uuid4())),
            ("GET", "nope"),
        ):
            refused = await client.request(method, f"{PATH}/{path}")
            assert (refused.status_code, refused.json()) == (400, NOT_FOUND)
        refused = await client.post(PATH, json={"audio_url": upload})
        assert (refused.status_code, refused.json()) == (
            403,
            {"error": "Cannot access uploaded file"},
        )
        assert (await client.get(PATH)).json()["transcripts"] == []


async def test_what_was_asked_for_in_our_own_words_is_not_seen(server: Server) -> None:
    async with calling(server) as client:
        made = await client.post("/v1/transcriptions", content=sentences(2))
        number = made.json()["name"].removeprefix("operations/")
        refused = await client.get(f"{PATH}/{number}")
        assert (refused.status_code, refused.json()) == (400, NOT_FOUND)
        # while ours sees all
        transcript = await created(client, await uploaded(client))
        assert (await client.get(f"/v1/operations/{transcript}")).status_code == 200


async def test_a_wrong_key_is_refused_in_the_providers_words(server: Server) -> None:
    server.keys.caller = "right"
    async with calling(server) as client:
        for key in ("", "wrong", "Bearer wrong"):
            refused = await client.post(PATH, json={}, headers={"authorization": key})
            assert (refused.status_code, refused.json()) == (
                401,
                {"error": "Authentication error, API token missing/invalid"},
            )
        let_in = await client.get(PATH, headers={"authorization": "right"})
        assert let_in.status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        (b"{}", 400, "audio_url"),
        (b"no json", 400, "a JSON object"),
        (b'{"audio_url": "https://x/", "speaker_labels": true}', 400, "speaker_labels"),
        (b'{"audio_url": "https://x/", "language_code": "de"}', 400, "'de'"),
        (b'{"audio_url": "file:///etc/passwd"}', 400, "file:///etc/passwd"),
        (b'{"audio_url": "nowhere"}', 400, "nowhere"),
        (b'{"audio_url": "https://x/", "webhook_url": "nowhere"}', 400, "nowhere"),
        (b" " * 70_000, 413, "65,536"),
    ],
    ids=str,
)
async def test_what_cannot_be_asked_for_is_refused_by_its_name(
    server: Server, body: bytes, status: int, named: str
) -> None:
    async with calling(server) as client:
        refused = await client.post(PATH, content=body)
        assert refused.status_code == status
        assert list(refused.json()) == ["error"]
        assert named in refused.json()["error"]
        assert (await client.get(PATH)).json()["transcripts"] == []


async def test_what_is_no_recording_ends_as_an_error(server: Server) -> None:
    async with calling(server) as client, at_work(server):
        failed = await ended(client, await created(client, await uploaded(client, b"no sound")))
        assert failed["status"] == "error"
        assert "cannot be read" in failed["error"]
        inner = await ended(client, await created(client, "https://169.254.169.254/a.wav"))
        assert inner["status"] == "error"
        assert "169.254.169.254" in inner["error"]
        (deleted,) = {(await client.delete(f"{PATH}/{inner['id']}")).json()["status"]}
        assert deleted == "error"
        assert "169.254" not in (await client.get(f"{PATH}/{inner['id']}")).json()["audio_url"]


async def test_a_recording_of_the_web_is_fetched(server: Server) -> None:
    with Receiver() as receiver:
        receiver.files["/a.wav"] = sentences()
        url = f"http://127.0.0.1:{receiver.port}/a.wav"
        async with calling(server) as client, at_work(server):
            done = await ended(client, await created(client, url))
    assert (done["status"], done["audio_url"]) == ("completed", url)


@pytest.mark.parametrize(
    ("part", "first", "count"),
    [
        ({"audio_start_from": 4_000}, 2, SENTENCES - 2),
        ({"audio_end_at": 5_900}, 0, 3),
        ({"audio_start_from": 4_000, "audio_end_at": 7_900}, 2, 2),
        ({"audio_end_at": 60_000}, 0, SENTENCES),
    ],
    ids=str,
)
async def test_a_part_of_a_recording_has_the_times_of_the_whole(
    server: Server, part: dict[str, int], first: int, count: int
) -> None:
    async with calling(server) as client, at_work(server):
        transcript = await created(client, await uploaded(client), **part)
        done = await ended(client, transcript)
        found = (await client.get(f"{PATH}/{transcript}/sentences")).json()["sentences"]
    starts_s = [round(sentence["start"] / 1_000) for sentence in found]
    assert starts_s == [2 * (first + n) for n in range(count)]
    assert done["audio_duration"] == 24
    assert {name: done[name] for name in part} == part


async def test_a_part_behind_the_end_is_told(server: Server) -> None:
    async with calling(server) as client, at_work(server):
        transcript = await created(client, await uploaded(client), audio_start_from=24_000)
        failed = await ended(client, transcript)
    assert (failed["status"], "24 s" in failed["error"]) == ("error", True)


async def test_optional_steps_are_asked_for_in_the_query(
    server: Server, engine: ScriptedEngine
) -> None:
    engine.answer = "write to a@example.com now"
    async with calling(server) as client, at_work(server):
        upload = await uploaded(client, sentences(1))
        made = await client.post(f"{PATH}?redact=true", json={"audio_url": upload})
        done = await ended(client, made.json()["id"])
        assert done["text"] == "write to [email] now"
        refused = await client.post(f"{PATH}?redact=maybe", json={"audio_url": upload})
        assert refused.status_code == 400


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({}, "I am #### write to ####"),
        ({"redact_pii_sub": "entity_name"}, "I am [PERSON_NAME] write to [EMAIL_ADDRESS]"),
        ({"redact_pii_policies": ["email_address"]}, "I am Mary Johnson write to ####"),
    ],
)
async def test_redaction_is_asked_for_and_told_in_the_providers_words(
    server: Server, engine: ScriptedEngine, asked: dict[str, Any], told: str
) -> None:
    engine.answer = "I am Mary Johnson write to a@example.com"
    async with calling(server) as client, at_work(server):
        upload = await uploaded(client, sentences(1))
        body = {"audio_url": upload, "redact_pii": True, **asked}
        made = await client.post(PATH, json=body)
        done = await ended(client, made.json()["id"])
        assert (done["text"], done["redact_pii"]) == (told, True)
        assert " ".join(word["text"] for word in done["words"]) == told
        captions = await client.get(f"{PATH}/{done['id']}/srt")
        assert "example" not in captions.text


async def test_a_policy_that_is_not_given_is_refused_by_name(server: Server) -> None:
    async with calling(server) as client:
        upload = await uploaded(client, sentences(1))
        body = {"audio_url": upload, "redact_pii": True, "redact_pii_policies": ["location"]}
        refused = await client.post(PATH, json=body)
        assert (refused.status_code, "location" in refused.json()["error"]) == (400, True)


@pytest.mark.parametrize(
    ("asked", "magic", "is_beeped"),
    [
        ({"redact_pii_audio_quality": "wav"}, b"RIFF", True),
        (
            {
                "redact_pii_audio_quality": "wav",
                "redact_pii_audio_options": {"override_audio_redaction_method": "silence"},
            },
            b"RIFF",
            False,
        ),
        ({}, b"ID3", True),
    ],
)
async def test_the_sound_without_it_is_at_an_address_that_needs_no_key(
    server: Server, engine: ScriptedEngine, asked: dict[str, Any], magic: bytes, is_beeped: bool
) -> None:
    engine.answer = "call 415 555 0192"
    async with calling(server) as client:
        body = {"redact_pii": True, "redact_pii_audio": True, **asked}
        transcript = await created(client, await uploaded(client, sentences(1)), **body)
        early = await client.get(f"{PATH}/{transcript}/redacted-audio")
        assert (early.status_code, early.json()) == (202, {"status": "queued"})
        async with at_work(server):
            done = await ended(client, transcript)
        assert done["redact_pii_audio"] is True
        (hidden,) = [word for word in done["words"] if word["text"] == "####"]
        told = (await client.get(f"{PATH}/{transcript}/redacted-audio")).json()
        assert told["status"] == "redacted_audio_ready"
        answer = await client.get(told["redacted_audio_url"])
        assert (answer.status_code, answer.content[: len(magic)]) == (200, magic)
        sound, _ = soundfile.read(io.BytesIO(answer.content))
        middle = (hidden["start"] + hidden["end"]) // 2 * 16
        assert bool((np.abs(sound[middle - 800 : middle + 800]) > 0.05).any()) == is_beeped
        assert answer.headers["content-type"] == ("audio/wav" if magic == b"RIFF" else "audio/mpeg")


async def test_such_an_address_is_of_one_sound_and_of_an_hour(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"redact_pii": True, "redact_pii_audio": True}
    async with calling(server) as client, at_work(server):
        upload = await uploaded(client, sentences(1))
        one, other = [await created(client, upload, **asked) for _ in range(2)]
        for transcript in (one, other):
            await ended(client, transcript)
        told = (await client.get(f"{PATH}/{one}/redacted-audio")).json()
        path = httpx.URL(told["redacted_audio_url"]).path
        folder, _, signed = path.rpartition("/")
        until, _, signature = signed.partition("-")
        later = f"{int(until, 16) + 1:x}"
        wrong = (
            f"{folder.replace(one, other)}/{signed}",
            f"{folder.replace(one, str(uuid4()))}/{signed}",
            f"{folder}/{later}-{signature}",
            f"{folder}/{signature}",
            f"{folder}/{until}-{'0' * len(signature)}",
            f"{folder}/-",
        )
        for address in wrong:
            refused = await client.get(address)
            assert refused.status_code == 401, address
            assert "Authentication error" in refused.json()["error"]
        assert (await client.get(path)).status_code == 200
        now_ms = redacted_audio.since_1970_ms()
        monkeypatch.setattr(redacted_audio, "since_1970_ms", lambda: now_ms + 3_600_000 - 5_000)
        assert (await client.get(path)).status_code == 200
        monkeypatch.setattr(redacted_audio, "since_1970_ms", lambda: now_ms + 3_600_001)
        assert (await client.get(path)).status_code == 401
        monkeypatch.undo()
        assert (await client.delete(f"{PATH}/{one}")).status_code == 200
        assert (await client.get(path)).status_code == 401
        gone = await client.get(f"{PATH}/{one}/redacted-audio")
        assert gone.status_code == 400, "which the SDK takes for expired"


async def test_who_did_not_ask_for_the_sound_gets_none(server: Server) -> None:
    async with calling(server) as client, at_work(server):
        upload = await uploaded(client, sentences(1))
        transcript = await created(client, upload, redact_pii=True)
        early = await client.get(f"{PATH}/{transcript}/redacted-audio")
        assert early.status_code == 400
        await ended(client, transcript)
        none = await client.get(f"{PATH}/{transcript}/redacted-audio")
        assert none.status_code == 400
        refused = await client.post(PATH, json={"audio_url": upload, "redact_pii_audio": True})
        assert (refused.status_code, "redact_pii" in refused.json()["error"]) == (400, True)


async def test_what_is_not_transcribed_is_not_heard(server: Server) -> None:
    asked = {"redact_pii": True, "redact_pii_audio": True, "redact_pii_audio_quality": "wav"}
    silent = {"redact_pii_audio_options": {"override_audio_redaction_method": "silence"}}
    async with calling(server) as client, at_work(server):
        upload = await uploaded(client, sentences(3))
        transcript = await created(
            client, upload, audio_start_from=2_000, audio_end_at=4_000, **asked, **silent
        )
        await ended(client, transcript)
        told = (await client.get(f"{PATH}/{transcript}/redacted-audio")).json()
        file = (await client.get(told["redacted_audio_url"])).content
    sound, rate_hz = soundfile.read(io.BytesIO(file), dtype="int16")
    assert len(sound) == 6 * rate_hz
    assert not sound[: 2 * rate_hz].any()
    assert sound[2 * rate_hz : 4 * rate_hz].any()
    assert not sound[4 * rate_hz :].any()


async def test_too_many_are_told_when_to_come_back(server: Server) -> None:
    async with calling(server) as client:
        upload = await uploaded(client, sentences(2))
        for _ in range(4):
            await created(client, upload)
        refused = await client.post(PATH, json={"audio_url": upload})
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        assert "4 operations" in refused.json()["error"]
        large = await client.post("/v2/upload", content=bytes(2_000_001))
        assert large.status_code == 413
        assert "2,000,000" in large.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/nope", 404),
        ("GET", f"{PATH}/{uuid4()}/nope", 404),
        ("GET", "/v2/upload", 405),
        ("PUT", PATH, 405),
        ("GET", "/v2/models/nope/nope", 404),
    ],
)
async def test_what_is_not_served_is_told_in_the_same_form(
    server: Server, method: str, path: str, status: int
) -> None:
    async with calling(server) as client:
        refused = await client.request(method, path)
    assert refused.status_code == status
    assert path in refused.json()["error"]
    assert refused.headers["x-request-id"]
