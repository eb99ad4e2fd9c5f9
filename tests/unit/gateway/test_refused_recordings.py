"""Recordings are batch work: a reduced service refuses them, each in its provider's words."""

import io
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import soundfile
from google.api_core import exceptions
from google.cloud import speech_v1
from google.cloud.speech_v1.services.speech.transports import SpeechGrpcAsyncIOTransport
from httpx import Response
from scripted_engine import ScriptedEngine, recognizer, server_at, wait_until
from starlette.testclient import TestClient
from test_app import speech

from lab_kit.capacity.degradation import Level
from lab_kit.capacity.open_streams import RETRY_AFTER_S
from lab_kit.dialects.openai.transcriptions.options import PATH
from lab_kit.gateway.api.recordings import TRANSCRIBE_PATH
from lab_kit.gateway.run.app import create_app
from lab_kit.gateway.run.grpc import start_grpc
from lab_kit.gateway.run.server import Server

REFUSED = 'lab_streams_refused_total{priority_class="batch",reason="level"}'
REFUSING = [Level.REFUSE_LOW, Level.REFUSE_ALL, Level.CLOSE_LOW]
CONFIG = {"encoding": 1, "sample_rate_hertz": 16_000, "language_code": "en-US"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = server_at(tmp_path, lambda _: recognizer(ScriptedEngine("so")))
    wait_until(lambda: made.door.is_ready)
    yield made
    made.stop()


@pytest.fixture
def client(server: Server) -> TestClient:
    return TestClient(create_app(server))


def ours(client: TestClient) -> Response:
    return client.post(TRANSCRIBE_PATH, content=speech(), headers={"content-type": "audio/l16"})


def openais(client: TestClient) -> Response:
    file = io.BytesIO()
    soundfile.write(file, np.frombuffer(speech(), np.int16), 16_000, format="WAV")
    form = {"file": ("a.wav", file.getvalue(), "audio/wav")}
    return client.post(PATH, files=form, data={"model": "any"})


@pytest.mark.parametrize(
    ("upload", "field", "name"),
    [(ours, "reason", "SYSTEM_OVERLOADED"), (openais, "code", "server_overloaded")],
)
@pytest.mark.parametrize("level", REFUSING)
def test_an_upload_is_refused_and_told_when_to_come_back(
    server: Server,
    client: TestClient,
    level: Level,
    upload: Callable[[TestClient], Response],
    field: str,
    name: str,
) -> None:
    server.watch.degradation.level = Level.FEWER_INTERIMS
    assert upload(client).status_code == 200
    server.watch.degradation.level = level
    refused = upload(client)
    assert (refused.status_code, refused.json()["error"][field]) == (503, name)
    assert refused.headers["retry-after"] == f"{RETRY_AFTER_S:.0f}"
    assert f"{REFUSED} 1.0" in client.get("/metrics").text
    assert server.versions.status(1).in_flight == 0


@asynccontextmanager
async def google(server: Server) -> AsyncIterator[speech_v1.SpeechAsyncClient]:
    server, port, _ = await start_grpc(server, "127.0.0.1", 0)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield speech_v1.SpeechAsyncClient(transport=SpeechGrpcAsyncIOTransport(channel=channel))
    await server.stop(None)


async def recognized(caller: speech_v1.SpeechAsyncClient) -> Any:
    return await caller.recognize(config=CONFIG, audio={"content": speech()}, retry=None)


@pytest.mark.parametrize("level", REFUSING)
async def test_googles_client_is_refused_with_a_status_that_it_does_not_repeat(
    server: Server, level: Level
) -> None:
    async with google(server) as caller:
        assert (await recognized(caller)).results[0].alternatives[0].transcript == "so"
        server.watch.degradation.level = level
        with pytest.raises(exceptions.ResourceExhausted, match=f"at level {level.name.lower()}"):
            await recognized(caller)
    assert f"{REFUSED} 1.0" in server.metrics.exposition()[0].decode()


def test_a_recording_takes_no_streams_place(server: Server, client: TestClient) -> None:
    class Open:
        priority_class, opened_ns, last_audio_ns = "interactive", 0, 0

    server.door.streams |= {Open() for _ in range(server.limits.streams)}  # type: ignore[misc]
    assert ours(client).status_code == 200


def test_a_server_that_stops_takes_no_more_recordings(server: Server, client: TestClient) -> None:
    server.door.is_draining = True
    refused = ours(client)
    assert refused.status_code == 503
    assert "the server stops" in refused.json()["error"]["message"]
