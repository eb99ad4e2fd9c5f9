"""A server that was installed without the library for WebRTC."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from scripted_engine import ScriptedEngine, recognizer, server_at
from starlette.testclient import TestClient

from lab_kit.gateway.providers.deepgram import rtc_route
from lab_kit.gateway.run.app import create_app
from lab_kit.gateway.run.server import Server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = server_at(tmp_path, lambda _: recognizer(ScriptedEngine("so")), key="right")
    yield server
    server.stop()


def test_an_offer_is_refused_with_what_to_install(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rtc_route, "find_spec", lambda name: None)
    with TestClient(create_app(server)) as client:
        assert client.post("/v1/rtc").status_code == 401
        refused = client.post("/v1/rtc", headers={"authorization": "Token right"})
    assert refused.status_code == 501
    assert refused.json()["error"]["next_step"] == "install lab_kit with its extra rtc"
