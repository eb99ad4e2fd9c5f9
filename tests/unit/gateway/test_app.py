"""The application without a process: what it does when the engine fails, waits or never came."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hang import HANG_S
from httpx import Response
from scripted_engine import ScriptedEngine, heard, recognizer, server_at, wait_until
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from lab_kit.audio.pcm import FloatArray, to_pcm16
from lab_kit.core.errors import InferenceTimeout
from lab_kit.gateway.api import recordings
from lab_kit.gateway.api.recordings import TRANSCRIBE_PATH
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.run.app import create_app
from lab_kit.gateway.run.server import Server
from lab_kit.gateway.versions.lease import Recognizer
from lab_kit.models.store.version import VersionFiles

QUERY = "/v1/listen?encoding=linear16&sample_rate=16000"
ServerWith = Callable[..., Server]


@pytest.fixture
def server_with(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Makes a server's state whose only version runs on a given engine."""
    made: list[Server] = []

    def make(engine: ScriptedEngine, key: str | None = None) -> Server:
        server = server_at(tmp_path, lambda _: recognizer(engine), key)
        made.append(server)
        wait_until(lambda: server.door.is_ready)
        return server

    yield make
    for server in made:
        server.stop()


def speech(seconds: float = 1.0) -> bytes:
    noise = np.random.default_rng(1).normal(0, 0.1, round(seconds * 16_000))
    return to_pcm16(noise.astype(np.float32)) + bytes(32_000)


def spoken_to(client: TestClient) -> WebSocketDisconnect:
    """How a stream ends on which somebody speaks and closes."""
    with client.websocket_connect(QUERY) as socket:
        socket.send_bytes(speech())
        socket.send_text('{"type":"CloseStream"}')
        try:
            while True:
                socket.receive_json()
        except WebSocketDisconnect as closed:
            return closed


def test_a_failing_device_closes_the_stream_with_a_code_and_a_name(
    server_with: ServerWith,
) -> None:
    client = TestClient(create_app(server_with(ScriptedEngine(RuntimeError("device lost")))))
    closed = spoken_to(client)
    assert closed.code == 1011
    assert closed.reason.startswith("INTERNAL: a decode failed (device lost)")


def test_a_full_engine_closes_the_stream_that_it_cannot_serve(server_with: ServerWith) -> None:
    client = TestClient(create_app(server_with(ScriptedEngine(is_full=True))))
    closed = spoken_to(client)
    assert (closed.code, closed.reason.split(":")[0]) == (1011, "SYSTEM_OVERLOADED")


def test_what_a_vanished_client_had_asked_for_is_cancelled(server_with: ServerWith) -> None:
    engine = ScriptedEngine()
    server = server_with(engine)
    with TestClient(create_app(server)) as client:
        with client.websocket_connect(QUERY) as socket:
            socket.send_bytes(speech())
            assert engine.asked.wait(HANG_S)
            socket.close(1006)
            # still inside: on leaving, the test client cancels an application that has not ended
            deadline = time.monotonic() + HANG_S
            while server.door.streams:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            time.sleep(0.1)  # the last lines of the application after that
        assert server.versions.status(1).in_flight == 0
        assert engine.cancelled == {ticket.number for ticket in engine.tickets}
        assert 'lab_streams{version="1"} 0.0' in client.get("/metrics").text


@pytest.mark.parametrize("accept", ["application/json", "application/x-ndjson"])
def test_an_upload_holds_its_version_until_its_last_byte(
    server_with: ServerWith, accept: str
) -> None:
    engine = ScriptedEngine()
    server = server_with(engine)
    client = TestClient(create_app(server))
    answers: list[Response] = []
    headers = {"content-type": "audio/l16", "accept": accept}

    def upload() -> None:
        answers.append(client.post(TRANSCRIBE_PATH, content=speech(), headers=headers))

    uploading = threading.Thread(target=upload)
    uploading.start()
    assert engine.asked.wait(HANG_S)
    assert server.versions.status(1).in_flight == 1
    engine.tickets[0].future.set_result(heard("yes"))
    uploading.join(HANG_S)
    assert json.loads(answers[0].text.splitlines()[-1])["text"] == "yes"
    assert server.versions.status(1).in_flight == 0
    assert 'status="200",version="1"} 1.0' in client.get("/metrics").text


def test_a_stream_that_is_refused_holds_nothing(server_with: ServerWith) -> None:
    server = server_with(ScriptedEngine())
    client = TestClient(create_app(server))
    with (
        pytest.raises(WebSocketDenialResponse),
        client.websocket_connect(QUERY.replace("linear16", "morse")),
    ):
        pass
    assert server.versions.status(1).in_flight == 0


def test_a_full_engine_refuses_an_upload_and_says_when_to_come_back(
    server_with: ServerWith,
) -> None:
    client = TestClient(create_app(server_with(ScriptedEngine(is_full=True))))
    answer = client.post(TRANSCRIBE_PATH, content=speech(), headers={"content-type": "audio/l16"})
    assert answer.status_code == 503
    assert answer.json()["error"]["reason"] == "SYSTEM_OVERLOADED"
    assert answer.json()["error"]["retry_after_s"] > 0
    assert int(answer.headers["retry-after"]) >= 1


def test_an_upload_that_fails_after_its_status_says_so_in_its_last_line(
    server_with: ServerWith,
) -> None:
    client = TestClient(create_app(server_with(ScriptedEngine(is_full=True))))
    headers = {"content-type": "audio/l16", "accept": "application/x-ndjson"}
    answer = client.post(TRANSCRIBE_PATH, content=speech(), headers=headers)
    assert answer.status_code == 200
    assert json.loads(answer.text.splitlines()[-1])["error"]["reason"] == "SYSTEM_OVERLOADED"


NONSENSE = [
    "",
    "[]",
    "[" * 100_000,
    '{"type": NaN}',
    '{"type": ' + "9" * 5_000 + "}",
    '{"type": "\\ud800"}',
    '{"type": "Dance", "type": 5}',
    '{"type": ' + "[" * 500 + "]" * 500 + "}",
]


@pytest.mark.parametrize("path", [QUERY, "/v1/realtime?intent=transcription"])
def test_text_that_is_no_message_is_answered_and_the_stream_stays_open(
    server_with: ServerWith, path: str
) -> None:
    server = server_with(ScriptedEngine("so"))
    with (
        TestClient(create_app(server)) as client,
        client.websocket_connect(path) as socket,
    ):
        if path != QUERY:
            assert socket.receive_json()["type"] == "session.created"
        for text in NONSENSE:
            socket.send_text(text)
            assert socket.receive_json()["type"].lower() == "error"
        socket.close()
        # still inside: on leaving, the test client cancels an application that has not ended
        wait_until(lambda: not server.door.streams)
        time.sleep(0.1)  # the last lines of the application after that


def test_the_models_are_told_to_who_has_the_key(server_with: ServerWith) -> None:
    client = TestClient(create_app(server_with(ScriptedEngine(), key="right")))
    assert client.get("/v1/models").status_code == 401
    answer = client.get("/v1/models", headers={"authorization": "Token right"})
    assert [model["id"] for model in answer.json()["data"]] == ["scripted"]


def test_metrics_and_readiness_say_nothing_of_who_called(server_with: ServerWith) -> None:
    client = TestClient(create_app(server_with(ScriptedEngine("a word that was said"), "right")))
    name = "0f8fad5b-d9cb-469f-a165-70867728950e"
    headers = {
        "content-type": "audio/l16",
        "user-agent": "an-agent",
        "x-request-id": name,
        "x-forwarded-for": "203.0.113.7",
    }
    for key in ("right", "wrong"):
        asked = {**headers, "authorization": f"Token {key}"}
        answer = client.post(TRANSCRIBE_PATH, content=speech(), headers=asked)
        assert answer.headers["x-request-id"] == name
    told = client.get("/metrics").text + client.get("/readyz").text
    assert 'route="/v1/audio:transcribe",status="200"' in told
    for said in ("right", "wrong", name, "an-agent", "203.0.113.7", "testclient", "a word"):
        assert said not in told


@pytest.mark.parametrize(
    ("method", "path", "size", "status", "reason"),
    [
        ("GET", "/no/such/path", 0, 404, "UNKNOWN_PATH"),
        ("DELETE", "/v1/models", 0, 405, "METHOD_NOT_ALLOWED"),
        ("PUT", "/operator/batching", 70_000, 413, "PAYLOAD_TOO_LARGE"),
        ("PUT", "/operator/degradation", 0, 400, "INVALID_PARAMETER"),
    ],
)
def test_what_the_framework_refuses_comes_in_the_same_envelope(
    server_with: ServerWith, method: str, path: str, size: int, status: int, reason: str
) -> None:
    server = server_with(ScriptedEngine())
    server.keys.operator = "right"
    answer = TestClient(create_app(server)).request(
        method, path, content=bytes(size), headers={"authorization": "Token right"}
    )
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["reason"] == reason
    assert error["request_id"] == answer.headers["x-request-id"]
    assert ("allow" in answer.headers) == (status == 405)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/v1/chat/completions", lambda body: body["error"]["message"]),
        ("/v1/listen/none", lambda body: body["err_msg"]),
        ("/v1/auth/grant", lambda body: body["err_msg"]),
        ("/v2/none", lambda body: body["error"]),
    ],
)
def test_what_a_provider_has_and_is_not_imitated_is_refused_in_its_words(
    server_with: ServerWith, path: str, told: Callable[[Any], str]
) -> None:
    answer = TestClient(create_app(server_with(ScriptedEngine()))).post(path)
    assert answer.status_code == 404
    assert f"the path {path}, which is not imitated here" in told(answer.json())


def test_translations_are_refused_by_name(server_with: ServerWith) -> None:
    answer = TestClient(create_app(server_with(ScriptedEngine()))).post("/v1/audio/translations")
    assert answer.status_code == 400
    assert "a translation, which is not available" in answer.json()["error"]["message"]


def test_what_nobody_foresaw_comes_in_the_same_envelope(server_with: ServerWith) -> None:
    app = create_app(server_with(ScriptedEngine(RuntimeError("a secret of the runtime"))))
    client = TestClient(app, raise_server_exceptions=False)
    answer = client.post(TRANSCRIBE_PATH, content=speech(), headers={"content-type": "audio/l16"})
    assert answer.status_code == 500
    assert answer.json()["error"]["reason"] == "INTERNAL"
    assert "secret" not in answer.text


def test_files_are_decoded_where_no_stream_waits_for_it(
    monkeypatch: pytest.MonkeyPatch, server_with: ServerWith
) -> None:
    """The event loop serves everybody; ten minutes of FLAC must not stop it."""
    threads: list[str] = []

    def decode(data: bytes, longest_s: float) -> FloatArray:
        threads.append(threading.current_thread().name)
        return np.zeros(16_000, np.float32)

    monkeypatch.setattr(recordings, "read_recording", decode)
    client = TestClient(create_app(server_with(ScriptedEngine())))
    assert client.post(TRANSCRIBE_PATH, content=b"x").status_code == 200
    assert [name.startswith("preparation") for name in threads] == [True]


def test_a_server_whose_model_never_came_says_why_wherever_it_is_asked(tmp_path: Path) -> None:
    def fail(_: VersionFiles) -> Recognizer:
        raise RuntimeError("the runtime is missing")

    server = server_at(tmp_path, fail)
    wait_until(lambda: server.versions.failure is not None)
    client = TestClient(create_app(server))
    assert client.get("/healthz").status_code == 200
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (503, "failed")
    assert "runtime is missing" in ready.json()["reason"]
    assert client.get("/v1/models").status_code == 503
    assert client.get("/metrics").status_code == 200
    server.stop()


@pytest.mark.parametrize("timeout", ["0", "-1", "soon", "nan", "1e9", ""])
def test_a_time_to_wait_that_is_none_is_refused(server_with: ServerWith, timeout: str) -> None:
    with TestClient(create_app(server_with(ScriptedEngine("so")))) as client:
        headers = {"content-type": "audio/l16;rate=16000", "x-request-timeout": timeout}
        refused = client.post(TRANSCRIBE_PATH, content=speech(), headers=headers)
        assert refused.status_code == 400
        assert "x-request-timeout" in refused.json()["error"]["received"]


def test_the_engine_is_told_how_long_somebody_waits(server_with: ServerWith) -> None:
    engine = ScriptedEngine("so")
    with TestClient(create_app(server_with(engine))) as client:
        headers = {"content-type": "audio/l16;rate=16000"}
        client.post(TRANSCRIBE_PATH, content=speech(), headers=headers).raise_for_status()
        before_ns = time.perf_counter_ns()
        timed = {**headers, "x-request-timeout": "30"}
        client.post(TRANSCRIBE_PATH, content=speech(), headers=timed).raise_for_status()
    first, second = (request.deadline_ns for request in engine.requests)
    assert first is None
    assert second is not None
    assert before_ns + 29 * 10**9 < second < time.perf_counter_ns() + 30 * 10**9


def test_who_waits_no_longer_is_told_so(server_with: ServerWith) -> None:
    too_late = InferenceTimeout("a decode", "room sooner", "try again")
    with TestClient(create_app(server_with(ScriptedEngine(too_late)))) as client:
        headers = {"content-type": "audio/l16;rate=16000", "x-request-timeout": "30"}
        answer = client.post(TRANSCRIBE_PATH, content=speech(), headers=headers)
        assert answer.status_code == 504
        assert answer.json()["error"]["reason"] == "INFERENCE_TIMEOUT"
        assert answer.json()["error"]["retryable"]


def test_what_is_too_long_is_told_where_it_is_taken(tmp_path: Path) -> None:
    limits = Limits(recording_audio_s=1.0)
    server = server_at(tmp_path, lambda _: recognizer(ScriptedEngine("so")), limits=limits)
    wait_until(lambda: server.door.is_ready)
    with TestClient(create_app(server)) as client:
        headers = {"content-type": "audio/l16;rate=16000"}
        answer = client.post(TRANSCRIBE_PATH, content=speech(), headers=headers)
    server.stop()
    assert answer.status_code == 413
    assert "POST /v1/transcriptions" in answer.json()["error"]["next_step"]
    assert "1 s" in answer.json()["error"]["expected"]


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/operations/01a229bd-f753-768f-a518-07a06b43dab0", "DELETE, GET"),
        ("/v1/operations/01a229bd-f753-768f-a518-07a06b43dab0:cancel", "POST"),
        ("/v1/webhooks", "GET, POST"),
        (TRANSCRIBE_PATH, "POST"),
    ],
)
def test_a_wrong_method_is_told_all_that_are_allowed(
    server_with: ServerWith, path: str, allowed: str
) -> None:
    with TestClient(create_app(server_with(ScriptedEngine("so")))) as client:
        refused = client.put(path)
    assert refused.status_code == 405
    assert refused.headers["allow"] == allowed
    assert refused.json()["error"]["expected"] == allowed


def test_what_is_no_name_of_an_operation_is_not_found(server_with: ServerWith) -> None:
    with TestClient(create_app(server_with(ScriptedEngine("so")))) as client:
        assert client.get("/v1/operations/nobody").status_code == 404
        name = "01a229bd-f753-768f-a518-07a06b43dab0"
        assert client.get(f"/v1/operations/{name}:cancel").status_code == 405
        assert client.get(f"/v1/operations/{name}").json()["error"]["reason"] == (
            "OPERATION_NOT_FOUND"
        )
