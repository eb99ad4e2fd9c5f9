"""A server and the processes it started, as the operating system accounts for them."""

from contextlib import suppress

import psutil

_LOOK_AGAIN = 20
"""Readings between two searches for children: a search looks at every process of the machine."""


class ProcessTree:
    """A process and its descendants.

    Raises:
        psutil.NoSuchProcess: there is no such process; also from the readings, once it is gone.
    """

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._members = [self._root]
        self._readings = 0

    @property
    def available_cores(self) -> int:
        """Cores that the root may use."""
        if hasattr(self._root, "cpu_affinity"):
            return len(self._root.cpu_affinity())
        return psutil.cpu_count() or 1

    def cpu_s(self) -> float:
        """Processor time used so far, that of children which have ended included."""
        total_s = 0.0
        for process in self._present():
            with suppress(psutil.NoSuchProcess):
                spent = process.cpu_times()
                total_s += spent.user + spent.system
                total_s += spent.children_user + spent.children_system
        return total_s

    def resident_bytes(self) -> int:
        """Memory that is resident; what processes share counts in each."""
        total = 0
        for process in self._present():
            with suppress(psutil.NoSuchProcess):
                total += process.memory_info().rss
        return total

    def _present(self) -> list[psutil.Process]:
        if self._readings % _LOOK_AGAIN == 0:
            self._members = [self._root, *self._root.children(recursive=True)]
        self._readings += 1
        if not self._root.is_running():
            raise psutil.NoSuchProcess(self._root.pid)
        return self._members
