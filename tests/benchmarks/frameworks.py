"""The same model served three ways under the same open-loop load.

    .venv/bin/python tests/benchmarks/frameworks.py [--rates 2 6 10] [--seconds 30] [--json FILE]

A naive handler, LitServe with dynamic batching, and the lab's engine behind the Open Inference
Protocol take the same clips at the same planned instants, each in a process that was started for
that run. Latency counts from the intended send, and whoever was refused or given up on waits
forever: `inf` is a percentile among those. A percentile that too few requests carry is a dash.
"""

import argparse
import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from lab_kit import client, datasets
from lab_kit.bench import Bench
from lab_kit.core.units import ms
from lab_kit.experiments import frameworks, load
from lab_kit.experiments.load import DeviceRecord, OpenLoopRun, Poisson
from lab_kit.experiments.load.open_loop import Transcribe

SEED = 11
MAX_BATCH = 4
WINDOW_S = 0.02
WARM_UP_S = 5.0
LITSERVE = f"LitServe, batches of {MAX_BATCH}, window of {ms(WINDOW_S):.0f} ms"
SERVERS = ("naive handler", LITSERVE, "lab engine")
HEADER = (
    f"{'server':38}{'offered/s':>10}{'answered/s':>11}{'audio s/s':>10}{'p50 ms':>8}{'p95 ms':>8}"
    f"{'refused':>8}{'failed':>7}{'cores':>7}{'CPU s/audio s':>14}{'late p99 ms':>12}"
)


@dataclass(frozen=True)
class Run:
    """One server at one rate."""

    server: str
    offered: OpenLoopRun
    device: DeviceRecord

    def row(self) -> str:
        """One line of the table."""
        run, cpu_s = self.offered, self.device.server_cpu_s
        heard_s = sum(r.audio_s for r in run.requests if r.received_ns is not None)
        cores = cpu_s / self.device.samples[-1].at_s
        per_audio = f"{cpu_s / heard_s:.3f}" if heard_s else "-"
        mark = "  the generator was in the way" if run.generator_was_bottleneck else ""
        return (
            f"{self.server:38}{run.offered_per_s:10.2f}{run.answered_per_s:11.2f}"
            f"{run.audio_s_per_s:10.1f}{shown(run.latency_s(0.5)):>8}{shown(run.latency_s(0.95)):>8}"
            f"{run.refused:8}{run.failed:7}{cores:7.2f}{per_audio:>14}"
            f"{ms(run.lateness_s):12.1f}{mark}"
        )


def shown(latency_s: float | None) -> str:
    """Milliseconds, or a dash for what cannot be shown."""
    return "-" if latency_s is None else f"{ms(latency_s):.0f}"


@asynccontextmanager
async def serving(server: str) -> AsyncIterator[tuple[int, Transcribe]]:
    """The server for the length of the block: its process, and how to ask it."""
    if server == "lab engine":
        bench = await asyncio.to_thread(Bench.start)
        try:
            async with client.Inference(bench.url) as inference:
                yield bench.pid, inference.transcribe
        finally:
            bench.stop()
    elif server == LITSERVE:
        async with frameworks.start("litserve", max_batch=MAX_BATCH, window_s=WINDOW_S) as running:
            yield running.pid, running.transcribe
    else:
        async with frameworks.start("naive") as running:
            yield running.pid, running.transcribe


async def measure(server: str, rate_per_s: float, seconds: float) -> Run:
    """One run."""
    plan = Poisson(rate_per_s, WARM_UP_S + seconds, SEED)
    clips = datasets.clips(is_held_out=True)
    async with serving(server) as (pid, transcribe):
        with load.watch_device(pid) as watching:
            offered = await load.offer(transcribe, clips, plan, warm_up_s=WARM_UP_S)
    return Run(server, offered, watching.taken())


async def main() -> None:
    """Every server at every rate, slowest rate first."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rates", type=float, nargs="+", default=[2.0, 6.0, 10.0, 14.0])
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--json", type=Path, help="write every request's stamps there")
    options = parser.parse_args()
    print(HEADER)
    runs = []
    for rate_per_s in sorted(options.rates):
        for server in SERVERS:
            runs.append(await measure(server, rate_per_s, options.seconds))
            print(runs[-1].row(), flush=True)
    print(f"device: {runs[-1].device.source}, {runs[-1].device.device}")
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(run) for run in runs]))


if __name__ == "__main__":
    asyncio.run(main())
