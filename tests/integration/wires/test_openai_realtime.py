"""OpenAI's own Python SDK, unmodified, in a Realtime transcription session."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import openai
import pytest
import soxr
from hang import HANG_S
from server_process import KEY, eventually, is_at_rest, plain
from websockets.exceptions import InvalidStatus

from lab_kit import datasets
from lab_kit.audio.codecs import Codec
from lab_kit.audio.pcm import to_pcm16
from lab_kit.audio.sources.recordings import PacedRecording
from lab_kit.bench import Bench

SAID = "it was the best of times"
CHUNK = 4_800
"""100 ms at 24 kHz."""
TAIL = bytes(48_000)
TRANSCRIPT = "conversation.item.input_audio_transcription."


def at_24_khz(clip: str) -> bytes:
    audio = soxr.resample(datasets.clip(clip).samples, 16_000, 24_000)
    return to_pcm16(audio.astype(np.float32))


SPEECH = at_24_khz("two-cities-best")


@asynccontextmanager
async def session(bench: Bench, key: str = "any", **query: str) -> AsyncIterator[Any]:
    client = openai.AsyncOpenAI(api_key=key, base_url=f"{bench.url}/v1")
    asked = query or {"intent": "transcription"}
    async with client.realtime.connect(extra_query=asked) as connection:
        assert (await connection.recv()).type == "session.created"
        yield connection


async def append(connection: Any, data: bytes, pace: float = 5.0) -> None:
    for start in range(0, len(data), CHUNK):
        await connection.input_audio_buffer.append(
            audio=base64.b64encode(data[start : start + CHUNK]).decode()
        )
        await asyncio.sleep(0.1 / pace)


async def until(connection: Any, kind: str) -> list[Any]:
    """Every event up to the first of a kind."""
    heard: list[Any] = []
    async with asyncio.timeout(HANG_S):
        while not heard or heard[-1].type != kind:
            heard.append(await connection.recv())
    return heard


async def update(connection: Any, **audio_input: Any) -> Any:
    await connection.session.update(
        session={"type": "transcription", "audio": {"input": audio_input}}
    )
    return await connection.recv()


async def test_a_turn_is_told_in_the_order_that_the_provider_documents(bench: Bench) -> None:
    async with session(bench) as connection:
        await append(connection, SPEECH + TAIL)
        heard = await until(connection, TRANSCRIPT + "completed")
        kinds = [event.type for event in heard]
        known = [kind for kind in kinds if not kind.endswith("delta")]
        assert known == [
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
            TRANSCRIPT + "completed",
        ]
        assert kinds.index("input_audio_buffer.speech_started") == 0
        items = {getattr(e, "item_id", None) or e.item.id for e in heard}
        assert len(items) == 1
        assert SAID in plain(heard[-1].transcript)
        deltas = "".join(e.delta for e in heard if e.type.endswith("delta"))
        assert heard[-1].transcript.startswith(deltas)
        assert heard[-1].usage.type == "duration"
        assert len({e.event_id for e in heard}) == len(heard)


@pytest.mark.parametrize(
    ("format_type", "encoding"), [("audio/pcmu", "mulaw"), ("audio/pcma", "alaw")]
)
async def test_a_telephone_is_understood(bench: Bench, format_type: str, encoding: str) -> None:
    silence = np.zeros(16_000, np.float32)
    audio = np.concatenate([datasets.clip("two-cities-best").samples, silence])
    chunks = PacedRecording("telephone", audio, chunk_s=0.1, codec=Codec(encoding, 8_000)).chunks()
    async with session(bench) as connection:
        updated = await update(connection, format={"type": format_type})
        assert updated.session.audio.input.format.type == format_type
        for chunk in chunks:
            await append(connection, chunk.data)
        heard = await until(connection, TRANSCRIPT + "completed")
    assert SAID in plain(heard[-1].transcript)


async def test_turns_follow_one_another(bench: Bench) -> None:
    async with session(bench) as connection:
        await append(connection, (SPEECH + TAIL) * 2)
        first = await until(connection, TRANSCRIPT + "completed")
        second = await until(connection, TRANSCRIPT + "completed")
        committed = [e for e in first + second if e.type == "input_audio_buffer.committed"]
        assert [e.previous_item_id for e in committed] == [None, committed[0].item_id]


async def test_without_turn_detection_only_the_client_commits(bench: Bench) -> None:
    async with session(bench) as connection:
        updated = await update(connection, turn_detection=None)
        assert updated.type == "session.updated"
        assert updated.session.audio.input.turn_detection is None
        await append(connection, SPEECH + TAIL)
        await connection.input_audio_buffer.commit()
        heard = await until(connection, TRANSCRIPT + "completed")
        assert not any("speech_st" in event.type for event in heard)
        assert SAID in plain(heard[-1].transcript)
        await connection.input_audio_buffer.commit()
        error = await connection.recv()
        assert (error.type, error.error.code) == ("error", "input_audio_buffer_commit_empty")


async def test_semantic_turn_detection_is_taken_and_told_back(bench: Bench) -> None:
    chosen = {"type": "semantic_vad", "eagerness": "high"}
    async with session(bench) as connection:
        updated = await update(connection, turn_detection=chosen)
        assert updated.session.audio.input.turn_detection.model_dump(exclude_none=True) == chosen
        # longer than the silence that ends what does not sound finished
        await append(connection, SPEECH + 5 * TAIL)
        assert SAID in plain((await until(connection, TRANSCRIPT + "completed"))[-1].transcript)


async def test_what_is_cleared_is_never_told(bench: Bench) -> None:
    async with session(bench) as connection:
        await update(connection, turn_detection=None)
        await append(connection, SPEECH[: len(SPEECH) // 2])
        await connection.input_audio_buffer.clear()
        heard = await until(connection, "input_audio_buffer.cleared")
        await append(connection, SPEECH)
        await connection.input_audio_buffer.commit()
        heard = await until(connection, TRANSCRIPT + "completed")
        assert plain(heard[-1].transcript).count("it was") == 1


async def test_errors_leave_the_session_open(bench: Bench) -> None:
    async with session(bench) as connection:
        await connection.send({"type": "dance", "event_id": "mine"})
        error = await connection.recv()
        assert (error.type, error.error.event_id) == ("error", "mine")
        await connection.send({"type": "input_audio_buffer.append", "audio": "no base64!"})
        assert "base64" in (await connection.recv()).error.message
        refused = await update(connection, turn_detection={"type": "telepathy"})
        assert refused.type == "error"
        await append(connection, SPEECH + TAIL)
        assert SAID in plain((await until(connection, TRANSCRIPT + "completed"))[-1].transcript)
        late = await update(connection, turn_detection=None)
        assert "after the first audio" in late.error.message


async def test_a_session_that_is_closed_leaves_nothing_behind(bench: Bench) -> None:
    async with session(bench) as connection:
        await append(connection, SPEECH)
    await eventually(lambda: is_at_rest(bench.url), "at rest")


async def test_a_wrong_key_and_another_intent_are_refused(bench: Bench, keyed_bench: Bench) -> None:
    async with session(keyed_bench, KEY):
        pass
    with pytest.raises(InvalidStatus) as refused:
        async with session(keyed_bench, "wrong"):
            pass
    assert refused.value.response.status_code == 401
    assert b"invalid_api_key" in (refused.value.response.body or b"")
    with pytest.raises(InvalidStatus) as refused:
        async with session(bench, intent="conversation"):
            pass
    assert refused.value.response.status_code == 400
