"""How busy a server's cores are, sampled from outside by the operating system's own account."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lab_kit.experiments.device.process_tree import ProcessTree
from lab_kit.experiments.device.sampling import Sampling

SAMPLE_S = 0.05
"""Short enough to see the gaps between requests; the system counts in steps of about 10 ms."""


@dataclass(frozen=True, slots=True)
class Utilisation:
    """Samples of a server and the processes it started.

    Attributes:
        times_s: end of each sample, from the first sample's beginning.
        cores: cores kept busy during each.
        available: cores the server could have used.
    """

    times_s: tuple[float, ...]
    cores: tuple[float, ...]
    available: int

    @property
    def share(self) -> float:
        """Share of the available core time that was used, over the whole run."""
        if not self.times_s:
            return 0.0
        spans = [b - a for a, b in pairwise((0.0, *self.times_s))]
        used_s = sum(cores * span for cores, span in zip(self.cores, spans, strict=True))
        return used_s / (self.times_s[-1] * self.available)


class Sampler:
    """Samples until told to stop."""

    def __init__(self, pid: int) -> None:
        tree = ProcessTree(pid)
        self._available = tree.available_cores
        self._sampling = Sampling(lambda at_s: (at_s, tree.cpu_s()), SAMPLE_S)

    def start(self) -> None:
        """Begin to sample."""
        self._sampling.start()

    def stop(self) -> None:
        """Take a last sample and end."""
        self._sampling.stop()

    def taken(self) -> Utilisation:
        """What was sampled."""
        return self._of(self._sampling.taken())

    def between(self, from_ns: int, until_ns: int) -> Utilisation:
        """What was sampled from one moment to another, on this process's clock.

        Between two samples the cores are taken to have been as busy all the time.
        """
        from_s, until_s = ((ns - self._sampling.began_ns) / 1e9 for ns in (from_ns, until_ns))
        return self._of(cut(self._sampling.taken(), from_s, until_s))

    def _of(self, readings: tuple[tuple[float, float], ...]) -> Utilisation:
        return Utilisation(
            tuple(at_s for at_s, _ in readings[1:]),
            busy_cores(readings),
            self._available,
        )


def cut(
    readings: tuple[tuple[float, float], ...], from_s: float, until_s: float
) -> tuple[tuple[float, float], ...]:
    """Readings of time and processor time between two moments, counted from the first."""
    at_s, used_s = zip(*readings, strict=True)
    moments_s = [from_s, *(at for at in at_s if from_s < at < until_s), until_s]
    used = np.interp(moments_s, at_s, used_s)
    return tuple((at - from_s, float(cpu)) for at, cpu in zip(moments_s, used, strict=True))


def busy_cores(readings: tuple[tuple[float, float], ...]) -> tuple[float, ...]:
    """Cores kept busy between readings of time and processor time, both in seconds.

    Less than nothing is none: a child's time is missing between its end and its parent's notice.
    """
    return tuple(max(0.0, (y - x) / (b - a)) for (a, x), (b, y) in pairwise(readings))


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
