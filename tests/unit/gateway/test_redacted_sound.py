"""A recording given back without what is personal in it: as long as it was, and silent there."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scripted_engine import ScriptedEngine, recognizer, server_at, wait_until
from starlette.testclient import TestClient
from test_app import speech

from lab_kit.gateway.run.app import create_app
from lab_kit.gateway.run.server import Server
from lab_kit.protocol.recordings import REDACT_SOUND_PATH, TRANSCRIBE_PATH

SAID = "my card is 4111 1111 1111 1111 thank you very much"
RAW = {"content-type": "audio/l16"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = server_at(tmp_path, lambda _: recognizer(ScriptedEngine(SAID)))
    wait_until(lambda: made.door.is_ready)
    yield made
    made.stop()


@pytest.fixture
def client(server: Server) -> Iterator[TestClient]:
    with TestClient(create_app(server)) as client:
        yield client


def redacted(client: TestClient, query: str = "") -> np.ndarray:
    answer = client.post(f"{REDACT_SOUND_PATH}{query}", content=speech(), headers=RAW)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "audio/wav"
    sound, rate_hz = soundfile.read(io.BytesIO(answer.content), dtype="int16")
    assert rate_hz == 16_000
    return sound


def test_it_is_silent_where_the_transcript_says_that_something_was_taken_out(
    client: TestClient,
) -> None:
    told = client.post(f"{TRANSCRIBE_PATH}?redact=true", content=speech(), headers=RAW).json()
    (gone,) = [one for segment in told["segments"] for one in segment["redactions"]]
    assert gone["kind"] == "card"
    assert gone["score"] > 0.9
    sound, before = redacted(client), np.frombuffer(speech(), np.int16)
    assert len(sound) == len(before)
    first, end = round(gone["start_s"] * 16_000), round(gone["end_s"] * 16_000)
    assert not sound[first:end].any()
    far = np.r_[0 : first - 1_600, end + 1_600 : len(before)]
    np.testing.assert_allclose(sound[far], before[far], atol=1)
    assert before[first:end].any()


def test_a_kind_that_was_not_said_changes_nothing(client: TestClient) -> None:
    sound = redacted(client, "?redact=email")
    np.testing.assert_allclose(sound, np.frombuffer(speech(), np.int16), atol=1)


def test_a_tone_instead(client: TestClient) -> None:
    silent, tone = redacted(client), redacted(client, "?fill=tone")
    assert np.flatnonzero(tone != silent).size > 1_000


def test_where_redaction_fails_all_that_was_recognized_is_silent(
    server: Server, client: TestClient
) -> None:
    told = client.post(TRANSCRIBE_PATH, content=speech(), headers=RAW).json()
    server.steps.failing.add("redact")
    sound = redacted(client)
    for segment in told["segments"]:
        assert not sound[
            round(segment["start_s"] * 16_000) : round(segment["end_s"] * 16_000)
        ].any()


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("redact=shoe_size", "shoe_size"),
        ("redact=false", "redact=false"),
        ("fill=beep", "beep"),
        ("numerals=true", "numerals"),
        ("redact=card&redact=shoe_size", "shoe_size"),
    ],
)
def test_what_cannot_be_is_refused_by_name(client: TestClient, query: str, named: str) -> None:
    answer = client.post(f"{REDACT_SOUND_PATH}?{query}", content=speech(), headers=RAW)
    assert answer.status_code == 400
    assert named in answer.json()["error"]["received"]
