"""The page at ``/``, for who opens the server in a browser."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from scripted_engine import MODEL, ScriptedEngine, recognizer, server_at, wait_until
from starlette.testclient import TestClient

from lab_kit.core.errors import ModelStoreError
from lab_kit.gateway.run.app import create_app
from lab_kit.gateway.run.server import Server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = server_at(tmp_path, lambda _: recognizer(ScriptedEngine("so")), key="right")
    wait_until(lambda: server.door.is_ready)
    yield server
    server.stop()


def test_without_a_key_it_says_what_is_served_and_where_to_go_on(server: Server) -> None:
    with TestClient(create_app(server)) as client:
        page = client.get("/")
        assert page.status_code == 200
        assert f"Ready: {MODEL}, version 1" in page.text
        links = re.findall(r'href="([^"]+)"', page.text)
        assert len(links) >= 5
        assert {client.get(link).status_code for link in links} == {200}
        assert "http" not in page.text.replace("<!doctype html>", "").replace("</html>", "")


def test_the_script_of_the_page_needs_no_key_and_nothing_from_elsewhere(server: Server) -> None:
    with TestClient(create_app(server)) as client:
        source = re.findall(r'<script type="module" src="([^"]+)"', client.get("/").text)
        assert len(source) == 1
        script = client.get(source[0])
    assert script.status_code == 200
    assert script.headers["content-type"].startswith("text/javascript")
    assert "openMicrophone" in script.text
    assert re.findall(r"https?://|import ", script.text) == []


def test_a_server_that_stops_is_not_ready(server: Server) -> None:
    server.door.is_draining = True
    with TestClient(create_app(server)) as client:
        assert "Not ready: draining." in client.get("/").text


def test_why_it_failed_is_said_and_cannot_be_markup(tmp_path: Path) -> None:
    def fail(_: object) -> None:
        raise ModelStoreError("<script>", "weights", "pull them")

    server = server_at(tmp_path, fail)  # type: ignore[arg-type]
    wait_until(lambda: server.versions.failure is not None)
    with TestClient(create_app(server)) as client:
        page = client.get("/").text
    server.stop()
    assert "&lt;script&gt;" in page
    assert "<script>" not in page
    assert page.count("<script") == 1, "the page's own"
