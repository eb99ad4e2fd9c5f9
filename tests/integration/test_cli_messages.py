"""What each command says when something is not as it should be: situation, status, text.

One sentence on standard error, with what was expected and what to do; status 1, or 2 for a command
that cannot be understood, with its usage. What is worth a warning is said and changes no status.
"""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import soundfile
from server_process import at_full_service

from lab_kit import datasets
from lab_kit.audio.pcm import FloatArray
from lab_kit.bench import Bench
from lab_kit.cli import main
from lab_kit.models.store import files

KEY = "cli-key"
CLIP = datasets.clip("two-cities-best")
NO_INDEX = {
    "PIP_CONFIG_FILE": "/dev/null",
    "PIP_INDEX_URL": "http://127.0.0.1:1/simple",
    "PIP_FIND_LINKS": "",
    "PIP_RETRIES": "0",
}
"""pip finds an index at which nobody answers."""
Says = tuple[int, str]
Command = Callable[[str], Says]


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    bench = at_full_service(Bench.start(KEY))
    yield bench
    bench.stop()


@pytest.fixture(scope="module")
def another_service() -> Iterator[str]:
    """A web server that answers every request with a page; its address."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<p>It works!")

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: what this one says is not looked at."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def lab(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    another_service: str,
) -> Command:
    """Runs a command in an empty place; its status, and what it says on standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LAB_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setenv("LAB_REPOSITORY", str(tmp_path / "versions"))
    Path("notes.wav").write_text("not audio")
    Path("empty.txt").write_text("\n\n")
    written(Path("silence.wav"), np.zeros(16_000, np.float32))
    written(Path("speech.wav"), np.array(CLIP.samples))
    taken = another_service.rpartition(":")[2]

    def run(command: str) -> Says:
        words = command.format(other=another_service, taken=taken).split()
        try:
            status = main(words)
        except SystemExit as usage:  # argparse's own way out
            status = int(usage.code or 0)
        said = capsys.readouterr().err
        if status == 1:
            news, sentence = said.splitlines()[:-1], said.splitlines()[-1]
            assert all(line.startswith("fetching ") for line in news)
            assert "; expected: " in sentence
        return status, said

    return run


def written(path: Path, audio: FloatArray) -> None:
    soundfile.write(path, audio, 16_000, subtype="PCM_16")


@pytest.mark.parametrize(
    ("command", "status", "text"),
    [
        # what is asked for does not exist
        ("models pull gpt", 1, "no model named 'gpt'"),
        ("models verify gpt", 1, "no model named 'gpt'"),
        ("path poet", 1, "no role 'poet'"),
        ("serve --model wrong-model", 1, "one of moonshine-tiny-en, whisper-tiny-en"),
        ("serve --model silero-vad", 1, "one of moonshine-tiny-en, whisper-tiny-en"),
        # a file that cannot be read, or written
        ("call no-such.wav", 1, "no-such.wav cannot be read (No such file or directory)"),
        ("call .", 1, ". cannot be read (Is a directory)"),
        ("progress --markdown nowhere/at/all.md", 1, "nowhere/at/all.md cannot be written"),
        # nobody answers, or somebody else does
        ("call speech.wav --url http://127.0.0.1:1", 1, "no answer from http://127.0.0.1:1"),
        ("call speech.wav --live --url http://127.0.0.1:1", 1, "no answer from http://127.0.0.1:1"),
        ("load --streams 1 --url http://127.0.0.1:1", 1, "no answer from http://127.0.0.1:1"),
        ("call speech.wav --url somewhere", 1, "no answer from somewhere"),
        ("call speech.wav --url {other}", 1, "check the address, and that lab serve"),
        ("call speech.wav --live --url {other}", 1, "check the address, and that lab serve"),
        ("load --streams 1 --url {other}", 1, "check the address, and that lab serve"),
        ("load --rate 1 --seconds 1 --url {other}", 1, "1 s of load; expected: more than"),
        # a server that cannot begin
        ("serve --port {taken}", 1, "cannot be used (Address already in use)"),
        ("serve --host 192.0.2.1 --port 0", 1, "a free port at an address of this machine"),
        ("serve --repository notes.wav", 1, "notes.wav/moonshine-tiny-en: Not a directory"),
        ("serve --key=", 1, "a key for the caller that is empty"),
        ("serve --model scripted --script no.txt", 1, "--script no.txt ([Errno 2] No such file"),
        ("serve --model scripted --script speech.wav", 1, "expected: a text file in UTF-8"),
        ("serve --model scripted --script empty.txt", 1, "0 lines, the longest of 0 characters"),
        ("serve --script notes.wav", 1, "--script and the model moonshine-tiny-en"),
        ("serve --trace-share 7", 1, "a trace share of 7.0; expected: 0 to 1"),
        ("serve --limit held_bytes=10", 1, "room for two of the largest"),
        (
            "network --in-front-of {other} --port {taken}",
            1,
            "cannot be used (Address already in use)",
        ),
        ("network --in-front-of https://example.com", 1, "an http address with a host"),
        (
            "network --in-front-of {other} --one-way-ms 80000",
            1,
            "a delay of 80.0 s; expected: 0 to 2 s",
        ),
        # a command that cannot be understood
        ("network --in-front-of {other} --loss 1", 2, "a number from 0 and below 1 is expected"),
        ("serve --port 70000", 2, "70000 is no port; ports are 0 to 65535"),
        ("serve --port http", 2, "http is no port; ports are 0 to 65535"),
        ("serve --limit idle=1", 2, "no limit is named 'idle'; there are streams, "),
        ("serve --limit idle_s=-1", 2, "idle_s=-1: a number above 0 is expected"),
        ("serve --limit idle_s", 2, "idle_s=: a number above 0 is expected"),
        ("serve --limit calls=1.5", 2, "calls=1.5: a whole number above 0 is expected"),
        ("load --streams 0", 2, "0: a whole number above 0 is expected"),
        ("load --closed many", 2, "many: a whole number above 0 is expected"),
        ("load --rate -1", 2, "-1: a number from 0 is expected"),
        ("load --every 0", 2, "0: a number above 0 is expected"),
        ("load --streams 1 --seconds nan", 2, "nan: a number from 0 is expected"),
        ("load --streams 2 --rate 1", 2, "not allowed with argument --streams"),
        ("load", 2, "one of the arguments --streams --rate --every --closed is required"),
        ("dance", 2, "invalid choice: 'dance'"),
    ],
)
def test_what_cannot_be_done(lab: Command, command: str, status: int, text: str) -> None:
    ended, said = lab(command)
    assert ended == status
    assert text in said


@pytest.mark.parametrize(
    ("command", "status", "text"),
    [
        ("call speech.wav --key wrong", 1, "a key that is not valid here"),
        ("call speech.wav --live --key wrong", 1, "a key that is not valid here"),
        ("load --streams 1 --seconds 4 --key wrong", 1, "a key that is not valid here"),
        (f"call notes.wav --key {KEY}", 1, "the audio cannot be read"),
        (f"call notes.wav --live --key {KEY}", 1, "the audio cannot be read"),
        (f"call silence.wav --key {KEY}", 0, "no speech was found"),
        (f"call silence.wav --live --key {KEY}", 0, "no speech was found"),
    ],
)
def test_what_a_server_refuses_or_does_not_hear(
    bench: Bench, lab: Command, command: str, status: int, text: str
) -> None:
    ended, said = lab(f"{command} --url {bench.url}")
    assert ended == status
    assert text in said


def test_a_recording_without_its_end_is_transcribed_and_told_of(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "speech.wav"
    written(path, np.array(CLIP.samples))
    path.write_bytes(path.read_bytes()[:-20_000])
    assert main(["call", str(path), "--url", bench.url, "--key", KEY]) == 0
    printed = capsys.readouterr()
    assert printed.out.strip()
    assert f"the end of {path} is missing" in printed.err


@pytest.mark.parametrize("command", ["serve --port 0", "models pull moonshine-tiny-en"])
def test_weights_that_cannot_be_had(
    lab: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("LAB_MODELS", str(tmp_path / "notes.wav" / "models"))
    assert "a folder that you may write to; set LAB_MODELS" in failed(lab, command)
    monkeypatch.setenv("LAB_MODELS", str(tmp_path / "models"))
    with monkeypatch.context() as full:
        full.setattr(files, "free_bytes", lambda folder: 1_000)
        assert "the disk is full" in failed(lab, command)
    for name, value in NO_INDEX.items():
        monkeypatch.setenv(name, value)
    assert "then: lab models pull" in failed(lab, command)


def failed(lab: Command, command: str) -> str:
    status, said = lab(command)
    assert status == 1
    return said
