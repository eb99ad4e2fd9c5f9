"""What the engine keeps of what the device can do, at saturation.

A bare loop calls the model with fixed batches from as many threads as there are workers: no queue,
no priorities, nobody joins or leaves. The engine gets the same clips at once, in the same order,
with the same batch size. Both run in this process, one after the other, several times in turn; the
figure is a ratio within the run, so a slow machine does not decide it.

    python tests/benchmarks/engine.py [--rounds 5]
"""

import argparse
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from lab_kit.core.events import ModelInfo
from lab_kit.datasets import Clip, Kind, clips
from lab_kit.engine.api import DecodeRequest, Priority
from lab_kit.engine.batching import Continuous
from lab_kit.engine.loop import EngineLoop
from lab_kit.engine.runner import MoonshineRunner
from lab_kit.measure.percentiles import percentile
from lab_kit.models.device import choose_device
from lab_kit.models.moonshine.model import END_TOKEN, Moonshine, select, warm_up
from lab_kit.models.store.store import ModelStore

BATCHES = (1, 2, 4, 8)
REPEATS = 3
"""Times that the clips are decoded in one run, so that the ragged end weighs little."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    model = Moonshine(ModelStore().path("moonshine-tiny-en").paths, choose_device())
    warm_up(model)
    speech = list(clips(Kind.REAL, is_held_out=True)) * REPEATS
    audio_s = sum(clip.duration_s for clip in speech)
    print(f"{model.device.label}, {len(speech)} clips, {audio_s:.0f} s of audio, {rounds} rounds")
    print(f"{'batch':>5} {'bare audio s/s':>15} {'engine':>8} {'ratio: min median max':>24}")
    best = [0.0, 0.0]
    for batch in BATCHES:
        bare, ours = [], []
        for _ in range(rounds):
            bare.append(audio_s / timed(bare_loop, model, speech, batch))
            ours.append(audio_s / timed(through_engine, model, speech, batch))
        ratios = [e / b for e, b in zip(ours, bare, strict=True)]
        middle = [percentile(values, 0.5) for values in (bare, ours, ratios)]
        best = [max(pair) for pair in zip(best, middle, strict=False)]
        spread = f"{min(ratios):.2f} {middle[2]:.2f} {max(ratios):.2f}"
        print(f"{batch:>5} {middle[0]:>15.1f} {middle[1]:>8.1f} {spread:>24}")
    print(f"best engine / best bare loop: {best[1] / best[0]:.2f} (asked: at least 0.85)")


def timed(
    run: Callable[[Moonshine, Sequence[Clip], int], None],
    model: Moonshine,
    speech: Sequence[Clip],
    batch: int,
) -> float:
    began_ns = time.perf_counter_ns()
    run(model, speech, batch)
    return (time.perf_counter_ns() - began_ns) / 1e9


def bare_loop(model: Moonshine, speech: Sequence[Clip], batch: int) -> None:
    groups = [speech[start : start + batch] for start in range(0, len(speech), batch)]
    with ThreadPoolExecutor(model.device.workers) as workers:
        list(workers.map(lambda group: decode(model, group), groups))


def decode(model: Moonshine, group: Sequence[Clip]) -> None:
    """Encode each, start together, step together; who is done is left out of the next step."""
    limits = [model.token_limit(len(clip.samples)) for clip in group]
    choices, batch = model.prefill([model.encode(clip.samples) for clip in group])
    last = [row[-1].token for row in choices]
    for step in range(1, max(limits)):
        going = [i for i, token in enumerate(last) if token != END_TOKEN and step < limits[i]]
        if not going:
            return
        if len(going) < len(last):
            batch = select(batch, going)
            limits = [limits[i] for i in going]
        last = [choice.token for choice in model.step(batch, [last[i] for i in going])]


def through_engine(model: Moonshine, speech: Sequence[Clip], batch: int) -> None:
    engine = EngineLoop(
        MoonshineRunner(model),
        ModelInfo("", "", "", ""),
        model.device.workers,
        Continuous(batch),
        max_waiting=len(speech),
    )
    tickets = [engine.submit(DecodeRequest(clip.samples, Priority.FINAL)) for clip in speech]
    for ticket in tickets:
        ticket.future.result()
    engine.stop()


if __name__ == "__main__":
    main()
