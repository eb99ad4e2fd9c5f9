"""The wheel in a bare environment: a server without the repository, beside four SDKs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hang import HANG_S
from packaging_files import ROOT, constraints

from lab_kit import datasets
from lab_kit.measure.accuracy import word_error_rate

pytestmark = [pytest.mark.packaging, pytest.mark.timeout(900)]

MOST_MB = 450.0
"""Of the whole environment, the bytes on its disk."""
SDKS = ("deepgram-sdk", "openai", "google-cloud-speech", "assemblyai")
CLIP = datasets.clip("two-cities-best")
NEVER = ("torch", "transformers", "jupyterlab", "plotly", "aiortc", "tritonclient")
"""What only labs need."""
CALLS = """
import asyncio
import sys
import assemblyai, grpc, openai
from deepgram import AsyncDeepgramClient
from deepgram.core.events import EventType
from deepgram.environment import DeepgramClientEnvironment
from google.cloud import speech_v1
from google.cloud.speech_v1.services.speech.transports import SpeechGrpcTransport

url, grpc_address, path = sys.argv[1:]
client = openai.OpenAI(api_key="any", base_url=url + "/v1")
with open(path, "rb") as file:
    print(client.audio.transcriptions.create(model="whisper-1", file=file).text)
settings = assemblyai.Settings(api_key="any", base_url=url, polling_interval=0.1)
own = assemblyai.Client(settings=settings)
print(assemblyai.Transcriber(client=own).transcribe(path).text)
channel = grpc.insecure_channel(grpc_address)
google = speech_v1.SpeechClient(transport=SpeechGrpcTransport(channel=channel))
with open(path, "rb") as file:
    content = file.read()[44:]
config = {"encoding": 1, "sample_rate_hertz": 16_000, "language_code": "en-US"}
answer = google.recognize(config=config, audio={"content": content}, retry=None)
print(" ".join(result.alternatives[0].transcript for result in answer.results))


async def live():
    socket, heard = url.replace("http", "ws"), []
    where = DeepgramClientEnvironment(base=url, production=socket, agent=socket, agent_rest=url)
    client = AsyncDeepgramClient(api_key="any", environment=where)
    asked = {"encoding": "linear16", "sample_rate": "16000", "channels": "1"}
    async with client.listen.v1.connect(model="nova-3", **asked) as connection:
        connection.on(EventType.MESSAGE, heard.append)
        listening = asyncio.create_task(connection.start_listening())
        for at in range(0, len(content), 1_600):
            await connection.send_media(content[at : at + 1_600])
        await connection.send_finalize()
        await connection.send_close_stream()
        await asyncio.wait_for(listening, 60)
    finals = [one for one in heard if one.type == "Results" and one.is_final]
    return " ".join(one.channel.alternatives[0].transcript for one in finals)


print(asyncio.run(live()))
"""


def run(*command: str | Path) -> str:
    """What a command prints; it has to succeed."""
    done = subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # the value of pip's `compile`; and nothing of this environment may be seen
        env={**os.environ, "PIP_NO_COMPILE": "0", "PYTHONPATH": ""},
    )
    assert done.returncode == 0, done.stdout[-3_000:]
    return done.stdout


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and what it asks for."""
    folder = tmp_path_factory.mktemp("bare")
    asked = [sys.executable, "-m", "pip", "download", "--no-deps", "--retries=0", "--timeout=5"]
    pin = f"iniconfig=={constraints()['iniconfig']}"
    if subprocess.run([*asked, "-d", str(folder), pin], capture_output=True).returncode != 0:
        assert not os.environ.get("CI"), "the package index does not answer"
        pytest.skip("the package index does not answer")
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", folder, ROOT)
    (wheel,) = folder.glob("lab_kit-*.whl")
    run(sys.executable, "-m", "venv", folder / "venv")
    run(folder / "venv/bin/pip", "install", wheel)
    return folder / "venv"


class Serving:
    """``lab serve`` of an environment, ready."""

    def __init__(self, venv: Path, folder: Path) -> None:
        options = ["--port", "0", "--ready-json", "--with-parent", "--repository", "versions"]
        self._process = subprocess.Popen(
            [str(venv / "bin/lab"), "serve", *options],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": ""},
        )
        assert self._process.stdout is not None
        ready = next((one for one in self._process.stdout if one.startswith("{")), None)
        assert ready is not None, "the server ended before it was ready"
        told = json.loads(ready)
        self.url, self.grpc = told["url"], told["grpc"]

    def __enter__(self) -> "Serving":
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()  # as when whoever started it ends
        assert self._process.wait(HANG_S) == 0


def installed(venv: Path) -> dict[str, str]:
    """Versions by name."""
    listed = json.loads(run(venv / "bin/pip", "list", "--format", "json"))
    return {one["name"]: one["version"] for one in listed}


def size_mb(folder: Path) -> float:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    path = tmp_path / "speech.wav"
    path.write_bytes(CLIP.path.read_bytes())
    return path


def test_it_serves_without_the_repository_and_is_small(bare: Path, speech: Path) -> None:
    assert size_mb(bare) <= MOST_MB
    assert not set(NEVER) & set(installed(bare))
    with Serving(bare, speech.parent) as server:
        said = run(bare / "bin/lab", "call", speech, "--url", server.url)
    assert CLIP.text.split()[0].lower() in said.lower()
    path = run(bare / "bin/python", "-I", "-c", "import lab_kit; print(lab_kit.__file__)")
    assert Path(path.strip()).is_relative_to(bare)


def test_the_sdks_beside_it_are_those_that_they_are_alone(bare: Path, speech: Path) -> None:
    sdks = ("deepgram-sdk", "openai[realtime]", "google-cloud-speech", "assemblyai")
    run(bare / "bin/pip", "install", *sdks)
    run(bare / "bin/pip", "check")
    pins, there = constraints(), installed(bare)
    major = {name: there[name].split(".")[0] for name in SDKS}
    assert major == {name: pins[name].split(".")[0] for name in SDKS}
    with Serving(bare, speech.parent) as server:
        told = run(bare / "bin/python", "-I", "-c", CALLS, server.url, server.grpc, speech)
        live = run(bare / "bin/lab", "call", speech, "--live", "--url", server.url)
    assert len(told.splitlines()) == len(SDKS)
    for said in told.splitlines():
        assert word_error_rate(CLIP.text, said) == 0
    finals = [line.split("final", 1)[1] for line in live.splitlines() if "s  final" in line]
    assert word_error_rate(CLIP.text, " ".join(finals)) < 0.2


PRODUCT = """
import urllib.request


def test_the_server_is_there(speech_server, speech_key):
    speech_key.fail(status=503)
    asked = {"authorization": f"Token {speech_key.key}"}
    request = urllib.request.Request(speech_server.url + "/v1/operations", headers=asked)
    try:
        urllib.request.urlopen(request)
    except urllib.error.HTTPError as error:
        assert error.code == 503
    assert [call["status"] for call in speech_key.journal()] == [503]
"""


def test_its_plugin_is_found_beside_a_product_without_its_dependencies(
    bare: Path, tmp_path: Path
) -> None:
    (wheel,) = bare.parent.glob("lab_kit-*.whl")
    product = tmp_path / "product"
    run(sys.executable, "-m", "venv", product)
    run(product / "bin/pip", "install", "pytest")
    run(product / "bin/pip", "install", "--no-deps", wheel)
    (tmp_path / "test_product.py").write_text(PRODUCT)
    settings = f"[pytest]\nlab_command = {bare / 'bin/lab'}\nlab_options = --model scripted\n"
    (tmp_path / "pytest.ini").write_text(settings)
    assert "1 passed" in run(product / "bin/python", "-m", "pytest", tmp_path)


def test_what_is_not_installed_is_named(bare: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [str(bare / "bin/lab"), "serve", "--model", "whisper-tiny-en"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": ""},
    )
    assert done.returncode == 1
    assert "install lab_kit with its extra whisper" in done.stderr
