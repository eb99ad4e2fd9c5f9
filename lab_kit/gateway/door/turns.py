"""Whose turn it is: callers in rotation, each with one job at work at a time.

A caller with long jobs, or with many, keeps one worker busy and its own jobs waiting; the other
workers are for the other callers. Values only: no thread and no clock.
"""

from collections import deque
from typing import Generic, TypeVar

from lab_kit.core.errors import SystemOverloaded

_T = TypeVar("_T")


class Turns(Generic[_T]):
    """The jobs that wait, and the callers who have one at work.

    Args:
        workers: jobs at work at once, each of another caller.
        most_waiting: jobs that may wait in all; one caller may have half of them.
    """

    def __init__(self, workers: int, most_waiting: int) -> None:
        self._workers = workers
        self._most_waiting = most_waiting
        # in the order of their turns; nobody is in here without a job
        self._waiting: dict[str, deque[_T]] = {}
        self._working: set[str] = set()

    @property
    def waiting(self) -> int:
        """Jobs that wait."""
        return sum(map(len, self._waiting.values()))

    def add(self, caller: str, job: _T) -> None:
        """Let a job wait for its caller's turn.

        Raises:
            SystemOverloaded: too many wait, of this caller or in all.
        """
        own, most = len(self._waiting.get(caller, ())), self._most_waiting
        if own >= most // 2 or self.waiting >= most:
            raise SystemOverloaded(
                f"{own} uploads of this caller wait to be read, {self.waiting} in all",
                f"fewer than {most // 2} of one caller, and than {most} in all",
                "send it again after the stated delay, and fewer at once",
            )
        self._waiting.setdefault(caller, deque()).append(job)

    def next(self) -> tuple[str, _T] | None:
        """The next job to begin, and whose it is; None if no worker is free or nobody's turn has
        come."""
        if len(self._working) == self._workers:
            return None
        caller = next((one for one in self._waiting if one not in self._working), None)
        if caller is None:
            return None
        jobs = self._waiting.pop(caller)
        job = jobs.popleft()
        if jobs:
            self._waiting[caller] = jobs  # behind everybody else
        self._working.add(caller)
        return caller, job

    def ended(self, caller: str) -> None:
        """The caller's job at work has ended."""
        self._working.remove(caller)

    def withdraw(self, caller: str, job: _T) -> None:
        """Forget a job that waits; of no effect on one that does not."""
        jobs = self._waiting.get(caller, deque())
        if job in jobs:
            jobs.remove(job)
            if not jobs:
                del self._waiting[caller]
