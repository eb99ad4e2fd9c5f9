"""Texts spoken by a real server, and heard again by it."""

import httpx
import pytest
from hang import HANG_S

from lab_kit.bench import Bench
from lab_kit.client import synthesize
from lab_kit.measure.accuracy import word_error_rate

TEXT = (
    "I would like to speak to someone about my bill. The door does not lock any more. "
    "How long does the delivery take? We are four people, and one of us eats no meat."
)


def spoken(bench: Bench, **asked: object) -> httpx.Response:
    return httpx.post(f"{bench.url}/v1/audio:synthesize", json=asked, timeout=HANG_S)


def heard(bench: Bench, sound: bytes, kind: str) -> str:
    answer = httpx.post(
        f"{bench.url}/v1/audio:transcribe",
        content=sound,
        headers={"content-type": kind},
        timeout=HANG_S,
    )
    text: str = answer.raise_for_status().json()["text"]
    return text


@pytest.mark.parametrize(
    "asked",
    [
        {"format": "wav"},
        {"format": "wav", "speed": 1.3},
        {"format": "flac", "sample_rate_hz": 16_000},
        {"format": "opus"},
        {"format": "pcm", "sample_rate_hz": 8_000},
    ],
    ids=str,
)
def test_what_is_spoken_is_understood(bench: Bench, asked: dict[str, object]) -> None:
    answer = spoken(bench, text=TEXT, **asked)
    assert answer.status_code == 200, answer.text
    said = heard(bench, answer.content, answer.headers["content-type"])
    assert word_error_rate(TEXT, said) < 0.15


def test_the_beginning_is_sent_before_the_end_is_made(bench: Bench) -> None:
    with httpx.stream(
        "POST",
        f"{bench.url}/v1/audio:synthesize",
        json={"text": TEXT, "format": "pcm"},
        timeout=HANG_S,
    ) as answer:
        assert "content-length" not in answer.headers
        sizes = [len(piece) for piece in answer.iter_raw()]
    assert len(sizes) >= 4


def test_a_speech_under_a_key_is_made_once(bench: Bench) -> None:
    headers = {"idempotency-key": "hello"}
    url, body = f"{bench.url}/v1/audio:synthesize", {"text": "Hello there."}
    first, again = (httpx.post(url, json=body, headers=headers, timeout=HANG_S) for _ in range(2))
    assert first.content == again.content
    assert again.headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({}, "text"),
        ({"text": ""}, "text"),
        ({"text": "?!"}, "nothing to say"),
        ({"text": "a" * 5_001}, "text"),
        ({"text": "Hello.", "format": "midi"}, "midi"),
        ({"text": "Hello.", "format": "mulaw", "sample_rate_hz": 44_100}, "44100"),
        ({"text": "Hello.", "speed": 0.1}, "speed"),
        ({"text": "Hello.", "voice": "x"}, "voice"),
    ],
    ids=str,
)
def test_what_cannot_be_spoken_is_refused(
    bench: Bench, asked: dict[str, object], named: str
) -> None:
    answer = spoken(bench, **asked)
    assert answer.status_code == 400
    assert named in answer.json()["error"]["received"]


async def test_the_client_gives_pieces_as_they_come(bench: Bench) -> None:
    pieces = [piece async for piece in synthesize(bench.url, TEXT, form="wav")]
    assert len(pieces) >= 4
    assert word_error_rate(TEXT, heard(bench, b"".join(pieces), "audio/wav")) < 0.15
