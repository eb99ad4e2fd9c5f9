"""Whether the ledger has what callers were told, with somebody killed again and again.

    python tests/benchmarks/usage_killed.py --kills 1000 [--postgres]

Callers stream without a pause. At random moments the server, whoever ships its usage, or the
database is killed and started again. At the end the ledger is compared with what callers wrote
down. SQLite has no process of its own: it dies with whoever ships.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, closing
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "tools")]

from postgres_server import PostgresServer, postgres_server  # noqa: E402

from lab_kit import datasets  # noqa: E402
from lab_kit.experiments.metering.chain import Chain  # noqa: E402
from lab_kit.experiments.metering.counting import Told, keep_calling  # noqa: E402

CALLERS, SPEED = 8, 8.0


async def kill_often(
    chain: Chain, told: Told, kills: int, chance: random.Random, postgres: PostgresServer | None
) -> Counter[str]:
    """So many kills while callers call."""
    killed: Counter[str] = Counter()
    is_over = asyncio.Event()
    pcm = datasets.clip("two-cities-best").pcm16
    callers = [
        asyncio.create_task(keep_calling(chain.addresses(is_over), pcm, told, speed=SPEED))
        for _ in range(CALLERS)
    ]
    victims = ["server", "shipper", *(["database"] if postgres else [])]
    for _ in range(kills):
        await asyncio.sleep(chance.uniform(0.0, 0.6))
        victim = chance.choice(victims)
        killed[victim] += 1
        if victim == "server":
            await asyncio.to_thread(chain.kill_server)
            await asyncio.to_thread(chain.start_server)
        elif victim == "shipper":
            await asyncio.to_thread(chain.kill_sidecar)
            await asyncio.to_thread(chain.start_sidecar)
        elif postgres is not None:
            await asyncio.to_thread(postgres.stop)
            await asyncio.to_thread(postgres.start)
    is_over.set()
    await asyncio.gather(*callers)
    return killed


def main() -> int:
    """Kill, then compare."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--postgres", action="store_true")
    options = parser.parse_args()
    told, began_s = Told(), time.monotonic()
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
        postgres = held.enter_context(postgres_server()) if options.postgres else None
        where = None if postgres is None else postgres.new_url()
        chain = held.enter_context(Chain(folder, where))
        chance = random.Random(options.seed)
        killed = asyncio.run(kill_often(chain, told, options.kills, chance, postgres))
        chain.stop_server()
        with closing(chain.settle()) as ledger:
            billed, strange = ledger.billed_us(), ledger.strange_lines()
    less = {name for name, us in told.until_us.items() if billed.get(name, 0) < us}
    beyond = {name for name, us in billed.items() if us > told.until_us.get(name, 0)}
    print(f"{sum(killed.values())} kills {dict(killed)} in {time.monotonic() - began_s:.0f} s")
    print(f"{len(billed)} streams, {told.events} results told, {told.total_us} us of sound")
    print(f"{len(less)} streams billed less than was told, {strange} strange lines")
    print(f"{len(beyond)} billed more, of them ended {len(beyond & told.ended)}")
    return 1 if less or beyond & told.ended or strange else 0


if __name__ == "__main__":
    sys.exit(main())
