"""Cuts the connections of many sessions at random points: is an event lost, or heard twice?

    python tests/benchmarks/resume.py --cuts 500

Streams of our own messages, over each wire in turn, faster than speech, through a proxy that resets
each connection after a random number of bytes. Each session's finals are compared with those of the
same sound without a cut, and its messages with the rules of `protocol.judge`.
"""

import argparse
import asyncio
import random
import sys
import time
from contextlib import AsyncExitStack, suppress
from itertools import cycle
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))

from cutting import cutting

from lab_kit import datasets
from lab_kit.bench import Bench
from lab_kit.client import NativeWire, ServerAddress, SessionClient, connect_session
from lab_kit.core.errors import ConnectionFailed
from lab_kit.core.events import Final, StreamOptions

CHUNK_BYTES = 3_200
CLIPS = ("two-cities-best-and-worst", "two-cities-opening")
PACE = 3.0
"""Times the pace of speech."""
MOST_BEGINNINGS = 20


async def spoken(wire: NativeWire, address: ServerAddress, pcm: bytes) -> tuple[list[str], int]:
    """The finals, and how often the session went on over a new connection."""
    async with AsyncExitStack() as held:
        session = await begun(held, wire, address)
        speaking = asyncio.create_task(speak(session, pcm))
        said = [r.event.text async for r in session if isinstance(r.event, Final)]
        await speaking
        return said, session.resumed


async def begun(held: AsyncExitStack, wire: NativeWire, address: ServerAddress) -> SessionClient:
    """An open session; one whose connection is cut before it has a name is begun again."""
    for _ in range(MOST_BEGINNINGS):
        with suppress(ConnectionFailed):
            return await held.enter_async_context(connect_session(wire, address, StreamOptions()))
    raise AssertionError(f"no session was begun in {MOST_BEGINNINGS} tries")


async def speak(session: SessionClient, pcm: bytes) -> None:
    """Send the sound, and finish."""
    for start in range(0, len(pcm), CHUNK_BYTES):
        await session.send(pcm[start : start + CHUNK_BYTES])
        await asyncio.sleep(CHUNK_BYTES / 32_000 / PACE)
    await session.finish()


async def measured(cuts: int, seed: int) -> int:
    """Print what was seen; how many sessions were not as without a cut."""
    chance = random.Random(seed)
    bench = Bench.start()
    sounds = {name: datasets.clip(name).pcm16 for name in CLIPS}
    whole = {}
    for name, pcm in sounds.items():
        whole[name], _ = await spoken(NativeWire.WEBSOCKET, bench.address, pcm)
    wrong, sessions, began = 0, 0, time.perf_counter()
    resumed, cut = dict.fromkeys(NativeWire, 0), dict.fromkeys(NativeWire, 0)
    wires = cycle(NativeWire)
    while sum(cut.values()) < cuts:
        wire, name = next(wires), chance.choice(CLIPS)
        async with cutting(bench.address, lambda: bytes_until_cut(chance)) as (address, made):
            try:
                said, times = await spoken(wire, address, sounds[name])
            except Exception as error:  # whatever it is, it is what is looked for
                said, times = [f"{type(error).__name__}: {error}"], 0
        sessions += 1
        resumed[wire] += times
        cut[wire] += len(made)
        if said != whole[name]:
            wrong += 1
            print(f"{wire}: {said}\n  expected: {whole[name]}")
    took_s = time.perf_counter() - began
    told = ", ".join(f"{cut[wire]} ({resumed[wire]}) over {wire}" for wire in NativeWire)
    print(f"{sessions} sessions, cuts (went on): {told}, in {took_s:.0f} s")
    print(f"{wrong} not as without a cut")
    return wrong


def bytes_until_cut(chance: random.Random) -> int:
    """Most often early, in the head of a request even; sometimes late."""
    return round(chance.uniform(1_000, 100_000) ** chance.uniform(0.7, 1))


def main() -> int:
    """Measure; 1 if a session was not as without a cut."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    return 1 if asyncio.run(measured(given.cuts, given.seed)) else 0


if __name__ == "__main__":
    sys.exit(main())
