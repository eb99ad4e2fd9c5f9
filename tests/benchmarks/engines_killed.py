"""Engine processes ended at random under live streams: no final lost, none twice, and how late.

    .venv/bin/python tests/benchmarks/engines_killed.py [--streams 24] [--minutes 5] [--ends 40]

Each ending kills, stops or exchanges the process that is asked just then, at a random moment.
Prints what became of the turns that ended within three seconds of one beside all others of the run.
Delays are this machine's; that nothing is lost or doubled is not, and fails.
"""

import argparse
import asyncio
import sys
from collections import Counter

from lab_kit.bench import Bench
from lab_kit.core.units import ms
from lab_kit.datasets import clips
from lab_kit.experiments.load import Stairs
from lab_kit.experiments.load.live_load import CallEnding, Turn
from lab_kit.experiments.scale.engines_ended import Ended, Ending, at_random, end_engines
from lab_kit.measure.percentiles import percentile

SEED = 22
REST_S = 5.0
"""At the end, so that the last ending is got over."""


def main() -> int:
    """Run, print, judge."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--streams", type=int, default=24)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--ends", type=int, default=40)
    parser.add_argument("--seed", type=int, default=SEED)
    return asyncio.run(_run(parser.parse_args()))


async def _run(options: argparse.Namespace) -> int:
    seconds = options.minutes * 60
    # whoever is refused loses turns for another reason than the one looked for
    bench = Bench.start(engines=1)
    endings = at_random(options.ends, seconds - REST_S, options.seed)
    plan = Stairs((options.streams,), seconds)
    seen = await end_engines(bench, bench.operator, 1, plan, clips(), endings)
    load = seen.load
    print(f"{options.streams} streams, {options.minutes:g} min, {len(seen.ended)} endings")
    print("ended:", dict(Counter(one.how.name for one in seen.ended)))
    print("calls:", {e.name: load.ended(e) for e in CallEnding if load.ended(e)})
    for one in Ending:
        _tell_replaced(one.name, [e for e in seen.ended if e.how is one])
    _tell("turns near an ending", seen.hit)
    _tell("all other turns", seen.spared)
    rate = load.word_error_rate
    print(f"word error rate {rate:.3f}" if rate is not None else "no final at all")
    print(f"turns without a final: {load.without_final}; finals twice: {seen.twice}")
    bench.stop()
    failed = load.without_final or seen.twice or load.ended(CallEnding.BROKEN)
    return 1 if failed else 0


def _tell_replaced(name: str, ended: list[Ended]) -> None:
    took = sorted(one.replaced_s for one in ended if one.replaced_s is not None)
    if took:
        owed = sum(one.owed for one in ended)
        print(f"  {name}: {len(ended)}, owed {owed}, replaced after {took[0]:.1f}–{took[-1]:.1f} s")


def _tell(what: str, turns: list[Turn]) -> None:
    delays = [turn.final_delay_s for turn in turns]
    if delays:
        shares = " / ".join(f"{ms(percentile(delays, share)):.0f}" for share in (0.5, 0.95, 0.99))
        print(
            f"{what}: {len(turns)}, final delay p50/p95/p99 {shares} ms, most {ms(max(delays)):.0f}"
        )


if __name__ == "__main__":
    sys.exit(main())
