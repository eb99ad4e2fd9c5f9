"""Fixtures of pytest for another project's tests: a server, and for each test a key of its own.

Imports nothing but the standard library and pytest, so that it may be installed without its
dependencies beside a product, whose own versions then stay; the server runs in the environment
that has them. It is the ``lab`` command named by the environment variable ``LAB``, else by
``lab_command`` in pytest's settings, else the one beside this Python, else that of the path.
``lab_options`` are its options, such as ``--model scripted``.
"""

import json
import os
import secrets
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

VARIABLE = "LAB"
_ANSWER_S, _STOP_S, _OVER_S, _LOOK_S = 30.0, 30.0, 5.0, 0.02
_LOG_CHARS = 3_000


class SpeechServer:
    """A server that runs.

    Attributes:
        url: for HTTP, such as ``http://127.0.0.1:8300``.
        socket_url: for WebSockets, such as ``ws://127.0.0.1:8300``.
        grpc: such as ``127.0.0.1:8301``.
    """

    def __init__(self, url: str, grpc: str, operator_key: str) -> None:
        self.url, self.grpc = url, grpc
        self.socket_url = url.replace("http", "ws", 1)
        self._headers = {
            "authorization": f"Token {operator_key}",
            "content-type": "application/json",
        }
        # a machine's proxy settings must not get between tests and their own server
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    def new_key(self) -> "SpeechKey":
        """A key that no other test has."""
        made = self.operate("POST", "/sandbox-keys", {})
        return SpeechKey(self, made["name"], made["key"])

    def operate(self, method: str, path: str, body: object = None) -> Any:
        """Ask the operator's API; returns what it answers, None for nothing.

        Raises:
            ValueError: it refuses; with its reason.
        """
        request = urllib.request.Request(
            f"{self.url}/operator{path}",
            None if body is None else json.dumps(body).encode(),
            self._headers,
            method=method,
        )
        try:
            with self._open(request, timeout=_ANSWER_S) as answer:
                told = answer.read()
        except urllib.error.HTTPError as error:
            raise ValueError(error.read().decode(errors="replace")) from error
        return json.loads(told) if told else None


class SpeechKey:
    """A key for one test.

    Attributes:
        key: for a client, wherever it puts a provider's key.
    """

    def __init__(self, server: SpeechServer, name: str, key: str) -> None:
        self.key = key
        self._server = server
        self._path = f"/sandbox-keys/{name}"

    def __str__(self) -> str:
        return self.key

    def say(self, *lines: str) -> None:
        """Have the next calls answered with ``lines``, an utterance a line; none to recognize.

        Raises:
            ValueError: the server refuses them; with its reason.
        """
        self._server.operate("PUT", f"{self._path}/script", {"lines": lines})

    def fail(self, *in_turn: Mapping[str, object], **fault: object) -> None:
        """Have the next calls meet faults, one a call, instead of those that are left.

        ``fail(status=429, retry_after_s=1)`` is one fault, ``fail({"status": 503, "times": 2},
        {"close_code": 1011, "after_messages": 3})`` are two in turn, and ``fail()`` is none. Their
        names are ``times``, ``delay_s``, ``status``, ``retry_after_s``, ``close_code``,
        ``is_silent``, ``after_messages`` and ``each_s``; `lab_kit.protocol.sandbox` has them.

        Raises:
            ValueError: the server refuses them; with its reason.
        """
        faults = [*in_turn, *([fault] if fault else [])]
        self._server.operate("PUT", f"{self._path}/faults", {"faults": faults})

    def journal(self, timeout_s: float = _OVER_S) -> list[dict[str, Any]]:
        """What was called with the key, once each call is over or ``timeout_s`` has passed."""
        until = time.monotonic() + timeout_s
        while True:
            entries: list[dict[str, Any]] = self._server.operate("GET", f"{self._path}/journal")[
                "entries"
            ]
            is_over = all(entry["duration_s"] is not None for entry in entries)
            if is_over or time.monotonic() >= until:
                return entries
            time.sleep(_LOOK_S)

    def remove(self) -> None:
        """Let nobody in with it any more."""
        self._server.operate("DELETE", self._path)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Two settings."""
    parser.addini("lab_command", "the lab command of an environment that has lab_kit", "string", "")
    parser.addini("lab_options", "options of lab serve, such as --model scripted", "string", "")


@pytest.fixture(scope="session")
def speech_server(request: pytest.FixtureRequest) -> Iterator[SpeechServer]:
    """A server on free ports, until the last test; one for each worker of pytest-xdist."""
    command = _command(request.config.getini("lab_command"))
    options = shlex.split(request.config.getini("lab_options"))
    operator_key = secrets.token_urlsafe(24)
    with tempfile.TemporaryDirectory() as versions, tempfile.TemporaryFile("w+") as log:
        server = subprocess.Popen(
            [
                *(command, "serve", "--port", "0", "--ready-json", "--with-parent"),
                *("--repository", versions, *options),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, "LAB_OPERATOR_KEY": operator_key},
        )
        try:
            assert server.stdout is not None
            ready = next((line for line in server.stdout if line.startswith("{")), None)
            if ready is None:
                log.seek(0)
                pytest.fail(f"{command} serve has ended: {log.read()[-_LOG_CHARS:]}", pytrace=False)
            told = json.loads(ready)
            yield SpeechServer(told["url"], told["grpc"], operator_key)
        finally:
            _stop(server)


@pytest.fixture
def speech_key(speech_server: SpeechServer) -> Iterator[SpeechKey]:
    """A key for this test alone: it says what, and fails how, the test wants."""
    key = speech_server.new_key()
    yield key
    key.remove()


def _command(setting: str) -> str:
    beside = Path(sys.executable).with_name("lab")
    named = os.environ.get(VARIABLE) or setting or (str(beside) if beside.exists() else "lab")
    found = shutil.which(named)
    if found is None:
        pytest.fail(
            f"there is no command {named}: install lab_kit into an environment, and name its lab"
            f" command by the variable {VARIABLE}, or by lab_command in pytest's settings",
            pytrace=False,
        )
    return found


def _stop(server: "subprocess.Popen[str]") -> None:
    assert server.stdin is not None
    assert server.stdout is not None
    server.terminate()
    try:
        server.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
    server.stdin.close()
    server.stdout.close()
