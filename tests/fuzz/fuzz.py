"""Every kind of attack beside callers who speak, each held against the same time without one.

Without one, another process computes and sends nothing; see `computing`.

    .venv/bin/python tests/fuzz/fuzz.py [--seconds 20] [--rounds 2] [--seed 1] [--kinds KIND ...]

`make fuzz` runs it. Times with and without the attack take turns, on one server, so that what else
the machine does falls on both. Exits with 1 if any kind was not withstood: beside what the tests in
this folder demand, an attack may cost callers `DELAY_S` of a final's delay (p95), and ``/healthz``
has to answer within `HEALTH_S` throughout.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence

from beside import Report, watched
from run_attack import COMPUTING, KINDS

from lab_kit.bench import Bench
from lab_kit.core.units import ms
from lab_kit.measure.percentiles import percentile

DELAY_S = 0.1
HEALTH_S = 0.25
NICENESS = 10
SEED_VARIABLE = "FUZZ_SEED"
KEY = "correct-horse-of-the-fuzzer"


def judge(calm: Sequence[Report], rough: Sequence[Report]) -> list[str]:
    """What is wrong with a kind of attack, given its rounds with and without it."""
    found = [fault for report in rough for fault in report.faults()]
    grew_s = p95_s(rough) - p95_s(calm)
    if not grew_s <= DELAY_S:  # also where a caller got no final
        found.append(f"finals came {ms(grew_s):.0f} ms later (p95)")
    if worst_s(rough) > HEALTH_S:
        found.append(f"/healthz took up to {ms(worst_s(rough)):.0f} ms")
    return found


def p95_s(reports: Sequence[Report]) -> float:
    """Of all callers' final delays; infinite ones count."""
    return percentile([d for r in reports for one in r.heard for d in one.delays_s], 0.95)


def worst_s(reports: Sequence[Report]) -> float:
    """The longest that ``/healthz`` took."""
    return max(wait for report in reports for wait in report.health_s)


def told(kind: str, calm: Sequence[Report], rough: Sequence[Report], found: Sequence[str]) -> str:
    """A kind's line, and what was wrong beneath it."""
    first, last = rough[0].before, rough[-1].after
    attempts = sum(report.tally["attempts"] for report in rough)
    line = (
        f"{kind:14} {'FAILED' if found else 'withstood':9} {attempts:6} attempts,"
        f" final delay p95 {ms(p95_s(calm)):.0f} -> {ms(p95_s(rough)):.0f} ms,"
        f" healthz worst {ms(worst_s(calm)):.0f} -> {ms(worst_s(rough)):.0f} ms,"
        f" {first.resident_mb:.0f} -> {last.resident_mb:.0f} MB,"
        f" {first.descriptors} -> {last.descriptors} descriptors,"
        f" {first.tasks} -> {last.tasks} tasks"
    )
    return "\n".join([line, *(f"    {fault}" for fault in found)])


async def run(kinds: Sequence[str], seconds: float, rounds: int, seed: int) -> int:
    """Attack in every kind; returns how many were not withstood."""
    bench = Bench.start(KEY)
    failed = 0
    try:
        quiet = [await watched(bench, seconds)]  # and a server grows to its working set once
        print(f"with nothing beside: final delay p95 {ms(p95_s(quiet)):.0f} ms", flush=True)
        for kind in kinds:
            calm, rough = [], []
            for number in range(rounds):
                calm.append(await watched(bench, seconds, COMPUTING, seed + number, NICENESS))
                rough.append(await watched(bench, seconds, kind, seed + number, NICENESS))
            found = judge(calm, rough)
            failed += bool(found)
            print(told(kind, calm, rough, found), flush=True)
    finally:
        bench.stop()
    return failed


def main() -> int:
    """Parse, run, tell."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=20.0, help="of each round")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seed", type=int, default=int(os.environ.get(SEED_VARIABLE, "1")))
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    given = parser.parse_args()
    print(f"seed {given.seed}, {given.rounds} rounds of {given.seconds:.0f} s a kind", flush=True)
    failed = asyncio.run(run(given.kinds, given.seconds, given.rounds, given.seed))
    print(f"{failed} of {len(given.kinds)} kinds failed" if failed else "all kinds withstood")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
