"""The one place that decides where models run, and says what was decided.

A runtime that *lists* CUDA proves nothing: the GPU build lists it on machines without a driver
and then falls back to the CPU without an exception. The honest test is to build a session and
ask it which provider it got.
"""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import onnxruntime

from lab_kit.core.units import percent

CUDA = "CUDAExecutionProvider"
CPU = "CPUExecutionProvider"

DEVICE_VARIABLE = "LAB_DEVICE"
"""Set to ``cpu`` to keep a machine's GPU out of an experiment; anything else is ignored."""


@dataclass(frozen=True, slots=True)
class Device:
    """Where sessions are asked to run.

    Attributes:
        kind: ``cuda`` or ``cpu``.
        name: for people: the GPU's name, or the processor's and its cores.
        workers: threads that may call the runtime at once; the cores on a CPU, one on a GPU,
            whose kernels queue behind each other anyway.
    """

    kind: str
    name: str
    workers: int

    @property
    def label(self) -> str:
        """Kind and name in one phrase, for plots and reports."""
        return f"{self.kind} ({self.name})"


@cache
def choose_device() -> Device:
    """The GPU where an NVIDIA driver answers and the runtime can reach it, else the CPU."""
    gpu = None if os.environ.get(DEVICE_VARIABLE) == "cpu" else _gpu_name()
    if gpu is not None and CUDA in onnxruntime.get_available_providers():
        return Device("cuda", gpu, workers=1)
    cores = usable_cores()
    return Device("cpu", f"{_processor_name()}, {cores} cores", workers=cores)


def usable_cores() -> int:
    """Cores that this process may run on, which in a container can be fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def open_session(
    path: Path, device: Device, profile_prefix: str | None = None
) -> onnxruntime.InferenceSession:
    """Open a graph on ``device``; with ``profile_prefix`` its runs are recorded to such a file.

    One runtime thread a session and no spinning: on shared cores two spinning threads took
    85 ms for a window that one thread did in 27 ms. Parallelism comes from calling the session
    from several workers, which the runtime allows; without the runtime's memory arena, for whose
    lock they would stand in line: two workers' decoder steps took 4.3 ms each with it, 3.1 without
    (Moonshine's graphs as they were published).
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    if profile_prefix is not None:
        options.enable_profiling = True
        options.profile_file_prefix = profile_prefix
    providers = [CUDA, CPU] if device.kind == "cuda" else [CPU]
    if device.kind == "cuda":
        onnxruntime.preload_dlls()
    return onnxruntime.InferenceSession(str(path), options, providers=providers)


def session_device(providers: Sequence[str], asked: Device, share_on_cpu: float) -> Device:
    """Where a session really runs, in words that hide nothing.

    Args:
        providers: what the session says it got.
        share_on_cpu: of its operators, in [0, 1]; see `placement.share_on_cpu`.
    """
    if asked.kind == "cpu":
        return asked
    if CUDA not in providers:
        name = f"{_processor_name()}; asked for {asked.name}, which the runtime cannot reach"
        return Device("cpu", name, workers=usable_cores())
    if share_on_cpu > 0:
        name = f"{asked.name}; {percent(share_on_cpu)} of operators fell back to the CPU"
        return Device("cuda", name, asked.workers)
    return asked


def _gpu_name() -> str | None:
    try:
        answer = subprocess.run(
            ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        # no driver, or one that does not answer: both mean there is no GPU to use
        return None
    return answer.stdout.splitlines()[0].strip() if answer.stdout.strip() else None


def _processor_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return os.uname().machine if hasattr(os, "uname") else "processor"
