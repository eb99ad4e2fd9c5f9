"""A request under a key is done once: again it gets its first answer, another one is refused."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import soundfile
from httpx import Response
from scripted_engine import ScriptedEngine, heard, recognizer, server_at, wait_until
from starlette.testclient import TestClient

from lab_kit.audio.pcm import to_pcm16
from lab_kit.gateway.run.app import create_app
from lab_kit.gateway.run.server import Server
from lab_kit.gateway.state import answers
from lab_kit.gateway.state.folder import StateFolder

RAW = "audio/l16;rate=16000"
ServerWith = Callable[..., Server]


@pytest.fixture
def server_with(tmp_path: Path, database_url: str | None) -> Iterator[ServerWith]:
    """Makes servers that keep their state in one folder, one after the other."""
    made: list[Server] = []

    def make(engine: ScriptedEngine, key: str | None = None) -> Server:
        root = tmp_path / str(len(made))
        root.mkdir()
        state = StateFolder(tmp_path / "state")
        server = server_at(
            root, lambda _: recognizer(engine), key, state=state, database_url=database_url
        )
        made.append(server)
        wait_until(lambda: server.door.is_ready)
        return server

    yield make
    for server in made:
        with suppress(RuntimeError):  # one that a test has stopped
            server.stop()


def speech(seed: int = 1) -> bytes:
    noise = np.random.default_rng(seed).normal(0, 0.1, 16_000)
    return to_pcm16(noise.astype(np.float32)) + bytes(32_000)


def sent(
    client: TestClient,
    body: bytes,
    key: str = "one",
    path: str = "/v1/audio:transcribe",
    **more: str,
) -> Response:
    headers = {"content-type": RAW, "idempotency-key": key, **more}
    answer: Response = client.post(path, content=body, headers=headers)
    return answer


def test_the_same_request_is_computed_once(server_with: ServerWith) -> None:
    engine = ScriptedEngine("so")
    with TestClient(create_app(server_with(engine))) as client:
        first, again = sent(client, speech()), sent(client, speech())
        assert first.status_code == again.status_code == 200
        assert first.json()["text"] == "so"
        assert again.content == first.content
        assert "idempotent-replayed" not in first.headers
        assert again.headers["idempotent-replayed"] == "true"
        assert again.headers["content-type"] == first.headers["content-type"]
        assert again.headers["x-request-id"] != first.headers["x-request-id"]
        assert len(engine.requests) == 1
        assert sent(client, speech(), '"one"').content == first.content  # as the draft writes it
        assert sent(client, speech(), "two").status_code == 200
        assert len(engine.requests) == 2


@pytest.mark.parametrize(
    "other",
    [
        {"body": speech(2)},
        {"body": speech() + b"\0\0"},
        {"body": b""},
        {"path": "/v1/audio:transcribe?numerals=true"},
        {"path": "/v1/transcriptions"},
        {"content-type": "audio/l16;rate=8000"},
    ],
    ids=str,
)
def test_another_request_with_the_same_key_is_refused(
    server_with: ServerWith, other: dict[str, str]
) -> None:
    engine = ScriptedEngine("so")
    with TestClient(create_app(server_with(engine))) as client:
        sent(client, speech())
        refused = sent(client, **{"body": speech(), **other})  # type: ignore[arg-type]
        assert refused.status_code == 422
        assert refused.json()["error"]["reason"] == "IDEMPOTENCY_MISMATCH"
        assert len(engine.requests) == 1


def test_while_the_first_is_under_way_the_second_is_told_to_wait(server_with: ServerWith) -> None:
    engine = ScriptedEngine()
    with TestClient(create_app(server_with(engine))) as client:
        answers: list[Response] = []
        first = threading.Thread(target=lambda: answers.append(sent(client, speech())))
        first.start()
        assert engine.asked.wait(60)
        second = sent(client, speech())
        assert second.status_code == 409
        assert second.json()["error"]["reason"] == "IDEMPOTENCY_CONFLICT"
        assert int(second.headers["retry-after"]) >= 1
        engine.tickets[0].future.set_result(heard("so"))
        first.join()
        assert sent(client, speech()).content == answers[0].content
        assert len(engine.requests) == 1


def test_many_may_get_the_first_answer_at_once(server_with: ServerWith) -> None:
    engine = ScriptedEngine("so")
    with TestClient(create_app(server_with(engine))) as client:
        first = sent(client, speech())
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: sent(client, speech()), range(40)))
        assert {answer.content for answer in answers} == {first.content}
        assert len(engine.requests) == 1


def test_a_failure_is_not_kept(server_with: ServerWith) -> None:
    engine = ScriptedEngine("so", is_full=True)
    with TestClient(create_app(server_with(engine))) as client:
        assert sent(client, speech()).status_code == 503
        assert sent(client, b"odd").status_code == 400
        engine.is_full = False
        assert sent(client, speech()).status_code == 200


def test_the_next_server_gives_the_same_answer(server_with: ServerWith) -> None:
    engine = ScriptedEngine("so")
    first = server_with(engine)
    with TestClient(create_app(first)) as client:
        answer = sent(client, speech())
    first.stop()
    with TestClient(create_app(server_with(engine))) as client:
        assert sent(client, speech()).content == answer.content
        assert len(engine.requests) == 1


def test_an_operation_is_made_once(server_with: ServerWith) -> None:
    with TestClient(create_app(server_with(ScriptedEngine()))) as client:
        first = sent(client, speech(), path="/v1/transcriptions")
        again = sent(client, speech(), path="/v1/transcriptions")
        assert first.status_code == again.status_code == 202
        assert again.json() == first.json()
        assert again.headers["location"] == first.headers["location"]
        assert len(client.get("/v1/operations").json()["operations"]) == 1


def test_a_form_sent_again_by_another_boundary_is_the_same_request(
    server_with: ServerWith,
) -> None:
    file = BytesIO()
    soundfile.write(file, np.zeros(32_000), 16_000, format="WAV")

    def form(seed: int) -> Response:
        sound = file.getvalue() + bytes([seed])
        answer: Response = client.post(
            "/v1/transcriptions",
            files={"file": ("said.wav", sound)},
            headers={"idempotency-key": "one"},
        )
        return answer

    with TestClient(create_app(server_with(ScriptedEngine("so")))) as client:
        first, again = form(1), form(1)
        assert first.status_code == again.status_code == 202
        assert again.content == first.content
        assert form(2).status_code == 422


def test_the_servers_key_comes_first(server_with: ServerWith) -> None:
    engine = ScriptedEngine("so")
    with TestClient(create_app(server_with(engine, key="secret"))) as client:
        assert sent(client, speech(), authorization="Token secret").status_code == 200
        assert sent(client, speech()).status_code == 401
        assert sent(client, speech(), authorization="Token wrong").status_code == 401


@pytest.mark.parametrize("key", ["", '""', "two words", "x" * 256, "\x7f"])
def test_a_key_of_a_wrong_form_is_refused(server_with: ServerWith, key: str) -> None:
    with TestClient(create_app(server_with(ScriptedEngine("so")))) as client:
        refused = sent(client, speech(), key)
        assert refused.status_code == 400
        assert "Idempotency-Key" in refused.json()["error"]["received"]


def test_an_answer_in_pieces_has_no_key(server_with: ServerWith) -> None:
    with TestClient(create_app(server_with(ScriptedEngine("so")))) as client:
        refused = sent(client, speech(), accept="application/x-ndjson")
        assert refused.status_code == 400
        assert sent(client, speech()).status_code == 200


@pytest.mark.parametrize(("name", "most"), [("MOST_KEPT", 3), ("MOST_BYTES", 0)])
def test_where_there_are_too_many_the_oldest_go(
    server_with: ServerWith, monkeypatch: pytest.MonkeyPatch, name: str, most: int
) -> None:
    monkeypatch.setattr(answers, name, most)
    engine = ScriptedEngine("so")
    with TestClient(create_app(server_with(engine))) as client:
        for number in range(6):
            sent(client, speech(), f"key-{number}")
            time.sleep(0.002)  # ages are told apart by milliseconds
        asked = len(engine.requests)
        assert "idempotent-replayed" not in sent(client, speech(), "key-0").headers
        assert len(engine.requests) == asked + 1
        if name == "MOST_KEPT":
            assert "idempotent-replayed" in sent(client, speech(), "key-5").headers
