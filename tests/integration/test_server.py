"""The server's HTTP face and its life as a process: probes, metrics, uploads, readiness, ports."""

import io
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest
import soundfile
from hang import HANG_S
from server_process import healthy, is_at_rest, metrics, wait_until

from lab_kit import datasets
from lab_kit.audio.pcm import to_pcm16
from lab_kit.bench import Bench
from lab_kit.core.child_process import bind
from lab_kit.core.errors import ServerFailed
from lab_kit.gateway.door.keys import KEY_VARIABLE
from lab_kit.measure.accuracy import word_error_rate

CLIP = "two-cities-best-and-worst"


def post(bench: Bench, content: bytes, kind: str) -> httpx.Response:
    return httpx.post(
        f"{bench.url}/v1/audio:transcribe",
        content=content,
        headers={"content-type": kind},
        timeout=HANG_S,
    )


def encoded(container: str, subtype: str, rate_hz: int = 16_000) -> bytes:
    file = io.BytesIO()
    audio = datasets.clip(CLIP).samples
    if rate_hz == 48_000:
        audio = audio.repeat(3)
    soundfile.write(file, audio, rate_hz, subtype, format=container)
    return file.getvalue()


def test_the_probes_answer(bench: Bench) -> None:
    alive = httpx.get(f"{bench.url}/healthz").json()
    assert alive["status"] == "ok"
    assert alive["received_ns"] <= alive["sent_ns"]
    ready = httpx.get(f"{bench.url}/readyz")
    assert ready.status_code == 200
    assert ready.json()["device"] == bench.device


def test_the_model_is_listed(bench: Bench) -> None:
    (model,) = httpx.get(f"{bench.url}/v1/models").json()["data"]
    assert model["id"] == "moonshine-tiny-en"
    assert model["device"] == bench.device


async def test_a_key_for_other_servers_does_not_lock_the_bench_out_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "somebody else's")
    monkeypatch.setattr(Bench, "_running", {})
    own = Bench.start()
    try:
        assert (await own.transcribe(datasets.clip(CLIP))).text
    finally:
        own.stop()


@pytest.mark.parametrize(
    ("container", "subtype", "rate_hz"),
    [
        ("WAV", "PCM_16", 16_000),
        ("FLAC", "PCM_16", 48_000),
        ("OGG", "OPUS", 48_000),
    ],
)
def test_a_file_is_transcribed_whatever_its_container(
    bench: Bench, container: str, subtype: str, rate_hz: int
) -> None:
    answer = post(bench, encoded(container, subtype, rate_hz), "application/octet-stream").json()
    assert word_error_rate(datasets.clip(CLIP).text, answer["text"]) <= 0.2
    assert answer["audio_s"] == pytest.approx(datasets.clip(CLIP).duration_s, abs=0.05)


def test_an_upload_says_where_its_time_went(bench: Bench) -> None:
    body = post(bench, to_pcm16(datasets.clip(CLIP).samples), "audio/l16;rate=16000").json()
    stamps = [
        body["stages_ns"][name]
        for name in ("received", "decoded", "started", "finished", "responded")
    ]
    assert stamps == sorted(stamps)
    assert " ".join(s["text"] for s in body["segments"]) == body["text"]
    for segment in body["segments"]:
        assert 0 <= segment["start_s"] < segment["end_s"] <= body["audio_s"]
        assert 0 < segment["confidence"] <= 1
    assert body["model"] == "moonshine-tiny-en"


def test_mp3_is_refused_by_name(bench: Bench) -> None:
    answer = post(bench, encoded("MP3", "MPEG_LAYER_III", 48_000), "audio/mpeg")
    assert answer.status_code == 400
    assert answer.json()["error"]["reason"] == "INVALID_AUDIO_FORMAT"


async def test_metrics_parse_and_count_what_happened(bench: Bench) -> None:
    before = metrics(bench.url)
    await healthy(bench.url)
    post(bench, to_pcm16(datasets.clip(CLIP).samples), "audio/l16")
    after = metrics(bench.url)

    def grown(name: str) -> float:
        return after[name] - before.get(name, 0)

    duration_s = datasets.clip(CLIP).duration_s
    assert grown("lab_audio_seconds_total|stream") == pytest.approx(duration_s, abs=0.01)
    assert grown("lab_audio_seconds_total|recording") == pytest.approx(duration_s, abs=0.01)
    assert grown("lab_results_total|final") >= 1
    assert grown("lab_results_total|interim") >= 1
    assert grown("lab_stream_ends_total|1000") == 1
    assert grown("lab_requests_total|/v1/audio:transcribe|200") == 1
    assert grown("lab_final_wait_seconds_count") == grown("lab_results_total|final")
    assert is_at_rest(bench.url)


# -- the process ---------------------------------------------------------------------------------


def serve(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "lab_kit.gateway.run.process", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_it_answers_while_it_loads_but_is_not_ready(tmp_path: Path) -> None:
    """The socket listens before the model is there, so the first question may be asked at once."""
    barrier = tmp_path / "barrier"
    barrier.touch()
    with bind("127.0.0.1", 0) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        held = (
            "import pathlib, sys, time\n"
            "from lab_kit.gateway.run import process\n"
            "load = process.open_recognizer\n"
            "def held(files):\n"
            "    while pathlib.Path(sys.argv[3]).exists(): time.sleep(0.01)\n"
            "    return load(files)\n"
            "process.open_recognizer = held\n"
            "sys.exit(process.main(['--fd', sys.argv[1], '--repository', sys.argv[2]]))\n"
        )
        repository = tmp_path / "repository"
        server = subprocess.Popen(
            [sys.executable, "-c", held, str(listener.fileno()), str(repository), str(barrier)],
            pass_fds=[listener.fileno()],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    try:
        answer = httpx.get(f"{url}/readyz", timeout=HANG_S)
        assert (answer.status_code, answer.json()) == (503, {"status": "loading"})
        assert answer.headers["retry-after"] == "1"
        assert httpx.get(f"{url}/healthz").status_code == 200
        early = httpx.post(f"{url}/v1/audio:transcribe", content=bytes(32))
        assert early.status_code == 503
        assert early.json()["error"]["reason"] == "MODEL_NOT_LOADED"
        assert early.json()["error"]["retryable"] is True
        barrier.unlink()
        wait_until(lambda: httpx.get(f"{url}/readyz").status_code == 200, "ready")
    finally:
        barrier.unlink(missing_ok=True)
        server.terminate()
        assert server.wait(HANG_S) == 0


def test_missing_weights_are_named_by_the_bench(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_MODELS", str(tmp_path))
    before = set(psutil.Process().children())
    with pytest.raises(ServerFailed, match="lab models pull"):
        Bench.start("nobody-has-this-key")
    assert set(psutil.Process().children()) <= before


def test_a_taken_port_is_one_sentence_and_an_exit_code() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = serve("--port", str(port))
        output, _ = server.communicate(timeout=HANG_S)
        assert server.returncode == 1
        assert f"127.0.0.1:{port} cannot be used" in output
        assert "--port" in output
        assert "Traceback" not in output


def test_it_serves_only_this_machine(bench: Bench) -> None:
    addresses = {
        connection.laddr.ip.removeprefix("::ffff:")  # how a socket of both families spells IPv4
        for connection in psutil.Process(bench.pid).net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert addresses == {"127.0.0.1"}


def test_starting_the_bench_again_gives_the_same_server(bench: Bench) -> None:
    began = time.monotonic()
    assert Bench.start() is bench
    assert Bench.start().pid == bench.pid
    assert time.monotonic() - began < HANG_S
