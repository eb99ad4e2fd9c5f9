"""The standard door, with an engine that a test scripts: what it asks, and what goes wrong."""

import asyncio
import gzip
import threading
import tomllib
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scripted_engine import MODEL, ScriptedEngine, recognizer, server_at, wait_until
from starlette.testclient import TestClient
from tritonclient.grpc import service_pb2 as pb

from lab_kit.core.events import PriorityClass
from lab_kit.core.ids import RequestId
from lab_kit.dialects.open_inference import client as dialect
from lab_kit.engine.api import Priority
from lab_kit.gateway.door.call import Call
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.providers.open_inference.model import SERVER_VERSION
from lab_kit.gateway.providers.open_inference.stream import InferStream
from lab_kit.gateway.run.app import create_app
from lab_kit.gateway.run.server import Server

INFER = f"/v2/models/{MODEL}/infer"
CALL = Call(RequestId.new(), None, "127.0.0.1")
TONE = np.full(1_600, 0.5, np.float32)
ServerWith = Callable[..., Server]


@pytest.fixture
def server_with(tmp_path: Path) -> Iterator[ServerWith]:
    """Makes a server's state whose only version runs on a given engine."""
    made: list[Server] = []

    def make(
        engine: ScriptedEngine, key: str | None = None, limits: Limits | None = None
    ) -> Server:
        server = server_at(tmp_path, lambda _: recognizer(engine), key, limits=limits)
        made.append(server)
        wait_until(lambda: server.door.is_ready)
        return server

    yield make
    for server in made:
        server.stop()


def asked(audio: Any = TONE, **parameters: Any) -> dict[str, Any]:
    """A request as our own client sends it."""
    body = dialect.encode_request(dialect.speech_request(audio, 16_000, parameters))
    return {"content": body.content, "headers": body.headers}


def in_flight(server: Server) -> int:
    return sum(status.in_flight for status in server.versions.statuses())


def test_the_audio_reaches_the_engine_as_it_was_sent(server_with: ServerWith) -> None:
    engine = ScriptedEngine("so")
    server = server_with(engine)
    with TestClient(create_app(server)) as client:
        answer = client.post(INFER, **asked())
    assert answer.json()["outputs"][0]["data"] == ["so"]
    (request,) = engine.requests
    np.testing.assert_array_equal(request.audio, TONE)
    assert request.priority_class is PriorityClass.BATCH
    assert in_flight(server) == 0


def test_an_urgent_request_goes_before_interims(server_with: ServerWith) -> None:
    engine = ScriptedEngine("so")
    with TestClient(create_app(server_with(engine))) as client:
        client.post(INFER, **asked(priority=1))
    assert engine.requests[0].priority is Priority.FINAL
    assert engine.requests[0].priority_class is PriorityClass.INTERACTIVE


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v2/models/parrot/infer", 404),
        (f"/v2/models/{MODEL}/versions/7/infer", 404),
        (f"/v2/models/{MODEL}/versions/new/infer", 404),
    ],
)
def test_what_is_not_there_is_404_in_the_protocols_form(
    server_with: ServerWith, path: str, status: int
) -> None:
    with TestClient(create_app(server_with(ScriptedEngine("so")))) as client:
        answer = client.post(path, **asked())
    assert answer.status_code == status
    assert isinstance(answer.json()["error"], str)


def test_a_failing_device_is_told_in_the_protocols_form(server_with: ServerWith) -> None:
    engine = ScriptedEngine(RuntimeError("device lost"))
    with TestClient(create_app(server_with(engine))) as client:
        answer = client.post(INFER, **asked())
    assert (answer.status_code, type(answer.json()["error"])) == (500, str)


def test_a_full_engine_refuses_with_a_delay(server_with: ServerWith) -> None:
    with TestClient(create_app(server_with(ScriptedEngine(is_full=True)))) as client:
        answer = client.post(INFER, **asked())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


@pytest.mark.parametrize(
    ("request_", "status", "told"),
    [
        (asked(np.zeros(16_000 * 31, np.float32)), 413, "at most 30 s"),
        (asked(np.zeros(0, np.float32)), 400, "no samples"),
        (asked(sequence_id=4), 400, "gRPC stream"),
        ({"content": b"hello"}, 400, "JSON object"),
        ({"content": b"x", "headers": {"content-encoding": "br"}}, 400, "gzip or deflate"),
        ({"content": b"hello", "headers": {"content-encoding": "gzip"}}, 400, "no gzip"),
    ],
)
def test_what_the_model_cannot_take_is_refused_by_name(
    server_with: ServerWith, request_: dict[str, Any], status: int, told: str
) -> None:
    engine = ScriptedEngine("so")
    with TestClient(create_app(server_with(engine))) as client:
        answer = client.post(INFER, **request_)
    assert answer.status_code == status
    assert told in answer.json()["error"]
    assert engine.requests == []


@pytest.mark.parametrize(
    ("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)]
)
def test_compressed_requests_are_read(
    server_with: ServerWith, encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    body = asked()
    headers = {**body["headers"], "content-encoding": encoding}
    with TestClient(create_app(server_with(ScriptedEngine("so")))) as client:
        answer = client.post(INFER, content=pack(body["content"]), headers=headers)
    assert answer.json()["outputs"][0]["data"] == ["so"]


def test_a_small_body_that_unpacks_to_a_huge_one_is_refused(server_with: ServerWith) -> None:
    bomb = gzip.compress(bytes(70_000_000))
    with TestClient(create_app(server_with(ScriptedEngine("so")))) as client:
        answer = client.post(INFER, content=bomb, headers={"content-encoding": "gzip"})
        torn = client.post(INFER, content=bomb[:100], headers={"content-encoding": "gzip"})
    assert (answer.status_code, torn.status_code) == (413, 400)


def test_every_route_but_health_wants_the_key(server_with: ServerWith) -> None:
    with TestClient(create_app(server_with(ScriptedEngine("so"), key="k"))) as client:
        open_ = [client.get(f"/v2/health/{what}").status_code for what in ("live", "ready")]
        closed = [client.get(path).status_code for path in ("/v2", f"/v2/models/{MODEL}")]
        closed += [client.get(f"/v2/models/{MODEL}/ready").status_code]
        closed += [client.post(path).status_code for path in ("/v2/repository/index", INFER)]
        ours = client.get("/v2", headers={"authorization": "Bearer k"}).status_code
    assert open_ == [200, 200]
    assert set(closed) == {401}
    assert ours == 200


def test_readiness_ends_when_draining_begins(server_with: ServerWith) -> None:
    server = server_with(ScriptedEngine("so"))
    paths = (
        "/v2/health/ready",
        f"/v2/models/{MODEL}/ready",
        f"/v2/models/{MODEL}/versions/1/ready",
    )
    with TestClient(create_app(server)) as client:
        assert [client.get(path).status_code for path in paths] == [200, 200, 200]
        assert client.get(f"/v2/models/{MODEL}/versions/2/ready").status_code == 503
        server.door.is_draining = True
        assert [client.get(path).status_code for path in paths] == [503, 503, 503]


def test_whoever_hangs_up_leaves_nothing_in_the_engine(server_with: ServerWith) -> None:
    engine = ScriptedEngine()  # never answers
    server = server_with(engine)
    with TestClient(create_app(server)) as client:
        scope = hung_up_request(client, engine.asked)
    assert scope
    wait_until(lambda: engine.cancelled == {1})
    assert in_flight(server) == 0


def hung_up_request(client: TestClient, asked_: threading.Event) -> bool:
    """Send a request by hand and disconnect once the engine has it."""
    body = asked()

    async def hang_up() -> bool:
        parts = iter([{"type": "http.request", "body": body["content"]}])

        async def receive() -> Any:
            if (part := next(parts, None)) is not None:
                return part
            await asyncio.to_thread(asked_.wait)
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            pass

        headers = [(key.lower().encode(), value.encode()) for key, value in body["headers"].items()]
        scope = {"type": "http", "method": "POST", "path": INFER, "headers": headers}
        scope |= {"query_string": b"", "http_version": "1.1", "raw_path": INFER.encode()}
        await client.app(scope, receive, send)
        return True

    return asyncio.run(hang_up())


def test_the_version_told_is_the_packages() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["version"] == SERVER_VERSION


# -- streams -------------------------------------------------------------------------------------


def piece(samples: int, number: int = 5, **place: bool) -> Any:
    """A piece of a sequence, as tritonclient puts it on the wire."""
    message = pb.ModelInferRequest(model_name=MODEL, id=f"{number}-{samples}")
    message.inputs.add(name="AUDIO", datatype="FP32", shape=[samples])
    message.inputs.add(name="SAMPLE_RATE", datatype="INT32", shape=[1])
    message.raw_input_contents.append(np.full(samples, 0.5, np.float32).tobytes())
    message.raw_input_contents.append(np.array([16_000], np.int32).tobytes())
    if number:
        message.parameters["sequence_id"].int64_param = number
    for key, value in place.items():
        message.parameters[key].bool_param = value
    return message


@asynccontextmanager
async def inferring(server: Server) -> AsyncIterator[InferStream]:
    async with server.door.open(CALL) as admitted:
        made = InferStream(
            server.door, admitted, server.bare_model, server.uploads, server.failures
        )
        async with made as stream:
            yield stream


async def test_each_piece_is_answered_with_everything_since_the_first(
    server_with: ServerWith,
) -> None:
    engine = ScriptedEngine("so")
    server = server_with(engine)
    async with inferring(server) as stream:
        for message in (
            piece(100, sequence_start=True),
            piece(30, number=6, sequence_start=True),
            piece(50),
            piece(70, number=0),
            piece(20, sequence_end=True),
        ):
            answer = await stream.answer(message)
            assert answer.error_message == ""
            assert answer.infer_response.id == message.id
            assert answer.infer_response.parameters["triton_final_response"].bool_param
        assert in_flight(server) == 1  # sequence 6 is open
    assert [len(request.audio) for request in engine.requests] == [100, 30, 150, 70, 170]
    assert [request.priority_class for request in engine.requests[-2:]] == [
        PriorityClass.BATCH,
        PriorityClass.INTERACTIVE,
    ]
    assert in_flight(server) == 0


async def test_a_piece_without_a_beginning_is_refused_and_the_stream_goes_on(
    server_with: ServerWith,
) -> None:
    server = server_with(ScriptedEngine("so"))
    async with inferring(server) as stream:
        lost = await stream.answer(piece(50))
        found = await stream.answer(piece(50, sequence_start=True, sequence_end=True))
        over = await stream.answer(piece(50))
    assert "has not begun" in lost.error_message
    assert lost.infer_response.id == "5-50"
    assert found.error_message == ""
    assert "is over" in over.error_message


async def test_a_recording_that_grows_too_long_ends_its_sequence(server_with: ServerWith) -> None:
    server = server_with(ScriptedEngine("so"))
    async with inferring(server) as stream:
        await stream.answer(piece(16_000 * 29, sequence_start=True))
        answer = await stream.answer(piece(16_000 * 2))
        assert "at most 30 s" in answer.error_message
        assert in_flight(server) == 0


async def test_sequences_are_counted(server_with: ServerWith) -> None:
    server = server_with(ScriptedEngine("so"))
    most = server.limits.streams
    async with inferring(server) as stream:
        for number in range(1, most + 1):
            await stream.answer(piece(10, number=number, sequence_start=True))
        refused = await stream.answer(piece(10, number=most + 1, sequence_start=True))
        again = await stream.answer(piece(10, number=1, sequence_start=True))
    assert f"{most} sequences are open" in refused.error_message
    assert again.error_message == ""


async def test_what_is_kept_of_sequences_takes_of_the_memory_for_uploads(
    server_with: ServerWith,
) -> None:
    held_bytes = 2 * 4 * 200  # half of it for one caller: some 200 samples
    limits = Limits(upload_bytes=held_bytes // 2, held_bytes=held_bytes)
    server = server_with(ScriptedEngine("so"), limits=limits)
    async with inferring(server) as stream:
        for message in (piece(100, sequence_start=True), piece(90, number=6, sequence_start=True)):
            assert (await stream.answer(message)).error_message == ""
        for message in (piece(50), piece(50, number=7, sequence_start=True)):
            assert "of this caller's uploads" in (await stream.answer(message)).error_message
        assert (await stream.answer(piece(5, number=6, sequence_end=True))).error_message == ""
        assert (await stream.answer(piece(50))).error_message == ""
    assert server.uploads.memory.held_bytes == 0


async def test_nothing_is_kept_of_what_comes_beside_the_sound_of_a_sequence(
    server_with: ServerWith,
) -> None:
    server = server_with(ScriptedEngine("so"))
    beside_bytes = 1_000_000
    async with inferring(server) as stream:
        tracemalloc.start()
        for number in range(1, 31):
            message = piece(100, number=number, sequence_start=True)
            message.id = "x" * beside_bytes
            message.parameters["x"].string_param = "x" * beside_bytes
            assert (await stream.answer(message)).error_message == ""
            del message
        kept_bytes, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert stream.has_sequences
    assert kept_bytes < 10 * beside_bytes


async def test_a_sequence_has_a_short_name(server_with: ServerWith) -> None:
    async with inferring(server_with(ScriptedEngine("so"))) as stream:
        message = piece(100, sequence_start=True)
        message.parameters["sequence_id"].string_param = "x" * 100_000
        told = (await stream.answer(message)).error_message
    assert "at most 128 characters" in told
    assert len(told) < 500


async def test_a_recording_with_which_nobody_goes_on_is_forgotten(server_with: ServerWith) -> None:
    server = server_with(ScriptedEngine("so"))
    async with inferring(server) as stream:
        await stream.answer(piece(100, sequence_start=True))
        await stream.waited(6.0, limit_s=10.0)
        assert (await stream.answer(piece(100))).error_message == ""
        await stream.waited(6.0, limit_s=10.0)
        assert stream.has_sequences
        await stream.waited(6.0, limit_s=10.0)
        assert not stream.has_sequences
        assert "is over" in (await stream.answer(piece(50))).error_message
        assert server.uploads.memory.held_bytes == 0


async def test_a_device_that_fails_fails_one_message(server_with: ServerWith) -> None:
    engine = ScriptedEngine(RuntimeError("device lost"))
    server = server_with(engine)
    async with inferring(server) as stream:
        broken = await stream.answer(piece(50, sequence_start=True))
        engine.answer = "so"
        whole = await stream.answer(piece(50, sequence_start=True))
    assert "its log says why" in broken.error_message
    assert whole.error_message == ""
