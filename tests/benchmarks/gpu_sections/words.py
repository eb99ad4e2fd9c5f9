"""Whisper in PyTorch: the words of every precision, and what compiling changes."""

import os
import time
from collections.abc import Iterator, Sequence
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from gpu_sections.section import (
    MOST_WER,
    Row,
    named,
    on,
    too_many_others,
    wer,
    whole_clips,
)

if TYPE_CHECKING:
    from lab_kit.datasets import Clip
    from lab_kit.experiments.runtimes import Loaded, Runtime

ENCODES = 20


def precisions(gpu: str) -> Iterator[Row]:
    """Whisper in three precisions: words against the CPU's, and the time of a clip."""
    from lab_kit.experiments import runtimes
    from lab_kit.models.device import Device

    speech = whole_clips()
    on_cpu = Device("cpu", "this processor", workers=1)
    cpu_texts, _ = heard(named(runtimes.REFERENCE, runtimes.available(on_cpu)).load(), speech)
    truth = [clip.text for clip in speech]
    yield Row("CPU, float32", f"WER {wer(truth, cpu_texts)} to the truth; {len(speech)} clips")
    for name in ("pytorch-fp32", "pytorch-fp16", "pytorch-bf16"):
        runtime = named(name, runtimes.available(on(gpu)))
        if runtime.why_not is not None:
            yield Row(name, f"not run: {runtime.why_not}")
            continue
        yield compared(runtime, speech, cpu_texts)


def compared(runtime: "Runtime", speech: "Sequence[Clip]", cpu_texts: Sequence[str]) -> Row:
    """One precision on the GPU against the CPU's words."""
    import torch

    from lab_kit.measure.percentiles import percentile

    torch.cuda.reset_peak_memory_stats()
    texts, clip_s = heard(runtime.load(), speech)
    peak_bytes = torch.cuda.max_memory_allocated()
    most = MOST_WER[runtime.precision]
    found = (
        f"WER {wer(cpu_texts, texts)} to the CPU's text (at most {most:.0%}),"
        f" {wer([clip.text for clip in speech], texts)} to the truth; a clip p50"
        f" {1e3 * percentile(clip_s, 0.5):.0f} ms, p95 {1e3 * percentile(clip_s, 0.95):.0f} ms;"
        f" {peak_bytes / 1e6:.0f} MB of GPU memory at most"
    )
    unused = None if peak_bytes else "no memory of the GPU was used"
    return Row(runtime.name, found, unused or too_many_others(cpu_texts, texts, most))


def heard(loaded: "Loaded", speech: "Sequence[Clip]") -> tuple[list[str], list[float]]:
    """Each clip's text and seconds, after one that warms up."""
    loaded.transcribe(speech[0].samples)
    said = [loaded.transcribe(clip.samples) for clip in speech]
    return [each.text for each in said], [each.encode_s + each.decode_s for each in said]


def compilation(gpu: str) -> Iterator[Row]:
    """`torch.compile` of the encoder's layers, afresh, against the same layers eager."""
    from lab_kit.experiments import runtimes
    from lab_kit.experiments.cold_start.recipes import COMPILED
    from lab_kit.models.store.kept import FOLDER_VARIABLE

    os.environ[FOLDER_VARIABLE] = mkdtemp(prefix="lab-compiled-")
    speech = whole_clips()
    eager = named(runtimes.REFERENCE, runtimes.available(on(gpu))).load()
    before, _ = heard(eager, speech)
    yield Row("eager", f"encoder p50 {encode_ms(eager):.2f} ms")
    compiled = named(COMPILED, runtimes.available(on(gpu))).load()
    after, _ = heard(compiled, speech)
    most = MOST_WER["float32"]
    yield Row(
        "compiled",
        f"encoder p50 {encode_ms(compiled):.2f} ms after {compiled.prepare_s:.1f} s of compiling;"
        f" WER {wer(before, after)} to the eager text (at most {most:.0%})",
        too_many_others(before, after, most),
    )


def encode_ms(loaded: "Loaded") -> float:
    """Median of one clip's pass through the encoder, spectrogram left out."""
    from lab_kit.measure.percentiles import percentile

    mel = loaded.rules.features([whole_clips()[0].samples])
    spent_ms = []
    for _ in range(ENCODES):
        began_s = time.perf_counter()
        loaded.network.encode(mel)
        spent_ms.append(1e3 * (time.perf_counter() - began_s))
    return percentile(spent_ms, 0.5)
