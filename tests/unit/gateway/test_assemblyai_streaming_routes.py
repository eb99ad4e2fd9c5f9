"""AssemblyAI's streaming routes on a scripted engine: how long sessions last, who holds what."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scripted_engine import ScriptedEngine, recognizer, server_at, wait_until
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from test_app import speech

from lab_kit.gateway.door import tokens
from lab_kit.gateway.providers.assemblyai import streaming
from lab_kit.gateway.run.app import create_app
from lab_kit.gateway.run.server import Server

KEY = "the-callers"
PATH = "/v3/ws?sample_rate=16000"
TERMINATE = '{"type": "Terminate"}'


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = server_at(tmp_path, lambda _: recognizer(ScriptedEngine("So it was.")), KEY)
    wait_until(lambda: made.door.is_ready)
    yield made
    made.stop()


@pytest.fixture
def client(server: Server) -> Iterator[TestClient]:
    with TestClient(create_app(server)) as client:
        yield client


def session(client: TestClient, *sent: Any, key: str = KEY, path: str = PATH) -> list[Any]:
    """What a session is told; last of all the code that it is closed with."""
    told: list[Any] = []
    with client.websocket_connect(path, headers={"authorization": key}) as socket:
        try:
            for message in sent:
                (socket.send_bytes if isinstance(message, bytes) else socket.send_text)(message)
            while True:
                told.append(socket.receive_json())
        except WebSocketDisconnect as closed:
            told.append(closed.code)
    return told


def token(client: TestClient, **asked: int) -> str:
    answer = client.get(
        "/v3/token",
        params={"expires_in_seconds": 60, **asked},
        headers={"authorization": KEY},
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["token"])


def test_a_session_that_is_as_old_as_one_may_be_is_told_the_rest_and_closed(
    server: Server, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "LONGEST_SESSION_S", 1.0)
    begun_s = time.time()
    begin, *_, turn, error, code = session(client, speech()[:40_000])
    assert begin["expires_at"] <= begun_s + 2
    assert (turn["transcript"], turn["end_of_turn"]) == ("so it was", True)
    assert error["error"] == "Session Expired: Maximum session duration exceeded"
    assert error["error_code"] == code == 3008
    assert not server.door.streams


def test_a_token_shortens_a_session_and_nothing_else(client: TestClient) -> None:
    short = token(client, max_session_duration_seconds=60)
    usual = token(client)
    for one, lasts_s in ((short, 60), (usual, 1_800)):
        begin, *_, code = session(client, TERMINATE, key="", path=f"{PATH}&token={one}")
        assert begin["expires_at"] == pytest.approx(time.time() + lasts_s, abs=5)
        assert code == 1000


def test_a_token_is_no_key_but_for_a_session(client: TestClient) -> None:
    headers = {"authorization": token(client)}
    for path in ("/v3/token?expires_in_seconds=60", "/v1/models", "/v1/operations"):
        assert client.get(path, headers=headers).status_code == 401


def test_who_has_too_many_unused_tokens_is_told_so(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "MOST_OF_ONE", 2)
    first = token(client)
    token(client)
    answer = client.get("/v3/token?expires_in_seconds=60", headers={"authorization": KEY})
    assert answer.status_code == 429
    assert "2 tokens of this caller" in answer.json()["error"]
    assert int(answer.headers["retry-after"]) >= 1
    session(client, TERMINATE, key=first)
    token(client)


@pytest.mark.parametrize(
    ("path", "key", "code"),
    [
        (PATH, "wrong", 1008),
        (PATH, "", 1008),
        (f"{PATH}&token={KEY}", "", 1008),
        ("/v3/ws", KEY, 3006),
        (f"{PATH}&encoding=aac", KEY, 3006),
        (f"{PATH}&redact=perhaps", KEY, 3006),
    ],
)
def test_a_refused_session_is_one_message_and_a_close_and_holds_nothing(
    server: Server, client: TestClient, path: str, key: str, code: int
) -> None:
    told = session(client, key=key, path=path)
    assert [told[0]["type"], told[0]["error_code"], told[1]] == ["Error", code, code]
    assert server.versions.status(1).in_flight == 0
    assert not server.door.streams


def test_a_server_that_stops_takes_no_session_and_ends_those_that_are_open(
    server: Server, client: TestClient
) -> None:
    headers = {"authorization": KEY}
    with client.websocket_connect(PATH, headers=headers) as socket:
        assert socket.receive_json()["type"] == "Begin"
        assert client.portal is not None
        client.portal.call(server.door.drain, 0.0)
        assert socket.receive_json()["error_code"] == 1001
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
    assert closed.value.code == 1001
    assert session(client)[-1] == 1013


def test_an_engine_that_fails_ends_a_session_with_the_providers_code(tmp_path: Path) -> None:
    engine = ScriptedEngine(RuntimeError("broken"))
    made = server_at(tmp_path, lambda _: recognizer(engine), KEY)
    wait_until(lambda: made.door.is_ready)
    with TestClient(create_app(made)) as client:
        *_, error, code = session(client, speech(), TERMINATE)
    made.stop()
    assert error["error_code"] == code == 3005
    assert error["error"].startswith("Session Cancelled: An error occurred: ")
