"""Callers at once through the engine: throughput, and the latency that each of them sees."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gpu_sections.section import (
    MOST_WER,
    Row,
    on,
    placed_on,
    too_many_others,
    wer,
    whole_clips,
)

if TYPE_CHECKING:
    from lab_kit.engine.loop import EngineLoop
    from lab_kit.models.moonshine.model import Moonshine

BATCHES = (1, 2, 4, 8, 16, 32)
BATCH_S = 2.0
"""Each width is measured for at least so long, and for one whole round of callers."""


def whisper_batches(gpu: str) -> Iterator[Row]:
    """Whisper as it is served, in full and half precision, 1 to 32 callers at once."""
    for dtype in ("float32", "float16"):
        for batch in BATCHES:
            with whisper_engine(gpu, dtype, batch) as engine:
                yield Row(f"{dtype}, batch {batch}", through(engine, batch, BATCH_S))


def moonshine_batches(gpu: str) -> Iterator[Row]:
    """The default recognizer, 1 to 32 callers at once; its words against the CPU's."""
    from lab_kit.experiments.frameworks.decoding import transcribe_together
    from lab_kit.models.device import Device
    from lab_kit.models.moonshine.model import Moonshine, warm_up
    from lab_kit.models.store.store import ModelStore

    files = ModelStore().path("moonshine-tiny-en").paths
    model = Moonshine(files, on(gpu))
    warm_up(model)
    yield placed_on("the model", model.device)
    for batch in BATCHES:
        with moonshine_engine(model, batch) as engine:
            yield Row(f"batch {batch}", through(engine, batch, BATCH_S))
    speech = [clip.samples for clip in whole_clips()]
    on_cpu = Moonshine(files, Device("cpu", "this processor", workers=1))
    before, after = (
        [transcribe_together(each, [audio])[0] for audio in speech] for each in (on_cpu, model)
    )
    most = MOST_WER["moonshine"]
    yield Row(
        "words",
        f"WER {wer(before, after)} to the CPU's text (at most {most:.0%}), {len(speech)} clips",
        too_many_others(before, after, most),
    )


@contextmanager
def whisper_engine(gpu: str, dtype: str, batch: int) -> "Iterator[EngineLoop]":
    """Whisper behind the engine, warm, with so many places."""
    from lab_kit.core.events import ModelInfo
    from lab_kit.engine.batching import Continuous
    from lab_kit.engine.kv import ContiguousKv
    from lab_kit.engine.loop import EngineLoop
    from lab_kit.engine.whisper_runner import WhisperRunner
    from lab_kit.models.kv_pool import KvPool
    from lab_kit.models.store.store import ModelStore
    from lab_kit.models.whisper.model import Whisper, warm_up

    model = Whisper(ModelStore().path("whisper-tiny-en").paths, on(gpu), dtype)
    warm_up(model)
    kv = ContiguousKv(batch * model.max_tokens)
    runner = WhisperRunner(model, KvPool.for_model(model, kv.slots), kv, None, batch)
    engine = EngineLoop(runner, ModelInfo("", "", "", ""), 1, Continuous(batch), kv=kv)
    try:
        yield engine
    finally:
        engine.stop()


@contextmanager
def moonshine_engine(model: "Moonshine", batch: int) -> "Iterator[EngineLoop]":
    """The default recognizer behind the engine, with so many places."""
    from lab_kit.core.events import ModelInfo
    from lab_kit.engine.batching import Continuous
    from lab_kit.engine.loop import EngineLoop
    from lab_kit.engine.runner import MoonshineRunner

    info = ModelInfo("", "", "", "")
    engine = EngineLoop(MoonshineRunner(model), info, model.device.workers, Continuous(batch))
    try:
        yield engine
    finally:
        engine.stop()


def through(engine: "EngineLoop", batch: int, seconds: float) -> str:
    """So many callers at once, again and again; throughput, and the latency that each sees."""
    from lab_kit.engine.api import DecodeRequest, Priority
    from lab_kit.measure.percentiles import percentile

    speech = whole_clips()
    waits_ms: list[float] = []
    audio_s, rounds = 0.0, 0
    began_s = time.perf_counter()
    while rounds < 2 or time.perf_counter() - began_s < seconds:
        if rounds == 1:  # the one before warmed this width up
            audio_s, waits_ms, began_s = 0.0, [], time.perf_counter()
        said = [speech[(rounds * batch + place) % len(speech)] for place in range(batch)]
        tickets = [engine.submit(DecodeRequest(clip.samples, Priority.FINAL)) for clip in said]
        done = [ticket.future.result() for ticket in tickets]
        waits_ms += [(each.finished_ns - each.submitted_ns) / 1e6 for each in done]
        audio_s += sum(clip.duration_s for clip in said)
        rounds += 1
    took_s = time.perf_counter() - began_s
    return (
        f"{audio_s / took_s:.0f} s of audio a second; p50 {percentile(waits_ms, 0.5):.0f} ms,"
        f" p95 {percentile(waits_ms, 0.95):.0f} ms of {len(waits_ms)} clips"
    )
