"""The largest number of real-time streams that this machine serves well, and what happens past it.

    .venv/bin/python tests/benchmarks/concurrency.py [--streams 8,16,24,32] [--seconds 60]
                                                     [--past 2.0] [--json FILE]

Callers speak held-out clips with pauses, in 50 ms chunks, endpointing at 200 ms. A plateau is good
if p95 of the final delay is at most 0.30 s, p95 of the first result at most 0.50 s, and p95 of the
time without anything new, while someone speaks, at most 0.60 s, with nobody refused. Steps through
``--streams``, then halves the gap to the first that fails, then offers ``--past`` times the answer.

Beside it stands what the bare runtime could carry, computed in the same run: the device time that
a second of held-out speech takes when it is decoded whole, at the width that serves most. The
p95 of fewer than 59 turns is indicative, and is marked so.
"""

import argparse
import asyncio
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from lab_kit.bench import Bench
from lab_kit.datasets import Clip, clips
from lab_kit.engine.api import DecodeRequest, Priority
from lab_kit.engine.loop import EngineLoop
from lab_kit.engine.runner import MoonshineRunner
from lab_kit.events import ModelInfo, StreamOptions
from lab_kit.load import Ending, LiveLoad, Stairs, call_all
from lab_kit.load.report import as_json
from lab_kit.models.device import choose_device
from lab_kit.models.moonshine import Moonshine, warm_up
from lab_kit.models.store import ModelStore
from lab_kit.show.load import tabulate_load
from lab_kit.slo.percentiles import can_show, percentile

FINAL_S, FIRST_S, GAP_S = 0.30, 0.50, 0.60
OPTIONS = StreamOptions(endpoint_silence_s=0.2)
THINK_S = 0.8
"""Mean pause above half a second: about a third of a call is silence, as in a monologue."""
WARM_UP_S = 5.0


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
        found = [
            name
            for name, values, limit in (
                ("final delay", self.run.final_delays_s, FINAL_S),
                ("first result", self.run.first_results_s, FIRST_S),
                ("nothing new", self.run.gaps_s, GAP_S),
            )
            if not values or percentile(values, 0.95) > limit
        ]
        lost = sum(self.run.ended(e) for e in Ending if e is not Ending.COMPLETE)
        return [*found, *([f"{lost} calls not served"] if lost else [])]


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
    print(tabulate_load([seen.run]))
    if not can_show(len(seen.run.turns), 0.95):
        print(f"{len(seen.run.turns)} turns are too few to prove a p95")
    return seen


def bare_runtime(speech: list[Clip]) -> tuple[float, float]:
    """Streams the bare runtime could carry, finals only; and device seconds a second of speech.

    Every held-out clip once, as fast as the workers can, batched as the server batches. A stream
    speaks for a part of its time only, as long as its clips sound.
    """
    device = choose_device()
    model = Moonshine(ModelStore().path("moonshine-tiny-en").paths, device)
    warm_up(model)
    engine = EngineLoop(MoonshineRunner(model), ModelInfo("", "", "", ""), device.workers)
    began = time.perf_counter()
    tickets = [
        engine.submit(DecodeRequest(np.array(clip.samples), Priority.FINAL)) for clip in speech
    ]
    for ticket in tickets:
        ticket.future.result()
    wall_s = time.perf_counter() - began
    engine.stop()
    audio_s = sum(clip.duration_s for clip in speech)
    pause_s = len(speech) * (0.5 + THINK_S)
    speaking = audio_s / (audio_s + pause_s)
    return audio_s / wall_s / speaking, wall_s * device.workers / audio_s


def interim_cost(run: LiveLoad) -> float:
    """Device seconds a second of sound that the server really spent on results that arrived."""
    audio_s = sum(call.call.audio_s for call in run.served)
    spent_ns = sum(
        received.event.timing.compute_ns
        for call in run.served
        for received in call.call.received
        if hasattr(received.event, "timing")
    )
    return spent_ns / 1e9 / audio_s if audio_s else 0.0


async def measure(options: argparse.Namespace) -> None:
    """Search, go past, print, and keep the figures if asked."""
    speech = list(clips(is_held_out=True))
    finals_only, device_s = bare_runtime(speech)
    bench = Bench.start()
    try:
        steps = sorted({int(part) for part in options.streams.split(",")})
        seen = await search(bench, steps, options.seconds, speech)
        best = max((each.streams for each in seen if each.is_good), default=0)
        level = await bench.operator.service_level()
        past = await plateau(bench, max(2, round(best * options.past)), options.seconds, speech)
        print(f"\n==== past capacity, {options.past:g} times:")
        tell(past)
        after = await bench.operator.service_level()
        steps_made = [f"{c.before}->{c.after}" for c in after.changes]
    finally:
        bench.stop()
    report(best, finals_only, device_s, seen, past)
    print(f"service level meanwhile: {' '.join(steps_made) or 'full'}; places {level.capacity}")
    if options.json is not None:
        runs = [as_json(each.run) | {"streams": each.streams} for each in [*seen, past]]
        options.json.write_text(json.dumps({"best": best, "runs": runs}, indent=1))


def report(
    best: int, finals_only: float, device_s: float, seen: list[Plateau], past: Plateau
) -> None:
    """The headline, and the ceiling it is to be read against."""
    good = [each for each in seen if each.is_good]
    spent = interim_cost(good[-1].run) if good else 0.0
    print("\n==== result")
    print(f"largest number of streams within every limit: {best}")
    print(f"bare runtime, every utterance decoded once: {finals_only:.0f} streams")
    if spent:
        # the same runtime, asked for the passes that live text needs
        carried = choose_device().workers / spent
        print(f"bare runtime, with the passes that the results took: {carried:.0f} streams")
        print(f"share of that: {best / carried:.2f}")
    print(f"device s per s of speech: {device_s:.3f} decoded whole, {spent:.3f} live")
    print("goodput (turns a minute) over streams: ", end="")
    print(", ".join(f"{e.streams}: {e.run.goodput_per_min:.0f}" for e in [*seen, past]))
    served = [t for c in past.run.served if c.ending is Ending.COMPLETE for t in turns(c)]
    if served:
        p95 = percentile(served, 0.95)
        print(f"past capacity, final delay p95 of admitted callers: {p95:.3f} s, n={len(served)}")


def turns(call: object) -> list[float]:
    """The final delays of one call."""
    from lab_kit.load.live_load import turns_of

    return [turn.final_delay_s for turn in turns_of(call.call)]  # type: ignore[attr-defined]


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams", default="8,16,20,24,28,32", help="steps, in order")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each plateau")
    parser.add_argument("--past", type=float, default=2.0, help="times capacity, at the end")
    parser.add_argument("--json", type=Path, help="write figures and raw turns here")
    asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
