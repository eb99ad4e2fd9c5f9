"""Turns that end where sentences do, with the real network, over a socket.

Whether a judgement comes in time must not depend on the machine: where it is awaited, the sound
comes at an eighth of the pace of speech.
"""

import asyncio
import json
from typing import Any
from urllib.parse import urlencode

import numpy as np
from hang import HANG_S
from server_process import RAW
from websockets.asyncio.client import ClientConnection, connect

from lab_kit import datasets
from lab_kit.audio.pcm import FloatArray, to_pcm16
from lab_kit.bench import Bench
from lab_kit.core.units import SAMPLE_RATE_HZ

CHUNK_S = 0.02
JUDGED_S = 0.4
"""Silence in which a turn's end is decided, if it does not have to last a second."""
EOT = {"endpointing": "200", "lab_eot_timeout_ms": "1000"}
CLIP = datasets.clip("speech-book-table")
QUIET = np.random.default_rng(1).normal(0, 1e-3, 2 * SAMPLE_RATE_HZ).astype(np.float32)


async def final_of(bench: Bench, end_s: float, **query: str) -> dict[str, Any]:
    """The final of the clip up to there, in a room that is quiet then."""
    speech = CLIP.samples[: round(end_s * SAMPLE_RATE_HZ)]
    address = f"{bench.url.replace('http', 'ws')}/v1/listen?{urlencode(RAW | query)}"
    async with asyncio.timeout(HANG_S), connect(address) as socket:
        await send(socket, speech, CHUNK_S)
        judged = round(JUDGED_S * SAMPLE_RATE_HZ)
        await send(socket, QUIET[:judged], 8 * CHUNK_S)
        await send(socket, QUIET[judged:], CHUNK_S / 8)
        await socket.send(json.dumps({"type": "CloseStream"}))
        messages = [json.loads(text) async for text in socket]
    (final,) = [m for m in messages if m["type"] == "Results" and m["speech_final"]]
    return dict(final)


async def send(socket: ClientConnection, sound: FloatArray, every_s: float) -> None:
    data, size = to_pcm16(sound), 2 * round(CHUNK_S * SAMPLE_RATE_HZ)
    for start in range(0, len(data), size):
        await socket.send(data[start : start + size])
        await asyncio.sleep(every_s)


async def judged_final(bench: Bench, end_s: float) -> dict[str, Any]:
    """A final on which was judged; the network is loaded while the first stream speaks."""
    async with asyncio.timeout(HANG_S):
        while (final := await final_of(bench, end_s, **EOT))["lab"]["finished_probability"] is None:
            pass
    return final


def waited_s(final: dict[str, Any], end_s: float) -> float:
    """Sound after the last word until the turn was ended."""
    return float(final["lab"]["timing"]["trigger_audio_s"]) - end_s


async def test_what_sounds_finished_ends_soon_and_what_does_not_is_waited_for(
    bench: Bench,
) -> None:
    whole_s = CLIP.words[-1].end_s
    (open_s,) = [word.end_s for word in CLIP.words if word.text == "for"]
    finished = await judged_final(bench, whole_s)
    assert finished["lab"]["finished_probability"] > 0.5
    assert waited_s(finished, whole_s) < JUDGED_S
    unfinished = await judged_final(bench, open_s)
    assert unfinished["lab"]["finished_probability"] < 0.5
    assert waited_s(unfinished, open_s) > 0.9


async def test_fixed_silence_is_that_silence_and_nothing_else(bench: Bench) -> None:
    (open_s,) = [word.end_s for word in CLIP.words if word.text == "for"]
    final = await final_of(bench, open_s, endpointing="200")
    assert final["lab"]["finished_probability"] is None
    assert waited_s(final, open_s) < JUDGED_S
