"""The ``lab`` command as a process: what it prints, where, and with which exit code."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import soundfile
from hang import HANG_S
from server_process import at_full_service

from lab_kit import datasets
from lab_kit.bench import Bench
from lab_kit.cli import main
from lab_kit.measure.accuracy import word_error_rate

CLIP = "two-cities-best"


def lab(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lab_kit.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=HANG_S,
        env={**os.environ, **environment},
    )


@pytest.fixture(scope="module")
def bench() -> Bench:
    bench = at_full_service(Bench.start("cli-key"))
    yield bench
    bench.stop()


@contextmanager
def network(*arguments: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """``lab network`` as a process, and the address that it prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", "lab_kit.cli", "network", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said.startswith("listening on "), said
        yield said.split()[-1], process
    finally:
        process.kill()
        process.communicate()


def test_a_network_delays_any_client_and_says_what_it_carried(bench: Bench) -> None:
    with network("--in-front-of", bench.url, "--one-way-ms", "150") as (url, process):
        began = time.perf_counter()
        assert httpx.get(f"{url}/readyz", trust_env=False).status_code == 200
        assert time.perf_counter() - began >= 0.3
        process.terminate()
        _, said = process.communicate(timeout=HANG_S)
    assert process.returncode == 0
    assert re.search(r"carried [\d,]+ bytes up and [\d,]+ down", said)


def test_a_network_resets_what_is_too_old(bench: Bench) -> None:
    with network("--in-front-of", bench.url, "--reset-after-s", "0.5") as (url, _):
        host, _, port = url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), HANG_S) as connection:
            connection.sendall(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\n\r\n")
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
            with pytest.raises(ConnectionResetError):
                connection.recv(65_536)


def test_a_network_goes_deaf_and_holds_the_line(bench: Bench) -> None:
    with network("--in-front-of", bench.url, "--deaf-after-s", "0.2") as (url, _):
        host, _, port = url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), HANG_S) as connection:
            time.sleep(0.3)
            connection.sendall(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\n\r\n")
            connection.settimeout(0.7)
            with pytest.raises(TimeoutError):
                connection.recv(1)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_PROGRESS", str(tmp_path / "progress.json"))
    return tmp_path


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, lab_kit.cli as c\n"
        "try: c.main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted(m for m in sys.modules if m in "
        "('numpy', 'torch', 'onnxruntime', 'httpx', 'fastapi', 'plotly', 'IPython')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.endswith("[]\n"), done.stdout + done.stderr
    for command in (
        *(
            "doctor",
            "models",
            "serve",
            "call",
            "speak",
            "operations",
            "network",
            "progress",
            "path",
        ),
    ):
        assert command in done.stdout


def test_a_text_is_spoken_into_a_file(bench: Bench, tmp_path: Path) -> None:
    text, file = "My flight was cancelled this morning.", tmp_path / "said.flac"
    server = ("--url", bench.url, "--key", "cli-key")
    spoken = lab("speak", text, "--to", str(file), *server)
    assert spoken.returncode == 0, spoken.stderr
    assert word_error_rate(text, lab("call", str(file), *server).stdout) < 0.2
    refused = lab("speak", "?!", "--to", str(tmp_path / "none.wav"), *server)
    assert refused.returncode == 1
    assert "nothing to say" in refused.stderr
    assert not (tmp_path / "none.wav").exists()
    nowhere = lab("speak", text, "--to", str(tmp_path / "no" / "said.wav"), *server)
    assert nowhere.returncode == 1
    assert "cannot be written" in nowhere.stderr


def test_a_recording_is_handed_over_read_and_forgotten(bench: Bench, tmp_path: Path) -> None:
    clip, file = datasets.clip(CLIP), tmp_path / "clip.wav"
    soundfile.write(file, clip.samples, 16_000)
    server = ("--url", bench.url, "--key", "cli-key")
    called = lab("call", str(file), "--operation", *server)
    assert called.returncode == 0, called.stderr
    assert word_error_rate(clip.text, called.stdout) < 0.2
    (name,) = re.findall(r"operations/[0-9a-f-]{36}", called.stderr)
    listed = lab("operations", *server, "list", "--filter", "done = true")
    assert f"{name}  SUCCEEDED" in listed.stdout
    assert lab("operations", *server, "text", name).stdout == called.stdout
    assert lab("operations", *server, "cancel", name).returncode == 0  # it has ended: no change
    assert lab("operations", *server, "delete", name).returncode == 0
    assert name not in lab("operations", *server, "list").stdout
    gone = lab("operations", *server, "text", name)
    assert gone.returncode == 1
    assert name in gone.stderr
    unread = lab("call", str(tmp_path / "no.wav"), "--operation", *server)
    assert unread.returncode == 1
    assert "no.wav cannot be read" in unread.stderr


def test_a_server_gets_ready_without_what_only_some_need(tmp_path: Path) -> None:
    assert lab("models", "pull", "moonshine-tiny-en").returncode == 0  # its graphs are written too
    said = tmp_path / "said"
    command = [sys.executable, "-m", "lab_kit.cli", "serve", "--port", "0", "--ready-json"]
    command += ["--repository", str(tmp_path / "versions"), "--with-parent", "--names", "lists"]
    with said.open("w") as stderr:
        server = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env={**os.environ, "PYTHONPROFILEIMPORTTIME": "1"},
        )
    assert server.stdin is not None
    assert server.stdout is not None
    assert any(line.startswith(b"{") for line in server.stdout), "it ended before it was ready"
    server.stdin.close()
    assert server.wait(HANG_S) == 0
    imported = {line.rpartition("|")[2].strip() for line in said.read_text().splitlines()}
    assert {"fastapi", "onnxruntime"} <= imported
    assert not {"jiwer", "onnx", "plotly", "torch", "transformers"} & imported


def test_a_file_is_transcribed_by_a_server_started_for_it() -> None:
    clip = datasets.clip(CLIP)
    done = lab("call", str(clip.path))
    assert done.returncode == 0, done.stderr
    assert word_error_rate(clip.text, done.stdout) == 0
    assert re.search(r"3\.3 s of audio, answered \d+ ms", done.stderr)


def test_a_file_is_streamed_at_the_pace_of_speech(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = datasets.clip(CLIP)
    began = time.monotonic()
    code = main(["call", str(clip.path), "--live", "--url", bench.url, "--key", "cli-key"])
    took_s = time.monotonic() - began
    assert code == 0
    lines = capsys.readouterr().out.splitlines()
    finals = " ".join(line.split("final", 1)[1] for line in lines if "s  final" in line)
    assert word_error_rate(clip.text, finals) < 0.2
    assert any("s  interim" in line for line in lines)
    assert took_s > clip.duration_s


def test_models_are_listed_and_verified(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list"]) == 0
    assert "moonshine-tiny-en     verified" in capsys.readouterr().out
    assert main(["models", "verify"]) == 0
    assert main(["models", "pull"]) == 0
    told = capsys.readouterr().out
    assert "moonshine-tiny-en: ready" in told
    (folder,) = re.findall("moonshine-tiny-en: graphs for this machine in (.+)", told)
    assert sorted(path.name for path in Path(folder).iterdir()) == ["decoder.onnx", "encoder.onnx"]


def test_missing_weights_fail_the_verification_and_the_doctor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAB_MODELS", str(tmp_path))
    assert main(["models", "verify", "moonshine-tiny-en"]) == 1
    assert main(["doctor"]) == 1
    assert "run: lab models pull" in capsys.readouterr().out


def test_the_doctor_finds_this_machine_fit(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    for subject in ("python", "runtime", "device", "weights", "clips", "sound", "port", "disk"):
        assert f" {subject} " in out


def test_progress_and_path_are_shown_and_kept(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = elsewhere / "report.md"
    assert main(["progress", "--markdown", str(target)]) == 0
    assert target.read_text().startswith("# Progress")
    assert main(["progress"]) == 0
    assert "| 01.1 |" in capsys.readouterr().out
    assert main(["path", "sre"]) == 0
    assert "SLOs for streaming ML" in capsys.readouterr().out


def test_serve_takes_the_servers_own_options() -> None:
    done = lab("serve", "--help")
    assert done.returncode == 0
    assert "--port" in done.stdout
    assert "--key" in done.stdout


def test_who_waits_for_a_server_that_cannot_load_is_told(tmp_path: Path) -> None:
    version = tmp_path / "moonshine-tiny-en" / "1"
    version.mkdir(parents=True)
    (version / "version.json").write_text("damaged")
    done = lab("serve", "--port", "0", "--repository", str(tmp_path), "--ready-json")
    assert done.returncode == 1
    assert "{" not in done.stdout
    assert "version.json cannot be read" in done.stderr.splitlines()[-1]


def test_load_calls_a_running_server_and_keeps_what_it_found(bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "load.json"
    plan = ("--closed", "1", "--call-s", "3", "--seconds", "4", "--warm-up-s", "0")
    ran = lab("load", *plan, "--url", bench.url, "--key", "cli-key", "--json", str(file))
    assert ran.returncode == 0, ran.stderr
    assert re.search(r"refused, broken, stalled +0, 0, 0", ran.stdout)
    told = json.loads(file.read_text())
    assert told["calls"]["complete"] == told["calls"]["attempted"] >= 1
    assert told["turns"] >= 1
    assert told["turns_without_final"] == 0


def test_load_takes_one_plan_at_a_time() -> None:
    assert lab("load", "--streams", "2", "--rate", "1").returncode == 2
    assert lab("load").returncode == 2
