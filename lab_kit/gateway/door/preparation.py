"""The workers on which recordings are read and the speech in them is found.

Both take seconds for a long recording, and the event loop serves everybody. Callers take turns:
what one uploads never waits behind more than one job of another.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from lab_kit.gateway.door.body_memory import Share
from lab_kit.gateway.door.turns import Turns

WORKERS = 2
"""One for a caller with a long recording, one for everybody else; more would slow down the engine
on few cores, and with it the live streams."""
MOST_WAITING = 256
"""A recording of some seconds takes 90 ms: half of these keep a worker busy for as long as clients
commonly wait."""
_T = TypeVar("_T")


@dataclass(slots=True, eq=False)
class _Job:
    """Work that somebody waits for.

    Attributes:
        answer: what it gives; cancelled once nobody waits any more.
        running: its run on a worker; None before it has begun.
    """

    work: Callable[[], Any]
    answer: "asyncio.Future[Any]"
    running: "asyncio.Future[Any] | None" = None


class Preparation:
    """The workers, and whose turn it is on them. All on one event loop but for the work itself."""

    def __init__(self) -> None:
        self._turns: Turns[_Job] = Turns(WORKERS, MOST_WAITING)
        self._threads = ThreadPoolExecutor(WORKERS, "preparation")

    async def run(self, caller: str, work: Callable[[], _T], body: Share | None = None) -> _T:
        """Do ``work`` on a worker once it is the caller's turn.

        Whoever stops waiting takes it out of the queue. Work that has begun goes on to its end, and
        its caller's next job waits for that.

        Args:
            body: the bytes that the work reads; they count until it has ended.

        Raises:
            SystemOverloaded: too much waits.
            Exception: whatever ``work`` raises.
        """
        job = _Job(work, asyncio.get_running_loop().create_future())
        self._turns.add(caller, job)
        self._begin_next()
        try:
            answer: _T = await job.answer
            return answer
        finally:
            self._turns.withdraw(caller, job)
            if body is not None and job.running is not None:
                body.used_by(job.running)

    def stop(self) -> None:
        """Begin nothing any more; what is under way ends by itself."""
        self._threads.shutdown(wait=False)

    def _begin_next(self) -> None:
        """Give the free workers what is next."""
        loop = asyncio.get_running_loop()
        while (called := self._turns.next()) is not None:
            caller, job = called
            if job.answer.cancelled():  # at this very moment
                self._turns.ended(caller)
                continue
            job.running = loop.run_in_executor(self._threads, job.work)
            job.running.add_done_callback(partial(self._end, caller, job))

    def _end(self, caller: str, job: _Job, running: "asyncio.Future[Any]") -> None:
        self._turns.ended(caller)
        self._begin_next()
        failure = running.exception()  # also where nobody waits: or it would be logged as forgotten
        if job.answer.cancelled():
            return
        if failure is not None:
            job.answer.set_exception(failure)
        else:
            job.answer.set_result(running.result())
