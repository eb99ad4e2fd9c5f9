"""What is watched while a server works.

The operating system's side is the real one, on real processes. There is no GPU here: NVML's side
is a stand-in with NVML's names and units, so what is tested is which source is chosen and what is
made of its figures, not NVIDIA's library.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import SimpleNamespace

import psutil
import pynvml
import pytest
from hang import HANG_S

from lab_kit.experiments.device import telemetry
from lab_kit.experiments.load import (
    DeviceRecord,
    DeviceSample,
    GpuSample,
    Source,
    watch,
    watch_device,
)

WORK = "while True: sum(range(10_000))"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {WORK!r}])"


class FakeNvml:
    """A driver with ``gpus`` GPUs of one kind; None is a machine without a driver."""

    NVMLError = pynvml.NVMLError
    NVMLError_NotSupported = pynvml.NVMLError_NotSupported

    def __init__(self, gpus: int | None, has_power: bool = True) -> None:
        self._gpus, self._has_power = gpus, has_power
        self.open = 0

    def nvmlInit(self) -> None:
        if self._gpus is None:
            raise pynvml.NVMLError_LibraryNotFound
        self.open += 1

    def nvmlShutdown(self) -> None:
        self.open -= 1

    def nvmlDeviceGetCount(self) -> int:
        return self._gpus or 0

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:
        return f"handle-{index}"

    def nvmlDeviceGetName(self, handle: str) -> str:
        return "NVIDIA L4"

    def nvmlDeviceGetUtilizationRates(self, handle: str) -> SimpleNamespace:
        return SimpleNamespace(gpu=37, memory=20)

    def nvmlDeviceGetMemoryInfo(self, handle: str) -> SimpleNamespace:
        return SimpleNamespace(total=24 * 2**30, free=22 * 2**30, used=2 * 2**30)

    def nvmlDeviceGetPowerUsage(self, handle: str) -> int:
        if not self._has_power:
            raise pynvml.NVMLError_NotSupported
        return 31_500  # milliwatts


@contextmanager
def running(program: str) -> Iterator[int]:
    """A process that runs ``program``; gives its id."""
    process = subprocess.Popen([sys.executable, "-c", program], start_new_session=True)
    try:
        yield process.pid
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for_child(pid: int) -> None:
    deadline = time.monotonic() + HANG_S
    while not psutil.Process(pid).children():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def wait_for_work(pid: int) -> None:
    """Until the process and its children have used the processor for another quarter second."""
    deadline, before_s = time.monotonic() + HANG_S, cpu_s(pid)
    while cpu_s(pid) < before_s + 0.25:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def cpu_s(pid: int) -> float:
    process = psutil.Process(pid)
    times = [one.cpu_times() for one in (process, *process.children())]
    return float(sum(one.user + one.system for one in times))


def test_work_of_a_child_counts_as_the_servers() -> None:
    """LitServe's workers are children; a server that only looks on must not look idle."""
    with running(PARENT) as pid:
        wait_for_child(pid)
        alone = psutil.Process(pid).memory_info().rss
        with watch_device(pid) as watching, watch(pid) as busy:
            wait_for_work(pid)
    record = watching.taken()
    assert record.server_cpu_s > 0.1
    assert sum(record.server_cores) > 0
    assert busy.taken().share > 0
    assert record.samples[-1].server_bytes > alone


def test_without_a_driver_the_operating_system_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "pynvml", FakeNvml(gpus=None))
    with running(WORK) as pid, watch_device(pid) as watching:
        wait_for_work(pid)
    record = watching.taken()
    assert record.source is Source.OPERATING_SYSTEM
    assert record.device == f"{psutil.cpu_count()} cores"
    assert all(sample.gpu is None for sample in record.samples)
    assert all(len(sample.cores) == psutil.cpu_count() for sample in record.samples)
    assert max(max(sample.cores) for sample in record.samples[1:]) > 0


def test_a_driver_without_a_gpu_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = FakeNvml(gpus=0)
    monkeypatch.setattr(telemetry, "pynvml", driver)
    with running(WORK) as pid, watch_device(pid) as watching:
        pass
    assert watching.taken().source is Source.OPERATING_SYSTEM
    assert driver.open == 0


def test_where_there_is_a_gpu_its_own_counters_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = FakeNvml(gpus=2)
    monkeypatch.setattr(telemetry, "pynvml", driver)
    with running(WORK) as pid, watch_device(pid) as watching:
        pass
    record = watching.taken()
    gpu = record.samples[0].gpu
    assert (record.source, record.device) == (Source.NVML, "NVIDIA L4")
    assert gpu is not None
    assert (gpu.busy, gpu.memory_bytes, gpu.power_w) == (0.37, 2 * 2**30, 31.5)
    assert driver.open == 0


def test_a_gpu_that_does_not_tell_its_power(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "pynvml", FakeNvml(gpus=1, has_power=False))
    with running(WORK) as pid, watch_device(pid) as watching:
        pass
    gpu = watching.taken().samples[0].gpu
    assert gpu is not None
    assert gpu.power_w is None


def test_a_server_that_dies_ends_the_record_and_not_the_watcher() -> None:
    with running(WORK) as pid, watch_device(pid) as watching:
        time.sleep(0.2)
        process = psutil.Process(pid)
        process.kill()
        process.wait(HANG_S)
        time.sleep(0.2)
    assert watching.taken().samples


def test_a_process_that_is_not_there_is_refused() -> None:
    with running("pass") as pid:
        pass
    with pytest.raises(psutil.NoSuchProcess), watch_device(pid):
        pass


def test_the_busy_share_is_of_all_cores_or_of_the_gpu() -> None:
    def sample(at_s: float, cpu_s: float, gpu: GpuSample | None = None) -> DeviceSample:
        return DeviceSample(at_s, (0.5, 0.5), cpu_s, 1, gpu)

    on_cores = (sample(0.0, 3.0), sample(2.0, 4.0))
    assert DeviceRecord(Source.OPERATING_SYSTEM, "2 cores", on_cores).busy_share == 0.25
    on_gpu = (sample(0.0, 3.0, GpuSample(0.2, 1, None)), sample(2.0, 4.0, GpuSample(0.6, 1, None)))
    assert DeviceRecord(Source.NVML, "NVIDIA L4", on_gpu).busy_share == pytest.approx(0.4)
    assert DeviceRecord(Source.OPERATING_SYSTEM, "2 cores", ()).busy_share == 0.0
