"""An attack beside callers who speak: what they saw of it, and what it left in the server."""

import asyncio
import json
import math
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
from attempts import PATIENCE_S
from neighbours import Heard, Speaker, probe_health, speak
from run_attack import KEY_VARIABLE

from lab_kit.bench import Bench

CALLERS = 2
RELEASE_S = 60.0
"""The time that the server gets to give everything back."""
LEFT_MB = 50.0
WORST_ERROR_RATE = 0.1
END_S = 3 * PATIENCE_S
"""Longer than any attempt that is under way when an attack ends takes."""
LOOK_S = 0.25
WHOLE_LOG_LINES = 10**6
ADDRESS = re.compile(r"0x[0-9a-f]+")
"""Of an object in memory: the same error has another one each time."""
UNFORESEEN = re.compile(r"\b(ERROR|CRITICAL)\b|never retrieved|never awaited")
"""In a log line: what nobody expected. A traceback is told by the line that names its error."""
TIME = re.compile(r"^\d{4}-\S+ \S+ ")


@dataclass(frozen=True, slots=True)
class Held:
    """What a server holds.

    Attributes:
        streams: that are open.
        decodes: that wait or run.
    """

    resident_mb: float
    descriptors: int
    tasks: int
    streams: int
    decodes: int

    def exceeds(self, before: "Held") -> list[str]:
        """What there is more of than before, beyond what memory may differ by."""
        grown_mb = self.resident_mb - before.resident_mb
        found = [f"{grown_mb:+.0f} MB resident"] if grown_mb > LEFT_MB else []
        for name in ("descriptors", "tasks", "streams", "decodes"):
            now, then = getattr(self, name), getattr(before, name)
            found += [f"{name} {then} before, {now} after"] if now > then else []
        return found


@dataclass(frozen=True, slots=True)
class Report:
    """What was seen of one attack, or of a time without one.

    Attributes:
        tally: what the attacker told; empty without an attack.
        health_s: how long each ``/healthz`` took.
        log: what the server's log has that nobody foresaw, and how often.
        after: what was held in the end, or after `RELEASE_S` if it was still more than before.
    """

    tally: dict[str, Any]
    heard: tuple[Heard, ...]
    health_s: tuple[float, ...]
    log: tuple[str, ...]
    before: Held
    after: Held

    def faults(self) -> list[str]:
        """What is wrong however fast the machine is."""
        found = list(self.tally.get("faults", ()))
        for one in self.heard:
            if one.broken is not None:
                found.append(f"a caller's stream broke: {one.broken}")
            elif one.error_rate > WORST_ERROR_RATE:
                found.append(f"a caller was not understood: {one.error_rate:.0%} of words wrong")
            elif math.inf in one.delays_s:
                found.append("a caller waited for a final in vain")
        found += [f"log: {line}" for line in self.log]
        return found + [f"left behind: {what}" for what in self.after.exceeds(self.before)]


async def held(bench: Bench) -> Held:
    """Look at the server from outside, and through its own metrics."""
    async with httpx.AsyncClient(base_url=bench.url, trust_env=False, timeout=PATIENCE_S) as client:
        lines = (await client.get("/metrics")).text.splitlines()
    told: dict[str, float] = {}
    for line in lines:
        if not line.startswith("#"):
            name, value = line.split("{")[0].split()[0], float(line.rsplit(" ", 1)[1])
            told[name] = told.get(name, 0.0) + value
    process = psutil.Process(bench.pid)
    return Held(
        process.memory_info().rss / 1e6,
        process.num_fds(),
        round(told["lab_tasks"]),
        round(told["lab_streams"]),
        round(told["lab_engine_waiting"] + told["lab_engine_running"]),
    )


async def released(bench: Bench, before: Held) -> Held:
    """Wait until nothing is held that was not before, but no longer than `RELEASE_S`."""
    until_s = time.monotonic() + RELEASE_S
    while (now := await held(bench)).exceeds(before) and time.monotonic() < until_s:
        await asyncio.sleep(LOOK_S)
    return now


async def attacked(
    bench: Bench, kind: str, seconds: float, seed: int, niceness: int
) -> dict[str, Any]:
    """Have another process attack the server; what it told.

    Raises:
        RuntimeError: it failed, which says nothing of the server.
        TimeoutError: it did not end.
    """
    script = Path(__file__).with_name("run_attack.py")
    words = ["--url", bench.url, "--grpc", bench.grpc_address]
    words += ["--seconds", str(seconds), "--seed", str(seed), "--niceness", str(niceness)]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(script), kind, *words),
        env={**os.environ, KEY_VARIABLE: bench.key or ""},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(seconds + END_S):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise RuntimeError(f"the attacker failed: {err.decode(errors='replace')[-2_000:]}")
    told: dict[str, Any] = json.loads(out.splitlines()[-1])
    return told


async def watched(
    bench: Bench, seconds: float, kind: str | None = None, seed: int = 0, niceness: int = 0
) -> Report:
    """Have callers speak while the server is attacked, or left in peace, for so long.

    Args:
        niceness: of the attacker. Where delays are measured it gets what the server leaves, as if
            it had a machine of its own; beside other work that would be too little to attack with.
    """
    await _all_loaded(bench)
    before, known_lines = await held(bench), len(_log(bench))
    speakers = [Speaker() for _ in range(CALLERS)]
    speaking = [asyncio.create_task(speak(bench, speaker)) for speaker in speakers]
    waits_s: list[float] = []
    probing = asyncio.create_task(probe_health(bench.url, waits_s))
    try:
        if kind is None:
            await asyncio.sleep(seconds)
            tally = {}
        else:
            await _speaking(bench)
            tally = await attacked(bench, kind, seconds, seed, niceness)
        for speaker in speakers:
            speaker.is_enough = True
        heard = await asyncio.gather(*speaking)
        if probing.done():
            probing.result()  # it ends only by a failure
    finally:
        for task in (*speaking, probing):
            task.cancel()
        await asyncio.gather(*speaking, probing, return_exceptions=True)
    after = await released(bench, before)
    log = unforeseen(_log(bench)[known_lines:], bench.key)
    return Report(tally, tuple(heard), tuple(waits_s), log, before, after)


async def _all_loaded(bench: Bench) -> None:
    """Ask once for what a server loads, or opens, when somebody first asks for it."""
    headers = {} if bench.key is None else {"authorization": f"Token {bench.key}"}
    async with httpx.AsyncClient(
        base_url=bench.url, headers=headers, trust_env=False, timeout=PATIENCE_S
    ) as client:
        spoken = {"text": "Hello.", "format": "mp3"}
        (await client.post("/v1/audio:synthesize", json=spoken)).raise_for_status()
        (await client.get("/v1/operations")).raise_for_status()


async def _speaking(bench: Bench) -> None:
    """Wait until the callers have their places, which an attack could take before them."""
    async with asyncio.timeout(PATIENCE_S):
        while (await held(bench)).streams < CALLERS:
            await asyncio.sleep(LOOK_S / 10)


def _log(bench: Bench) -> list[str]:
    return bench.log_tail(WHOLE_LOG_LINES).splitlines()


def unforeseen(lines: Sequence[str], key: str | None) -> tuple[str, ...]:
    """What a log has that nobody wrote on purpose, or that holds the key; each with its count."""
    found: Counter[str] = Counter()
    for number, line in enumerate(lines):
        if line.startswith("Traceback"):
            # the first line after it that is not indented names the error
            error = next((later for later in lines[number + 1 :] if later[:1] != " "), line)
            found[ADDRESS.sub("0x...", error)] += 1
        elif UNFORESEEN.search(line):
            found[ADDRESS.sub("0x...", TIME.sub("", line))] += 1
        if key is not None and key in line:
            found["a line with the caller's key"] += 1
    return tuple(f"{count} x {line[:300]}" for line, count in found.most_common())
