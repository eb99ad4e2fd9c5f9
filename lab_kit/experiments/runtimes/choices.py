"""Which runtimes there are for the same weights, and why some of them cannot run here."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, TypeVar

import numpy as np

from lab_kit.core.errors import ModelNotLoaded
from lab_kit.core.profile import by_profile
from lab_kit.core.units import seconds
from lab_kit.experiments.runtimes import exporting, pytorch
from lab_kit.experiments.runtimes.network import Loaded, Network
from lab_kit.experiments.runtimes.onnx_runtime import OnnxNetwork
from lab_kit.experiments.runtimes.pytorch import TorchNetwork
from lab_kit.models.device import Device, choose_device
from lab_kit.models.store.kept import kept_folder
from lab_kit.models.store.store import ModelStore
from lab_kit.models.whisper.rules import WhisperRules

MODEL = "whisper-tiny-en"
REFERENCE = "pytorch-fp32"
"""What all others are compared with."""

_COMPILED = "pytorch-compiled-fp32"
_EXPORTED = "onnxruntime-fp32"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BuiltNetwork:
    """A network, and what it took to get it; see `Loaded`."""

    network: Network
    prepare_s: float
    load_s: float


Build: TypeAlias = Callable[[Path, Device], BuiltNetwork]
"""Makes a network from the file of weights, on a device."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """One way to run the weights.

    Attributes:
        precision: of the weights.
        how: what is done to the weights or the graphs, in a few words.
        device: where it is asked to run.
        why_not: what is missing here; None where it can be loaded.
        build: loads it, and exports or compiles what that needs.
    """

    name: str
    precision: str
    how: str
    device: Device
    why_not: str | None
    build: Build

    def load(self) -> Loaded:
        """Make it ready; takes long the first time where something is exported or compiled.

        Raises:
            ModelNotLoaded: it cannot run here.
            ModelStoreError: the weights are not here; run ``lab models pull``.
        """
        if self.why_not is not None:
            raise ModelNotLoaded(
                received=f"{self.name} on {self.device.label}: {self.why_not}",
                expected="one of those that available() lists without a reason against it",
                next_step="load another one",
            )
        files = ModelStore().path(MODEL)
        rules, rules_s = _timed(lambda: WhisperRules(files.paths))
        built = self.build(files["model.bin"], self.device)
        return Loaded(built.network, rules, built.prepare_s, built.load_s + rules_s)


def available(device: Device | None = None) -> list[Runtime]:
    """Every runtime, also those that cannot run here.

    Args:
        device: where to run; default the one that `choose_device` finds.
    """
    place = device or choose_device()
    no_gpu = pytorch.why_no_cuda() if place.kind == "cuda" else None
    no_half = None if place.kind == "cuda" else "arithmetic in float16 is a GPU's affair"
    no_compiler = no_gpu or pytorch.why_no_compiler()
    no_bfloat16 = no_gpu or pytorch.why_no_bfloat16(place)
    return [
        Runtime(REFERENCE, "float32", "eager", place, no_gpu, _eager("float32")),
        Runtime(
            _COMPILED,
            "float32",
            "torch.compile of the encoder's layers, the rest eager",
            place,
            no_compiler,
            _compiled,
        ),
        Runtime(
            _EXPORTED,
            "float32",
            "exported",
            place,
            None,
            _in_onnx_runtime(exporting.exported),
        ),
        Runtime(
            "onnxruntime-int8",
            "int8",
            "exported, weights quantized, activations as they come",
            place,
            None,
            _in_onnx_runtime(exporting.quantized),
        ),
        Runtime("pytorch-bf16", "bfloat16", "eager", place, no_bfloat16, _eager("bfloat16")),
        Runtime("pytorch-fp16", "float16", "eager", place, no_gpu or no_half, _eager("float16")),
    ]


def same_precision() -> tuple[str, ...]:
    """Names of the runtimes that change nothing but who computes: all in float32.

    Compilation is left out where runs are shortened.
    """
    return by_profile(
        full=(REFERENCE, _COMPILED, _EXPORTED),
        ci=(REFERENCE, _EXPORTED),
    )


def _eager(dtype: str) -> Build:
    def build(weights: Path, device: Device) -> BuiltNetwork:
        network, load_s = _timed(lambda: TorchNetwork(weights, device, dtype))
        return BuiltNetwork(network, 0.0, load_s)

    return build


def _compiled(weights: Path, device: Device) -> BuiltNetwork:
    network, load_s = _timed(lambda: TorchNetwork(weights, device, "float32"))
    compiled = kept_folder() / "compiled"
    silence = np.zeros((1, 80, 3000), np.float32)
    _, prepare_s = _timed(lambda: network.compile_encoder(compiled, silence))
    return BuiltNetwork(network, prepare_s, load_s)


def _in_onnx_runtime(graphs: Callable[[Path], Path]) -> Build:
    def build(weights: Path, device: Device) -> BuiltNetwork:
        folder, prepare_s = _timed(lambda: graphs(weights))
        network, load_s = _timed(lambda: OnnxNetwork(folder, device))
        return BuiltNetwork(network, prepare_s, load_s)

    return build


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    """What ``work`` gives, and the seconds that it took."""
    began_ns = time.perf_counter_ns()
    result = work()
    return result, seconds(time.perf_counter_ns() - began_ns)
