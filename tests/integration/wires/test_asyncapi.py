"""What is published of the sockets is what they say: real messages against their schemas."""

import asyncio
import base64
import json
from contextlib import suppress
from typing import Any

import httpx
import pytest
from amazon_calls import ASKED, signed_address
from fastapi.routing import APIWebSocketRoute
from hang import HANG_S
from jsonschema import Draft202012Validator
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from lab_kit import datasets
from lab_kit.bench import Bench
from lab_kit.dialects.amazon.client import audio_frame
from lab_kit.dialects.amazon.event_stream import decoded
from lab_kit.gateway.api.streams import stream_routes
from lab_kit.gateway.door.door import Door
from lab_kit.gateway.providers.amazon.transcribe import amazon_routes
from lab_kit.gateway.providers.assemblyai.streaming import assemblyai_streaming_routes
from lab_kit.gateway.providers.deepgram.listen import listen_routes
from lab_kit.gateway.providers.deepgram.speak_socket import speak_socket_routes
from lab_kit.gateway.providers.elevenlabs.realtime import elevenlabs_realtime_routes
from lab_kit.gateway.providers.elevenlabs.stream_input import elevenlabs_stream_input_routes
from lab_kit.gateway.providers.openai.realtime import openai_realtime_routes

CLIP = datasets.clip("two-cities-best")
QUIET = bytes(2 * 16_000 * 3 // 2)


@pytest.fixture
def document(bench: Bench) -> dict[str, Any]:
    answer = httpx.get(f"{bench.url}/asyncapi.json", trust_env=False)
    told: dict[str, Any] = answer.json()
    return told


def schemas(document: dict[str, Any], operation: str) -> list[Draft202012Validator]:
    """Of the messages of an operation."""
    found = []
    for message in document["operations"][operation]["messages"]:
        _, _, channel, _, name = message["$ref"].split("/")
        payload = document["channels"][channel]["messages"][name]["payload"]
        found.append(
            Draft202012Validator({**payload, "components": document["components"]})
            if "$ref" in payload
            else Draft202012Validator(payload)
        )
    return found


def kinds(document: dict[str, Any], operation: str, messages: list[str]) -> set[str]:
    """The messages that were told, each of which fits exactly one schema."""
    validators = schemas(document, operation)
    for text in messages:
        fits = [one for one in validators if one.is_valid(json.loads(text))]
        assert len(fits) == 1, text[:300]
    told = map(json.loads, messages)
    return {one.get("type") or one.get("message_type") or one.get("error") for one in told}


async def said_to(socket: Any, *messages: bytes | str) -> list[str]:
    """All that is answered until the server closes, or is silent for a while."""
    heard: list[str] = []

    async def hear() -> None:
        try:
            async for message in socket:
                heard.append(str(message))
        except ConnectionClosed:
            pass

    hearing = asyncio.create_task(hear())
    for message in messages:
        await socket.send(message)
        await asyncio.sleep(0.01)
    await asyncio.wait({hearing}, timeout=3.0)
    hearing.cancel()
    return heard


async def test_deepgrams_messages(bench: Bench, document: dict[str, Any]) -> None:
    query = document["channels"]["listen"]["bindings"]["ws"]["query"]
    asked = "encoding=linear16&sample_rate=16000&interim_results=true&vad_events=true"
    asked += "&utterance_end_ms=1000"
    assert {pair.partition("=")[0] for pair in asked.split("&")} <= set(query["properties"])
    address = f"{bench.url.replace('http', 'ws')}/v1/listen?{asked}"
    data = CLIP.pcm16 + QUIET
    sound = [data[start : start + 1_600] for start in range(0, len(data), 1_600)]
    async with asyncio.timeout(HANG_S), connect(address, proxy=None) as socket:
        heard = await said_to(socket, "nonsense", *sound, '{"type": "CloseStream"}')
    assert kinds(document, "tellResults", heard) == {
        "Error",
        "Results",
        "SpeechStarted",
        "UtteranceEnd",
        "Metadata",
    }


async def test_openais_messages(bench: Bench, document: dict[str, Any]) -> None:
    address = f"{bench.url.replace('http', 'ws')}/v1/realtime?intent=transcription"
    form = {"format": {"type": "audio/pcm", "rate": 24_000}}
    update = {"type": "session.update", "session": {"type": "transcription", "audio": {}}}
    update["session"]["audio"] = {"input": form}  # type: ignore[index]
    data = CLIP.pcm16 + QUIET  # at another rate than was recorded, which is no matter here
    appended = [
        json.dumps({"type": "input_audio_buffer.append", "audio": base64.b64encode(one).decode()})
        for one in (data[start : start + 4_800] for start in range(0, len(data), 4_800))
    ]
    told = [json.dumps(update), *appended, '{"type": "input_audio_buffer.clear"}', '{"type": "x"}']
    async with asyncio.timeout(HANG_S), connect(address, proxy=None) as socket:
        heard = await said_to(socket, *told)
    kinds(document, "hearEvents", told[:-1])
    published = {one["name"] for one in document["channels"]["realtime"]["messages"].values()}
    seen = kinds(document, "tellEvents", heard)
    assert seen <= published
    assert {"session.created", "session.updated", "error"} <= seen
    assert "conversation.item.input_audio_transcription.completed" in seen


async def test_assemblyais_messages(bench: Bench, document: dict[str, Any]) -> None:
    query = document["channels"]["streaming"]["bindings"]["ws"]["query"]
    asked = "sample_rate=16000&speech_model=u3-rt-pro&min_turn_silence=200&max_turn_silence=200"
    assert {pair.partition("=")[0] for pair in asked.split("&")} <= set(query["properties"])
    address = f"{bench.url.replace('http', 'ws')}/v3/ws?{asked}"
    data = CLIP.pcm16 + QUIET
    sound = [data[start : start + 1_600] for start in range(0, len(data), 1_600)]
    told = [
        '{"type": "UpdateConfiguration", "format_turns": true, "vad_threshold": 0.5}',
        *(f'{{"type": "{kind}"}}' for kind in ("KeepAlive", "ForceEndpoint", "Terminate")),
    ]
    assert len(kinds(document, "hearTurns", told)) == 4
    heard: list[str] = []
    for messages in ([told[0], *sound, *told[1:]], ["nonsense"]):
        async with asyncio.timeout(HANG_S), connect(address, proxy=None) as socket:
            heard += await said_to(socket, *messages)
    assert kinds(document, "tellTurns", heard) == {
        "Begin",
        "SpeechStarted",
        "Turn",
        "Termination",
        "Error",
    }


async def test_our_own_messages(bench: Bench, document: dict[str, Any]) -> None:
    address = f"{bench.url.replace('http', 'ws')}/v1/stream"
    query = document["channels"]["stream"]["bindings"]["ws"]["query"]
    assert {"sample_rate_hz", "session", "after"} <= set(query["properties"])
    data = CLIP.pcm16 + QUIET
    sound = [data[start : start + 3_200] for start in range(0, len(data), 3_200)]
    commands = [json.dumps({"type": kind}) for kind in ("keep_alive", "finalize", "finish")]
    async with asyncio.timeout(HANG_S), connect(address, proxy=None) as socket:
        heard = await said_to(socket, "nonsense", *sound, *commands)
    assert kinds(document, "hearOwnSound", commands) == {"keep_alive", "finalize", "finish"}
    assert kinds(document, "tellOwnResults", heard) == {
        *("session_begun", "speech_started", "interim", "final"),
        *("usage", "error", "session_ended"),
    }
    name = json.loads(heard[0])["session"]
    async with (
        asyncio.timeout(HANG_S),
        connect(f"{address}?session={name}&after=1", proxy=None) as socket,
    ):
        first = str(await socket.recv())
    assert kinds(document, "tellOwnResults", [first]) == {"session_resumed"}


async def test_spoken_messages(bench: Bench, document: dict[str, Any]) -> None:
    told = [
        '{"type": "Speak", "text": "The door is open."}',
        *('{"type": "Flush"}', '{"type": "Clear"}'),
    ]
    assert kinds(document, "hearTexts", told) == {"Speak", "Flush", "Clear"}
    async with (
        asyncio.timeout(HANG_S),
        connect(f"{bench.url.replace('http', 'ws')}/v1/speak", proxy=None) as socket,
    ):
        await socket.send("nonsense")
        for text in (told[0], told[1]):
            await socket.send(text)
        heard: list[str] = []
        while not heard or "Flushed" not in heard[-1]:
            message = await socket.recv()
            heard += [message] if isinstance(message, str) else []
        await socket.send(told[2])
        heard.append(str(await socket.recv()))
    seen = kinds(document, "tellSound", heard)
    assert seen == {"Metadata", "Warning", "Flushed", "Cleared"}


async def test_elevenlabs_messages(bench: Bench, document: dict[str, Any]) -> None:
    url = bench.url.replace("http", "ws")
    texts = [
        json.dumps({"text": " ", "generation_config": {"chunk_length_schedule": [50]}}),
        json.dumps({"text": "The door is open. ", "flush": True}),
        json.dumps({"text": ""}),
    ]
    path = f"{url}/v1/text-to-speech/anybody/stream-input?output_format=pcm_16000"
    heard: list[str] = []
    for told in (texts, ["nonsense"]):
        async with asyncio.timeout(HANG_S), connect(path, proxy=None) as socket:
            heard += await said_to(socket, *told)
    kinds(document, "hearTextsBitByBit", texts)
    assert kinds(document, "tellSoundAndTimes", heard) == {None, "invalid_message"}
    assert json.loads(heard[-2])["isFinal"]
    kind, data = "input_audio_chunk", CLIP.pcm16
    chunks = [
        json.dumps({"message_type": kind, "audio_base_64": base64.b64encode(one).decode()})
        for one in (data[start : start + 3_200] for start in range(0, len(data), 3_200))
    ]
    chunks.append(json.dumps({"message_type": kind, "audio_base_64": "", "commit": True}))
    path = f"{url}/v1/speech-to-text/realtime?model_id=scribe_v2_realtime&include_timestamps=true"
    async with asyncio.timeout(HANG_S), connect(path, proxy=None) as socket:
        heard = await said_to(socket, *chunks, "nonsense")
    assert kinds(document, "hearChunks", chunks) == {kind}
    assert kinds(document, "tellCommits", heard) >= {
        "session_started",
        "committed_transcript",
        "committed_transcript_with_timestamps",
        "input_error",
    }


async def test_amazons_frames(bench: Bench, document: dict[str, Any]) -> None:
    stable = {"enable-partial-results-stabilization": "true", "partial-results-stability": "low"}
    query = document["channels"]["transcribe"]["bindings"]["ws"]["query"]
    address = signed_address("any", bench.url, ASKED | stable)
    asked = {pair.partition("=")[0] for pair in address.partition("?")[2].split("&")}
    assert set(query["required"]) <= asked <= set(query["properties"])
    sound = [CLIP.pcm16[start : start + 3_200] for start in range(0, len(CLIP.pcm16), 3_200)]
    heard: list[bytes] = []
    async with asyncio.timeout(HANG_S), connect(address, proxy=None) as socket:
        for chunk in [*sound, QUIET[:16_000], b"odd"]:
            await socket.send(audio_frame(chunk))
        with suppress(ConnectionClosed):
            while True:
                heard.append(await socket.recv(decode=False))
    frames = [decoded(data, 2**24) for data in heard]
    validators = schemas(document, "tellTranscripts")
    names = ["TranscriptEvent", "TranscriptException"]
    for frame in frames:
        fits = [one.is_valid(json.loads(frame.payload)) for one in validators]
        name = frame.headers.get(":event-type", "TranscriptException")
        assert fits == [one == name for one in names], frame.payload[:300]
    assert ":exception-type" in frames[-1].headers
    assert len(frames) > 2


def test_every_socket_is_in_it_and_every_reference_leads_somewhere(
    document: dict[str, Any],
) -> None:
    routers = (
        amazon_routes(None, None, False),  # type: ignore[arg-type]
        listen_routes(None, None, False),  # type: ignore[arg-type]
        assemblyai_streaming_routes(None, None, False),  # type: ignore[arg-type]
        openai_realtime_routes(None, None, None, False),  # type: ignore[arg-type]
        speak_socket_routes(None, None, None),  # type: ignore[arg-type]
        elevenlabs_realtime_routes(None, None, False),  # type: ignore[arg-type]
        elevenlabs_stream_input_routes(None, None, None, False),  # type: ignore[arg-type]
        stream_routes(Door, None),  # type: ignore[arg-type]
    )
    served = {
        route.path
        for one in routers
        for route in one.routes
        if isinstance(route, APIWebSocketRoute)
    }
    assert served == {channel["address"] for channel in document["channels"].values()}

    def references(part: Any) -> list[str]:
        if isinstance(part, dict):
            own = [part["$ref"]] if "$ref" in part else []
            return own + [one for each in part.values() for one in references(each)]
        return [one for each in part for one in references(each)] if isinstance(part, list) else []

    for reference in references(document):
        there: Any = document
        for step in reference.removeprefix("#/").split("/"):
            there = there[step]
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
