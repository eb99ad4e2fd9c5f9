"""What the device does meanwhile: NVIDIA's own counters where there is a GPU, cores elsewhere.

The two are never mixed up: a record says where its figures come from. A GPU's "utilisation" is
the share of time in which any kernel ran at all, so a high one does not mean that it is full.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import psutil
import pynvml

from lab_kit.experiments.device.process_tree import ProcessTree
from lab_kit.experiments.device.sampling import Sampling
from lab_kit.experiments.device.utilisation import busy_cores

SAMPLE_S = 0.1
"""NVIDIA's counters do not change faster, and looking more often would be load of its own."""


class Source(StrEnum):
    """Whose figures they are."""

    NVML = "NVML"
    OPERATING_SYSTEM = "operating system"


@dataclass(frozen=True, slots=True)
class GpuSample:
    """One look at a GPU.

    Attributes:
        busy: share of the recent past in which a kernel ran, in [0, 1].
        memory_bytes: used on the whole GPU, by whomever.
        power_w: None where the GPU does not tell.
    """

    busy: float
    memory_bytes: int
    power_w: float | None


@dataclass(frozen=True, slots=True)
class DeviceSample:
    """One look at the machine.

    Attributes:
        at_s: from the first sample.
        cores: load of each core of the machine since the last sample, in [0, 1], whoever made it.
        server_cpu_s: processor time of the server and the processes it started, so far.
        server_bytes: their resident memory; what they share counts in each.
    """

    at_s: float
    cores: tuple[float, ...]
    server_cpu_s: float
    server_bytes: int
    gpu: GpuSample | None


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """What was seen.

    Attributes:
        device: the GPU's name, or how many cores there are.
    """

    source: Source
    device: str
    samples: tuple[DeviceSample, ...]

    @property
    def server_cores(self) -> tuple[float, ...]:
        """Cores that the server kept busy, between each sample and the next."""
        return busy_cores(tuple((s.at_s, s.server_cpu_s) for s in self.samples))

    @property
    def server_cpu_s(self) -> float:
        """Processor time that the server used from the first sample to the last."""
        return self.samples[-1].server_cpu_s - self.samples[0].server_cpu_s if self.samples else 0.0

    @property
    def busy_share(self) -> float:
        """Share of the device that was busy, in [0, 1]: of the GPU's time, or of all cores'."""
        if self.source is Source.NVML:
            seen = [sample.gpu.busy for sample in self.samples if sample.gpu is not None]
            return sum(seen) / len(seen) if seen else 0.0
        lasted_s = self.samples[-1].at_s if self.samples else 0.0
        cores_s = lasted_s * len(self.samples[0].cores) if lasted_s else 0.0
        return self.server_cpu_s / cores_s if cores_s else 0.0


class Gpu:
    """The first GPU of the machine, through NVML."""

    def __init__(self) -> None:
        self._handle = pynvml.nvmlDeviceGetHandleByIndex(0)
        self.name = str(pynvml.nvmlDeviceGetName(self._handle))

    def sample(self) -> GpuSample:
        """Look at it."""
        power_w = None
        with suppress(pynvml.NVMLError_NotSupported):
            power_w = pynvml.nvmlDeviceGetPowerUsage(self._handle) / 1e3
        return GpuSample(
            busy=pynvml.nvmlDeviceGetUtilizationRates(self._handle).gpu / 100,
            memory_bytes=int(pynvml.nvmlDeviceGetMemoryInfo(self._handle).used),
            power_w=power_w,
        )


class DeviceWatch:
    """Looks until told to stop."""

    def __init__(self, pid: int, gpu: Gpu | None) -> None:
        self._tree = ProcessTree(pid)
        self._gpu = gpu
        self._sampling = Sampling(self._look, SAMPLE_S)

    def start(self) -> None:
        """Begin to look."""
        self._sampling.start()

    def stop(self) -> None:
        """Look a last time and end."""
        self._sampling.stop()

    def taken(self) -> DeviceRecord:
        """What was seen so far."""
        samples = self._sampling.taken()
        if self._gpu is None:
            name = f"{psutil.cpu_count()} cores"
            return DeviceRecord(Source.OPERATING_SYSTEM, name, samples)
        return DeviceRecord(Source.NVML, self._gpu.name, samples)

    def _look(self, at_s: float) -> DeviceSample:
        shares: list[Any] = psutil.cpu_percent(percpu=True)  # since this thread's last call
        return DeviceSample(
            at_s=at_s,
            cores=tuple(float(share) / 100 for share in shares),
            server_cpu_s=self._tree.cpu_s(),
            server_bytes=self._tree.resident_bytes(),
            gpu=None if self._gpu is None else self._gpu.sample(),
        )


@contextmanager
def watch_device(pid: int) -> Iterator[DeviceWatch]:
    """Watch the device, and the server ``pid`` with the processes it started, during the block.

    Raises:
        psutil.NoSuchProcess: there is no such process.
    """
    with _first_gpu() as gpu:
        watching = DeviceWatch(pid, gpu)
        watching.start()
        try:
            yield watching
        finally:
            watching.stop()


@contextmanager
def _first_gpu() -> Iterator[Gpu | None]:
    """The GPU that NVML shows; None where there is no driver, or no GPU behind it."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        yield None
        return
    try:
        yield Gpu() if pynvml.nvmlDeviceGetCount() else None
    finally:
        pynvml.nvmlShutdown()
