"""Google's streams on a scripted engine: how long they may be open."""

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.cloud import speech_v1
from google.cloud.speech_v1.services.speech.transports import SpeechGrpcAsyncIOTransport
from scripted_engine import ScriptedEngine, recognizer, server_at, wait_until
from test_app import speech

from lab_kit.dialects.google.versions import V1
from lab_kit.gateway.run.grpc import start_grpc
from lab_kit.gateway.run.server import Server

CONFIG = {"encoding": 1, "sample_rate_hertz": 16_000, "language_code": "en-US"}
Request = speech_v1.StreamingRecognizeRequest


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = server_at(tmp_path, lambda _: recognizer(ScriptedEngine("so it was")))
    wait_until(lambda: made.door.is_ready)
    yield made
    made.stop()


@pytest.fixture
def half_a_second() -> Iterator[None]:
    usual_s = V1.longest_s
    object.__setattr__(V1, "longest_s", 0.5)
    yield
    object.__setattr__(V1, "longest_s", usual_s)


@pytest.mark.usefixtures("half_a_second")
async def test_a_stream_that_is_open_for_too_long_ends_with_what_was_said(server: Server) -> None:
    """However little sound there was in it."""
    listening, port, _ = await start_grpc(server, "127.0.0.1", 0)

    async def requests() -> AsyncIterator[Any]:
        yield Request(streaming_config={"config": CONFIG})
        yield Request(audio_content=speech(0.3)[:9_600])

    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        transport = SpeechGrpcAsyncIOTransport(channel=channel)
        call = transport.streaming_recognize()
        async for request in requests():
            await call.write(request)
        said: list[str] = []
        with suppress(grpc.RpcError):
            async for response in call:
                said += [one.alternatives[0].transcript for one in response.results]
        code, details = await call.code(), await call.details()
    await listening.stop(None)
    assert code is grpc.StatusCode.OUT_OF_RANGE
    assert details.startswith("Exceeded maximum allowed stream duration of 0.5 seconds.")
    assert said == ["so it was"]
    assert not server.door.streams
