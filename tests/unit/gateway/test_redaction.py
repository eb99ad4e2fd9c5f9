"""Redaction that is asked for, on every way out: honoured or refused by name, and never left out.

The engine says a card's number. Whoever asked for redaction must not read it, whatever the API and
however it is answered, also when the step itself fails.
"""

import base64
import io
import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from google.cloud import speech_v1
from hang import HANG_S
from operations_at_work import at_work
from scripted_engine import MODEL, ScriptedEngine, recognizer, server_at, wait_until
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from test_app import speech
from test_open_inference_routes import asked
from test_refused_recordings import CONFIG, google

from lab_kit.gateway.run.app import create_app
from lab_kit.gateway.run.server import Server
from lab_kit.stream.sink.steps import WITHHELD

SECRET = "4111 1111 1111 1111"
GROUP = re.compile(r"(?<![\w-])4111(?![\w-])")
"""Of its digits; not those of a time in nanoseconds, or of an identifier, which may have any."""
SAID = f"my card is {SECRET} thank you"
WayOut = Callable[[TestClient, bool], str]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = server_at(tmp_path, lambda _: recognizer(ScriptedEngine(SAID)))
    wait_until(lambda: made.door.is_ready)
    yield made
    made.stop()


@pytest.fixture
def client(server: Server) -> Iterator[TestClient]:
    with TestClient(create_app(server)) as client:
        yield client


def upload(accept: str) -> WayOut:
    def way(client: TestClient, redacts: bool) -> str:
        query = "?redact=true" if redacts else ""
        headers = {"content-type": "audio/l16", "accept": accept}
        return client.post(f"/v1/audio:transcribe{query}", content=speech(), headers=headers).text

    return way


def form(place: str, **fields: str) -> WayOut:
    def way(client: TestClient, redacts: bool) -> str:
        file = io.BytesIO()
        soundfile.write(file, np.frombuffer(speech(), np.int16), 16_000, format="WAV")
        sent, query = {"model": "any", **fields}, ""
        if redacts and place == "field":
            sent["redact"] = "true"
        if redacts and place == "query":
            query = "?redact=true"
        files = {"file": ("a.wav", file.getvalue(), "audio/wav")}
        return client.post(f"/v1/audio/transcriptions{query}", files=files, data=sent).text

    return way


def listen(client: TestClient, redacts: bool) -> str:
    query = "encoding=linear16&sample_rate=16000&interim_results=true"
    if redacts:
        query += "&redact=pci"
    return spoken(client, f"/v1/listen?{query}", [speech()], '{"type":"CloseStream"}')


def realtime(client: TestClient, redacts: bool) -> str:
    query = "?intent=transcription" + ("&redact=true" if redacts else "")
    sound = np.repeat(np.frombuffer(speech(), np.int16), 3)[::2].astype(np.int16)  # to 24 kHz
    append = {
        "type": "input_audio_buffer.append",
        "audio": base64.b64encode(sound.tobytes()).decode(),
    }
    commit = json.dumps({"type": "input_audio_buffer.commit"})
    return spoken(client, f"/v1/realtime{query}", [json.dumps(append)], commit, ".completed")


def streaming(**asked: str) -> WayOut:
    def way(client: TestClient, redacts: bool) -> str:
        query = "&".join(f"{name}={value}" for name, value in asked.items())
        query += "&redact=true" if redacts else ""
        path = f"/v3/ws?sample_rate=16000&{query}"
        return spoken(client, path, [speech()], '{"type":"Terminate"}', "Termination")

    return way


def spoken(
    client: TestClient, path: str, sent: list[Any], last: str, until: str = "Metadata"
) -> str:
    heard: list[str] = []
    # whoever leaves before the server has closed sees the application cancelled
    with suppress(CancelledError), client.websocket_connect(path) as socket:
        for message in sent:
            (socket.send_bytes if isinstance(message, bytes) else socket.send_text)(message)
        socket.send_text(last)
        try:
            while not heard or until not in heard[-1]:
                heard.append(socket.receive_text())
        except WebSocketDisconnect:
            pass
    return "\n".join(heard)


WAYS: dict[str, WayOut] = {
    "upload, whole": upload("application/json"),
    "upload, lines": upload("application/x-ndjson"),
    "form, json, by field": form("field"),
    "form, json, by query": form("query"),
    "form, verbose": form("field", response_format="verbose_json"),
    "form, words": form(
        "field", response_format="verbose_json", **{"timestamp_granularities[]": "word"}
    ),
    "form, text": form("field", response_format="text"),
    "form, srt": form("field", response_format="srt"),
    "form, vtt": form("field", response_format="vtt"),
    "form, events": form("field", stream="true"),
    "listen": listen,
    "realtime": realtime,
    "streaming, unformatted": streaming(),
    "streaming, formatted": streaming(format_turns="true"),
    "streaming, whole turns": streaming(speech_model="u3-rt-pro"),
}


@pytest.mark.parametrize("way", WAYS)
def test_who_asks_for_redaction_reads_no_number(client: TestClient, way: str) -> None:
    assert SECRET in WAYS[way](client, False).replace("\n", " ")
    told = WAYS[way](client, True)
    assert "[card]" in told
    assert not GROUP.search(told), "nor word by word"


@pytest.mark.parametrize("way", WAYS)
def test_where_redaction_fails_the_text_is_withheld(
    server: Server, client: TestClient, way: str
) -> None:
    server.steps.failing.add("redact")
    told = WAYS[way](client, True)
    assert WITHHELD in told
    assert not GROUP.search(told)
    assert "card" not in told


@pytest.mark.parametrize("path", ["/v1/audio:transcribe", "/v1/audio/transcriptions"])
def test_a_redaction_that_is_half_asked_for_is_refused(client: TestClient, path: str) -> None:
    file = io.BytesIO()
    soundfile.write(file, np.frombuffer(speech(), np.int16), 16_000, format="WAV")
    files = {"file": ("a.wav", file.getvalue(), "audio/wav")}
    body: dict[str, Any] = {"files": files, "data": {"model": "any"}}
    if path == "/v1/audio:transcribe":
        body = {"content": file.getvalue()}
    answer = client.post(f"{path}?redact=yes", **body)
    assert answer.status_code == 400
    assert "redact=yes" in answer.text


@pytest.mark.parametrize("query", ["redact=name,card", "redact=card&redact=name", "redact=card"])
def test_kinds_are_asked_for_and_asked_twice_means_both(client: TestClient, query: str) -> None:
    told = client.post(
        f"/v1/audio:transcribe?{query}", content=speech(), headers={"content-type": "audio/l16"}
    ).json()
    assert "[card]" in told["text"]
    assert SECRET not in str(told)
    streamed = spoken(
        client,
        f"/v1/listen?encoding=linear16&sample_rate=16000&{query}",
        [speech()],
        '{"type":"CloseStream"}',
    )
    assert "[card]" in streamed
    assert not GROUP.search(streamed)


def test_what_is_not_of_the_kinds_is_told(client: TestClient) -> None:
    told = client.post(
        "/v1/audio:transcribe?redact=email", content=speech(), headers={"content-type": "audio/l16"}
    ).json()
    assert SECRET in told["text"]
    assert told["segments"][0]["redactions"] == []


def test_another_word_in_the_query_is_not_left_out_in_silence(client: TestClient) -> None:
    answer = client.post("/v1/audio:transcribe?redcat=true", content=speech())
    assert answer.status_code == 400
    assert "redcat" in answer.json()["error"]["received"]


def test_the_bare_model_refuses_to_redact_by_name(client: TestClient) -> None:
    answer = client.post(f"/v2/models/{MODEL}/infer", **asked(redact=True))
    assert answer.status_code == 400
    assert "redact" in answer.json()["error"]


def test_nor_by_its_query(client: TestClient) -> None:
    answer = client.post(f"/v2/models/{MODEL}/infer?redact=true", **asked())
    assert answer.status_code == 400
    assert "redact" in answer.json()["error"]


@pytest.mark.parametrize("fails", [False, True])
async def test_googles_recognize_redacts_as_its_metadata_says(server: Server, fails: bool) -> None:
    if fails:
        server.steps.failing.add("redact")
    async with google(server) as caller:
        plain, redacted = [
            await caller.recognize(
                config=CONFIG, audio={"content": speech()}, retry=None, metadata=metadata
            )
            for metadata in ((), (("redact", "true"),))
        ]
    assert SECRET in plain.results[0].alternatives[0].transcript
    told = redacted.results[0].alternatives[0].transcript
    assert told == WITHHELD if fails else "[card]" in told and "4111 1111" not in told


async def test_googles_operations_redact_as_their_metadata_says(server: Server) -> None:
    async with google(server) as caller, at_work(server):
        operation = await caller.long_running_recognize(
            config=CONFIG,
            audio={"content": speech()},
            retry=None,
            metadata=(("redact", "true"),),
        )
        told = str(await operation.result(timeout=HANG_S))
    assert "[card]" in told
    assert not GROUP.search(told)


async def test_googles_stream_redacts_as_its_metadata_says(server: Server) -> None:
    request = speech_v1.StreamingRecognizeRequest
    async with google(server) as caller:

        async def requests() -> Any:
            config = speech_v1.StreamingRecognitionConfig(config=CONFIG, interim_results=True)
            yield request(streaming_config=config)
            yield request(audio_content=speech())

        answers = await caller.streaming_recognize(
            requests(), retry=None, metadata=(("redact", "true"),)
        )
        told = str([answer async for answer in answers])
    assert "[card]" in told
    assert "4111 1111" not in told
