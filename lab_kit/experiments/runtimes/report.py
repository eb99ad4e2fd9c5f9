"""The same clips through every runtime: bytes, time, accuracy and how far the numbers drift.

All run alone and on the same number of CPU threads, one, which is how the lab's servers run them:
parallelism there comes from several workers. A GPU runs as it does.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.errors import InvalidParameter
from lab_kit.core.units import ms
from lab_kit.datasets import Clip, Kind
from lab_kit.experiments.runtimes.choices import Runtime, available
from lab_kit.experiments.runtimes.network import Loaded, Transcript
from lab_kit.measure.accuracy import word_error_rate
from lab_kit.measure.percentiles import percentile
from lab_kit.models.device import Device

THREADS = 1
"""CPU threads of every runtime in a comparison."""


@dataclass(frozen=True, slots=True)
class RuntimeFigures:
    """What was measured of one runtime.

    Attributes:
        size_bytes: of the weights, in memory (PyTorch) or in its files (ONNX Runtime).
        prepare_s: export, quantization or compilation; near zero where a kept one was found.
        load_s: from files to callable.
        clip_ms_p50, clip_ms_p95: one clip from samples to text, nothing beside it.
        tokens_per_s: while decoding, the end mark counted.
        wer_real, wer_synthesized: word error rate; None where no such clip was heard.
        largest_score_difference: from the reference, over all words and steps of the first clip
            when both are fed the reference's tokens.
        agrees: share of clips whose text is the reference's to the letter.
    """

    size_bytes: int
    prepare_s: float
    load_s: float
    clip_ms_p50: float
    clip_ms_p95: float
    tokens_per_s: float
    wer_real: float | None
    wer_synthesized: float | None
    largest_score_difference: float
    agrees: float


@dataclass(frozen=True, slots=True)
class RuntimeReport:
    """One row of the comparison: figures, or the reason why there are none.

    Attributes:
        device: where it really ran, or was to run.
    """

    name: str
    precision: str
    how: str
    device: str
    figures: RuntimeFigures | None
    why_not: str | None


@dataclass(frozen=True, slots=True)
class _Run:
    """What one runtime made of the clips; ``scores`` are those of the first clip."""

    scores: FloatArray
    transcripts: tuple[Transcript, ...]


def compare(
    clips: Sequence[Clip], names: Sequence[str] | None = None, device: Device | None = None
) -> list[RuntimeReport]:
    """Run ``clips`` through the runtimes, one after the other.

    Args:
        clips: at most 30 s each; the first also warms each runtime up.
        names: which runtimes; default all. The reference always runs, and is shown if named.
        device: where; default the one that `choose_device` finds.

    Raises:
        InvalidParameter: no clips, or an unknown name.
        ModelNotLoaded: the reference cannot run on ``device``.
    """
    runtimes = available(device)
    wanted = [runtime.name for runtime in runtimes] if names is None else list(names)
    _require_sensible(clips, wanted, [runtime.name for runtime in runtimes])
    with _threads(THREADS):
        first, *others = runtimes
        loaded = first.load()
        reference = _run(loaded, clips, loaded.transcribe(clips[0].samples).tokens)
        reports = [_measured(first, loaded, clips, reference, reference)]
        reports += [_tried(each, clips, reference) for each in others if each.name in wanted]
    return [report for report in reports if report.name in wanted]


def _tried(runtime: Runtime, clips: Sequence[Clip], reference: _Run) -> RuntimeReport:
    if runtime.why_not is not None:
        place = runtime.device.label
        return RuntimeReport(
            runtime.name, runtime.precision, runtime.how, place, None, runtime.why_not
        )
    loaded = runtime.load()
    run = _run(loaded, clips, reference.transcripts[0].tokens)
    return _measured(runtime, loaded, clips, run, reference)


def _run(loaded: Loaded, clips: Sequence[Clip], tokens: Sequence[int]) -> _Run:
    """The scores come first: they are the pass that warms up, and its time is not taken."""
    scores = loaded.scores(clips[0].samples, tokens)
    return _Run(scores, tuple(loaded.transcribe(clip.samples) for clip in clips))


def _measured(
    runtime: Runtime, loaded: Loaded, clips: Sequence[Clip], run: _Run, reference: _Run
) -> RuntimeReport:
    clip_ms = [ms(each.encode_s + each.decode_s) for each in run.transcripts]
    same = [a.text == b.text for a, b in zip(run.transcripts, reference.transcripts, strict=True)]
    figures = RuntimeFigures(
        size_bytes=loaded.network.size_bytes,
        prepare_s=loaded.prepare_s,
        load_s=loaded.load_s,
        clip_ms_p50=percentile(clip_ms, 0.5),
        clip_ms_p95=percentile(clip_ms, 0.95),
        tokens_per_s=sum(t.steps for t in run.transcripts)
        / sum(t.decode_s for t in run.transcripts),
        wer_real=_error_rate(clips, run.transcripts, Kind.REAL),
        wer_synthesized=_error_rate(clips, run.transcripts, Kind.SYNTHESIZED),
        largest_score_difference=float(np.abs(run.scores - reference.scores).max()),
        agrees=sum(same) / len(same),
    )
    place = loaded.network.device.label
    return RuntimeReport(runtime.name, runtime.precision, runtime.how, place, figures, None)


def _error_rate(
    clips: Sequence[Clip], transcripts: Sequence[Transcript], kind: Kind
) -> float | None:
    pairs = [(c.text, t.text) for c, t in zip(clips, transcripts, strict=True) if c.kind is kind]
    if not pairs:
        return None
    truth, heard = (" ".join(texts) for texts in zip(*pairs, strict=True))
    return word_error_rate(truth, heard)


def _require_sensible(clips: Sequence[Clip], wanted: Sequence[str], known: Sequence[str]) -> None:
    unknown = [name for name in wanted if name not in known]
    if unknown or not clips:
        raise InvalidParameter(
            received=f"no runtime {', '.join(unknown)}" if unknown else "no clips",
            expected=f"some of {', '.join(known)}, and at least one clip",
            next_step="see them all with available()",
        )


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Give PyTorch ``count`` CPU threads for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
