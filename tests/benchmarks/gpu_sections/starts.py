"""Processes started anew, to their first answer on the GPU."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from gpu_sections.section import Row

if TYPE_CHECKING:
    from lab_kit.experiments.cold_start import ColdStart, Recipe


def cold_starts_of_torch(gpu: str) -> Iterator[Row]:
    """Processes started anew with PyTorch, phase by phase."""
    from lab_kit.experiments.cold_start import RECIPES
    from lab_kit.experiments.cold_start.recipes import PYTORCH

    yield from starts([recipe for recipe in RECIPES if recipe.runtime == PYTORCH], gpu)


def cold_starts_of_onnx(gpu: str) -> Iterator[Row]:
    """The same with ONNX Runtime; an export that is not kept yet counts as a phase."""
    from lab_kit.experiments.cold_start import RECIPES
    from lab_kit.experiments.cold_start.recipes import MOONSHINE as SMALL
    from lab_kit.experiments.cold_start.recipes import ONNX

    kept = [r for r in RECIPES if r.runtime in (SMALL, ONNX) and not r.is_build_new]
    yield from starts(kept, gpu)


def starts(recipes: "Sequence[Recipe]", gpu: str) -> Iterator[Row]:
    """Start each and say how long its phases took."""
    from lab_kit.experiments.cold_start import measure

    for recipe in recipes:
        yield started(measure(recipe, gpu))


def started(start: "ColdStart") -> Row:
    """One start's phases, and where its model ran."""
    phases = ", ".join(f"{phase.name} {phase.length_s:.2f}" for phase in start.phases)
    found = (
        f"answer after {start.answer_s:.2f} s ({phases}), later ones"
        f" {1e3 * start.steady_s:.0f} ms; on {start.device}"
    )
    return Row(start.recipe.name, found, None if start.device.startswith("cuda") else "fell back")
