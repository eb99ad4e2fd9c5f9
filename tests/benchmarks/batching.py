"""Four batching policies under the same open-loop load, and batch invariance of int8 answers.

    python tests/benchmarks/batching.py [--rates 6 12 18 24 30] [--seconds 20]

One server; the policy is changed while it runs. Latency counts from the intended send.
"""

import argparse
import asyncio

from lab_kit.bench import Bench
from lab_kit.client import Inference
from lab_kit.core.units import ms
from lab_kit.datasets import Clip, clips
from lab_kit.engine.batching import Batching, Continuous, Dynamic, NoBatching, Static
from lab_kit.experiments.load import OpenLoopRun, Poisson, batch_invariance, offer
from lab_kit.measure.percentiles import percentile

POLICIES: tuple[Batching, ...] = (NoBatching(), Static(4), Dynamic(4, 0.02), Continuous(4))
WARM_UP_S = 3.0
LONGEST_S = 8.0


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rates", type=float, nargs="+", default=[6, 12, 18, 24, 30])
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args()
    speech = [c for c in clips("real", is_held_out=True) if c.duration_s < LONGEST_S]
    bench = Bench.start()
    print(f"{bench.device}, {len(speech)} clips, {options.seconds:g} s a run")
    print(f"{'policy':34}{'offered/s':>10}{'audio s/s':>10}{'p50 ms':>8}{'p95 ms':>8}{'lost':>6}")
    async with Inference(bench.url) as inference:
        for policy in POLICIES:
            await bench.use(policy)
            for rate in options.rates:
                plan = Poisson(rate, WARM_UP_S + options.seconds, seed=3)
                run = await offer(inference.transcribe, speech, plan, warm_up_s=WARM_UP_S)
                print(row(str(policy), run))
        await bench.use(Continuous(4))
        await print_batch_invariance(inference, speech)
    bench.stop()


def row(name: str, run: OpenLoopRun) -> str:
    waits_ms = [ms(r.latency_s) for r in run.counted]
    late = "  the generator was in the way" if run.generator_was_bottleneck else ""
    return (
        f"{name:34}{run.offered_per_s:10.1f}{run.audio_s_per_s:10.1f}"
        f"{percentile(waits_ms, 0.5):8.0f}{percentile(waits_ms, 0.95):8.0f}"
        f"{run.refused + run.failed:6}{late}"
    )


async def print_batch_invariance(inference: Inference, speech: list[Clip]) -> None:
    found = await batch_invariance(inference.transcribe, speech, rounds=5)
    print(
        f"together {found.changed:.1%} of the texts changed; word error rate"
        f" {found.wer_alone:.2%} alone, {found.wer_together:.2%} together"
    )


if __name__ == "__main__":
    asyncio.run(main())
