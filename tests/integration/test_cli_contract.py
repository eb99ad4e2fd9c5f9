"""``lab contract diff`` as a process: running servers, files, formats and exit codes."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from hang import HANG_S

from lab_kit.bench import Bench
from lab_kit.cli import contract, main
from lab_kit.core.proto_file import file_description

PUBLISHED = Path(__file__).parents[2] / "docs/contract"


def diff(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "lab_kit.cli", "contract", "diff", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    bench = Bench.start("contract-key", model="scripted")
    yield bench
    bench.stop()


@contextmanager
def answering(body: bytes, status: int = 200) -> Iterator[str]:
    """A server of one answer, and its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/openapi.json"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("name", ["openapi.json", "asyncapi.json"])
def test_a_running_server_is_what_was_published(bench: Bench, name: str) -> None:
    done = diff(PUBLISHED / name, f"{bench.url}/{name}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "no change\n", "")


def test_a_change_that_breaks_clients_ends_with_1(bench: Bench, tmp_path: Path) -> None:
    document = json.loads((PUBLISHED / "openapi.json").read_text("utf-8"))
    document["paths"]["/v1/audio:transcribe"]["post"]["parameters"].append(
        {"name": "tempo", "in": "query", "required": True, "schema": {"type": "number"}}
    )
    old = tmp_path / "old.json"
    old.write_text(json.dumps(document), encoding="utf-8")
    done = diff(old, f"{bench.url}/openapi.json")
    assert done.returncode == 1
    assert "BREAKING\n  POST /v1/audio:transcribe, query tempo (request)\n" in done.stdout
    assert "a client that sends it is refused, or not heard" in done.stdout
    assert done.stdout.endswith("1 breaking, 0 behaviour, 0 additive\n")
    told = json.loads(diff(old, f"{bench.url}/openapi.json", "--format", "json").stdout)
    assert (told["verdict"], told["kind"]) == ("breaking", "OpenAPI")
    (change,) = told["changes"]
    assert change["rule"] == "parameter_removed"
    assert change["used_by"] == ["POST /v1/audio:transcribe"]


def test_files_of_protobuf_as_text_and_as_a_descriptor_set(tmp_path: Path) -> None:
    text = (PUBLISHED / "speech_v1.proto").read_text("utf-8")
    made = FileDescriptorSet(file=[file_description("speech_v1.proto", text)])
    descriptors = tmp_path / "speech.binpb"
    descriptors.write_bytes(made.SerializeToString())
    assert diff(PUBLISHED / "speech_v1.proto", descriptors).returncode == 0
    new = tmp_path / "new.proto"
    new.write_text(text.replace("bytes audio_content = 2", "bytes audio = 2"), encoding="utf-8")
    done = diff(descriptors, new)
    assert done.returncode == 1
    assert "google.cloud.speech.v1.StreamingRecognizeRequest.audio_content" in done.stdout


def test_what_is_added_alone_ends_with_0(tmp_path: Path) -> None:
    text = (PUBLISHED / "inference.proto").read_text("utf-8")
    new = tmp_path / "new.proto"
    new.write_text(
        text.replace("bool live = 1;", "bool live = 1; bool warm = 2;"), encoding="utf-8"
    )
    done = diff(PUBLISHED / "inference.proto", new)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("0 breaking, 0 behaviour, 1 additive\n")


def unreadable(capsys: pytest.CaptureFixture[str], old: object, new: object) -> str:
    """What is said where nothing can be: another exit code than that of a change that breaks."""
    assert main(["contract", "diff", str(old), str(new)]) == contract.UNREADABLE == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("lab: ")
    assert said.err.count("\n") == 1
    return said.err


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("a.json", b"{", "whose JSON cannot be read"),
        ("a.json", b"{" + b'"a":[' * 100_000, "whose JSON cannot be read"),
        ("a.json", b"{}", "neither openapi nor asyncapi"),
        ("a.json", b'{"openapi": "3.1.0", "paths": 5}', "where an object belongs"),
        ("a.json", b'{"openapi": "2.0"}', "expected: 3.1 or another 3"),
        ("a.yaml", b"openapi: 3.1.0\n", "neither JSON nor a descriptor set"),
        ("a.binpb", b"", "neither JSON nor a descriptor set"),
        ("a.binpb", b"\xff" * 100, "neither JSON nor a descriptor set"),
        ("a.proto", b"option a = 1;", "without options"),
        ("a.proto", b"\xff\xfe", "proto3"),
        ("a.proto", b'syntax = "proto3"; ' + b"message A { " * 5_000, "proto3"),
        ("a.proto", (PUBLISHED / "inference.proto").read_bytes(), "two descriptions of one kind"),
    ],
)
def test_what_cannot_be_read_ends_with_2(
    name: str, data: bytes, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(data)
    old = PUBLISHED / "openapi.json"
    assert says in unreadable(capsys, old, tmp_path / name)


def test_what_is_not_there_ends_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = PUBLISHED / "openapi.json"
    assert "No such file" in unreadable(capsys, old, tmp_path / "none.json")
    assert "Is a directory" in unreadable(capsys, tmp_path, old)
    assert "ConnectError" in unreadable(capsys, old, "http://127.0.0.1:1/openapi.json")
    assert "did not send" in unreadable(capsys, old, "http://[/openapi.json")
    with answering(b"no", 404) as url:
        assert "answers 404" in unreadable(capsys, old, url)
    monkeypatch.setattr(contract, "MOST_BYTES", 100)
    with answering(b"{" * 200) as url:
        assert "larger than 100 bytes" in unreadable(capsys, old, url)
    assert "larger than 100 bytes" in unreadable(capsys, old, old)


def test_a_server_that_does_not_answer_is_given_up(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    monkeypatch.setattr(contract, "PATIENCE_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/openapi.json"
        assert "did not send its description" in unreadable(capsys, url, url)


def test_a_servers_words_do_not_steer_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    old.write_text('{"openapi": "3.1.0"}', encoding="utf-8")
    new.write_text('{"openapi": "3.1.0", "paths": {"/\\u001b[2J": {"get": {}}}}', encoding="utf-8")
    assert main(["contract", "diff", str(old), str(new)]) == 0
    assert "\x1b" not in capsys.readouterr().out
