"""Whether the ledger has what callers were told, with somebody killed again and again.

    python tests/benchmarks/usage_killed.py --kills 1000 [--postgres]

Callers stream without a pause. At random moments the server, whoever ships its usage, both, or the
database is killed (`kill -9`) and started again. Every now and then, and at the end, the ledger is
compared with what callers wrote down. SQLite has no process of its own: it dies with whoever ships.
"""

import argparse
import asyncio
import ctypes
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

from postgres_server import PostgresServer, postgres_server  # noqa: E402

from lab_kit import datasets  # noqa: E402
from lab_kit.experiments.metering.chain import Chain  # noqa: E402
from lab_kit.experiments.metering.counting import Told, keep_calling  # noqa: E402

CALLERS, SPEED = 8, 8.0
LOOK_KILLS = 50
"""After so many the ledger is compared meanwhile."""
_TAKE_IN_ORPHANS = 36
"""Linux' ``PR_SET_CHILD_SUBREAPER``."""


@dataclass
class Run:
    """Who may be killed, and what has happened so far."""

    chain: Chain
    postgres: PostgresServer | None
    told: Told = field(default_factory=Told)
    killed: Counter[str] = field(default_factory=Counter)
    began_s: float = field(default_factory=time.monotonic)

    def kill(self, victim: str) -> None:
        """End it, and have it again."""
        self.killed[victim] += 1
        if victim in ("shipper", "both"):
            self.chain.kill_sidecar()
        if victim in ("server", "both"):
            self.chain.kill_server()
        if victim == "database" and self.postgres is not None:
            self.postgres.kill()
            self.postgres.start()
        self.chain.start_server()
        self.chain.start_sidecar()

    def compare(self, until_us: Mapping[str, int], are_over: bool) -> bool:
        """Say how the ledger differs from what callers had been told until now."""
        with closing(self.chain.settle()) as ledger:
            billed, strange = ledger.billed_us(), ledger.strange_lines()
        less = {name for name, us in until_us.items() if billed.get(name, 0) < us}
        print(
            f"{time.monotonic() - self.began_s:6.0f} s  {self.killed.total()} kills"
            f" {dict(self.killed)}: {len(until_us)} streams, {sum(until_us.values())} us of sound"
            f" told; {len(less)} billed less, {strange} strange lines",
            flush=True,
        )
        return not less and not strange and (not are_over or self._says_what_is_beyond(billed))

    def _says_what_is_beyond(self, billed: Mapping[str, int]) -> bool:
        told = self.told
        more = {name: us - told.until_us.get(name, 0) for name, us in billed.items()}
        beyond = {name for name, us in more.items() if us > 0}
        print(f"{told.events} messages of sound told, {len(told.ended)} streams to their end")
        print(f"{len(beyond)} cut off and billed more, {max(more.values())} us at most")
        print(f"{len(beyond & told.ended)} that ended and were billed more")
        return not beyond & told.ended


async def kill_often(run: Run, kills: int, chance: random.Random) -> bool:
    """So many kills while callers call; whether the ledger was right each time that it was read."""
    is_over = asyncio.Event()
    pcm = datasets.clip("two-cities-best").pcm16
    callers = [
        asyncio.create_task(keep_calling(run.chain.addresses(is_over), pcm, run.told, speed=SPEED))
        for _ in range(CALLERS)
    ]
    victims = ["server", "shipper", "both", *(["database"] if run.postgres else [])]
    is_right = True
    for number in range(1, kills + 1):
        await asyncio.sleep(chance.uniform(0.0, 0.6))
        await asyncio.to_thread(run.kill, chance.choice(victims))
        if number % LOOK_KILLS == 0:
            so_far = dict(run.told.until_us)
            is_right &= await asyncio.to_thread(run.compare, so_far, False)
    is_over.set()
    await asyncio.gather(*callers)
    return is_right


def main() -> int:
    """Kill, then compare."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--postgres", action="store_true")
    options = parser.parse_args()
    ctypes.CDLL(None).prctl(_TAKE_IN_ORPHANS, 1, 0, 0, 0)
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
        postgres = held.enter_context(postgres_server()) if options.postgres else None
        where = None if postgres is None else postgres.new_url()
        run = Run(held.enter_context(Chain(folder, where)), postgres)
        is_right = asyncio.run(kill_often(run, options.kills, random.Random(options.seed)))
        run.chain.stop_server()
        is_right &= run.compare(run.told.until_us, True)
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
