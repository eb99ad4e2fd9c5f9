"""What a section is, what it finds, and what several of them use.

The package is imported inside functions: a section must be listed, and say what it lacks, where
some of it is missing.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gpu_sections.facts import CLIPS, NOT_INSTALLED, TORCH, WHISPER, Facts

if TYPE_CHECKING:
    from lab_kit.datasets import Clip
    from lab_kit.experiments.runtimes import Runtime
    from lab_kit.models.device import Device

SOUND = ("numpy", "onnx", "onnxruntime", "platformdirs", "soundfile", "soxr", CLIPS)
"""Needed by whatever hears a clip."""
WHISPER_RUNTIMES = (*SOUND, "jiwer", "tokenizers", "torch", "transformers", TORCH, WHISPER)
"""Needed by Whisper, whatever runs it."""
MOST_WER = {"float32": 0.01, "float16": 0.02, "bfloat16": 0.05, "moonshine": 0.03}
"""Words that may be others than the CPU's, in float32. On a CPU neither half precision changed any
of 132 words; room is left for arithmetic in another order. Moonshine's matrices are floats on a GPU
and bytes on a CPU; `tests/models/test_moonshine_graph.py` grants as much."""


@dataclass(frozen=True, slots=True)
class Row:
    """One finding.

    Attributes:
        of: what it was found of.
        found: in words and figures.
        breaks: the promise of the GPU path that it contradicts; None where it keeps all.
    """

    of: str
    found: str
    breaks: str | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the table.

    Attributes:
        needs: names out of `facts.THINGS`.
        limit_s: its share of the eight minutes; then it is ended.
        measure: given the GPU's name.
    """

    name: str
    needs: tuple[str, ...]
    limit_s: float
    measure: Callable[[str], Iterator[Row]]

    def why_not(self, facts: Facts) -> str | None:
        """Why it cannot run on such a machine: every need that is not met. None if it can."""
        lacks = {need: facts.lacks[need] for need in self.needs if need in facts.lacks}
        unmet = [f"{need} ({why})" for need, why in lacks.items() if why != NOT_INSTALLED]
        packages = [need for need, why in lacks.items() if why == NOT_INSTALLED]
        unmet += [f"{', '.join(packages)} ({NOT_INSTALLED})"] if packages else []
        return f"needs {'; '.join(unmet)}" if unmet else None


def on(gpu: str) -> "Device":
    """The GPU; where it is there for PyTorch alone, `choose_device` would not name it."""
    from lab_kit.models.device import Device

    return Device("cuda", gpu, workers=1)


def named(name: str, runtimes: "Sequence[Runtime]") -> "Runtime":
    """The runtime of that name."""
    (found,) = (runtime for runtime in runtimes if runtime.name == name)
    return found


def whole_clips() -> "list[Clip]":
    """The repository's clips that Whisper hears at once."""
    from lab_kit.datasets import clips

    return [clip for clip in clips() if clip.duration_s <= 30]


def placed_on(of: str, device: "Device") -> Row:
    """Where a model says that it runs."""
    return Row(of, f"runs on {device.label}", None if device.kind == "cuda" else "fell back")


def error_rate(before: Sequence[str], after: Sequence[str]) -> float:
    """Word error rate over all texts together."""
    from lab_kit.measure.accuracy import word_error_rate

    return word_error_rate(" ".join(before), " ".join(after))


def wer(before: Sequence[str], after: Sequence[str]) -> str:
    """The same for people."""
    return f"{error_rate(before, after):.1%}"


def too_many_others(before: Sequence[str], after: Sequence[str], most: float) -> str | None:
    """The promise that is broken where more than ``most`` of the words are others."""
    return None if error_rate(before, after) <= most else f"more than {most:.0%} of words differ"
