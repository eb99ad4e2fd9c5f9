"""How busy a server's cores are, sampled from outside by the operating system's own account."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

SAMPLE_S = 0.05
"""Short enough to see the gaps between requests; the system counts in steps of about 10 ms."""


@dataclass(frozen=True, slots=True)
class Busy:
    """Samples of one process.

    Attributes:
        times_s: end of each sample, from the first sample's beginning.
        cores: cores kept busy during each.
        available: cores the process could have used.
    """

    times_s: tuple[float, ...]
    cores: tuple[float, ...]
    available: int

    @property
    def share(self) -> float:
        """Share of the available core time that was used, over the whole run."""
        if not self.times_s:
            return 0.0
        spans = [b - a for a, b in zip((0.0, *self.times_s), self.times_s, strict=False)]
        used_s = sum(cores * span for cores, span in zip(self.cores, spans, strict=True))
        return used_s / (self.times_s[-1] * self.available)


class Sampler:
    """A thread that samples until told to stop."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._stopping = threading.Event()
        self._times_s: list[float] = []
        self._cores: list[float] = []
        self._thread = threading.Thread(target=self._sample, name="utilisation", daemon=True)

    def start(self) -> None:
        """Begin to sample."""
        self._thread.start()

    def stop(self) -> None:
        """Take a last sample and end."""
        self._stopping.set()
        self._thread.join()

    def taken(self) -> Busy:
        """What was sampled."""
        available = len(self._process.cpu_affinity()) if _has_affinity() else psutil.cpu_count()
        return Busy(tuple(self._times_s), tuple(self._cores), available or 1)

    def _sample(self) -> None:
        began = last = time.perf_counter()
        used_s = self._used_s()
        while not self._stopping.wait(SAMPLE_S) or last == began:
            now, now_used_s = time.perf_counter(), self._used_s()
            self._times_s.append(now - began)
            self._cores.append((now_used_s - used_s) / (now - last))
            last, used_s = now, now_used_s

    def _used_s(self) -> float:
        spent = self._process.cpu_times()
        return float(spent.user + spent.system)


@contextmanager
def watch(pid: int) -> Iterator[Sampler]:
    """Sample a process for the length of the block.

    Raises:
        psutil.NoSuchProcess: there is no such process.
    """
    sampler = Sampler(pid)
    sampler.start()
    try:
        yield sampler
    finally:
        sampler.stop()


def _has_affinity() -> bool:
    return hasattr(psutil.Process, "cpu_affinity")
