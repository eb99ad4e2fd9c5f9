"""The largest number of real-time streams that this machine serves well, and what happens past it.

    .venv/bin/python tests/benchmarks/concurrency.py [--streams 8,16,24,32] [--seconds 60]
                                                     [--past 2.0] [--json FILE]

Callers speak held-out clips with pauses, in 50 ms chunks, endpointing at 200 ms. A plateau is good
if p95 of the final delay is at most 0.30 s, p95 of the first result at most 0.50 s, and p95 of the
time without anything new, while someone speaks, at most 0.60 s, with nobody refused. Steps through
``--streams``, then halves the gap to the first that fails, then offers ``--past`` times the answer.

Beside it stands what the bare runtimes could carry, computed in the same run: the passes that such
callers' live text asks for, with interims as few as the limits allow, decoded as fast as the cores
can, and their voice activity; that is a ceiling, since no caller's second can be computed whenever
it suits. It is computed twice: over the graphs as they were published, which is what anybody's
server starts with, and over the ones that this server runs. The p95 of fewer than 59 turns is
indicative, and is marked so.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from lab_kit.audio.pcm import FloatArray
from lab_kit.bench import Bench
from lab_kit.datasets import Clip, clips
from lab_kit.engine.api import DecodeRequest, Priority
from lab_kit.engine.loop import MAX_WAITING, EngineLoop
from lab_kit.engine.runner import MoonshineRunner, agreeing
from lab_kit.events import ModelInfo, StreamOptions
from lab_kit.load import Ending, LiveLoad, Stairs, call_all
from lab_kit.load.live_load import turns_of
from lab_kit.load.report import as_json
from lab_kit.load.speaking import speaking
from lab_kit.models.device import choose_device
from lab_kit.models.moonshine import END_TOKEN, Moonshine, truncate, warm_up
from lab_kit.models.published_moonshine import PublishedMoonshine
from lab_kit.models.silero import WINDOW_SAMPLES, SileroScorer, open_silero
from lab_kit.models.store import ModelStore
from lab_kit.show.load import tabulate_load
from lab_kit.slo.percentiles import can_show, percentile
from lab_kit.stream.actions import Action, Ask
from lab_kit.stream.degradation import INTERIM_STRETCH
from lab_kit.stream.session import StreamSession
from lab_kit.units import SAMPLE_RATE_HZ

FINAL_S, FIRST_S, GAP_S = 0.30, 0.50, 0.60
OPTIONS = StreamOptions(endpoint_silence_s=0.2)
THINK_S = 0.8
"""Mean pause above half a second: about a third of a call is silence, as in a monologue."""
WARM_UP_S = 5.0
CALLERS, CALLER_S = 4, 30.0
"""Whose sound the ceiling is computed of."""
CHUNK_SAMPLES = 800


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


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What must be computed for a second of a caller, and how fast bare runtimes do it.

    Attributes:
        finals_s: device time of every utterance decoded once, whole.
        passes_s: of all the passes that live text asks for, when interims are as few as the limits
            allow; the faster of two ways, a plain loop on each worker or the saturated engine.
        published_s: of the same passes over the graphs as they were published, in plain loops.
        vad_s: of voice activity.
        clip_p50_s: one whole clip alone, for comparing machines.
    """

    finals_s: float
    passes_s: float
    published_s: float
    vad_s: float
    clip_p50_s: float
    workers: int

    def streams(self, passes_s: float) -> float:
        """Callers whose passes and whose voice activity would fill the cores, with no server."""
        return self.workers / (passes_s + self.vad_s)


def ceiling(speech: list[Clip]) -> Ceiling:
    """Measure it: a few callers' sound through the session, then their passes on bare runtimes."""
    device = choose_device()
    files = ModelStore().path("moonshine-tiny-en").paths
    model, published = Moonshine(files, device), PublishedMoonshine(files, device)
    warm_up(model)
    workers = device.workers
    clips_s = [timed(lambda clip=clip: decode(model, whole(clip))) for clip in speech]
    engine = EngineLoop(MoonshineRunner(model), ModelInfo("", "", "", ""), workers)
    callers = [speaking(speech, CALLER_S, THINK_S, seed).audio for seed in range(CALLERS)]
    heard = [hear(engine, audio) for audio in callers]
    sound_s = sum(len(audio) for audio in callers) / SAMPLE_RATE_HZ
    requests = [request for asked, _ in heard for request in asked]
    finals = [request for request in requests if request.priority is Priority.FINAL]

    def device_s(run: Callable[[list[DecodeRequest]], None], asked: list[DecodeRequest]) -> float:
        return timed(lambda: run(asked)) * workers / sound_s

    def plain(asked: list[DecodeRequest]) -> None:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(lambda request: decode(model, request), asked))

    def as_published(asked: list[DecodeRequest]) -> None:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(lambda r: published.decode(r.audio, limit(model, r), r.draft), asked))

    def saturated(asked: list[DecodeRequest]) -> None:
        for start in range(0, len(asked), MAX_WAITING // 2):
            tickets = [engine.submit(each) for each in asked[start : start + MAX_WAITING // 2]]
            for ticket in tickets:
                ticket.future.result()

    passes_s = min(device_s(run, requests) for run in (plain, saturated, plain, saturated))
    found = Ceiling(
        finals_s=min(device_s(run, finals) for run in (plain, saturated)),
        passes_s=passes_s,
        published_s=min(device_s(as_published, requests) for _ in range(2)),
        vad_s=sum(vad_s for _, vad_s in heard) / sound_s,
        clip_p50_s=percentile(clips_s, 0.5),
        workers=workers,
    )
    engine.stop()
    return found


def hear(engine: EngineLoop, audio: FloatArray) -> tuple[list[DecodeRequest], float]:
    """What a session asks for, interims as few as may be, each answered at once; and VAD's time."""
    asked: list[DecodeRequest] = []
    graph = ModelStore().path("silero-vad")["silero_vad_16k_sequence.onnx"]
    scorer = SileroScorer(open_silero(graph))
    session = StreamSession(OPTIONS, scorer)
    session.interim_stretch = INTERIM_STRETCH

    def carry_out(actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Ask):
                asked.append(action.request)
                answer = engine.submit(action.request).future.result()
                carry_out(session.answer(action.number, answer))

    for start in range(0, len(audio), CHUNK_SAMPLES):
        carry_out(session.push(audio[start : start + CHUNK_SAMPLES], 0, 0))
    windows = audio[: len(audio) // WINDOW_SAMPLES * WINDOW_SAMPLES].reshape(-1, WINDOW_SAMPLES)
    return asked, timed(lambda: [scorer.score(window[None]) for window in windows])


def decode(model: Moonshine, request: DecodeRequest) -> None:
    """One pass on the bare runtime: encode, check the draft, then token by token."""
    draft = request.draft
    (choices,), batch = model.prefill([model.encode(request.audio)], draft)
    kept = agreeing(draft, choices)
    if kept < len(draft):
        batch = truncate(batch, 1 + kept)
    tokens = [choice.token for choice in choices[: kept + 1]]
    while tokens[-1] != END_TOKEN and len(tokens) < limit(model, request):
        tokens.append(model.step(batch, tokens[-1:])[0].token)


def limit(model: Moonshine, request: DecodeRequest) -> int:
    """Most tokens of the answer."""
    return request.max_tokens or model.token_limit(len(request.audio))


def whole(clip: Clip) -> DecodeRequest:
    """All of a clip at once."""
    return DecodeRequest(np.array(clip.samples), Priority.FINAL)


def timed(run: Callable[[], object]) -> float:
    """Seconds."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


async def measure(options: argparse.Namespace) -> None:
    """Search, go past, print, and keep the figures if asked."""
    speech = list(clips(is_held_out=True))
    bare = ceiling(speech)
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
    report(best, bare, seen, past)
    print(f"service level meanwhile: {' '.join(steps_made) or 'full'}; places {level.capacity}")
    if options.json is not None:
        runs = [as_json(each.run) | {"streams": each.streams} for each in [*seen, past]]
        options.json.write_text(json.dumps({"best": best, "runs": runs}, indent=1))


def report(best: int, bare: Ceiling, seen: list[Plateau], past: Plateau) -> None:
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
    print("goodput (turns a minute) over streams: ", end="")
    print(", ".join(f"{e.streams}: {e.run.goodput_per_min:.0f}" for e in [*seen, past]))
    complete = [call.call for call in past.run.served if call.ending is Ending.COMPLETE]
    served = [turn.final_delay_s for call in complete for turn in turns_of(call)]
    if served:
        p50, p95 = percentile(served, 0.5), percentile(served, 0.95)
        print(
            f"past capacity, {past.run.ended(Ending.REFUSED)} of {past.streams} refused; ", end=""
        )
        print(f"final delay of the admitted p50 {p50:.3f}, p95 {p95:.3f} s, n={len(served)}")


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
