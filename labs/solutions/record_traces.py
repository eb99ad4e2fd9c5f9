"""Record the three traces of exercise 01.1 anew, on the machine this runs on.

    python labs/solutions/record_traces.py

Each is one recording sent in one request to a real server. A has to queue behind longer ones, B is
long itself, C goes through a proxy that delays every byte. A trace is kept only if it is over
300 ms with its stage and under it without, so on a much faster or slower machine this says which
one has to be provoked differently.
"""

import asyncio
import json
import platform
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from pathlib import Path

from lab_kit import Bench, datasets
from lab_kit.core.call_record import Waterfall
from lab_kit.core.clock import wall_clock_iso
from lab_kit.core.units import BUDGET_S
from lab_kit.course.exercises import lab01
from lab_kit.measure.calls import INFERENCE, QUEUE_WAIT, request_waterfall

TARGET = Path(__file__).parents[2] / "lab_kit" / "course" / "traces" / "01.json"
CROWD, HEAD_START_S = 8, 0.6
DELAY_S = 0.22
TRIES = 10
HOW = {
    "A": f"{CROWD} requests of 11.8 s of speech went to the server; {HEAD_START_S} s later came"
    " this one, of 3.3 s, and waited for them.",
    "B": "one request of 44 s of speech to an idle server on the same machine.",
    "C": f"one request of 3.3 s of speech through a proxy that delays every byte by"
    f" {DELAY_S * 1e3:.0f} ms in each direction.",
}


async def queued(bench: Bench) -> Waterfall:
    """A short request behind a crowd of longer ones."""
    crowd = datasets.clip("speech-long-complaint")
    others = [asyncio.create_task(bench.transcribe(crowd)) for _ in range(CROWD)]
    await asyncio.sleep(HEAD_START_S)
    call = await bench.transcribe(datasets.clip("two-cities-best"))
    await asyncio.gather(*others)
    return request_waterfall(call)


async def long(bench: Bench) -> Waterfall:
    """A long recording."""
    return request_waterfall(await bench.transcribe(datasets.clip("two-cities")))


async def far(bench: Bench) -> Waterfall:
    """A short recording from far away."""
    with bench.far_away(DELAY_S) as caller:
        return request_waterfall(await caller.transcribe(datasets.clip("two-cities-best")))


async def record() -> dict[str, Waterfall]:
    """All three, each tried until it shows what it should."""
    bench = Bench.start()
    try:
        for _ in range(3):
            await far(bench)  # warm caches on both sides
        return {
            "A": await _shown(lambda: queued(bench), QUEUE_WAIT),
            "B": await _shown(lambda: long(bench), INFERENCE),
            "C": await _shown(lambda: far(bench), lab01.NETWORK),
        }
    finally:
        bench.stop()


async def _shown(measure: Callable[[], Awaitable[Waterfall]], stage: str) -> Waterfall:
    for _ in range(TRIES):
        waterfall = await measure()
        if lab01.culprits(waterfall) == [stage] and waterfall.total_s > BUDGET_S:
            return waterfall
    sys.exit(f"{TRIES} tries did not give a trace that only '{stage}' takes over the budget")


def main() -> None:
    """Record and write the file."""
    waterfalls = asyncio.run(record())
    content = {
        "recorded": wall_clock_iso(),
        "command": "python labs/solutions/record_traces.py",
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "traces": {
            name: {"how": HOW[name], "waterfall": asdict(replace(waterfall, title=name))}
            for name, waterfall in waterfalls.items()
        },
    }
    TARGET.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    print(f"wrote {TARGET}")


if __name__ == "__main__":
    main()
