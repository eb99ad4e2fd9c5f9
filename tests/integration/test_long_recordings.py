"""Recordings transcribed while nobody waits, by a real server: whole, killed in the middle, and
beside people who speak."""

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
from hang import HANG_S
from receiver import Receiver
from server_process import healthy, plain, wait_until
from standardwebhooks import Webhook

from lab_kit import client as client_kit
from lab_kit import datasets
from lab_kit.audio.pcm import FloatArray
from lab_kit.bench import Bench
from lab_kit.core.errors import (
    AddressRefused,
    InvalidAudioFormat,
    OperationNotFound,
    TranscriptionNotFound,
)
from lab_kit.measure.accuracy import word_error_rate
from lab_kit.protocol.transcriptions import TextFormat

CLIP = "two-cities-opening"


@contextmanager
def serving(state: Path, *more: str) -> Iterator[tuple[httpx.Client, subprocess.Popen[str]]]:
    """A server that keeps its state in that folder; killed at the end, if it still runs."""
    options = ["--port", "0", "--state", str(state), "--ready-json", "--with-parent", *more]
    process = subprocess.Popen(
        [sys.executable, "-m", "lab_kit.gateway.run.process", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        ready = next(line for line in process.stdout if line.startswith("{"))
        with httpx.Client(base_url=json.loads(ready)["url"], timeout=HANG_S) as client:
            yield client, process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()


def wav(audio: FloatArray) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, audio, 16_000, format="WAV", subtype="PCM_16")
    return file.getvalue()


def ended(client: httpx.Client, location: str) -> dict[str, Any]:
    for _ in range(round(HANG_S / 30) + 1):
        operation: dict[str, Any] = client.post(f"{location}:wait").raise_for_status().json()
        if operation["done"]:
            return operation
    raise AssertionError(f"{location} has not ended: {operation}")


def processed_s(client: httpx.Client) -> float:
    """Of all operations together."""
    found = client.get("/v1/operations").raise_for_status().json()["operations"]
    return sum(one["metadata"]["processed_s"] for one in found)


def further(client: httpx.Client, before_s: float) -> float:
    """Wait until more is done than before; how much it is then."""
    wait_until(lambda: processed_s(client) > before_s, "further than before")
    return processed_s(client)


def transcribed(client: httpx.Client, audio: FloatArray, **query: str) -> httpx.Response:
    answer = client.post("/v1/transcriptions", content=wav(audio), params=query)
    return answer.raise_for_status()


def sound_files(state: Path) -> list[str]:
    folder = state / "audio"
    return sorted(os.listdir(folder)) if folder.is_dir() else []


def test_a_recording_is_read_in_every_form(tmp_path: Path) -> None:
    clip = datasets.clip(CLIP)
    with serving(tmp_path) as (client, _):
        accepted = transcribed(client, clip.samples)
        assert accepted.status_code == 202
        operation = ended(client, accepted.headers["location"])
        assert operation["metadata"]["processed_s"] == pytest.approx(clip.duration_s, abs=0.01)
        name = f"/v1/{operation['response']['transcription']}"
        whole = client.get(name).json()
        assert word_error_rate(clip.text, whole["text"]) < 0.15
        words = [word for segment in whole["segments"] for word in segment["words"]]
        starts_s = [word["start_s"] for word in words]
        assert starts_s == sorted(starts_s)
        at_once = client.post("/v1/audio:transcribe", content=wav(clip.samples)).json()
        assert whole["text"] == at_once["text"]
        text = client.get(name, params={"format": "text"})
        assert (text.text, text.headers["content-type"][:10]) == (
            whole["text"] + "\n",
            "text/plain",
        )
        for form, first in (("srt", "1\n00:00:0"), ("vtt", "WEBVTT\n\n00:00:0")):
            captions = client.get(name, params={"format": form}).text
            assert captions.startswith(first)
            assert plain(whole["segments"][-1]["words"][-1]["text"]) in plain(captions)
        assert client.get(name, params={"format": "docx"}).status_code == 400
        assert sound_files(tmp_path) == []
        assert client.delete(name).status_code == 204
        assert client.get(name).json()["error"]["reason"] == "TRANSCRIPTION_NOT_FOUND"
        assert client.get(f"/v1/{operation['name']}").json()["done"]
        assert client.delete(f"/v1/{operation['name']}").status_code == 204
        assert client.get("/v1/operations").json()["operations"] == []
    left = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"foolishness" not in left


def test_what_a_killed_server_had_done_is_not_done_again(tmp_path: Path) -> None:
    """Killed wherever it is, three times over: each operation ends once, and whole."""
    clip = datasets.clip(CLIP)
    audio = np.concatenate([clip.samples] * 6)
    locations: list[str] = []
    done_s = 0.0
    for _ in range(3):
        with serving(tmp_path) as (client, process):
            while len(locations) < 3:
                locations.append(transcribed(client, audio).headers["location"])
            done_s = further(client, done_s)
            process.send_signal(signal.SIGKILL)
            process.wait()
    with serving(tmp_path) as (client, _):
        assert len(client.get("/v1/operations").json()["operations"]) == 3
        for location in locations:
            operation = ended(client, location)
            assert operation["error"] is None
            whole = client.get(f"/v1/{operation['response']['transcription']}").json()
            assert word_error_rate(" ".join([clip.text] * 6), whole["text"]) < 0.15
            starts_s = [segment["start_s"] for segment in whole["segments"]]
            assert starts_s == sorted(set(starts_s))
        assert sound_files(tmp_path) == []
    assert billed_s(tmp_path) == [pytest.approx(len(audio) / 16_000, abs=0.001)] * 3


def billed_s(state: Path) -> list[float]:
    """The sound of each event that was written down, however often."""
    lines = [one for file in (state / "usage").glob("*.jsonl") for one in file.open("rb")]
    events = {event["id"]: event["data"] for event in map(json.loads, lines)}
    return [data["billed_us"] / 1e6 for data in events.values()]


def test_an_upload_outlives_a_killed_server_and_goes_with_its_transcript(tmp_path: Path) -> None:
    """In AssemblyAI's words, in which a recording is sent before it is asked for."""
    clip = datasets.clip(CLIP)
    with serving(tmp_path) as (client, process):
        upload = client.post("/v2/upload", content=wav(clip.samples)).raise_for_status().json()
        process.send_signal(signal.SIGKILL)
        process.wait()
    with serving(tmp_path) as (client, _):
        asked = {"audio_url": upload["upload_url"]}
        one = client.post("/v2/transcript", json=asked).raise_for_status().json()
        path = f"/v2/transcript/{one['id']}"
        wait_until(lambda: client.get(path).json()["status"] == "completed", "completed")
        assert word_error_rate(clip.text, client.get(path).json()["text"]) < 0.15
        assert len(sound_files(tmp_path)) == 1
        client.delete(path).raise_for_status()
        assert sound_files(tmp_path) == []
    left = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert b"foolishness" not in left


def test_who_asked_to_be_told_is(tmp_path: Path) -> None:
    clip = datasets.clip(CLIP)
    with Receiver() as receiver, serving(tmp_path, "--allow-host", "127.0.0.1") as (client, _):
        webhook = client.post("/v1/webhooks", json={"url": receiver.url}).json()
        operation = ended(client, transcribed(client, clip.samples).headers["location"])
        wait_until(lambda: bool(receiver.requests), "told")
        (got,) = receiver.requests
        message = Webhook(webhook["secret"]).verify(got.body, got.headers)
        assert message["type"] == "operation.succeeded"
        assert message["data"] == operation
        assert "best of times" not in got.body.decode()
        deliveries = f"/v1/{webhook['name']}/deliveries"

        def is_delivered() -> bool:
            (delivery,) = client.get(deliveries).json()["deliveries"]
            return bool(delivery["state"] == "DELIVERED")

        wait_until(is_delivered, "noted as delivered")
        assert client.get("/v1/webhooks").json()["webhooks"][0]["secret"] is None


def test_a_folder_that_cannot_be_used_is_told_before_anybody_is_served(tmp_path: Path) -> None:
    state, file = tmp_path / "state", tmp_path / "file"
    file.write_text("in the way")
    with serving(state):
        for unusable, named in ((state, "no other server uses"), (file, str(file))):
            command = [sys.executable, "-m", "lab_kit.cli", "serve", "--port", "0", "--state"]
            refused = subprocess.run(
                [*command, str(unusable)], capture_output=True, text=True, timeout=HANG_S
            )
            assert refused.returncode == 1
            assert named in refused.stderr.splitlines()[-1]
            assert refused.stderr.splitlines()[-1].startswith("lab serve: ")


async def test_who_speaks_meanwhile_is_served(tmp_path: Path) -> None:
    audio = np.concatenate([datasets.clip(CLIP).samples] * 20)
    with serving(tmp_path) as (client, _):
        location = transcribed(client, audio).headers["location"]
        url = str(client.base_url).rstrip("/")
        said = await asyncio.gather(*(healthy(url) for _ in range(2)))
        assert len(set(said)) == 1
        assert said[0]
        assert ended(client, location)["error"] is None


def test_what_is_cancelled_ends_and_leaves_nothing(tmp_path: Path) -> None:
    """Its sound never comes, so that it cannot end by itself."""
    with Receiver() as receiver, serving(tmp_path, "--allow-host", "127.0.0.1") as (client, _):
        receiver.holds.clear()
        accepted = client.post("/v1/transcriptions", json={"url": receiver.url}).raise_for_status()
        location = accepted.headers["location"]
        wait_until(lambda: bool(receiver.requests), "being fetched")
        cancelled = client.post(f"{location}:cancel").json()
        assert cancelled["metadata"]["state"] == "CANCELLED"
        assert ended(client, location) == cancelled
        assert sound_files(tmp_path) == []


async def test_the_client_hands_over_waits_and_reads(bench: Bench, tmp_path: Path) -> None:
    clip, file = datasets.clip(CLIP), tmp_path / "clip.wav"
    file.write_bytes(wav(clip.samples))
    operations = client_kit.Operations(bench.url)
    operation = await operations.transcribe(file, "audio/wav", ttl_s=600.0, idempotency_key="mine")
    again = await operations.transcribe(file, "audio/wav", ttl_s=600.0, idempotency_key="mine")
    assert again == operation
    done = await operations.wait(operation.name, HANG_S)
    assert done.done
    transcription = await operations.result(done)
    assert word_error_rate(clip.text, transcription.text) < 0.15
    assert (await operations.text(transcription.name)).strip() == transcription.text
    captions = await operations.text(transcription.name, TextFormat.VTT)
    assert captions.startswith("WEBVTT")
    assert operation.name in [one.name async for one in operations.all("done = true")]
    await operations.delete(transcription.name)
    with pytest.raises(TranscriptionNotFound):
        await operations.text(transcription.name)
    await operations.delete(done.name)
    with pytest.raises(OperationNotFound):
        await operations.get(done.name)


async def test_the_client_tells_of_a_failure_by_its_own_error(bench: Bench) -> None:
    operations = client_kit.Operations(bench.url)
    with pytest.raises(InvalidAudioFormat):
        await operations.transcribe(b"no sound at all")
    inner = {"url": "https://localhost/recording.wav"}
    made = httpx.post(f"{bench.url}/v1/transcriptions", json=inner, timeout=HANG_S)
    failed = await operations.wait(made.json()["name"], HANG_S)
    assert failed.metadata.state == "FAILED"
    with pytest.raises(AddressRefused):
        await operations.result(failed)
