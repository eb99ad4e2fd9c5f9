"""The gRPC server under clients that have no key, send what is no message, or send nothing."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from hang import HANG_S
from scripted_engine import MODEL, ScriptedEngine, recognizer, server_at, wait_until
from small_server import rest
from tritonclient.grpc import service_pb2 as pb

from lab_kit.core.wire_format import MOST_FIELDS
from lab_kit.dialects.google.versions import V1, V2
from lab_kit.gateway.door import calls
from lab_kit.gateway.door.calls import MESSAGE_BYTES
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.providers.open_inference import grpc as open_inference
from lab_kit.gateway.run.grpc import start_grpc
from lab_kit.gateway.run.server import Server

KEY = "right"
TRITON = "/inference.GRPCInferenceService/"
UNARY = (
    TRITON + "ModelReady",
    TRITON + "ServerMetadata",
    TRITON + "ModelMetadata",
    TRITON + "RepositoryIndex",
    TRITON + "ModelInfer",
    f"/{V1.service}/Recognize",
    f"/{V2.service}/Recognize",
)
READING = [method for method in UNARY if not method.endswith(("ServerMetadata", "Index"))]
"""Those that want to know what is in the message."""
STREAMS = (
    TRITON + "ModelStreamInfer",
    f"/{V1.service}/StreamingRecognize",
    f"/{V2.service}/StreamingRecognize",
)
HEALTH = (TRITON + "ServerLive", TRITON + "ServerReady")
OURS = (("authorization", f"Bearer {KEY}"),)


class Caller:
    """A client of raw bytes."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel

    async def ask(self, method: str, message: bytes = b"", metadata: Any = OURS) -> bytes:
        """The answers to one message; headers, message and half-close go together."""
        asking = self._channel.unary_stream(method)
        async with asyncio.timeout(HANG_S):
            return b"".join([answer async for answer in asking(message, metadata=metadata)])

    async def status(self, method: str, message: bytes = b"", metadata: Any = OURS) -> str:
        """How the call ends."""
        try:
            await self.ask(method, message, metadata)
        except grpc.aio.AioRpcError as error:
            return str(error.code().name)
        return "OK"

    def open(self, method: str) -> Any:
        """A call on which nothing has been sent."""
        return self._channel.stream_stream(method)(metadata=OURS)


@asynccontextmanager
async def calling(server: Server) -> AsyncIterator[Caller]:
    listening, port, _ = await start_grpc(server, "127.0.0.1", 0)
    options = [("grpc.max_send_message_length", -1)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options) as channel:
        yield Caller(channel)
    await listening.stop(None)


ServerWith = Callable[..., Server]


@pytest.fixture
def server_with(tmp_path: Path) -> Iterator[ServerWith]:
    made: list[Server] = []

    def make(limits: Limits, engine: ScriptedEngine | None = None) -> Server:
        chosen = engine or ScriptedEngine("so")
        server = server_at(tmp_path, lambda _: recognizer(chosen), KEY, limits)
        made.append(server)
        wait_until(lambda: server.door.is_ready)
        return server

    yield make
    for server in made:
        server.stop()


@pytest.fixture
async def caller(server_with: ServerWith) -> AsyncIterator[Caller]:
    async with calling(server_with(Limits())) as caller:
        yield caller


def inference(samples: int = 1_600) -> bytes:
    message = pb.ModelInferRequest(model_name=MODEL)
    message.inputs.add(name="AUDIO", datatype="FP32", shape=[samples])
    message.inputs.add(name="SAMPLE_RATE", datatype="INT32", shape=[1])
    message.raw_input_contents.append(np.full(samples, 0.5, np.float32).tobytes())
    message.raw_input_contents.append(np.array([16_000], np.int32).tobytes())
    return bytes(message.SerializeToString())


# -- the key -------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [*UNARY, *STREAMS])
@pytest.mark.parametrize("metadata", [(), (("authorization", "Bearer wrong"),)])
async def test_without_the_key_no_message_is_received(
    caller: Caller, method: str, metadata: Any
) -> None:
    """The library refuses a message that is too large as soon as it receives it."""
    message = bytes(MESSAGE_BYTES + 1)
    assert await caller.status(method, message, metadata) == "UNAUTHENTICATED"


@pytest.mark.parametrize("method", READING)
async def test_with_it_one_that_is_too_large_is_refused(caller: Caller, method: str) -> None:
    message = bytes(MESSAGE_BYTES + 1)
    assert await caller.status(method, message) == "RESOURCE_EXHAUSTED"


@pytest.mark.parametrize("method", HEALTH)
async def test_health_needs_none_and_reads_nothing(caller: Caller, method: str) -> None:
    assert await caller.status(method, b"\xff\xff", ()) == "OK"
    assert await asyncio.wait_for(caller.open(method).read(), HANG_S)  # nothing was sent


# -- what is no message --------------------------------------------------------------------------


@pytest.mark.parametrize("method", [*READING, *STREAMS])
@pytest.mark.parametrize("size", [4, 100_000])
async def test_bytes_that_are_no_message_are_named(
    caller: Caller, caplog: pytest.LogCaptureFixture, method: str, size: int
) -> None:
    assert await caller.status(method, b"\xff" * size) == "INVALID_ARGUMENT"
    assert warnings(caplog) == []


@pytest.mark.parametrize("method", [*READING, *STREAMS])
async def test_messages_of_too_many_fields_are_not_decoded(caller: Caller, method: str) -> None:
    """Fields that no method has, which the decoder would keep."""
    unknown = b"\xf8\x07\x01"
    assert await caller.status(method, unknown * (MOST_FIELDS + 1)) == "INVALID_ARGUMENT"


@pytest.mark.parametrize("name", ["RepositoryModelLoad", "LogSettings", "NoSuchMethod"])
async def test_methods_that_are_missing_are_unimplemented(
    caller: Caller, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    assert await caller.status(TRITON + name) == "UNIMPLEMENTED"
    assert warnings(caplog) == []


async def test_large_and_small_messages_are_answered(caller: Caller) -> None:
    for samples in (100, 160_000):
        answer = pb.ModelInferResponse.FromString(
            await caller.ask(TRITON + "ModelInfer", inference(samples))
        )
        assert answer.outputs[0].name == "TRANSCRIPT"
        streamed = pb.ModelStreamInferResponse.FromString(
            await caller.ask(TRITON + "ModelStreamInfer", inference(samples))
        )
        assert streamed.error_message == ""


@pytest.mark.parametrize("method", [TRITON + "ModelInfer", f"/{V1.service}/Recognize"])
async def test_what_nobody_foresaw_is_internal_and_one_line(
    server_with: ServerWith, caplog: pytest.LogCaptureFixture, method: str
) -> None:
    server = server_with(Limits(), ScriptedEngine(RuntimeError("device lost")))
    async with calling(server) as caller:
        if "Model" in method:
            message = inference()
        else:
            request = V1.recording_request()
            request.config.encoding, request.config.sample_rate_hertz = 1, 16_000
            request.config.language_code = "en-US"
            request.audio.content = np.full(16_000, 9_000, np.int16).tobytes()
            message = request.SerializeToString()
        assert await caller.status(method, message) == "INTERNAL"
    (line,) = warnings(caplog)
    assert line.startswith(f"{method} failed: RuntimeError 'device lost' at ")
    exposed = server.metrics.exposition()[0].decode()
    assert re.search(rf'^lab_unexpected_errors_total{{route="{method}"}} 1.0$', exposed, re.M)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    records = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record.exc_info for record in records] == [None] * len(records)
    return [record.getMessage() for record in records]


# -- who sends nothing, and how many -------------------------------------------------------------


@pytest.mark.parametrize("method", READING)
async def test_a_message_that_never_comes_ends_the_call(
    server_with: ServerWith, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(calls, "MESSAGE_WAITS", 0.01)  # a connection has all its time
    async with calling(server_with(Limits(unreceived_s=HANG_S))) as caller:
        call = caller.open(method)
        async with asyncio.timeout(HANG_S):
            code = (await call.code()).name
    assert code == ("DEADLINE_EXCEEDED" if "Model" in method else "OUT_OF_RANGE")


async def test_few_messages_are_received_at_a_time(
    server_with: ServerWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "RECEIVING", 1)
    async with calling(server_with(Limits(unreceived_s=HANG_S))) as caller:
        first = caller.open(TRITON + "ModelInfer")
        await first.wait_for_connection()
        await asyncio.sleep(0.5)  # in which the server may come to wait for its message
        second = asyncio.create_task(caller.status(TRITON + "ModelInfer", inference()))
        await asyncio.wait({second}, timeout=0.5)
        assert not second.done()
        await first.write(inference())
        assert await second == "OK"
        assert await asyncio.wait_for(first.read(), HANG_S)


async def test_a_message_counts_until_the_model_has_answered(server_with: ServerWith) -> None:
    engine, message = ScriptedEngine(), inference()  # it never answers
    server = server_with(Limits(), engine)
    async with calling(server) as caller:
        asking = asyncio.create_task(caller.status(TRITON + "ModelInfer", message))
        async with asyncio.timeout(HANG_S):
            await asyncio.to_thread(engine.asked.wait)
            assert server.uploads.memory.held_bytes == len(message)
            asking.cancel()
            while server.uploads.memory.held_bytes:
                await asyncio.sleep(0.01)


class Sends:
    """Stands for the library's side of a call: what it brings, or nothing for ever."""

    def __init__(self, message: bytes | None) -> None:
        self._message = message

    async def read(self) -> bytes:
        if self._message is None:
            await asyncio.Event().wait()
        return self._message or b""


async def test_one_caller_leaves_places_to_receive_to_others(
    server_with: ServerWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "RECEIVING", 4)
    limits = Limits(unreceived_s=HANG_S)
    server = server_with(limits)
    receiving = calls.Calls(
        server.door, limits, server.uploads.memory, server.failures, server.arrivals
    )

    async def receive(caller: str, message: bytes | None) -> bytes:
        async def decode(data: bytes) -> bytes:
            return data

        return await receiving.message(Sends(message), caller, decode)

    silent = [asyncio.create_task(receive("one", None)) for _ in range(6)]
    await asyncio.sleep(0)
    async with asyncio.timeout(HANG_S):
        assert await receive("another", b"a message") == b"a message"
    for task in silent:
        task.cancel()
    await asyncio.gather(*silent, return_exceptions=True)
    async with asyncio.timeout(HANG_S):
        assert await receive("one", b"another message") == b"another message"


async def test_answers_that_nobody_reads_end_their_stream(server_with: ServerWith) -> None:
    limits = Limits(unsent_s=0.2, calls=1)
    async with calling(server_with(limits, ScriptedEngine("so" * 1_500_000))) as caller:
        call = caller.open(TRITON + "ModelStreamInfer")
        async with asyncio.timeout(HANG_S):
            for _ in range(20):  # short questions, and sixty megabytes of answers, of one word each
                await call.write(inference(100))
            assert await call.read()  # so it has the one place there is, until it is ended
            while await caller.status(TRITON + "ModelReady") == "UNAVAILABLE":
                await asyncio.sleep(0.05)
            while not call.done():  # what was sent before comes before the status
                await asyncio.gather(call.read(), return_exceptions=True)
            assert (await call.code()).name == "DEADLINE_EXCEEDED"
            assert "not taken for 0.2 s" in await call.details()


async def test_a_stream_on_which_nothing_more_comes_is_ended(server_with: ServerWith) -> None:
    async with calling(server_with(Limits(no_audio_s=0.1))) as caller:
        call = caller.open(TRITON + "ModelStreamInfer")
        async with asyncio.timeout(HANG_S):
            assert (await call.code()).name == "DEADLINE_EXCEEDED"


async def open_stream(caller: Caller) -> Any:
    """A stream of inferences that has answered once."""
    call = caller.open(TRITON + "ModelStreamInfer")
    await call.write(inference())
    assert await asyncio.wait_for(call.read(), HANG_S)
    return call


async def test_calls_are_counted_and_health_is_answered_beyond_them(
    server_with: ServerWith,
) -> None:
    async with calling(server_with(Limits(calls=2))) as caller:
        held = [await open_stream(caller) for _ in range(2)]
        assert await caller.status(TRITON + "ModelInfer", inference()) == "UNAVAILABLE"
        assert await caller.status(f"/{V2.service}/Recognize") == "RESOURCE_EXHAUSTED"
        assert await caller.status(HEALTH[0], metadata=()) == "OK"
        await held[0].done_writing()
        async with asyncio.timeout(HANG_S):
            await held[0].code()
        assert await caller.status(TRITON + "ModelInfer", inference()) == "OK"


@pytest.mark.parametrize("method", ["ModelInfer", "ModelStreamInfer"])
async def test_the_bare_model_refuses_to_redact(server_with: ServerWith, method: str) -> None:
    asked = (*OURS, ("redact", "true"))
    async with calling(server_with(Limits())) as caller:
        assert await caller.status(TRITON + method, inference(), asked) == "INVALID_ARGUMENT"


async def test_one_caller_leaves_calls_to_others(server_with: ServerWith) -> None:
    async with calling(server_with(Limits(calls=4))) as caller:
        held = [await open_stream(caller) for _ in range(3)]
        assert await caller.status(TRITON + "ModelInfer", inference()) == "UNAVAILABLE"
        assert not any(call.done() for call in held)


async def test_who_is_not_served_in_time_is_told_to_come_back(
    server_with: ServerWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "RECEIVING", 0)  # as where others take all of them
    async with calling(server_with(Limits(unreceived_s=0.2))) as caller:
        assert await caller.status(TRITON + "ModelInfer", inference()) == "UNAVAILABLE"


async def test_streams_of_inferences_are_counted_apart(
    server_with: ServerWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_inference, "STREAMS", 1)
    async with calling(server_with(Limits())) as caller:
        held = await open_stream(caller)
        assert await caller.status(TRITON + "ModelStreamInfer", inference()) == "UNAVAILABLE"
        assert await caller.status(TRITON + "ModelInfer", inference()) == "OK"
        assert not held.done()


async def test_a_connection_that_says_nothing_is_closed(server_with: ServerWith) -> None:
    listening, port, _ = await start_grpc(server_with(Limits(unreceived_s=0.2)), "127.0.0.1", 0)
    await rest(*await asyncio.open_connection("127.0.0.1", port))
    await listening.stop(None)


async def test_no_more_connections_are_taken_than_have_descriptors(
    server_with: ServerWith,
) -> None:
    limits = Limits(connections=2, unreceived_s=HANG_S)
    listening, port, _ = await start_grpc(server_with(limits), "127.0.0.1", 0)
    opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
    for reader, _ in opened:
        await asyncio.wait_for(reader.readexactly(1), HANG_S)  # its settings: it is taken
    await rest(*await asyncio.open_connection("127.0.0.1", port))
    for _, writer in opened:
        writer.close()
    await listening.stop(None)
