"""Held-out real speech, streamed by the provider's own SDK: delays from true speech onset and end.

    .venv/bin/python tests/benchmarks/live.py [--streams N] [--json FILE]

Each clip is one utterance, sent in 50 ms chunks on a fixed schedule with endpointing=200. Prints
p50 and p95 beside what the bare runtime needs for the same audio in the same run, so that a slow
machine shows as a slow machine. With ``--streams N``, N callers speak at once, each with pauses of
its own; a fixed seed staggers them.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import psutil
from deepgram import AsyncDeepgramClient
from deepgram.core.events import EventType
from deepgram.environment import DeepgramClientEnvironment

from lab_kit.bench import Bench
from lab_kit.core.events import ModelInfo
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.datasets import Clip, clips
from lab_kit.engine.api import DecodeRequest, Priority
from lab_kit.engine.loop import EngineLoop
from lab_kit.engine.runner import MoonshineRunner
from lab_kit.measure.accuracy import bare_words
from lab_kit.measure.percentiles import can_show, percentile
from lab_kit.models.device import choose_device
from lab_kit.models.moonshine.model import Moonshine, warm_up
from lab_kit.models.store.store import ModelStore

CHUNK_S = 0.05
SEED = 20


@dataclass(frozen=True, slots=True)
class Turn:
    """What one utterance saw; None is a result that never came."""

    clip: str
    first_word_s: float | None
    final_delay_s: float | None
    text: str
    interims: int
    send_late_s: float


async def speak(client: AsyncDeepgramClient, clip: Clip) -> Turn:
    """Stream one clip and take its delays."""
    heard: list[tuple[int, object]] = []
    async with client.listen.v1.connect(
        model="nova-3",
        encoding="linear16",
        sample_rate="16000",
        channels="1",
        interim_results="true",
        endpointing="200",
        vad_events="true",
    ) as connection:
        connection.on(
            EventType.MESSAGE, lambda message: heard.append((time.perf_counter_ns(), message))
        )
        listening = asyncio.create_task(connection.start_listening())
        started_ns = time.perf_counter_ns() + 20_000_000
        late_s = await send(connection, clip.pcm16, started_ns)
        await connection.send_close_stream()
        await listening
    return judge(clip, heard, started_ns, late_s)


async def send(connection: object, pcm16: bytes, started_ns: int) -> float:
    """Send 16 kHz sound in chunks when they are due; returns the worst lateness in seconds."""
    size, worst = round(CHUNK_S * SAMPLE_RATE_HZ) * 2, 0.0
    for start in range(0, len(pcm16), size):
        piece = pcm16[start : start + size]
        due_ns = started_ns + round((start + len(piece)) / 2 / SAMPLE_RATE_HZ * 1e9)
        await asyncio.sleep(max(0, due_ns - time.perf_counter_ns()) / 1e9)
        worst = max(worst, (time.perf_counter_ns() - due_ns) / 1e9)
        await connection.send_media(piece)  # type: ignore[attr-defined]
    return worst


def judge(clip: Clip, heard: list[tuple[int, object]], started_ns: int, late_s: float) -> Turn:
    """Delays from the manifest's onset and end, not from the detector under test."""
    onset_s, end_s = clip.words[0].start_s, clip.words[-1].end_s
    results = [(at, m) for at, m in heard if getattr(m, "type", "") == "Results"]
    finals = [(at, m) for at, m in results if m.is_final and words_of(m)]
    text = " ".join(m.channel.alternatives[0].transcript for _, m in finals)
    first = bare_words(text)[:1]
    surviving = [at for at, m in results if first and words_of(m)[:1] == first]
    return Turn(
        clip=clip.id,
        first_word_s=since(started_ns, onset_s, surviving[:1]),
        final_delay_s=since(started_ns, end_s, [at for at, _ in finals][-1:]),
        text=text,
        interims=len(results) - len(finals),
        send_late_s=late_s,
    )


def words_of(message: object) -> list[str]:
    """The words of a Results message."""
    return bare_words(message.channel.alternatives[0].transcript)  # type: ignore[attr-defined]


def since(started_ns: int, audio_s: float, stamps: list[int]) -> float | None:
    """Seconds from that moment of the audio to the stamp."""
    return (stamps[0] - started_ns) / 1e9 - audio_s if stamps else None


def client_of(bench: Bench) -> AsyncDeepgramClient:
    """The provider's own client, of this server."""
    return client_at(bench.url)


def client_at(url: str) -> AsyncDeepgramClient:
    """The same for the server that listens there."""
    socket = url.replace("http", "ws", 1)
    environment = DeepgramClientEnvironment(
        base=url, production=socket, agent=socket, agent_rest=url
    )
    return AsyncDeepgramClient(api_key="none", environment=environment)


async def callers(bench: Bench, streams: int, rounds: int) -> list[Turn]:
    """``streams`` callers who each speak ``rounds`` clips with pauses between."""
    client = client_of(bench)
    order = random.Random(SEED)
    pool = list(clips(is_held_out=True))

    async def caller(number: int) -> list[Turn]:
        await asyncio.sleep(number * 3.0 / streams)
        turns = []
        for n in range(rounds):
            turns.append(await speak(client, pool[(number * 7 + n) % len(pool)]))
            await asyncio.sleep(order.expovariate(1 / 0.5))
        return turns

    return [turn for turns in await asyncio.gather(*map(caller, range(streams))) for turn in turns]


def bare_runtime() -> tuple[list[float], dict[str, str]]:
    """Seconds to decode each whole clip, alone on the device; and what it then says."""
    device = choose_device()
    model = Moonshine(ModelStore().path("moonshine-tiny-en").paths, device)
    warm_up(model)
    engine = EngineLoop(MoonshineRunner(model), ModelInfo("", "", "", ""), workers=1)
    times, texts = [], {}
    for clip in clips(is_held_out=True):
        began = time.perf_counter()
        request = DecodeRequest(np.array(clip.samples), Priority.FINAL)
        texts[clip.id] = engine.submit(request).future.result().text
        times.append(time.perf_counter() - began)
    engine.stop()
    return times, texts


def error_rate(texts: list[tuple[str, str]]) -> float:
    """Pooled word error rate of (clip id, hypothesis) pairs."""
    from jiwer import wer

    truth = {clip.id: clip.text for clip in clips(is_held_out=True)}
    return float(
        wer(
            [" ".join(bare_words(truth[name])) for name, _ in texts],
            [" ".join(bare_words(text)) for _, text in texts],
        )
    )


def row(name: str, values: list[float | None]) -> str:
    """One line of the table; a missing result counts as infinitely late."""
    seen = [float("inf") if value is None else value for value in values]
    note = "" if can_show(len(seen), 0.95) else "  (p95 indicative)"
    p50, p95, worst = percentile(seen, 0.5), percentile(seen, 0.95), max(seen)
    return f"{name:32} p50 {p50:6.3f}  p95 {p95:6.3f}  max {worst:6.3f} s  n={len(seen)}{note}"


def main() -> None:
    """Run, print, and keep the raw turns if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=1)
    parser.add_argument("--rounds", type=int, help="clips a caller speaks (default: all, or 5)")
    parser.add_argument("--json", type=Path, help="write the raw turns here")
    options = parser.parse_args()
    rounds = options.rounds or (20 if options.streams == 1 else 5)
    bare_s, bare_texts = bare_runtime()
    bench = Bench.start()
    server = psutil.Process(bench.pid)
    before, began = server.cpu_times(), time.perf_counter()
    turns = asyncio.run(callers(bench, options.streams, rounds))
    after, wall_s = server.cpu_times(), time.perf_counter() - began
    bench.stop()
    cpu_s = after.user + after.system - before.user - before.system
    audio_s = sum({c.id: c.duration_s for c in clips(is_held_out=True)}[t.clip] for t in turns)
    print(f"{options.streams} stream(s), {len(turns)} utterances, {bench.device}")
    print(row("final delay", [t.final_delay_s for t in turns]))
    print(row("first surviving word", [t.first_word_s for t in turns]))
    print(row("bare runtime, whole clip", list(bare_s)))
    print(f"word error rate: live {error_rate([(t.clip, t.text) for t in turns]):.1%}, ", end="")
    print(f"whole clip {error_rate(list(bare_texts.items())):.1%}")
    print(f"server CPU per audio second {cpu_s / audio_s:.3f}, cores busy {cpu_s / wall_s:.2f}")
    print(f"latest chunk left {max(t.send_late_s for t in turns) * 1e3:.1f} ms late")
    if options.json:
        options.json.write_text(json.dumps([asdict(turn) for turn in turns], indent=1))


if __name__ == "__main__":
    sys.exit(main())
