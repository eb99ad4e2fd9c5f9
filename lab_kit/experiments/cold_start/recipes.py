"""Ways to come to the first answer, from the slowest to the one that was ready all along."""

from dataclasses import dataclass

from lab_kit.core.profile import Profile, profile

MOONSHINE = "moonshine-tiny-en"
WHISPER = "whisper-tiny-en"
PYTORCH = "pytorch-fp32"
COMPILED = "pytorch-compiled-fp32"
ONNX = "onnxruntime-fp32"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a process is started.

    Attributes:
        name: what is done about the start, in a few words.
        runtime: one of `runtimes.available()` by name, or the default recognizer's model.
        is_disk_cold: the weights are dropped from the operating system's page cache before.
        is_build_new: nothing that was exported or compiled before may be used.
        is_waiting: it was started beforehand, answered once and waits: a warm pool of one.
        takes_long: left out of short runs, which keep one of each model.
    """

    name: str
    runtime: str
    is_disk_cold: bool = False
    is_build_new: bool = False
    is_waiting: bool = False
    takes_long: bool = False


RECIPES = (
    Recipe("compiled on the spot", COMPILED, is_build_new=True, takes_long=True),
    Recipe("compiled before", COMPILED, takes_long=True),
    Recipe("exported on the spot", ONNX, is_build_new=True, takes_long=True),
    Recipe("PyTorch, weights on a cold disk", PYTORCH, is_disk_cold=True, takes_long=True),
    Recipe("PyTorch, weights in the page cache", PYTORCH),
    Recipe("exported before, graph kept", ONNX, takes_long=True),
    Recipe("smaller model, lighter runtime", MOONSHINE),
    Recipe("waiting in a warm pool", PYTORCH, is_waiting=True, takes_long=True),
)


def recipes() -> tuple[Recipe, ...]:
    """Those that the profile has time for."""
    if profile() is Profile.CI:
        return tuple(recipe for recipe in RECIPES if not recipe.takes_long)
    return RECIPES
