"""ElevenLabs's own SDK, unmodified, in realtime streams; and messages that it never sends."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
import soxr
from elevenlabs import AsyncElevenLabs, ElevenLabs
from elevenlabs.realtime import AudioFormat, CommitStrategy, RealtimeEvents
from hang import HANG_S
from server_process import KEY, eventually, is_at_rest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from word_checks import assert_said_where_they_are

from lab_kit import datasets
from lab_kit.audio.pcm import to_bytes
from lab_kit.bench import Bench
from lab_kit.measure.accuracy import word_error_rate

CLIP = datasets.clip("two-cities-best")
PACE = 5.0
RATES = {one: int(one.value.split("_")[1]) for one in AudioFormat}
TAIL_S = 1.0


def sound(form: AudioFormat, tail_s: float = 0.0) -> bytes:
    """The clip in a format, and silence behind it."""
    quiet = np.zeros(round(16_000 * tail_s), np.float32)
    audio = soxr.resample(np.concatenate([np.array(CLIP.samples), quiet]), 16_000, RATES[form])
    encoding = "mulaw" if form is AudioFormat.ULAW_8000 else "linear16"
    return to_bytes(audio.astype(np.float32), encoding)


class Heard:
    """What the SDK's handlers were called with."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.told: list[tuple[str, Any]] = []
        self._changed = asyncio.Event()
        for event in RealtimeEvents:
            connection.on(event, lambda data=None, kind=event.value: self._note(kind, data))

    def _note(self, kind: str, data: Any) -> None:
        self.told.append((kind, data))
        self._changed.set()

    def of(self, kind: str) -> list[Any]:
        return [data for told, data in self.told if told == kind]

    async def until(self, kind: str, count: int = 1) -> list[Any]:
        async with asyncio.timeout(HANG_S):
            while len(self.of(kind)) < count:
                await self._changed.wait()
                self._changed.clear()
        return self.of(kind)


@asynccontextmanager
async def stream(
    bench: Bench, form: AudioFormat = AudioFormat.PCM_16000, key: str = "any", **asked: Any
) -> AsyncIterator[Heard]:
    own = AsyncElevenLabs(base_url=bench.url, api_key=key)
    options = {"model_id": "scribe_v2_realtime", "audio_format": form, "sample_rate": RATES[form]}
    connection = await own.speech_to_text.realtime.connect({**options, **asked})  # type: ignore
    try:
        yield Heard(connection)
    finally:
        await connection.close()


async def send(heard: Heard, data: bytes, form: AudioFormat = AudioFormat.PCM_16000) -> None:
    size = RATES[form] // 10 * (1 if form is AudioFormat.ULAW_8000 else 2)
    for start in range(0, len(data), size):
        chunk = base64.b64encode(data[start : start + size]).decode()
        await heard.connection.send({"audio_base_64": chunk})
        await asyncio.sleep(0.1 / PACE)


@pytest.mark.parametrize("form", AudioFormat)
async def test_a_commit_is_answered_with_all_that_was_said(bench: Bench, form: Any) -> None:
    async with stream(bench, form) as heard:
        await send(heard, sound(form), form)
        await heard.connection.commit()
        (told,) = await heard.until("committed_transcript")
    assert word_error_rate(CLIP.text, told["text"]) < 0.1
    assert not heard.of("error")
    partials = [data["text"] for data in heard.of("partial_transcript")]
    assert partials
    assert "best" in partials[-1]
    assert not heard.of("committed_transcript_with_timestamps")


async def test_the_session_says_what_was_chosen(bench: Bench) -> None:
    async with stream(
        bench, commit_strategy=CommitStrategy.VAD, vad_silence_threshold_secs=0.5
    ) as heard:
        (told,) = await heard.until("session_started")
    assert told["session_id"]
    assert told["config"] == {
        "sample_rate": 16_000,
        "audio_format": "pcm_16000",
        "language_code": "en",
        "model_id": "scribe_v2_realtime",
        "vad_commit_strategy": True,
        "vad_silence_threshold_secs": 0.5,
        "include_timestamps": False,
    }


async def test_silence_commits_where_it_is_asked_to(bench: Bench) -> None:
    twice = sound(AudioFormat.PCM_16000, TAIL_S) * 2
    async with stream(
        bench,
        commit_strategy=CommitStrategy.VAD,
        vad_silence_threshold_secs=0.6,
        include_timestamps=True,
    ) as heard:
        await send(heard, twice)
        told = await heard.until("committed_transcript_with_timestamps", 2)
    assert [word_error_rate(CLIP.text, one["text"]) < 0.1 for one in told] == [True, True]
    assert [one["text"] for one in heard.of("committed_transcript")] == [t["text"] for t in told]
    first = [(w["text"], w["start"], w["end"]) for w in told[0]["words"] if w["type"] == "word"]
    assert_said_where_they_are(first, CLIP, len(CLIP.words))
    assert "".join(word["text"] for word in told[0]["words"]) == told[0]["text"]
    assert told[0]["words"][-1]["end"] <= told[1]["words"][0]["start"]
    assert all(word["logprob"] <= 0 for word in told[0]["words"])


async def test_two_commits_are_two_transcripts_that_share_no_word(bench: Bench) -> None:
    data = sound(AudioFormat.PCM_16000, TAIL_S)
    async with stream(bench) as heard:
        for count in (1, 2):
            await send(heard, data)
            await heard.connection.commit()
            told = await heard.until("committed_transcript", count)
    assert [word_error_rate(CLIP.text, one["text"]) < 0.1 for one in told] == [True, True]


async def test_a_commit_of_nothing_is_refused_and_the_stream_goes_on(bench: Bench) -> None:
    async with stream(bench) as heard:
        await heard.connection.commit()
        (told,) = await heard.until("commit_throttled")
        assert "at least 0.3 s" in told["error"]
        await send(heard, sound(AudioFormat.PCM_16000))
        await heard.connection.commit()
        await heard.until("committed_transcript")


async def test_silence_is_committed_as_no_words(bench: Bench) -> None:
    async with stream(bench, include_timestamps=True) as heard:
        await send(heard, bytes(32_000))
        await heard.connection.commit()
        (told,) = await heard.until("committed_transcript_with_timestamps")
    assert (told["text"], told["words"]) == ("", [])


async def test_the_synchronous_clients_streams_are_the_same(bench: Bench) -> None:
    own = ElevenLabs(base_url=bench.url, api_key="any")
    connection = await own.speech_to_text.realtime.connect(
        {
            "model_id": "scribe_v2_realtime",
            "audio_format": AudioFormat.PCM_16000,
            "sample_rate": 16_000,
        }
    )
    heard = Heard(connection)
    await send(heard, sound(AudioFormat.PCM_16000))
    await connection.commit()
    (told,) = await heard.until("committed_transcript")
    await connection.close()
    assert word_error_rate(CLIP.text, told["text"]) < 0.1


async def test_a_wrong_key_is_refused_before_it_opens(keyed_bench: Bench) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with stream(keyed_bench, key="wrong", vad_silence_threshold_secs=99.0):
            pass
    assert refused.value.response.status_code == 401
    body = json.loads(refused.value.response.body)
    assert body["detail"]["status"] == "invalid_api_key"
    async with stream(keyed_bench, key=KEY) as heard:
        await heard.until("session_started")


def opened(bench: Bench, query: str = "model_id=scribe_v2_realtime") -> Any:
    url = f"{bench.url.replace('http', 'ws', 1)}/v1/speech-to-text/realtime?{query}"
    return connect(url, proxy=None)


@pytest.mark.parametrize(
    "query",
    [
        "",
        f"model_id={'m' * 201}",
        "model_id=m&audio_format=pcm_11025",
        "model_id=m&commit_strategy=never",
        "model_id=m&include_timestamps=perhaps",
        "model_id=m&vad_silence_threshold_secs=0.1",
        "model_id=m&vad_silence_threshold_secs=nan",
    ],
    ids=lambda value: value[:40],
)
async def test_what_cannot_be_is_refused_before_it_opens(bench: Bench, query: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with opened(bench, query):
            pass
    assert refused.value.response.status_code == 422
    assert json.loads(refused.value.response.body)["detail"][0]["loc"][0] == "query"


async def said(socket: ClientConnection, messages: Sequence[str | bytes]) -> list[dict[str, Any]]:
    """What each of them is answered with."""
    told = []
    for message in messages:
        await socket.send(message)
        async with asyncio.timeout(HANG_S):
            told.append(json.loads(await socket.recv()))
    return told


async def test_messages_of_no_use_are_answered_and_the_stream_goes_on(bench: Bench) -> None:
    chunk = {"message_type": "input_audio_chunk", "audio_base_64": ""}
    wrong: list[str | bytes] = [
        *("no JSON", "[]", "7", '{"message_type": 7}', '{"message_type": "commit"}', b"\x00\x01"),
        *("[" * 5_000, '{"a": [' + "1," * 10_000 + "1]}"),
        json.dumps({**chunk, "audio_base_64": "no base64!"}),
        json.dumps({**chunk, "audio_base_64": None}),
        json.dumps({**chunk, "audio_base_64": ["AAAA"]}),
        json.dumps({**chunk, "sample_rate": 8_000}),
        json.dumps({**chunk, "sample_rate": {}}),
    ]
    async with opened(bench) as socket:
        assert json.loads(await socket.recv())["message_type"] == "session_started"
        for told in await said(socket, wrong):
            assert told["message_type"] == "input_error"
            assert 0 < len(told["error"]) < 1_000
        (told,) = await said(socket, [json.dumps({**chunk, "commit": True})])
        assert told["message_type"] == "commit_throttled"


async def test_half_a_sample_ends_it_with_a_reason(bench: Bench) -> None:
    chunk = {"message_type": "input_audio_chunk", "audio_base_64": "AAAA"}
    async with opened(bench) as socket, asyncio.timeout(HANG_S):
        await socket.send(json.dumps(chunk))
        told = [json.loads(await socket.recv())["message_type"] for _ in range(2)]
        with pytest.raises(ConnectionClosed):
            await socket.recv()
    assert told == ["session_started", "input_error"]
    assert socket.close_code == 1008
    assert (socket.close_reason or "").startswith("input_error: ")


async def test_clients_that_vanish_leave_nothing_behind(bench: Bench) -> None:
    data = sound(AudioFormat.PCM_16000)
    for cut in (0, 3_200, len(data)):
        async with stream(bench) as heard:
            await send(heard, data[:cut])
            heard.connection.websocket.transport.abort()
    await eventually(lambda: is_at_rest(bench.url), "at rest")


async def test_eight_at_once_hear_their_own(bench: Bench) -> None:
    clips = [CLIP, datasets.clip("two-cities-best-and-worst")] * 4

    async def one(clip: datasets.Clip) -> float:
        async with stream(bench) as heard:
            await send(heard, to_bytes(np.array(clip.samples), "linear16"))
            await heard.connection.commit()
            (told,) = await heard.until("committed_transcript")
        return word_error_rate(clip.text, told["text"])

    assert max(await asyncio.gather(*map(one, clips))) < 0.15
