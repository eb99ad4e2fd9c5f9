"""A real server under live streams, and NVIDIA's own counters of memory and utilisation."""

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from gpu_sections.batches import BATCHES, through, whisper_engine
from gpu_sections.section import Row

if TYPE_CHECKING:
    from lab_kit.bench import Bench
    from lab_kit.experiments.load import DeviceRecord

STREAMS = (1, 24, 96)
LIVE_S = 10.0
WARM_UP_S = 4.0
"""Callers of one plateau come within three seconds."""
RECOVERY_S = 5.0
CALLERS = BATCHES[-1]
LOADED_S = 8.0
"""Eighty looks at NVML."""


def live_streams(gpu: str) -> Iterator[Row]:
    """A real server and callers at the pace of speech, with NVIDIA's counters beside them."""
    from lab_kit.bench import Bench

    bench = Bench.start()
    try:
        is_on_gpu = bench.device.startswith("cuda")
        yield Row("the server", f"runs on {bench.device}", None if is_on_gpu else "fell back")
        with asyncio.Runner() as runner:
            for streams in STREAMS:
                yield runner.run(plateau(bench, streams))
    finally:
        bench.stop()


async def plateau(bench: "Bench", streams: int) -> Row:
    """Hold so many streams, and say what their callers saw."""
    from lab_kit.datasets import clips
    from lab_kit.experiments.load import CallEnding, Stairs, watch_device

    speech = [clip for clip in clips(is_held_out=True) if clip.duration_s < LIVE_S]
    with watch_device(bench.pid) as watching:
        run = await bench.load(Stairs((streams,), LIVE_S), speech, warm_up_s=WARM_UP_S)
    await bench.full_service(RECOVERY_S)
    complete = run.ended(CallEnding.COMPLETE)
    late = "; the generator was in the way" if run.generator_was_bottleneck else ""
    error_share = run.word_error_rate
    words = "no words" if error_share is None else f"WER {error_share:.1%}"
    found = (
        f"{complete} of {streams} calls complete, {run.ended(CallEnding.REFUSED)} refused;"
        f" first result {delays(run.first_results_s)}, final {delays(run.final_delays_s)};"
        f" {words}; {busy(watching.taken())}{late}"
    )
    alone = streams == 1 and complete == 0
    return Row(f"{streams} streams", found, "a single caller was not served" if alone else None)


def delays(seen_s: Sequence[float]) -> str:
    """Median and p95, of how many; what never came is infinite."""
    from lab_kit.measure.percentiles import percentile

    if not seen_s:
        return "of no turn"
    p50, p95 = (1e3 * percentile(seen_s, share) for share in (0.5, 0.95))
    return f"p50 {p50:.0f} ms, p95 {p95:.0f} ms (n={len(seen_s)})"


def counters(gpu: str) -> Iterator[Row]:
    """NVIDIA's counters at rest and under Whisper in float16, 32 callers at once."""
    from lab_kit.experiments.device.telemetry import Source, watch_device

    with watch_device(os.getpid()) as watching:
        time.sleep(1)
    at_rest = watching.taken()
    yield Row("at rest", busy(at_rest))
    with whisper_engine(gpu, "float16", CALLERS) as engine, watch_device(os.getpid()) as watching:
        speed = through(engine, CALLERS, LOADED_S)
    loaded = watching.taken()
    is_seen = loaded.source is Source.NVML and peak_bytes(loaded) > peak_bytes(at_rest)
    yield Row(
        f"Whisper, float16, batch {CALLERS}",
        f"{busy(loaded)}; {speed}",
        None if is_seen else "NVML saw no more memory in use than at rest",
    )


def busy(record: "DeviceRecord") -> str:
    """How busy the device was, its memory and power, by whose figures."""
    looks = [sample.gpu for sample in record.samples if sample.gpu is not None]
    powers = [look.power_w for look in looks if look.power_w is not None]
    power = f", {max(powers):.0f} W at most" if powers else ""
    memory = f", {peak_bytes(record) / 1e9:.2f} GB in use at most" if looks else ""
    return f"{record.source}: busy {record.busy_share:.0%} of the time{memory}{power}"


def peak_bytes(record: "DeviceRecord") -> int:
    """Most memory in use on the whole GPU, by whomever."""
    return max((sample.gpu.memory_bytes for sample in record.samples if sample.gpu), default=0)
