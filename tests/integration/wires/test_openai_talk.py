"""OpenAI's own Python SDK, unmodified, in a Realtime conversation with real models."""

import asyncio
import base64
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import openai
import pytest
import soxr
from hang import HANG_S
from server_process import KEY, eventually, is_at_rest, plain
from websockets.exceptions import InvalidStatus

from lab_kit import datasets
from lab_kit.audio.pcm import to_pcm16
from lab_kit.bench import Bench
from lab_kit.core.child_process import Child
from lab_kit.engine.scripted import SCRIPTED

RATE = 24_000
CHUNK_S = 0.04
TRANSCRIPT = "conversation.item.input_audio_transcription."
SPOKEN = [
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_audio_transcript.delta",
    "response.output_audio.delta",
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "response.output_item.done",
    "conversation.item.done",
    "response.done",
]


def pcm(clip: str, silence_s: float = 0.0) -> bytes:
    sound = np.append(datasets.clip(clip).samples, np.zeros(round(silence_s * 16_000)))
    return to_pcm16(soxr.resample(sound.astype(np.float32), 16_000, RATE).astype(np.float32))


@asynccontextmanager
async def talking(url: str, key: str = "any", **query: str) -> AsyncIterator[Any]:
    client = openai.AsyncOpenAI(api_key=key, base_url=f"{url}/v1")
    asked = {"model": "gpt-realtime", **query}
    async with client.realtime.connect(extra_query=asked) as connection:
        created = await connection.recv()
        assert created.type == "session.created"
        assert created.session.type == "realtime"
        yield connection


async def say(connection: Any, sound: bytes) -> None:
    """As a microphone would."""
    size = round(CHUNK_S * RATE) * 2
    for start in range(0, len(sound), size):
        piece = base64.b64encode(sound[start : start + size]).decode()
        await connection.input_audio_buffer.append(audio=piece)
        await asyncio.sleep(CHUNK_S)


async def until(connection: Any, kind: str) -> list[Any]:
    """Every event up to the first of a kind."""
    heard: list[Any] = []
    async with asyncio.timeout(HANG_S):
        while not heard or heard[-1].type != kind:
            heard.append(await connection.recv())
    return heard


async def write(connection: Any, text: str, role: str = "user") -> str:
    content = [{"type": "input_text", "text": text}]
    item = {"type": "message", "role": role, "content": content}
    await connection.conversation.item.create(item=item)
    heard = await until(connection, "conversation.item.done")
    return str(heard[-1].item.id)


async def refusal(connection: Any) -> Any:
    return (await until(connection, "error"))[-1].error


def kinds_once(heard: list[Any], prefixes: tuple[str, ...]) -> list[str]:
    kinds = [event.type for event in heard if event.type.startswith(prefixes)]
    return list(dict.fromkeys(kinds))


async def test_a_spoken_turn_is_answered_in_the_order_that_the_provider_documents(
    bench: Bench,
) -> None:
    async with talking(bench.url) as connection:
        audio = {"input": {"transcription": {"model": "whisper-1"}}}
        await connection.session.update(session={"type": "realtime", "audio": audio})
        saying = asyncio.create_task(say(connection, pcm("speech-opening-hours", 60.0)))
        heard = await until(connection, "response.done")
        saying.cancel()
    said = [e.transcript for e in heard if e.type == TRANSCRIPT + "completed"]
    assert plain(said[0]).startswith("what time do you open")
    user = next(e.item for e in heard if e.type == "conversation.item.done")
    answer = heard[heard.index(next(e for e in heard if e.type == "response.created")) :]
    kinds = kinds_once(answer, ("response.", "conversation.item."))
    assert [kind for kind in kinds if not kind.startswith(TRANSCRIPT)] == SPOKEN
    added = next(e for e in answer if e.type == "conversation.item.added")
    assert added.previous_item_id == user.id
    text = "".join(e.delta for e in answer if e.type.endswith("transcript.delta"))
    sound = b"".join(
        base64.b64decode(e.delta) for e in answer if e.type == "response.output_audio.delta"
    )
    done = answer[-1].response
    assert done.status == "completed"
    assert done.output[0].content[0].transcript == text
    assert done.usage.output_tokens > 0
    spoken_s = len(sound) / 2 / RATE
    assert 0.2 * len(text.split()) < spoken_s < 1.5 * len(text.split()) + 2
    levels = np.abs(np.frombuffer(sound, "<i2"))
    assert np.flatnonzero(levels > 100)[0] < 0.03 * RATE, "the voice's leading quiet is cut off"
    timing = next(e.lab for e in answer if e.type == "response.output_audio.delta")["timing"]
    stages = ["paused_ns", "heard_ns", "token_ns", "written_ns", "spoken_ns", "sent_ns"]
    assert sorted(stages, key=lambda stage: timing[stage]) == stages


async def test_what_is_written_is_answered_in_writing(bench: Bench) -> None:
    async with talking(bench.url) as connection:
        session = {"type": "realtime", "output_modalities": ["text"]}
        await connection.session.update(session=session)
        updated = (await until(connection, "session.updated"))[-1]
        assert updated.session.output_modalities == ["text"]
        await write(connection, "What is the capital of France?")
        await connection.response.create()
        heard = await until(connection, "response.done")
    assert "Paris" in "".join(e.delta for e in heard if e.type == "response.output_text.delta")
    assert not [e for e in heard if "audio" in e.type]


async def test_a_caller_who_breaks_in_stops_the_answer(bench: Bench) -> None:
    async with talking(bench.url) as connection:
        await write(connection, "Tell me a long story about a dog.")
        await connection.response.create(response={"instructions": "Tell a long story."})
        begun = await until(connection, "response.output_audio.delta")
        saying = asyncio.create_task(say(connection, pcm("speech-opening-hours", 60.0)))
        heard = await until(connection, "response.done")
        assert heard[-1].response.status == "cancelled"
        assert heard[-1].response.status_details.reason == "turn_detected"
        kinds = [event.type for event in heard]
        assert kinds.index("input_audio_buffer.speech_started") < kinds.index("response.done")
        item_id = begun[-1].item_id
        await connection.conversation.item.truncate(
            item_id=item_id, content_index=0, audio_end_ms=400
        )
        truncated = (await until(connection, "conversation.item.truncated"))[-1]
        assert (truncated.item_id, truncated.audio_end_ms) == (item_id, 400)
        answered = await until(connection, "response.done")
        assert answered[-1].response.status == "completed", "and what they said is answered"
        saying.cancel()
    await eventually(lambda: is_at_rest(bench.url), "at rest")


async def test_what_cannot_be_is_refused_by_name_and_the_session_goes_on(bench: Bench) -> None:
    async with talking(bench.url) as connection:
        await connection.response.cancel()
        assert (await refusal(connection)).code == "response_cancel_not_active"
        await connection.response.create(response={"conversation": "none"})
        assert "response.conversation=none" in (await refusal(connection)).message
        await connection.conversation.item.delete(item_id="item_unknown")
        assert (await refusal(connection)).code == "item_not_found"
        await connection.output_audio_buffer.clear()
        assert "WebRTC" in (await refusal(connection)).message
        await connection.session.update(session={"type": "transcription"})
        assert "?intent=transcription" in (await refusal(connection)).message
        await write(connection, "Tell me a long story.")
        await connection.response.create()
        await until(connection, "response.created")
        await connection.response.create()
        code = (await refusal(connection)).code
        assert code == "conversation_already_has_active_response"
        await connection.response.cancel()
        done = (await until(connection, "response.done"))[-1].response
        assert (done.status, done.status_details.reason) == ("cancelled", "client_cancelled")
        tool = {"type": "function", "name": "f", "parameters": {}}
        await connection.response.create(response={"tools": [tool]})
        failed = (await until(connection, "response.done"))[-1].response
        assert failed.status == "failed"
        assert failed.status_details.error.code == "invalid_parameter"


async def test_items_are_told_back_and_forgotten(bench: Bench) -> None:
    async with talking(bench.url) as connection:
        first = await write(connection, "My name is Ann.")
        await connection.conversation.item.retrieve(item_id=first)
        item = (await until(connection, "conversation.item.retrieved"))[-1].item
        assert item.content[0].text == "My name is Ann."
        await connection.conversation.item.delete(item_id=first)
        assert (await until(connection, "conversation.item.deleted"))[-1].item_id == first
        await connection.conversation.item.retrieve(item_id=first)
        assert (await refusal(connection)).code == "item_not_found"


async def test_a_wrong_key_is_refused_before_the_upgrade(keyed_bench: Bench) -> None:
    async with talking(keyed_bench.url, KEY):
        pass
    with pytest.raises(InvalidStatus) as refused:
        async with talking(keyed_bench.url, "wrong"):
            pass
    assert refused.value.response.status_code == 401


STORY = "Once upon a time there was a cat, and it lived in a house with a dog and a bird."
# -- another model's answers ----------------------------------------------------------------------


class Endpoint(BaseHTTPRequestHandler):
    """Stands for a server of chat completions, of which there is none here: it wants the weather
    looked up, and then says what it was told."""

    asked: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.asked.append(body)
        last = body["messages"][-1]
        if not body.get("tools"):
            deltas = [{"content": word + " "} for word in STORY.split()]
        elif last["role"] == "tool":
            deltas = [{"content": word + " "} for word in f"It is {last['content']}.".split()]
        else:
            call = {"index": 0, "id": "call_1", "function": {"name": "weather", "arguments": ""}}
            more = {"index": 0, "function": {"arguments": '{"city": "Bonn"}'}}
            deltas = [{"tool_calls": [call]}, {"tool_calls": [more]}]
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        chunks = [{"choices": [{"delta": delta}]} for delta in deltas]
        chunks.append({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 5}})
        lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
        self.wfile.write("".join([*lines, "data: [DONE]\n\n"]).encode())

    def log_message(self, *about: Any) -> None:
        """Quietly."""


@contextmanager
def served_endpoint() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Child]:
    """A server whose answers are written by another."""
    Endpoint.asked.clear()
    script = tmp_path / "script.txt"
    script.write_text("My number is 555 123 4567.\n")
    with served_endpoint() as url:
        about = ["--model", SCRIPTED, "--script", str(script), "--replies", url]
        child = Child("lab_kit.gateway.run.process", [*about, "--replies-model", "big"])
        try:
            child.wait_until_ready("/readyz")
            yield child
        finally:
            child.stop()


async def test_a_function_is_called_and_its_answer_is_spoken(elsewhere: Child) -> None:
    weather = {
        "type": "function",
        "name": "weather",
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    }
    async with talking(elsewhere.url) as connection:
        await connection.session.update(session={"type": "realtime", "tools": [weather]})
        await write(connection, "What is the weather in Bonn?")
        await connection.response.create()
        heard = await until(connection, "response.done")
        called = next(e for e in heard if e.type == "response.function_call_arguments.done")
        assert (called.name, json.loads(called.arguments)) == ("weather", {"city": "Bonn"})
        assert heard[-1].response.output[0].type == "function_call"
        output = {"type": "function_call_output", "call_id": called.call_id, "output": "sunny"}
        await connection.conversation.item.create(item=output)
        await connection.response.create()
        heard = await until(connection, "response.done")
    spoken = [e.transcript for e in heard if e.type == "response.output_audio_transcript.done"]
    assert spoken == ["It is sunny."]
    assert heard[-1].response.usage.input_tokens == 7
    first, second = Endpoint.asked
    assert first["model"] == "big"
    assert first["tools"][0]["function"]["name"] == "weather"
    roles = [message["role"] for message in second["messages"]]
    assert roles == ["system", "user", "assistant", "tool"]
    assert second["messages"][2]["tool_calls"][0]["function"]["name"] == "weather"
    assert second["messages"][3]["tool_call_id"] == "call_1"


async def test_what_is_redacted_reaches_no_model(elsewhere: Child) -> None:
    speech = np.random.default_rng(1).normal(0, 0.1, RATE).astype(np.float32)
    async with talking(elsewhere.url, redact="true") as connection:
        quiet = np.zeros(60 * RATE, np.float32)
        sound = to_pcm16(np.concatenate([speech, quiet]))
        saying = asyncio.create_task(say(connection, sound))
        await until(connection, "response.done")
        saying.cancel()
    heard = [asked["messages"][-1]["content"] for asked in Endpoint.asked]
    assert heard
    assert all("number is" in text and "4567" not in text for text in heard)


async def test_history_ends_with_the_words_that_were_heard(elsewhere: Child) -> None:
    async with talking(elsewhere.url) as connection:
        await write(connection, "Tell me a story.")
        await connection.response.create()
        begun = (await until(connection, "response.output_audio.delta"))[-1]
        await connection.response.cancel()
        await until(connection, "response.done")
        await connection.conversation.item.truncate(
            item_id=begun.item_id, content_index=0, audio_end_ms=700
        )
        await until(connection, "conversation.item.truncated")
        await connection.response.create()
        await until(connection, "response.done")
    (said,) = [m["content"] for m in Endpoint.asked[-1]["messages"] if m["role"] == "assistant"]
    assert 0 < len(said) < len("Once upon a time there was a cat,")
    assert STORY.startswith(said)
