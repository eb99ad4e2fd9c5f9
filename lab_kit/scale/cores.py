"""Processors that a few threads share: each gets an equal part of them, and never more than one.

That is processor sharing, the idealized form of what an operating system's scheduler does.
Source: Kleinrock, *Queueing Systems*, volume II, 1976, chapter 4.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

Then = Callable[[], None]


@dataclass(slots=True)
class Job:
    """Work of one thread: what is left of it in processor seconds, and what follows it."""

    left_s: float
    then: Then


class Thread:
    """Does its jobs one after the other, in the order in which they came.

    Attributes:
        used_s: processor time so far.
        busy_s: time that it had something to do.
    """

    def __init__(self) -> None:
        self.used_s = 0.0
        self.busy_s = 0.0
        self._jobs: deque[Job] = deque()

    @property
    def is_idle(self) -> bool:
        """Whether it has nothing to do."""
        return not self._jobs

    @property
    def left_s(self) -> float:
        """Of the job that it is at."""
        return self._jobs[0].left_s

    def do(self, cost_s: float, then: Then) -> None:
        """Have it do something when it has done what it was given before."""
        self._jobs.append(Job(cost_s, then))

    def advance(self, wall_s: float, rate: float) -> None:
        """Let time pass, of which the thread gets a share."""
        self._jobs[0].left_s -= wall_s * rate
        self.used_s += wall_s * rate
        self.busy_s += wall_s

    def finish(self) -> Then:
        """The job is done; what follows it."""
        return self._jobs.popleft().then


class Cores:
    """A machine's processors and its threads.

    Args:
        contention: how many times longer everything takes while no processor is free.
    """

    def __init__(self, count: float, threads: list[Thread], contention: float = 1.0) -> None:
        self._count = count
        self._threads = threads
        self._contention = contention
        self.now_s = 0.0

    def run_until(self, end_s: float) -> bool:
        """Let time pass until a job is done, and do what follows; False if none is by ``end_s``."""
        active = [thread for thread in self._threads if not thread.is_idle]
        if not active:
            self.now_s = end_s
            return False
        share = min(1.0, self._count / len(active))
        slower = self._contention if len(active) >= self._count else 1.0
        first = min(active, key=lambda thread: thread.left_s)
        wall_s = first.left_s * slower / share
        if self.now_s + wall_s > end_s:
            self._pass(active, end_s - self.now_s, share, slower)
            self.now_s = end_s
            return False
        self._pass(active, wall_s, share, slower)
        self.now_s += wall_s
        first.finish()()
        return True

    def _pass(self, active: list[Thread], wall_s: float, share: float, slower: float) -> None:
        for thread in active:
            thread.advance(wall_s, share / slower)
            thread.used_s += wall_s * share * (1 - 1 / slower)  # a slowed processor is not free
