"""A clip sent live in every encoding and rate, to the real model: it is heard, and in time."""

import asyncio

import pytest
from deepgram import AsyncDeepgramClient
from deepgram.core.events import EventType
from hang import HANG_S
from test_live_sdk import ASKED, environment, text_of

from lab_kit import Bench, datasets
from lab_kit.audio.codecs import Codec
from lab_kit.bench import paced
from lab_kit.core.events import StreamEnded
from lab_kit.measure.accuracy import word_error_rate
from lab_kit.measure.calls import transcript

CLIP = "two-cities-best-and-worst"
CODECS = (
    Codec("linear16", 8_000),
    Codec("linear32", 48_000),
    Codec("mulaw", 8_000),
    Codec("alaw", 8_000),
    Codec("mulaw", 16_000),
    Codec("opus", 8_000, 12_000),
    Codec("opus", 16_000, 20_000),
    Codec("opus", 24_000),
    Codec("opus", 48_000, 32_000),
)


async def test_every_encoding_is_transcribed_live(bench: Bench) -> None:
    clip = datasets.clip(CLIP)
    calls = await asyncio.gather(
        *(bench.stream(clip, chunk_s=0.02, codec=codec) for codec in CODECS)
    )
    for codec, call in zip(CODECS, calls, strict=True):
        assert word_error_rate(clip.text, transcript(call)) <= 0.1, (codec.name, transcript(call))
        ended = call.received[-1].event
        assert isinstance(ended, StreamEnded)
        assert ended.audio_s == pytest.approx(clip.duration_s, abs=0.05)


@pytest.mark.parametrize("frame_s", [0.0025, 0.06])
async def test_opus_frames_of_any_length_are_heard(bench: Bench, frame_s: float) -> None:
    clip = datasets.clip("two-cities-best")
    call = await bench.stream(clip, chunk_s=frame_s, codec=Codec("opus", 48_000))
    assert word_error_rate(clip.text, transcript(call)) <= 0.2, transcript(call)


@pytest.mark.parametrize("codec", [Codec("mulaw", 8_000), Codec("opus", 48_000)])
async def test_the_providers_own_client_sends_them_too(bench: Bench, codec: Codec) -> None:
    clip = datasets.clip(CLIP)
    client = AsyncDeepgramClient(api_key="any", environment=environment(bench))
    asked = ASKED | {"encoding": codec.encoding, "sample_rate": str(codec.rate_hz)}
    heard: list[object] = []
    async with client.listen.v1.connect(**asked) as connection:
        connection.on(EventType.MESSAGE, heard.append)
        listening = asyncio.create_task(connection.start_listening())
        for chunk in paced(clip, 0.02, codec).chunks():
            await asyncio.sleep(0.005)  # four times as fast as speech
            await connection.send_media(chunk.data)
        await connection.send_close_stream()
        await asyncio.wait_for(listening, HANG_S)
    assert word_error_rate(clip.text, text_of(heard)) <= 0.1, text_of(heard)
