"""A server without a key answers this machine, and no page of another site."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from scripted_engine import ScriptedEngine, recognizer, server_at, wait_until
from starlette.testclient import TestClient, WebSocketDenialResponse

from lab_kit.gateway.run.app import create_app
from lab_kit.gateway.run.server import Server

LISTEN = "/v1/listen?encoding=linear16&sample_rate=16000"
REALTIME = "/v1/realtime?intent=transcription"
HERE = "http://127.0.0.1:8300"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = server_at(tmp_path, lambda _: recognizer(ScriptedEngine("so")))
    wait_until(lambda: made.door.is_ready)
    yield made
    made.stop()


def client_of(server: Server) -> TestClient:
    return TestClient(create_app(server, is_local=True), base_url=HERE)


@pytest.mark.parametrize(
    "foreign",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1.evil.example"},
        {"origin": "http://localhost@evil.example"},
        {"origin": "http://evil.example\\@localhost"},
        {"origin": "http://[::1"},
        {"host": "evil.example:8300"},
        {"host": "127.0.0.1.evil.example"},
        {"host": ""},
    ],
)
def test_a_foreign_page_can_neither_ask_nor_open_a_socket(
    server: Server, foreign: dict[str, str]
) -> None:
    client = client_of(server)
    for method, path in (
        ("GET", "/metrics"),
        ("POST", "/v1/audio:transcribe"),
        ("POST", "/v1/rtc"),
    ):
        answer = client.request(method, path, headers=foreign)
        assert answer.status_code == 403
        assert answer.json()["error"]["reason"] == "FORBIDDEN"
    for path in (LISTEN, REALTIME):
        with (
            pytest.raises(WebSocketDenialResponse) as refused,
            client.websocket_connect(path, headers=foreign),
        ):
            pass
        assert refused.value.status_code == 403
    assert not server.door.streams


@pytest.mark.parametrize(
    "known",
    [
        {},
        {"origin": "http://127.0.0.1:8888"},
        {"origin": "http://localhost:8888", "host": "localhost:8300"},
        {"origin": "http://[::1]:8888", "host": "[::1]:8300"},
        {"origin": "http://lab.localhost"},
    ],
)
def test_this_machine_is_answered_by_any_of_its_names(
    server: Server, known: dict[str, str]
) -> None:
    assert client_of(server).get("/v1/models", headers=known).status_code == 200


def test_where_callers_need_a_key_the_key_decides(server: Server) -> None:
    server.door.keys.caller = "sesame"
    client = client_of(server)
    page = {"origin": "http://evil.example"}
    assert client.get("/v1/models", headers=page).status_code == 401
    shown = page | {"authorization": "Token sesame"}
    assert client.get("/v1/models", headers=shown).status_code == 200


def test_a_server_for_others_too_may_be_called_by_any_name(server: Server) -> None:
    client = TestClient(create_app(server), base_url="http://server:8000")
    assert client.get("/v1/models").status_code == 200
    page = {"origin": "http://evil.example"}
    assert client.get("/v1/models", headers=page).status_code == 403
