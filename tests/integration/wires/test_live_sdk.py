"""The provider's own Python SDK, unmodified, against our server: live in both flavours; keys."""

import asyncio
import threading
from typing import Any

import httpx
import pytest
from deepgram import AsyncDeepgramClient, DeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.core.events import EventType
from deepgram.environment import DeepgramClientEnvironment
from hang import HANG_S
from server_process import KEY, rest_of
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from word_checks import assert_said_where_they_are

from lab_kit import datasets
from lab_kit.audio.pcm import to_pcm16
from lab_kit.bench import Bench
from lab_kit.datasets import Clip
from lab_kit.measure.accuracy import word_error_rate

CLIP = "two-cities-opening"
CHUNK = 1_600
"""50 ms of PCM16."""
ASKED = {
    "model": "nova-3",
    "encoding": "linear16",
    "sample_rate": "16000",
    "channels": "1",
    "interim_results": "true",
    "vad_events": "true",
    "endpointing": "200",
    "utterance_end_ms": "1000",
}
TAIL = bytes(2 * 16_000 * 3 // 2)
"""Silence behind the clip, so that the gap after the last word can be told."""


def environment(bench: Bench) -> DeepgramClientEnvironment:
    socket = bench.url.replace("http", "ws")
    return DeepgramClientEnvironment(
        base=bench.url, production=socket, agent=socket, agent_rest=bench.url
    )


def kind(message: Any) -> str:
    return getattr(message, "type", "none")


def text_of(messages: list[Any]) -> str:
    results = [m for m in messages if kind(m) == "Results" and m.is_final]
    return " ".join(m.channel.alternatives[0].transcript for m in results if m).strip()


async def hear(bench: Bench, clip: Clip, pace: float = 1.0, **changes: str) -> list[Any]:
    """One live session with the asynchronous client: everything that the server said."""
    client = AsyncDeepgramClient(api_key="any", environment=environment(bench))
    heard: list[Any] = []
    async with client.listen.v1.connect(**ASKED | changes) as connection:
        connection.on(EventType.MESSAGE, heard.append)
        listening = asyncio.create_task(connection.start_listening())
        await connection.send_keep_alive()
        data = to_pcm16(clip.samples) + TAIL
        started = asyncio.get_running_loop().time()
        for start in range(0, len(data), CHUNK):
            due = started + start / 32_000 / pace
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
            await connection.send_media(data[start : start + CHUNK])
        await connection.send_finalize()
        await connection.send_close_stream()
        await asyncio.wait_for(listening, HANG_S)
    return heard


async def whole_clip_error(bench: Bench, clip: Clip) -> float:
    return word_error_rate(clip.text, (await bench.transcribe(clip)).text)


async def test_an_asynchronous_live_session_in_real_time(bench: Bench) -> None:
    clip = datasets.clip(CLIP)
    heard = await hear(bench, clip)
    kinds = [kind(message) for message in heard]
    assert set(kinds) == {"SpeechStarted", "Results", "UtteranceEnd", "Metadata"}
    assert kinds[0] == "SpeechStarted"
    assert kinds[-1] == "Metadata"
    assert kinds.count("Metadata") == 1

    results = [m for m in heard if kind(m) == "Results"]
    assert any(not m.is_final for m in results)
    assert any(m.speech_final for m in results)
    assert all(m.is_final for m in results if m.speech_final)
    assert results[-1].from_finalize
    assert {m.metadata.request_id for m in results} == {heard[-1].request_id}
    assert {m.metadata.model_info.name for m in results} == {"moonshine-tiny-en"}
    assert heard[-1].duration == pytest.approx((len(clip.samples) + len(TAIL) / 2) / 16_000)

    live = word_error_rate(clip.text, text_of(heard))
    assert live <= await whole_clip_error(bench, clip) + 0.05, text_of(heard)


async def test_each_final_begins_where_the_last_one_ended(bench: Bench) -> None:
    heard = await hear(bench, datasets.clip(CLIP), pace=3)
    covered_s = 0.0
    for message in (m for m in heard if kind(m) == "Results"):
        assert message.start == pytest.approx(covered_s, abs=1e-6)
        assert message.duration >= 0
        if message.is_final:
            covered_s = message.start + message.duration
    assert covered_s <= heard[-1].duration + 1e-6


async def test_every_result_has_its_words(bench: Bench) -> None:
    clip = datasets.clip(CLIP)
    heard = await hear(bench, clip, pace=3)
    results = [(m, m.channel.alternatives[0]) for m in heard if kind(m) == "Results"]
    for _, told in results:
        assert " ".join(word.punctuated_word for word in told.words) == told.transcript
        assert all(0 < word.confidence <= 1 for word in told.words)
    finals = [told for message, told in results if message.is_final]
    words = [(word.word, word.start, word.end) for told in finals for word in told.words]
    assert_said_where_they_are(words, clip, len(clip.words) * 8 // 10)
    assert all(text == text.lower() for text, _, _ in words)


async def test_the_end_of_an_utterance_follows_its_final_and_names_its_end(bench: Bench) -> None:
    heard = await hear(bench, datasets.clip("two-cities-best"), pace=3)
    finals = [m for m in heard if kind(m) == "Results" and m.is_final and not m.from_finalize]
    ends = [m for m in heard if kind(m) == "UtteranceEnd"]
    assert len(ends) == 1
    assert ends[0].last_word_end == pytest.approx(finals[-1].start + finals[-1].duration)
    assert heard.index(ends[0]) > heard.index(finals[-1])


async def test_what_was_not_asked_for_is_not_sent(bench: Bench) -> None:
    quiet = {"interim_results": "false", "vad_events": "false"}
    asked = {k: v for k, v in ASKED.items() if k != "utterance_end_ms"} | quiet
    client = AsyncDeepgramClient(api_key="any", environment=environment(bench))
    heard: list[Any] = []
    async with client.listen.v1.connect(**asked) as connection:
        connection.on(EventType.MESSAGE, heard.append)
        listening = asyncio.create_task(connection.start_listening())
        data = to_pcm16(datasets.clip("two-cities-best").samples)
        for start in range(0, len(data), CHUNK):
            await connection.send_media(data[start : start + CHUNK])
        await connection.send_close_stream()
        await asyncio.wait_for(listening, HANG_S)
    assert {kind(m) for m in heard} == {"Results", "Metadata"}
    assert all(m.is_final for m in heard if kind(m) == "Results")
    assert "best of times" in text_of(heard)


def test_a_synchronous_live_session(bench: Bench) -> None:
    clip = datasets.clip(CLIP)
    client = DeepgramClient(api_key="any", environment=environment(bench))
    heard: list[Any] = []
    with client.listen.v1.connect(**ASKED) as connection:
        connection.on(EventType.MESSAGE, heard.append)
        listening = threading.Thread(target=connection.start_listening, daemon=True)
        listening.start()
        data = to_pcm16(clip.samples)
        for start in range(0, len(data), CHUNK):
            connection.send_media(data[start : start + CHUNK])
        connection.send_keep_alive()
        connection.send_close_stream()
        listening.join(HANG_S)
        assert not listening.is_alive()
    assert kind(heard[-1]) == "Metadata"
    whole = asyncio.run(whole_clip_error(bench, clip))
    assert word_error_rate(clip.text, text_of(heard)) <= whole + 0.05, text_of(heard)


# -- keys ----------------------------------------------------------------------------------------


async def one_word(bench: Bench, key: str) -> list[Any]:
    client = AsyncDeepgramClient(api_key=key, environment=environment(bench))
    heard: list[Any] = []
    async with client.listen.v1.connect(**ASKED) as connection:
        connection.on(EventType.MESSAGE, heard.append)
        listening = asyncio.create_task(connection.start_listening())
        await connection.send_close_stream()
        await asyncio.wait_for(listening, HANG_S)
    return heard


async def test_the_right_key_opens_and_another_does_not(keyed_bench: Bench) -> None:
    assert kind((await one_word(keyed_bench, KEY))[-1]) == "Metadata"
    with pytest.raises(ApiError) as refused:
        await one_word(keyed_bench, "wrong")
    assert refused.value.status_code == 401


def test_the_synchronous_client_is_refused_in_the_same_form(keyed_bench: Bench) -> None:
    client = DeepgramClient(api_key="wrong", environment=environment(keyed_bench))
    with pytest.raises(InvalidStatus) as refused, client.listen.v1.connect(**ASKED):
        pass
    response = refused.value.response
    assert response.status_code == 401
    assert b'"err_code":"INVALID_AUTH"' in response.body
    assert response.headers["dg-error"]


@pytest.mark.parametrize("scheme", ["Token", "token", "Bearer", "bearer"])
def test_any_scheme_carries_the_key(keyed_bench: Bench, scheme: str) -> None:
    address = f"{keyed_bench.url}/v1/audio:transcribe"
    kind_of = {"content-type": "audio/l16"}
    right = httpx.post(
        address, content=bytes(3_200), headers={"authorization": f"{scheme} {KEY}", **kind_of}
    )
    assert right.status_code == 200
    for headers in ({}, {"authorization": f"{scheme} nope"}, {"authorization": scheme}):
        answer = httpx.post(address, content=bytes(3_200), headers=headers | kind_of)
        assert answer.status_code == 401
        assert answer.json()["error"]["reason"] == "UNAUTHENTICATED"


async def test_a_browser_offers_its_key_as_a_subprotocol(keyed_bench: Bench) -> None:
    address = (
        keyed_bench.url.replace("http", "ws") + "/v1/listen?encoding=linear16&sample_rate=16000"
    )
    async with connect(address, subprotocols=["token", KEY], proxy=None) as socket:
        assert socket.subprotocol == "token"
        await socket.send('{"type":"CloseStream"}')
        messages, code, _ = await rest_of(socket)
        assert (messages[-1]["type"], code) == ("Metadata", 1000)
    with pytest.raises(InvalidStatus) as refused:
        async with connect(address, subprotocols=["token", "nope"], proxy=None):
            pass
    assert refused.value.response.status_code == 401


async def test_without_a_key_set_any_key_and_none_is_accepted(bench: Bench) -> None:
    assert kind((await one_word(bench, "whatever"))[-1]) == "Metadata"
    address = bench.url.replace("http", "ws") + "/v1/listen?encoding=linear16&sample_rate=16000"
    async with connect(address, proxy=None) as socket:
        assert "dg-request-id" in socket.response.headers
