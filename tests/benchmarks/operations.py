"""Operations under what can happen to them: kills, an hour of sound, requests sent again.

    .venv/bin/python tests/benchmarks/operations.py [--kills 40] [--minutes 60] [--replays 3000]

First a server is killed at random moments while twenty operations run, each asked for under an
idempotency key, and again with the same key wherever no answer came. At the end each must have
ended once, with every segment once and the words that were said, and no sound may be left. Then an
hour of speech goes in: what the server's memory grows by, and what callers wait who speak
meanwhile, beside what they wait without it. Last, one request is sent again and again: how many
answers a core gives.

Exits with 1 if an operation was lost, done twice, or left something behind.
"""

import argparse
import asyncio
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from statistics import quantiles

import httpx
import numpy as np
import psutil
import soundfile
from live import client_at, speak

from lab_kit.client import Operations, Retries
from lab_kit.core.errors import ConnectionFailed
from lab_kit.datasets import clip, clips
from lab_kit.measure.accuracy import word_error_rate
from lab_kit.protocol.operations import Operation

READING = "two-cities-opening"
AT_ONCE = 20
SEED = 18
LONGEST_LIFE_S = 3.0
"""A server is killed this long after it was ready, or sooner."""
LOOK_S = 0.25
CALLERS = 4
MOST_WRONG = 0.2


@dataclass
class Serving:
    """A server process, and where it listens."""

    process: subprocess.Popen[str]
    url: str


@asynccontextmanager
async def serving(state: Path) -> AsyncIterator[Serving]:
    """A server with its state in that folder; killed at the end."""
    command = [sys.executable, "-m", "lab_kit.gateway.run.process", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--state", str(state), "--ready-json", "--with-parent"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None

    def ready() -> str:
        assert process.stdout is not None
        return next(line for line in process.stdout if line.startswith("{"))

    try:
        yield Serving(process, json.loads(await asyncio.to_thread(ready))["url"])
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def written(seconds: float) -> bytes:
    """A WAV of the reading, over and over."""
    said = clip(READING).samples
    file = BytesIO()
    times = max(1, round(seconds * 16_000 / len(said)))
    soundfile.write(file, np.tile(said, times), 16_000, format="WAV", subtype="PCM_16")
    return file.getvalue()


async def kills(count: int) -> bool:
    """Kill servers; whether every operation ended as it should."""
    chance = random.Random(SEED)
    recording = written(40.0)
    times = round(len(recording) / 32_000 / clip(READING).duration_s)
    names: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        for _ in range(count):
            async with serving(state) as server:
                asking = asyncio.create_task(_ask(server.url, recording, names))
                await asyncio.sleep(chance.uniform(0.0, LONGEST_LIFE_S))
                server.process.send_signal(signal.SIGKILL)
                await asyncio.gather(asking, return_exceptions=True)
        async with serving(state) as server:
            await _ask(server.url, recording, names)
            operations = Operations(server.url)
            ended = [await operations.wait(name, 3_600.0) for name in names.values()]
            known = [one async for one in operations.all()]
            wrong = [told for one in ended if (told := await _fault(operations, one, times))]
        left = [path.name for path in (state / "audio").iterdir()]
    print(
        f"{count} kills, {len(names)} requests: {len(known)} operations,"
        f" {len(wrong)} wrong, {len(left)} files left"
    )
    print(*wrong, sep="\n")
    return len(known) == len(names) == AT_ONCE and not wrong and not left


async def _ask(url: str, recording: bytes, names: dict[str, str]) -> None:
    """Ask for what has no name yet, each under its own key."""
    operations = Operations(url, retries=Retries(attempts=1))
    for number in range(AT_ONCE):
        key = f"recording-{number}"
        if key in names:
            continue
        try:
            names[key] = (await operations.transcribe(recording, idempotency_key=key)).name
        except ConnectionFailed:
            return  # the server has been killed; the next one is asked with the same key


async def _fault(operations: Operations, operation: Operation, times: int) -> str | None:
    if operation.error is not None:
        return f"{operation.name}: {operation.error.message}"
    found = await operations.result(operation)
    starts_s = [segment.start_s for segment in found.segments]
    if starts_s != sorted(set(starts_s)):
        return f"{operation.name}: segments at {starts_s}"
    wrong = word_error_rate(" ".join([clip(READING).text] * times), found.text)
    return f"{operation.name}: {wrong:.0%} of its words are wrong" if wrong > MOST_WRONG else None


async def long(minutes: float) -> bool:
    """An hour of speech, with and without callers beside it; whether its text is right."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "long.wav"
        recording = written(minutes * 60)
        file.write_bytes(recording)
        async with serving(Path(folder) / "state") as server:
            await _callers(server.url)  # whatever the first ones cost is not the hour's
            alone_ms = await _callers(server.url)
            memory = psutil.Process(server.process.pid)
            idle_mb = memory.memory_info().rss / 1e6
            operations = Operations(server.url)
            began_s = time.perf_counter()
            operation = await operations.transcribe(file)
            given_s = time.perf_counter() - began_s
            beside = asyncio.create_task(_callers(server.url))
            most_mb, done_first = idle_mb, False
            while not operation.done:
                operation = await operations.wait(operation.name, LOOK_S)
                most_mb = max(most_mb, memory.memory_info().rss / 1e6)
                done_first = operation.done and not beside.done()
            took_s = time.perf_counter() - began_s
            beside_ms = await beside
            times = round(len(recording) / 32_000 / clip(READING).duration_s)
            wrong = await _fault(operations, operation, times)
    print(
        f"{operation.metadata.audio_s / 60:.0f} min of speech: {operation.metadata.state} after"
        f" {took_s:.0f} s, {given_s:.1f} s of them to hand it over; memory {idle_mb:.0f} MB idle,"
        f" at most {most_mb - idle_mb:.0f} MB more; {wrong or 'its text is right'}"
    )
    if done_first:
        print("  it was done before its callers were: give it more minutes")
    for name, delays_ms in (("alone", alone_ms), ("beside it", beside_ms)):
        p50, p95 = (quantiles(delays_ms, n=20)[place] for place in (9, 18))
        print(f"  {CALLERS} callers {name}: final delay p50 {p50:.1f} ms, p95 {p95:.1f} ms")
    return wrong is None


async def _callers(url: str) -> list[float]:
    """Final delays of some who speak at once."""
    said = [one for one in clips() if one.duration_s < 8.0][:6]
    client = client_at(url)

    async def caller(number: int) -> list[float]:
        await asyncio.sleep(number * 0.7)
        turns = [await speak(client, one) for one in said]
        return [turn.final_delay_s * 1e3 for turn in turns if turn.final_delay_s is not None]

    each = await asyncio.gather(*map(caller, range(CALLERS)))
    return [delay_ms for delays_ms in each for delay_ms in delays_ms]


async def replays(count: int) -> None:
    """One request, sent again."""
    with tempfile.TemporaryDirectory() as folder:
        async with serving(Path(folder)) as server:
            headers = {"idempotency-key": "one", "content-type": "application/json"}
            body = b'{"url": "https://example.com/recording.wav"}'
            process = psutil.Process(server.process.pid)
            async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:

                async def ask() -> bytes:
                    answer = await client.post(
                        "/v1/transcriptions", content=body, headers=headers, timeout=60
                    )
                    return answer.raise_for_status().content

                first = await ask()
                before = process.cpu_times()
                began_s = time.perf_counter()
                for _ in range(count // CALLERS):
                    again = await asyncio.gather(*(ask() for _ in range(CALLERS)))
                    assert set(again) == {first}
                took_s = time.perf_counter() - began_s
                after = process.cpu_times()
    cpu_s = after.user + after.system - before.user - before.system
    print(
        f"{count} replays of {len(body):,} bytes: {count / took_s:.0f} a second from {CALLERS} at"
        f" once, {count / cpu_s:.0f} a second of the server's CPU"
    )


def main() -> int:
    """Print all three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--replays", type=int, default=3_000)
    options = parser.parse_args()
    is_right = asyncio.run(kills(options.kills)) if options.kills else True
    if options.minutes:
        is_right = asyncio.run(long(options.minutes)) and is_right
    if options.replays:
        asyncio.run(replays(options.replays))
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
