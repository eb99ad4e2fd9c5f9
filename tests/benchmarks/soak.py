"""A long overload: every admitted stream ends as promised, and the server is as it was before.

    .venv/bin/python tests/benchmarks/soak.py [--minutes 10] [--times 2.0] [--capacity 36]
                                              [--json FILE]

Calls of a few sentences arrive at random at ``--times`` the rate that ``--capacity`` streams would
fill (Little's law), for so many minutes; some are of class batch. Between them and the server is a
network with distance, jitter and loss. After it the server gets time to come to rest, and what it
holds is compared with what it held before: memory, descriptors, threads, tasks, streams, queue.
Before is after a minute of the same load and the same rest, so that what a server grows to once
is not taken for what it keeps growing by; `memory_verdict` says whether memory was level.

Exits with 1 if an admitted stream got neither its finals nor a documented error.
"""

import argparse
import asyncio
import json
import math
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import httpx
import psutil
from memory_verdict import LEVEL_S, judge

from lab_kit.bench import Bench
from lab_kit.client import DegradationStatus
from lab_kit.core.events import PriorityClass, StreamOptions
from lab_kit.datasets import Clip, clips
from lab_kit.experiments.load import CallEnding, LiveLoad, Network, OpenCalls, Poisson, call_all
from lab_kit.experiments.load.live_load import turns_of
from lab_kit.gateway.run.maintenance import TRIM_S
from lab_kit.show.load.load import tabulate_load

CALL_S = 12.0
BATCH_SHARE = 0.25
GROW_S = 60.0
"""Twice the load reaches the most streams that are let in within a few calls."""
REST_S = 3 * TRIM_S
"""Until the server has given back what it does not use."""
LOOK_S = 1.0
ROUGH = Network(one_way_s=0.02, jitter_s=0.01, loss=0.01)
DOCUMENTED = ("SYSTEM_OVERLOADED", "NET-0001", "SLOW-CONSUMER", "server stops", "DATA-0000")
"""What a stream's end may be called; docs/server.md lists them."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a server holds."""

    resident_mb: float
    descriptors: int
    threads: int
    tasks: int
    streams: int
    waiting: float

    def line(self) -> str:
        """For people."""
        return (
            f"{self.resident_mb:.0f} MB resident, {self.descriptors} descriptors,"
            f" {self.threads} threads, {self.tasks} tasks, {self.streams} streams,"
            f" {self.waiting:.0f} requests waiting"
        )


async def held(bench: Bench) -> Held:
    """Look at the server from outside and through its own metrics."""
    server = psutil.Process(bench.pid)
    level = await bench.operator.degradation()
    async with httpx.AsyncClient(base_url=bench.url, trust_env=False) as client:
        lines = (await client.get("/metrics")).text.splitlines()
    told = {
        line.split("{")[0].split(" ")[0]: float(line.rsplit(" ", 1)[1])
        for line in lines
        if line[:1] != "#"
    }
    return Held(
        server.memory_info().rss / 1e6,
        server.num_fds(),
        server.num_threads(),
        round(told.get("lab_tasks", math.nan)),
        level.open_streams,
        told.get("lab_engine_waiting", math.nan),
    )


async def note_memory(bench: Bench, levels_mb: list[float], peaks_mb: list[float]) -> None:
    """Note the server's median and highest resident memory of each `LEVEL_S`, until stopped."""
    server = psutil.Process(bench.pid)
    while True:
        seen_mb = []
        for _ in range(round(LEVEL_S / LOOK_S)):
            await asyncio.sleep(LOOK_S)
            seen_mb.append(server.memory_info().rss / 1e6)
        levels_mb.append(median(seen_mb))
        peaks_mb.append(max(seen_mb))


async def overload(
    bench: Bench, speech: list[Clip], rate: float, seconds: float
) -> tuple[LiveLoad, LiveLoad]:
    """Have so many calls a second arrive from behind a network; interactive ones and batch."""
    batch = StreamOptions(priority_class=PriorityClass.BATCH)
    plans = [
        OpenCalls(Poisson(rate * share, seconds, seed), CALL_S)
        for share, seed in ((1 - BATCH_SHARE, 2), (BATCH_SHARE, 3))
    ]
    with bench.behind(ROUGH) as caller:
        return await asyncio.gather(
            call_all(caller, plans[0], speech, seed=2, warm_up_s=min(10, seconds / 4)),
            call_all(caller, plans[1], speech, seed=3, options=batch),
        )


async def rested(bench: Bench) -> tuple[DegradationStatus, Held]:
    """Wait until the service is full and memory is given back; what is held then."""
    level = await bench.full_service()
    await asyncio.sleep(REST_S)
    return level, await held(bench)


def outcome(load: LiveLoad) -> Counter[str]:
    """How each call ended; an admitted one without finals or a documented reason is a fault."""
    counted: Counter[str] = Counter()
    for call in load.calls:
        if call.ending is CallEnding.COMPLETE:
            lost = sum(math.isinf(turn.final_delay_s) for turn in turns_of(call.call))
            counted["every final" if not lost else f"FAULT: complete, {lost} finals missing"] += 1
        elif call.ending is CallEnding.REFUSED:
            counted["refused at the door"] += 1
        else:
            name = next((name for name in DOCUMENTED if name in (call.error or "")), None)
            counted[name or f"FAULT: {call.ending}: {(call.error or '')[:80]}"] += 1
    return counted


async def soak(options: argparse.Namespace) -> int:
    """Run it; returns the exit code."""
    bench = Bench.start()
    try:
        speech = [clip for clip in clips(is_held_out=True) if clip.duration_s < CALL_S]
        rate, seconds = options.times * options.capacity / CALL_S, options.minutes * 60
        print(f"{rate:.2f} calls/s of {CALL_S:.0f} s: {rate * CALL_S:.0f} streams offered")
        await overload(bench, speech, rate, GROW_S)
        _, before = await rested(bench)
        print(f"before: {before.line()}")
        levels_mb: list[float] = []
        peaks_mb: list[float] = []
        noting = asyncio.create_task(note_memory(bench, levels_mb, peaks_mb))
        live, work = await overload(bench, speech, rate, seconds)
        noting.cancel()
        level, after = await rested(bench)
    finally:
        bench.stop()
    print(tabulate_load([live, work], ["interactive", "batch"]).text)
    faults = 0
    for name, load in (("interactive", live), ("batch", work)):
        print(
            f"{name}: " + ", ".join(f"{count} {how}" for how, count in outcome(load).most_common())
        )
        faults += sum(count for how, count in outcome(load).items() if how.startswith("FAULT"))
    print("service level:", " ".join(f"{c.before}->{c.after}" for c in level.changes) or "full")
    print(f"before: {before.line()}\nafter:  {after.line()}")
    verdict = judge(levels_mb, before.resident_mb, after.resident_mb)
    for name, seen_mb in (("median", levels_mb), ("peak", peaks_mb)):
        print(f"{name} MB of each half minute:", " ".join(f"{mb:.0f}" for mb in seen_mb))
    print(verdict)
    if options.json is not None:
        told = {
            "faults": faults,
            "interactive": outcome(live),
            "batch": outcome(work),
            "memory": asdict(verdict),
        }
        options.json.write_text(json.dumps(told, indent=1))
    return int(faults > 0)


def main() -> int:
    """Parse and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--times", type=float, default=2.0, help="of capacity")
    parser.add_argument("--capacity", type=int, default=36, help="streams, by concurrency.py")
    parser.add_argument("--json", type=Path)
    return asyncio.run(soak(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
