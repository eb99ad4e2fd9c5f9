"""Deepgram's and OpenAI's own SDKs, unmodified: texts spoken, and heard again by the server."""

import base64
import io
import json
from collections import Counter
from typing import Any

import av
import httpx
import numpy as np
import openai
import pytest
import soundfile
from deepgram import DeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.environment import DeepgramClientEnvironment
from deepgram.errors import BadRequestError
from deepgram.speak.v1.types import SpeakV1Text
from hang import HANG_S
from server_process import KEY
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from lab_kit.audio.pcm import to_float
from lab_kit.bench import Bench
from lab_kit.gateway.providers.deepgram.speak_socket import MOST_FLUSHES
from lab_kit.measure.accuracy import word_error_rate

TEXT = "I would like to speak to someone about my bill. The door does not lock any more."


def deepgram(bench: Bench, key: str = "any") -> DeepgramClient:
    socket = bench.url.replace("http", "ws", 1)
    environment = DeepgramClientEnvironment(
        base=bench.url, production=socket, agent=socket, agent_rest=bench.url
    )
    return DeepgramClient(api_key=key, environment=environment)


def spoken(bench: Bench, key: str = "any", **asked: Any) -> bytes:
    return b"".join(deepgram(bench, key).speak.v1.audio.generate(**asked))


def open_ai(bench: Bench, key: str = "any") -> openai.OpenAI:
    return openai.OpenAI(api_key=key, base_url=f"{bench.url}/v1", max_retries=0)


def as_wav(data: bytes, raw: tuple[str, int] | None = None) -> bytes:
    """The same sound as a file that the server reads."""
    file = io.BytesIO()
    if raw is not None:
        encoding, rate_hz = raw
        sound = to_float(data, encoding)
    else:
        with av.open(io.BytesIO(data)) as opened:
            rate_hz = opened.streams.audio[0].rate
            resampler = av.AudioResampler("flt", "mono", rate_hz)
            frames = [f for frame in opened.decode(audio=0) for f in resampler.resample(frame)]
        sound = np.concatenate([frame.to_ndarray()[0] for frame in frames])
    soundfile.write(file, sound, rate_hz, format="WAV", subtype="PCM_16")
    return file.getvalue()


def is_understood(bench: Bench, wav: bytes) -> bool:
    answer = httpx.post(f"{bench.url}/v1/audio:transcribe", content=wav, timeout=HANG_S)
    return word_error_rate(TEXT, answer.raise_for_status().json()["text"]) < 0.15


@pytest.mark.parametrize(
    ("asked", "raw"),
    [
        ({}, None),
        ({"model": "aura-2-thalia-en", "encoding": "linear16"}, None),
        (
            {"encoding": "linear16", "container": "none", "sample_rate": 16_000},
            ("linear16", 16_000),
        ),
        ({"encoding": "mulaw", "container": "none"}, ("mulaw", 8_000)),
        ({"encoding": "alaw"}, None),
        ({"encoding": "opus"}, None),
        ({"encoding": "flac", "sample_rate": 48_000}, None),
        ({"encoding": "aac", "speed": 1.2}, None),
    ],
    ids=str,
)
def test_deepgrams_client_gets_the_file_that_it_asks_for(
    bench: Bench, asked: dict[str, Any], raw: tuple[str, int] | None
) -> None:
    assert is_understood(bench, as_wav(spoken(bench, text=TEXT, **asked), raw))


def test_deepgrams_answer_says_what_it_is(bench: Bench) -> None:
    answer = deepgram(bench).speak.v1.audio.with_raw_response
    with answer.generate(text=TEXT, model="aura-2-thalia-en") as response:
        assert response.headers["dg-char-count"] == str(len(TEXT))
        assert response.headers["dg-model-name"] == "aura-2-thalia-en"
        assert response.headers["dg-request-id"]
        assert response.headers["content-type"] == "audio/mpeg"
        assert b"".join(response.data)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"text": ""}, "PAYLOAD_ERROR"),
        ({"text": "x" * 2_001}, "PAYLOAD_ERROR"),
        ({"text": "Hello.", "encoding": "vorbis"}, "INVALID_QUERY_PARAMETER"),
        ({"text": "Hello.", "encoding": "mp3", "container": "wav"}, "INVALID_QUERY_PARAMETER"),
        ({"text": "Hello.", "encoding": "mp3", "sample_rate": 8_000}, "INVALID_QUERY_PARAMETER"),
        ({"text": "Hello.", "encoding": "mulaw", "sample_rate": 1}, "INVALID_QUERY_PARAMETER"),
        ({"text": "Hello.", "speed": 9.0}, "INVALID_QUERY_PARAMETER"),
    ],
    ids=str,
)
def test_deepgram_refuses_in_its_words(bench: Bench, asked: dict[str, Any], code: str) -> None:
    with pytest.raises(BadRequestError) as refused:
        spoken(bench, **asked)
    assert refused.value.body["err_code"] == code
    assert refused.value.body["request_id"]


def test_a_wrong_key_is_refused_by_both(keyed_bench: Bench) -> None:
    with pytest.raises(ApiError) as refused:
        spoken(keyed_bench, "wrong", text=TEXT)
    assert (refused.value.status_code, refused.value.body["err_code"]) == (401, "INVALID_AUTH")
    with pytest.raises(openai.AuthenticationError):
        open_ai(keyed_bench, "wrong").audio.speech.create(model="tts-1", voice="alloy", input=TEXT)
    assert spoken(keyed_bench, KEY, text="Hello.")


@pytest.mark.parametrize("form", ["mp3", "opus", "aac", "flac", "wav", "pcm"])
def test_openais_client_gets_the_file_that_it_asks_for(bench: Bench, form: Any) -> None:
    with open_ai(bench).audio.speech.with_streaming_response.create(
        model="gpt-4o-mini-tts",
        voice="alloy",
        input=TEXT,
        response_format=form,
        instructions="Speak like somebody who is late.",
    ) as answer:
        assert answer.headers["content-type"].startswith("audio/")
        data = b"".join(answer.iter_bytes())
    assert is_understood(bench, as_wav(data, ("linear16", 24_000) if form == "pcm" else None))


def test_openais_events_hold_the_same_file(bench: Bench) -> None:
    answer = open_ai(bench).audio.speech.create(
        model="tts-1", voice="alloy", input=TEXT, response_format="wav", stream_format="sse"
    )
    lines = [line for line in answer.text.splitlines() if line]
    events = [json.loads(line.removeprefix("data: ")) for line in lines]
    assert [event["type"] for event in events[:-1]] == ["speech.audio.delta"] * (len(events) - 1)
    assert len(events) > 2
    assert events[-1]["type"] == "speech.audio.done"
    data = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
    assert is_understood(bench, as_wav(data))


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"input": ""}, "input"),
        ({"input": "x" * 4_097}, "input"),
        ({"input": "Hello.", "response_format": "ogg"}, "response_format"),
        ({"input": "Hello.", "speed": 4.0}, "speed"),
        ({"input": "?!"}, "nothing to say"),
    ],
    ids=str,
)
def test_openai_refuses_in_its_envelope(bench: Bench, asked: dict[str, Any], named: str) -> None:
    with pytest.raises(openai.BadRequestError, match=named) as refused:
        open_ai(bench).audio.speech.create(model="tts-1", voice="alloy", **asked)
    assert refused.value.type == "invalid_request_error"


def test_texts_are_spoken_over_a_socket_as_they_are_flushed(bench: Bench) -> None:
    sentences = [f"{one}." for one in TEXT.rstrip(".").split(". ")]
    with deepgram(bench).speak.v1.connect(encoding="linear16", sample_rate="16000") as socket:
        assert socket.recv().type == "Metadata"
        sound: list[bytes] = []
        numbers = []
        for sentence in sentences:
            socket.send_text(SpeakV1Text(text=sentence))
            socket.send_flush()
        while len(numbers) < len(sentences):
            message: Any = socket.recv()
            if isinstance(message, bytes):
                sound.append(message)
            else:
                numbers.append(message.sequence_id)
        assert numbers == [0, 1]
        socket.send_text(SpeakV1Text(text="What is said last is spoken before the end."))
        socket.send_close()
        rest = [message for message in socket if isinstance(message, bytes)]
    assert rest
    assert is_understood(bench, as_wav(b"".join(sound), ("linear16", 16_000)))


def test_what_is_cleared_is_said_no_further(bench: Bench) -> None:
    long = "This is a sentence that goes on for a while, and nobody wants to hear all of it. " * 20
    with deepgram(bench).speak.v1.connect(encoding="mulaw", sample_rate="8000") as socket:
        assert socket.recv().type == "Metadata"
        socket.send_text(SpeakV1Text(text=long))
        socket.send_flush()
        assert isinstance(socket.recv(), bytes)
        socket.send_clear()
        kinds = []
        while "Cleared" not in kinds:
            message: Any = socket.recv()
            kinds += [] if isinstance(message, bytes) else [message.type]
        socket.send_text(SpeakV1Text(text="Go on."))
        socket.send_flush()
        first: Any = socket.recv()
        assert isinstance(first, bytes)
        assert kinds == ["Cleared"], "and nothing was flushed"
        socket.send_close()


@pytest.mark.parametrize(
    ("query", "status"), [("encoding=mp3", 400), ("sample_rate=7", 400), ("speed=9", 400)]
)
def test_a_socket_that_cannot_be_is_refused_before_it_opens(
    bench: Bench, query: str, status: int
) -> None:
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(f"{bench.url.replace('http', 'ws')}/v1/speak?{query}", proxy=None),
    ):
        pass
    assert refused.value.response.status_code == status
    assert "dg-error" in refused.value.response.headers


def test_a_message_of_no_use_is_answered_and_the_socket_goes_on(bench: Bench) -> None:
    with connect(f"{bench.url.replace('http', 'ws')}/v1/speak", proxy=None) as socket:
        assert json.loads(socket.recv(HANG_S))["type"] == "Metadata"
        for message in ("no JSON", "[" * 60_000, '{"type": "Sing"}', '{"type": "Speak"}', b"\x00"):
            socket.send(message)
            assert json.loads(socket.recv(HANG_S))["type"] == "Warning"
        for _ in range(11):
            socket.send(json.dumps({"type": "Speak", "text": "so " * 660}))
        assert "that wait to be spoken" in json.loads(socket.recv(HANG_S))["description"]
        socket.send('{"type": "Clear"}')
        assert json.loads(socket.recv(HANG_S)) == {"type": "Cleared", "sequence_id": 0}
        socket.send('{"type": "Flush"}')
        assert json.loads(socket.recv(HANG_S)) == {"type": "Flushed", "sequence_id": 1}


def test_a_flood_of_flushes_is_refused_and_each_of_them_answered(bench: Bench) -> None:
    with connect(f"{bench.url.replace('http', 'ws')}/v1/speak", proxy=None) as socket:
        socket.recv(HANG_S)
        socket.send(json.dumps({"type": "Speak", "text": "Once more, and slowly. " * 60}))
        for _ in range(3 * MOST_FLUSHES):
            socket.send('{"type": "Flush"}')
        answers = Counter[str]()
        while answers.total() < 3 * MOST_FLUSHES:
            message = socket.recv(HANG_S)
            if isinstance(message, str):
                answers[json.loads(message)["type"]] += 1
        assert set(answers) == {"Flushed", "Warning"}
        assert answers["Flushed"] >= MOST_FLUSHES
