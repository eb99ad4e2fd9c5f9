"""A thread that looks at something again and again until it is told to stop."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

import psutil

T = TypeVar("T")


class Sampling(Generic[T]):
    """Takes a sample now, then every ``period_s``, and a last one when it stops.

    Args:
        take: given the seconds since the first sample.

    Attributes:
        began_ns: when that was, on this process's clock; 0 before it.
    """

    def __init__(self, take: Callable[[float], T], period_s: float) -> None:
        self._take = take
        self._period_s = period_s
        self.began_ns = 0
        self._samples: list[T] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampling", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Take the last sample and end."""
        self._stopping.set()
        self._thread.join()

    def taken(self) -> tuple[T, ...]:
        """The samples so far."""
        return tuple(self._samples)

    def _run(self) -> None:
        self.began_ns = time.perf_counter_ns()
        try:
            self._samples.append(self._take(0.0))
            is_last = False
            while not is_last:
                is_last = self._stopping.wait(self._period_s)
                self._samples.append(self._take((time.perf_counter_ns() - self.began_ns) / 1e9))
        except psutil.NoSuchProcess:
            return  # the server is gone, and with it what there was to see
