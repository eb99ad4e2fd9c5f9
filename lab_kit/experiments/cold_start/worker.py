"""The process whose start is measured.

    python -m lab_kit.experiments.cold_start.worker RUNTIME --began-ns N [--gpu NAME]

It does what a server does before it is ready, one phase after the other, and prints a line of JSON
with the length of each, and where the model runs. Then it transcribes once for every line it is
sent. The stamps are of the machine's monotonic clock, which parent and child share.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.experiments.cold_start.recipes import MOONSHINE, WHISPER

if TYPE_CHECKING:
    from lab_kit.models.device import Device

PROCESS, IMPORTS, WEIGHTS, BUILD, SESSION, FIRST = (
    "process start",
    "imports",
    "weights read",
    "export or compile",
    "session",
    "first inference",
)
PHASES = (PROCESS, IMPORTS, WEIGHTS, BUILD, SESSION, FIRST)
DEVICE = "device"
_READ_BYTES = 1 << 20

Infer: TypeAlias = Callable[[], object]


@dataclass(frozen=True, slots=True)
class _Started:
    """What came of a start: how long its phases took, where it runs, and how to infer."""

    lengths_ns: dict[str, int]
    device: "Device"
    infer: Infer


def main() -> None:
    """Start, answer once, then once for each line."""
    started_ns = time.perf_counter_ns()
    parser = argparse.ArgumentParser()
    parser.add_argument("runtime")
    parser.add_argument("--began-ns", type=int, required=True)
    parser.add_argument("--gpu")
    options = parser.parse_args()
    start = _start_moonshine if options.runtime == MOONSHINE else _start_runtime
    started = start(options.runtime, options.gpu)
    lengths_ns = {PROCESS: started_ns - options.began_ns} | started.lengths_ns
    lengths_ns[FIRST] = _timed(started.infer)
    print(json.dumps(lengths_ns | {DEVICE: started.device.label}), flush=True)
    for _ in sys.stdin:
        print(json.dumps({FIRST: _timed(started.infer)}), flush=True)


def _start_moonshine(name: str, gpu: str | None) -> _Started:
    began_ns = time.perf_counter_ns()
    from lab_kit.models.device import Device, choose_device
    from lab_kit.models.moonshine.kept_graphs import written
    from lab_kit.models.moonshine.model import Moonshine, weights_for
    from lab_kit.models.store.store import ModelStore

    imports_ns = time.perf_counter_ns() - began_ns
    began_ns = time.perf_counter_ns()
    files = ModelStore().path(name).paths
    device = choose_device() if gpu is None else Device("cuda", gpu, workers=1)
    _read(*files.values())
    weights_ns = time.perf_counter_ns() - began_ns
    began_ns = time.perf_counter_ns()
    written(files, weights_for(device))
    build_ns = time.perf_counter_ns() - began_ns
    began_ns = time.perf_counter_ns()
    model = Moonshine(files, device)
    session_ns = time.perf_counter_ns() - began_ns
    phases = {IMPORTS: imports_ns, WEIGHTS: weights_ns, BUILD: build_ns, SESSION: session_ns}
    audio = _noise()

    def infer() -> None:
        _, batch = model.prefill([model.encode(audio)])
        for token in range(10, 16):
            model.step(batch, [token])

    return _Started(phases, model.device, infer)


def _start_runtime(name: str, gpu: str | None) -> _Started:
    began_ns = time.perf_counter_ns()
    from lab_kit.experiments import runtimes
    from lab_kit.models.device import Device
    from lab_kit.models.store.store import ModelStore

    imports_ns = time.perf_counter_ns() - began_ns
    began_ns = time.perf_counter_ns()
    _read(*ModelStore().path(WHISPER).paths.values())
    weights_ns = time.perf_counter_ns() - began_ns
    device = None if gpu is None else Device("cuda", gpu, workers=1)
    (runtime,) = (r for r in runtimes.available(device) if r.name == name)
    began_ns = time.perf_counter_ns()
    loaded = runtime.load()
    loading_ns = time.perf_counter_ns() - began_ns
    build_ns = round(loaded.prepare_s * 1e9)
    phases = {
        IMPORTS: imports_ns,
        WEIGHTS: weights_ns,
        BUILD: build_ns,
        SESSION: loading_ns - build_ns,
    }
    audio = _noise()
    return _Started(phases, loaded.network.device, lambda: loaded.transcribe(audio))


def _noise() -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Two seconds in which nobody speaks: what is timed is the work, not the words."""
    noise = np.random.default_rng(1).normal(0, 0.01, 2 * SAMPLE_RATE_HZ)
    return noise.astype(np.float32)


def _read(*paths: Path) -> None:
    """Read the files once through, so that the disk's share is seen by itself."""
    buffer = bytearray(_READ_BYTES)
    for path in paths:
        with path.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass


def _timed(work: Callable[[], object]) -> int:
    began_ns = time.perf_counter_ns()
    work()
    return time.perf_counter_ns() - began_ns


if __name__ == "__main__":
    main()
