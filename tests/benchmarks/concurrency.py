"""The largest number of real-time streams that this machine serves well, and what happens past it.

    .venv/bin/python tests/benchmarks/concurrency.py [--streams 24,32,36,40] [--seconds 60]
                                                     [--past 2.0] [--json FILE]

Callers speak held-out clips with pauses, in 50 ms chunks, endpointing at 200 ms. A plateau is good
if p95 of the final delay is at most 0.30 s, p95 of the first result at most 0.50 s, and p95 of the
time without anything new, while someone speaks, at most 0.60 s, with nobody refused. Steps through
``--streams``, then halves the gap to the first that fails, then offers ``--past`` times the answer.

Beside it stands what bare runtimes could carry, computed in the same run (`bare`): callers that
would fill the cores, over the graphs as published, which is what anybody's server starts with, and
over the ones that this server runs; and callers that would be served within the same limits over
the latter, with no server between them and the cores. The p95 of fewer than 59 turns is indicative,
and is marked so.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from bare import Bare, Ceiling

from lab_kit.bench import Bench
from lab_kit.core.events import StreamOptions
from lab_kit.datasets import Clip, clips
from lab_kit.experiments.load import CallEnding, LiveLoad, OfferedCall, Stairs, call_all
from lab_kit.experiments.load.live_load import turns_of
from lab_kit.experiments.load.report import as_json
from lab_kit.measure.percentiles import can_show, percentile
from lab_kit.show.load.load import tabulate_load

FINAL_S, FIRST_S, GAP_S = 0.30, 0.50, 0.60
OPTIONS = StreamOptions(endpoint_silence_s=0.2)
THINK_S = 0.8
"""Mean pause above half a second: about a third of a call is silence, as in a monologue."""
WARM_UP_S = 5.0
SIMULATED_S = 30.0
"""Of bare callers; half a minute of sixty of them is a minute of computing."""


@dataclass(frozen=True, slots=True)
class Plateau:
    """One number of streams, and what they saw."""

    streams: int
    run: LiveLoad
    server_cores: float

    @property
    def is_good(self) -> bool:
        """Whether every limit was kept, by everybody who called."""
        return not self.broken

    @property
    def broken(self) -> list[str]:
        """The limits that were not kept."""
        lost = sum(self.run.ended(e) for e in CallEnding if e is not CallEnding.COMPLETE)
        return [*late(self.run), *([f"{lost} calls not served"] if lost else [])]


def late(run: LiveLoad) -> list[str]:
    """The limits on time that were not kept."""
    seen: Sequence[tuple[str, list[float], float]] = (
        ("final delay", run.final_delays_s, FINAL_S),
        ("first result", run.first_results_s, FIRST_S),
        ("nothing new", run.gaps_s, GAP_S),
    )
    return [name for name, values, limit in seen if not values or percentile(values, 0.95) > limit]


async def plateau(bench: Bench, streams: int, seconds: float, speech: list[Clip]) -> Plateau:
    """Hold so many streams for so long."""
    server = psutil.Process(bench.pid)
    before, began = server.cpu_times(), time.perf_counter()
    run = await call_all(
        bench,
        Stairs((streams,), seconds),
        speech,
        options=OPTIONS,
        think_s=THINK_S,
        warm_up_s=min(WARM_UP_S, seconds / 3),
        seed=streams,
    )
    after, wall_s = server.cpu_times(), time.perf_counter() - began
    cpu_s = after.user + after.system - before.user - before.system
    return Plateau(streams, run, cpu_s / wall_s)


async def search(
    bench: Bench, steps: list[int], seconds: float, speech: list[Clip]
) -> list[Plateau]:
    """Up the steps until one fails, then between it and the one before."""
    seen: list[Plateau] = []
    good, bad = 0, None
    for streams in steps:
        seen.append(tell(await plateau(bench, streams, seconds, speech)))
        await bench.full_service()
        if not seen[-1].is_good:
            bad = streams
            break
        good = streams
    while bad is not None and bad - good > max(1, good // 12):
        middle = (good + bad) // 2
        seen.append(tell(await plateau(bench, middle, seconds, speech)))
        await bench.full_service()
        good, bad = (middle, bad) if seen[-1].is_good else (good, middle)
    return seen


def tell(seen: Plateau) -> Plateau:
    """Print a plateau's figures as it ends."""
    verdict = "good" if seen.is_good else f"not kept: {', '.join(seen.broken)}"
    print(f"\n== {seen.streams} streams: {verdict}; server kept {seen.server_cores:.2f} cores busy")
    print(tabulate_load([seen.run]).text)
    if not can_show(len(seen.run.turns), 0.95):
        print(f"{len(seen.run.turns)} turns are too few to prove a p95")
    return seen


def carried(bare: Bare, ceiling: Ceiling, speech: list[Clip], best: int) -> int:
    """The largest number of callers that the cores would serve within the limits, no server."""
    good, bad = max(1, best // 2), round(ceiling.streams(ceiling.passes_s))
    while bad - good > 2:
        streams = (good + bad) // 2
        plan = Stairs((streams,), SIMULATED_S)
        calls = bare.carried(speech, plan, streams, ceiling)
        made = tuple(OfferedCall(c.started_ns, c, CallEnding.COMPLETE) for c in calls)
        broken = late(LiveLoad(plan, made, 0, WARM_UP_S, 0.0, 0.0))
        print(f"bare, within the limits: {streams} {', '.join(broken) or 'good'}")
        good, bad = (good, streams) if broken else (streams, bad)
    return good


async def measure(options: argparse.Namespace) -> None:
    """Search, go past, print, and keep the figures if asked."""
    speech = list(clips(is_held_out=True))
    bare = Bare(OPTIONS, THINK_S)
    ceiling = bare.ceiling(speech)
    bench = Bench.start()
    try:
        steps = sorted({int(part) for part in options.streams.split(",")})
        seen = await search(bench, steps, options.seconds, speech)
        best = max((each.streams for each in seen if each.is_good), default=0)
        level = await bench.operator.degradation()
        past = await plateau(bench, max(2, round(best * options.past)), options.seconds, speech)
        print(f"\n==== past capacity, {options.past:g} times:")
        tell(past)
        after = await bench.operator.degradation()
        steps_made = [f"{c.before}->{c.after}" for c in after.changes]
    finally:
        bench.stop()
    report(best, ceiling, carried(bare, ceiling, speech, best), seen, past)
    print(f"service level meanwhile: {' '.join(steps_made) or 'full'}; places {level.capacity}")
    if options.json is not None:
        runs = [as_json(each.run) | {"streams": each.streams} for each in [*seen, past]]
        options.json.write_text(json.dumps({"best": best, "runs": runs}, indent=1))


def report(best: int, bare: Ceiling, within: int, seen: list[Plateau], past: Plateau) -> None:
    """The headline, and the ceiling it is to be read against."""
    print("\n==== result")
    print(f"largest number of streams within every limit: {best}")
    print(f"bare runtime: a whole clip alone p50 {bare.clip_p50_s:.3f} s; ", end="")
    print(f"device s per s of a caller: {bare.finals_s:.4f} every final once, ", end="")
    print(f"{bare.passes_s:.4f} with live text, {bare.vad_s:.4f} voice activity;")
    print(f"{bare.published_s:.4f} with live text over the graphs as they were published")
    print("callers that would fill the cores with no server, each second computed when it suits:")
    for graphs, passes_s in (("published", bare.published_s), ("as served", bare.passes_s)):
        streams = bare.streams(passes_s)
        print(f"  graphs {graphs}: {streams:.0f}; share of that: {best / streams:.2f}")
    print(
        f"callers that they would serve within the same limits, graphs as served: {within}; ",
        end="",
    )
    print(f"share of that: {best / within:.2f}; ", end="")
    print(f"with every core busy a pass takes {bare.contention:.2f} times as long")
    print("goodput (turns a minute) over streams: ", end="")
    print(", ".join(f"{e.streams}: {e.run.goodput_per_min:.0f}" for e in [*seen, past]))
    complete = [call.call for call in past.run.served if call.ending is CallEnding.COMPLETE]
    served = [turn.final_delay_s for call in complete for turn in turns_of(call)]
    if served:
        p50, p95 = percentile(served, 0.5), percentile(served, 0.95)
        print(
            f"past capacity, {past.run.ended(CallEnding.REFUSED)} of {past.streams} refused; ",
            end="",
        )
        print(f"final delay of the admitted p50 {p50:.3f}, p95 {p95:.3f} s, n={len(served)}")


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams", default="16,24,32,36,40,44,48", help="steps, in order")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each plateau")
    parser.add_argument("--past", type=float, default=2.0, help="times capacity, at the end")
    parser.add_argument("--json", type=Path, help="write figures and raw turns here")
    asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
