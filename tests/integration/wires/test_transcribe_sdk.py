"""Amazon Transcribe by its own SDK, unmodified, over TLS and HTTP/2, against a real server."""

import asyncio
import io
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import numpy as np
import pytest
import soundfile
from amazon_transcribe.auth import StaticCredentialResolver
from amazon_transcribe.exceptions import (
    BadRequestException,
    LimitExceededException,
    ServiceUnavailableException,
    UnknownServiceException,
)
from hang import HANG_S
from server_process import CLIP, OPERATOR_KEY, eventually, is_at_rest, plain, speech
from transcribe_server import (
    ASKED,
    CHUNK_BYTES,
    KEY,
    TlsServer,
    hear,
    results,
    sdk,
    send,
    tls_server,
    transcript,
)

from lab_kit import datasets
from lab_kit.client import Operator
from lab_kit.protocol.sandbox import Fault

SAID = "it was the best of times it was the worst of times"
QUIET = bytes(16_000)
CHUNK_S = CHUNK_BYTES / 32_000
STABLE = {"enable_partial_results_stabilization": True}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsServer]:
    folder = tmp_path_factory.mktemp("transcribe")
    with tls_server(folder, "--limit", "idle_s=5", "--limit", "unsent_s=5") as started:
        yield started
    assert "Traceback" not in started.log.read_text("utf-8")


@pytest.fixture(autouse=True)
def trusted(server: TlsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(server.ca))


async def speak(stream: Any, data: bytes | None = None, seconds: float = CHUNK_S) -> None:
    """Sound at the pace of speech, and that it was all."""
    data = speech() + QUIET if data is None else data
    for start in range(0, len(data), CHUNK_BYTES):
        chunk = data[start : start + CHUNK_BYTES]
        await stream.input_stream.send_audio_event(audio_chunk=chunk)
        await asyncio.sleep(seconds)
    await stream.input_stream.end_stream()


async def heard_of(stream: Any, data: bytes | None = None) -> list[Any]:
    _, heard = await asyncio.gather(speak(stream, data), results(stream))
    return heard


async def test_words_come_as_partial_results_and_then_for_good(server: TlsServer) -> None:
    session = str(uuid4())
    stream = await sdk(server).start_stream_transcription(**ASKED, session_id=session)
    told = stream.response
    assert told.session_id == session
    assert (told.language_code, told.media_sample_rate_hz) == ("en-US", 16_000)
    assert told.media_encoding == "pcm"
    UUID(told.request_id)
    heard = await heard_of(stream)
    assert plain(transcript(heard)) == SAID
    segments = [list(group) for _, group in itertools.groupby(heard, key=lambda one: one.result_id)]
    assert len({one[0].result_id for one in segments}) == len(segments)
    for segment in segments:
        assert [one.is_partial for one in segment] == [True] * (len(segment) - 1) + [False]
    assert any(one.is_partial and one.alternatives[0].items for one in heard)
    ends = [0.0]
    for one in (one for one in heard if not one.is_partial):
        assert ends[-1] <= one.start_time < one.end_time
        times = [
            time for item in one.alternatives[0].items for time in (item.start_time, item.end_time)
        ]
        assert times == sorted(times)
        assert one.start_time - 0.5 <= times[0]
        assert times[-1] <= one.end_time + 0.5
        assert {item.item_type for item in one.alternatives[0].items} == {
            "pronunciation",
            "punctuation",
        }
        words = [item for item in one.alternatives[0].items if item.item_type == "pronunciation"]
        assert all(0 < item.confidence <= 1 for item in words)
        assert {item.stable for item in one.alternatives[0].items} == {None}
        ends.append(one.end_time)


async def test_words_are_heard_in_opus_too(server: TlsServer) -> None:
    quiet = np.zeros(16_000, np.float32)
    file = io.BytesIO()
    sound = np.concatenate([np.array(datasets.clip(CLIP).samples), quiet])
    soundfile.write(file, sound, 16_000, format="OGG", subtype="OPUS")
    stream = await sdk(server).start_stream_transcription(**{**ASKED, "media_encoding": "ogg-opus"})
    # pages as libsndfile makes them, cut where they may be cut
    sending = speak(stream, file.getvalue(), 0.05)
    _, heard = await asyncio.gather(sending, results(stream))
    assert plain(transcript(heard)) == SAID
    stream = await sdk(server).start_stream_transcription(**{**ASKED, "media_encoding": "ogg-opus"})
    await stream.input_stream.send_audio_event(audio_chunk=b"RIFF")
    with pytest.raises(BadRequestException, match="one Opus stream in Ogg pages"):
        await results(stream)


async def test_a_name_is_made_for_a_session_without_one(server: TlsServer) -> None:
    stream = await sdk(server).start_stream_transcription(**ASKED)
    UUID(stream.response.session_id)
    await stream.input_stream.end_stream()
    assert await results(stream) == []


async def test_settled_words_stay_on_every_level(server: TlsServer) -> None:
    levels = ("low", "medium", "high")
    streams = [
        await sdk(server).start_stream_transcription(
            **ASKED, **STABLE, partial_results_stability=level
        )
        for level in levels
    ]
    for heard in await asyncio.gather(*map(heard_of, streams)):
        assert plain(transcript(heard)) == SAID
        settled: dict[str, list[str]] = {}
        for one in heard:
            items = [i for i in one.alternatives[0].items if i.item_type == "pronunciation"]
            before = settled.get(one.result_id, [])
            assert [item.content for item in items][: len(before)] == before
            stable = [item.stable for item in items]
            assert stable == sorted(stable, reverse=True)
            settled[one.result_id] = [item.content for item in items if item.stable]
            assert one.is_partial or all(item.stable for item in one.alternatives[0].items)


async def test_eight_streams_at_once_on_one_connection_and_on_many(server: TlsServer) -> None:
    one = sdk(server)
    clients = [one] * 4 + [sdk(server) for _ in range(4)]
    streams = [await client.start_stream_transcription(**ASKED) for client in clients]
    told = await asyncio.gather(*map(heard_of, streams))
    assert [plain(transcript(heard)) for heard in told] == [SAID] * 8
    assert len({result.result_id for heard in told for result in heard}) >= 8


@pytest.mark.parametrize(
    ("key", "secret", "name"),
    [
        (KEY, "another", "InvalidSignatureException"),
        ("another", KEY, "UnrecognizedClientException"),
        ("another", "another", "UnrecognizedClientException"),
    ],
)
async def test_a_wrong_key_is_refused(server: TlsServer, key: str, secret: str, name: str) -> None:
    with pytest.raises(UnknownServiceException) as refused:
        await sdk(server, key, secret).start_stream_transcription(**ASKED)
    assert refused.value.status_code == 403
    assert refused.value.error_code == name


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"media_sample_rate_hz": 4_000}, "sample-rate='4000'"),
        ({"media_encoding": "flac"}, "media-encoding=flac, which is not imitated"),
        ({"language_code": None}, "no language-code"),
        ({"session_id": "mine"}, "session-id='mine'"),
    ],
)
async def test_what_cannot_be_is_refused_by_name(
    server: TlsServer, changes: dict[str, Any], named: str
) -> None:
    with pytest.raises(BadRequestException, match=named):
        await sdk(server).start_stream_transcription(**{**ASKED, **changes})


async def test_who_falls_silent_is_told_so_and_owed_nothing(server: TlsServer) -> None:
    stream = await sdk(server).start_stream_transcription(**ASKED)
    heard: list[Any] = []
    hearing = asyncio.create_task(hear(stream, heard))
    await send(stream, speech())
    with pytest.raises(BadRequestException, match="no new audio was received for 5 seconds"):
        await hearing
    assert plain(transcript(heard)) == SAID


@pytest.mark.parametrize(
    ("chunk", "named"), [(b"odd", "multiple of 2"), (bytes(32_770), "32,770 bytes of audio")]
)
async def test_an_exception_in_the_middle_comes_after_what_is_owed(
    server: TlsServer, chunk: bytes, named: str
) -> None:
    stream = await sdk(server).start_stream_transcription(**ASKED)
    heard: list[Any] = []
    hearing = asyncio.create_task(hear(stream, heard))
    await send(stream, speech())
    await stream.input_stream.send_audio_event(audio_chunk=chunk)
    with pytest.raises(BadRequestException, match=named):
        await hearing
    assert plain(transcript(heard)) == SAID


async def test_a_client_that_goes_on_behind_an_exception_disturbs_nobody(
    server: TlsServer,
) -> None:
    """Its next stream is on the same connection, which the server has kept."""
    client = sdk(server)
    stream = await client.start_stream_transcription(**ASKED)
    await stream.input_stream.send_audio_event(audio_chunk=b"odd")
    with pytest.raises(BadRequestException):
        await results(stream)
    await send(stream, bytes(320_000))
    again = await client.start_stream_transcription(**ASKED)
    assert len(client._session_manager._connections) == 1
    assert plain(transcript(await heard_of(again))) == SAID


async def test_who_changes_the_secret_on_the_way_is_found(server: TlsServer) -> None:
    stream = await sdk(server).start_stream_transcription(**ASKED)
    heard: list[Any] = []
    hearing = asyncio.create_task(hear(stream, heard))
    await send(stream, speech())
    stream.input_stream._credential_resolver = StaticCredentialResolver(KEY, "another")
    await stream.input_stream.send_audio_event(audio_chunk=bytes(3_200))
    with pytest.raises(BadRequestException, match="signature does not fit"):
        await hearing
    assert plain(transcript(heard)) == SAID


async def test_a_client_that_vanishes_leaves_nothing_behind(server: TlsServer) -> None:
    client = sdk(server)
    stream = await client.start_stream_transcription(**ASKED)
    await send(stream, speech())
    for connection in client._session_manager._connections.values():
        connection.close()
    await eventually(lambda: is_at_rest(server.url), "at rest")
    state = httpx.get(f"{server.url}/readyz", trust_env=False).json()
    assert state["background_failures"] == {}
    assert state["tls_port"] == server.port


async def test_a_sandbox_key_is_both_and_meets_its_faults(server: TlsServer) -> None:
    operator = Operator(server.url, OPERATOR_KEY)
    made = await operator.make_sandbox_key(
        Fault(status=429), Fault(status=503, retry_after_s=1.0), Fault(delay_s=0.1)
    )
    client = sdk(server, made.key)
    with pytest.raises(LimitExceededException):
        await client.start_stream_transcription(**ASKED)
    with pytest.raises(ServiceUnavailableException):
        await client.start_stream_transcription(**ASKED)
    stream = await client.start_stream_transcription(**ASKED)
    assert plain(transcript(await heard_of(stream))) == SAID
    with pytest.raises(UnknownServiceException, match="InvalidSignatureException"):
        await sdk(server, made.key, KEY).start_stream_transcription(**ASKED)
    await operator.set_script(made, "Something else.")
    stream = await client.start_stream_transcription(**ASKED)
    assert transcript(await heard_of(stream)) == "Something else."
    entries = (await operator.journal(made)).entries
    assert [one.status for one in entries] == [429, 503, 200, 403, 200]
    assert {one.path for one in entries} == {"/stream-transcription"}
    assert entries[2].received_bytes > len(speech())
    assert entries[2].sent_messages > 2


async def test_what_redaction_withholds_is_not_in_the_words_either(server: TlsServer) -> None:
    stream = await sdk(server).start_stream_transcription(**ASKED, content_redaction_type="PII")
    assert plain(transcript(await heard_of(stream))) == SAID
    with pytest.raises(BadRequestException, match="pii-entity-types=AGE"):
        await sdk(server).start_stream_transcription(
            **ASKED, content_redaction_type="PII", pii_entity_types=["NAME", "AGE"]
        )


def _newest(heard: list[Any]) -> str:
    return plain(heard[-1].alternatives[0].transcript) if heard else ""


async def test_a_server_that_stops_says_all_it_owes_and_why(tmp_path: Path) -> None:
    with tls_server(tmp_path) as stopping, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(stopping.ca))
        stream = await sdk(stopping).start_stream_transcription(**ASKED)
        heard: list[Any] = []
        hearing = asyncio.create_task(hear(stream, heard))
        await send(stream, speech() + QUIET[:6_400])
        # only what has arrived is owed: an interim with the last word says that all has
        await eventually(lambda: _newest(heard).endswith("worst of times"), "heard")
        stopping.stop()
        with pytest.raises(ServiceUnavailableException, match="the server stops"):
            await hearing
        assert plain(transcript(heard)) == SAID
        assert await asyncio.to_thread(stopping.process.wait, HANG_S) == 0
    assert "Traceback" not in stopping.log.read_text("utf-8")


async def test_without_a_key_any_is_taken_that_signs_at_all(tmp_path: Path) -> None:
    with (
        tls_server(tmp_path, "--model", "scripted", "--strict", key=None) as open_to_all,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("SSL_CERT_FILE", str(open_to_all.ca))
        stream = await sdk(open_to_all, "any", "whatever").start_stream_transcription(**ASKED)
        loud = b"\x00\x20" * 16_000
        heard = await heard_of(stream, loud + QUIET)
        assert transcript(heard) == "This is the first thing that the script says."
        with pytest.raises(BadRequestException, match="show-speaker-label=true"):
            await sdk(open_to_all).start_stream_transcription(**ASKED, show_speaker_label=True)
        with pytest.raises(BadRequestException, match="language-code=de-DE"):
            await sdk(open_to_all).start_stream_transcription(**{**ASKED, "language_code": "de-DE"})
