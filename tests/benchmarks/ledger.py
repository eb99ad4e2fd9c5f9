"""Events a second from a journal into the ledger, beside the bare database's own bulk insert.

    python tests/benchmarks/ledger.py [--events 500000] [--rounds 3]

Bare is ``executemany`` of finished rows into the same table with the same constraint, a thousand a
transaction, each flushed. Ours reads and checks JSON lines from a file, and writes with each batch
how far the file was read. A tenth of the events comes twice, and all are shuffled. Both in turn, in
one run: what else the machine does meets both.
"""

import argparse
import random
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from statistics import median
from uuid import UUID

from lab_kit.ledger.forms import FORMS
from lab_kit.ledger.ledger import open_ledger
from lab_kit.ledger.shipping import Shipper
from lab_kit.metering.event import FIELDS, Quantities, UsageEvent, Used, cloud_event, values_of

AT_LEAST = 0.9
"""Of the bare insert's rate."""
BATCH, OF_STREAM = 1_000, 20
T0_US = 1_700_000_000_000_000


def made(count: int) -> list[UsageEvent]:
    """So many events of streams, a tenth of them twice, in no order."""
    events = []
    for number in range(count):
        stream, place = divmod(number, OF_STREAM)
        name = str(UUID(int=stream << 64 | stream))
        used = Used(name, name, "stream", f"tenant-{stream % 20}", "sk_live_a", "m", 3, "eu-west")
        amount = Quantities(3_000_000, 3_000_000, 3_000_000, 0, 12, 80_000)
        until_us = 3_000_000 * (place + 1)
        time_us = T0_US + 37 * number
        event_id = f"{name}:{place}"
        features = ("interim_results",)
        events.append(
            UsageEvent("lab_kit/a", event_id, time_us, used, amount, 1, features, until_us)
        )
    chance = random.Random(1)
    events += chance.sample(events, count // 10)
    chance.shuffle(events)
    return events


def bare_per_s(folder: Path, events: list[UsageEvent]) -> float:
    """The database alone."""
    rows = [(number, *values_of(event)) for number, event in enumerate(events)]
    sql = (
        f"INSERT INTO usage_events (number, {', '.join(FIELDS)})"
        f" VALUES ({', '.join('?' * (1 + len(FIELDS)))}) ON CONFLICT (source, id) DO NOTHING"
    )
    file = folder / "bare.sqlite"
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "cache_size = -65536"):
            database.execute(f"PRAGMA {pragma}")
        database.execute("PRAGMA wal_autocheckpoint = 10000")
        database.execute(FORMS[0][0])
        began_s = time.perf_counter()
        for start in range(0, len(rows), BATCH):
            database.execute("BEGIN IMMEDIATE")
            database.executemany(sql, rows[start : start + BATCH])
            database.execute("COMMIT")
        took_s = time.perf_counter() - began_s
    for left in folder.glob("bare.sqlite*"):
        left.unlink()
    return len(rows) / took_s


def ours_per_s(folder: Path, lines: bytes, count: int, kept: int) -> float:
    """From a journal's file."""
    usage = folder / "usage"
    usage.mkdir(exist_ok=True)
    (usage / "a.jsonl").write_bytes(lines)
    ledger = open_ledger(str(folder / "ledger.sqlite"))
    with closing(ledger), closing(Shipper(usage, ledger)) as shipper:
        ledger.shipped()  # opened: its tables are made now
        began_s = time.perf_counter()
        new = shipper.ship()
        took_s = time.perf_counter() - began_s
    assert new == kept, f"{new} of {kept} events"
    for left in folder.glob("ledger.sqlite*"):
        left.unlink()
    return count / took_s


def main() -> int:
    """Both, so many times."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    events = made(options.events)
    lines = b"".join(cloud_event(one) + b"\n" for one in events)
    ratios = []
    with tempfile.TemporaryDirectory() as name:
        for _ in range(options.rounds):
            bare = bare_per_s(Path(name), events)
            ours = ours_per_s(Path(name), lines, len(events), options.events)
            ratios.append(ours / bare)
            print(
                f"bare {bare:,.0f} events/s, from the journal {ours:,.0f}, {ours / bare:.2f} of it"
            )
    middle = median(ratios)
    print(f"{middle:.2f} of it in the middle round; at least {AT_LEAST} is wanted")
    return 0 if middle >= AT_LEAST else 1


if __name__ == "__main__":
    sys.exit(main())
