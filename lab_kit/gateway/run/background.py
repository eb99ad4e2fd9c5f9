"""What the process does beside answering: tasks that outlive a failure, and say that they failed.

A task that dies in silence takes with it what everybody relies on: without the watch there is no
degradation, and no place is reclaimed. So a failure is noted (`observe.background_failures`), and
the task goes on with its next turn.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

from lab_kit.gateway.observe.metrics import Metrics

AFTER_FAILURE_S = 1.0
"""Before the next turn of a task that failed: what lasts must not fill the log, or a core."""


class Background:
    """The server's background tasks."""

    def __init__(self, metrics: Metrics) -> None:
        self._failures = metrics.background_failures
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def failures(self) -> Counter[str]:
        """How often each task or thread has failed, by its name; others are absent."""
        return self._failures.counts

    def repeat(self, name: str, every_s: float, turn: Callable[[], Awaitable[None]]) -> None:
        """Begin to take a ``turn`` every so often, until `stop`."""
        self._tasks.append(asyncio.create_task(self._repeat(name, every_s, turn), name=name))

    def stop(self) -> None:
        """End all of them."""
        for task in self._tasks:
            task.cancel()

    async def _repeat(self, name: str, every_s: float, turn: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(every_s)
            try:
                await turn()
            except Exception as error:  # whatever it is, the next turn may do better
                self._failures.note(name, error)
                await asyncio.sleep(AFTER_FAILURE_S)
