"""Whether a million events leave the same invoices, byte for byte, however they come.

    python tests/benchmarks/invoices.py [--events 1000000] [--postgres]

One event in ten comes twice. They come into three ledgers: as they were made, backwards, and
shuffled. Then the month is closed, and each tenant is invoiced. The invoices are compared with each
other, and the sound on them with what was made.
"""

import argparse
import random
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1])]

from postgres_server import postgres_server  # noqa: E402

from lab_kit.experiments.metering.traffic import CALLERS, NOVEMBER, made_events  # noqa: E402
from lab_kit.ledger.ledger import Batch, Ledger, open_ledger  # noqa: E402
from lab_kit.metering.event import FIELDS, Values, values_of  # noqa: E402
from lab_kit.metering.invoice import read_invoice  # noqa: E402
from lab_kit.metering.plans import Account  # noqa: E402
from lab_kit.metering.schemes import HOUSE  # noqa: E402

BATCH = 7_000
"""Events at a time, as a shipper takes them."""


def invoices(ledger: Ledger, rows: Sequence[Values]) -> dict[str, bytes]:
    """Each tenant's, from these events."""
    began_s = time.monotonic()
    new = 0
    for start in range(0, len(rows), BATCH):
        new += ledger.take(Batch("made", 0, rows[start : start + BATCH]))
    taken_s = time.monotonic() - began_s
    began_s = time.monotonic()
    ledger.close_period(NOVEMBER)
    tenants = [caller.tenant for caller in CALLERS]
    found = {
        tenant: ledger.issue(Account(tenant, "USD"), NOVEMBER, HOUSE.books) for tenant in tenants
    }
    issued_s = time.monotonic() - began_s
    print(
        f"  {len(rows):,} came, {new:,} new, {len(rows) / taken_s:,.0f} a second;"
        f" {len(found)} invoices in {issued_s:.1f} s",
        flush=True,
    )
    return found


def main() -> int:
    """Take them in three orders, and compare."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--postgres", action="store_true")
    options = parser.parse_args()
    began_s = time.monotonic()
    chance = random.Random(options.seed)
    rows = [values_of(event) for event in made_events(options.events, options.seed)]
    made_us = sum(int(row[FIELDS.index("billed_us")]) for row in rows)
    rows += chance.sample(rows, len(rows) // 10)
    print(f"{options.events:,} events made in {time.monotonic() - began_s:.0f} s", flush=True)
    orders = {"as they were made": lambda: None, "backwards": rows.reverse}
    orders["shuffled"] = lambda: chance.shuffle(rows)
    found = []
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
        postgres = held.enter_context(postgres_server()) if options.postgres else None
        for name, order in orders.items():
            order()
            print(f"{name}:", flush=True)
            where = str(folder / name) if postgres is None else postgres.new_url()
            with closing(open_ledger(where)) as ledger:
                found.append(invoices(ledger, rows))
    lines = [line for document in found[0].values() for line in read_invoice(document).lines]
    sound_us = sum(line.quantity for line in lines if line.name.endswith(" sound"))
    is_same = found[0] == found[1] == found[2]
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1_024
    print(f"invoices {'are the same, byte for byte' if is_same else 'DIFFER'}")
    print(f"sound on them {sound_us:,} us, made {made_us:,} us")
    print(f"{time.monotonic() - began_s:.0f} s, {peak_mb:,} MB at most")
    return 0 if is_same and sound_us == made_us else 1


if __name__ == "__main__":
    sys.exit(main())
