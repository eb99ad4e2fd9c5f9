"""Final delays of every live dialect, side by side in one run.

    python tests/benchmarks/dialects.py [--rounds 8]

In each round a clip is streamed at the pace of speech in one dialect after the other, each with 200
ms of silence for an endpoint. A final's delay runs from the true end of its last word, when that
was due, to its arrival at the client.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from amazon_calls import signed_address
from websockets.asyncio.client import connect

from lab_kit import datasets
from lab_kit.bench import Bench
from lab_kit.client import NativeWire, Wire
from lab_kit.core.events import StreamOptions
from lab_kit.core.units import ms
from lab_kit.datasets import Clip
from lab_kit.dialects.amazon.client import audio_frame, parse_frame
from lab_kit.measure.calls import utterance_delays
from lab_kit.measure.percentiles import percentile

CLIP = "two-cities-opening"
CHUNK_BYTES = 1_600
"""50 ms."""
TAIL = bytes(2 * 16_000)
WIRES = (Wire.WEBSOCKET, Wire.REALTIME, Wire.GRPC, *NativeWire)
AT_MOST_MS = 20.0
"""Between the quickest dialect's 95th percentile and the slowest's."""

Read = Callable[[str | bytes], bool]


async def by_our_client(bench: Bench, clip: Clip, wire: Wire | NativeWire) -> list[float]:
    """Delays, in seconds, as labs measure them."""
    call = await bench.stream(clip, wire=wire, options=StreamOptions(), chunk_s=0.05)
    return [d.final_delay_s for d in utterance_delays(call) if d.final_delay_s is not None]


async def by_socket(
    url: str, clip: Clip, sound: Callable[[bytes], bytes], last: str | bytes, is_final: Read
) -> list[float]:
    """Delays of a dialect that our client does not speak: n-th final, n-th utterance."""
    ends_s = [utterance.end_s for utterance in clip.utterances()]
    arrived: list[float] = []
    async with connect(url, compression=None) as socket:
        began_s = time.perf_counter() + 0.02

        async def hear() -> None:
            async for message in socket:
                if is_final(message):
                    arrived.append(time.perf_counter() - began_s)

        hearing = asyncio.create_task(hear())
        pcm = clip.pcm16 + TAIL
        for start in range(0, len(pcm), CHUNK_BYTES):
            due_s = began_s + (start + CHUNK_BYTES) / 32_000
            await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
            await socket.send(sound(pcm[start : start + CHUNK_BYTES]))
        await socket.send(last)
        await hearing
    return [at_s - end_s for at_s, end_s in zip(arrived, ends_s, strict=False)]


async def assemblyai(bench: Bench, clip: Clip) -> list[float]:
    """By turns, each ended by 200 ms of silence."""
    asked = "sample_rate=16000&min_turn_silence=200&max_turn_silence=200&format_turns=false"

    def is_final(message: str | bytes) -> bool:
        told = json.loads(message)
        return told["type"] == "Turn" and bool(told["end_of_turn"])

    url = f"{bench.url.replace('http', 'ws')}/v3/ws?{asked}"
    return await by_socket(url, clip, bytes, '{"type":"Terminate"}', is_final)


async def amazon(bench: Bench, clip: Clip) -> list[float]:
    """At a signed address; its segments end by 200 ms of silence."""

    def is_final(message: str | bytes) -> bool:
        assert isinstance(message, bytes)
        event, _, _ = parse_frame(message)
        return type(event).__name__ == "Final"

    url = signed_address("any", bench.url)
    return await by_socket(url, clip, audio_frame, audio_frame(b""), is_final)


async def measured(rounds: int) -> int:
    """Print the table; 1 if two dialects are too far apart."""
    bench, clip = Bench.start(), datasets.clip(CLIP)
    ways: dict[str, Callable[[], Awaitable[list[float]]]] = {
        wire.value: lambda wire=wire: by_our_client(bench, clip, wire)  # type: ignore[misc]
        for wire in WIRES
    }
    ways["AssemblyAI"] = lambda: assemblyai(bench, clip)
    ways["Amazon"] = lambda: amazon(bench, clip)
    delays: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            found = await way()
            delays[name] += found if number else []  # the first of each is warm-up
    p95s = {name: ms(percentile(found, 0.95)) for name, found in delays.items()}
    print(f"{'dialect':32} finals  p50 ms  p95 ms")
    for name, found in delays.items():
        print(f"{name:32} {len(found):6} {ms(percentile(found, 0.5)):7.0f} {p95s[name]:7.0f}")
    apart_ms = max(p95s.values()) - min(p95s.values())
    print(f"the slowest p95 is {apart_ms:.0f} ms behind the quickest; at most {AT_MOST_MS:.0f}")
    return int(apart_ms > AT_MOST_MS)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=8)
    sys.exit(asyncio.run(measured(parser.parse_args().rounds)))
