"""What the process does beside answering: tasks that outlive a failure, and say that they failed.

A task that dies in silence takes with it what everybody relies on: without the watch there is no
degradation, and no place is reclaimed. So a failure is one line in the log, a count in the metrics
and an entry in ``/readyz``, and the task goes on with its next turn.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable

from lab_kit.gateway.observe.metrics import Metrics

_log = logging.getLogger(__name__)


class Background:
    """The server's background tasks.

    Attributes:
        failures: how often each task has failed, by its name; those that never did are absent.
    """

    def __init__(self, metrics: Metrics) -> None:
        self.failures: Counter[str] = Counter()
        self._metrics = metrics
        self._tasks: list[asyncio.Task[None]] = []

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
                self._failed(name, error)

    def _failed(self, name: str, error: Exception) -> None:
        self.failures[name] += 1
        self._metrics.background_failed(name)
        if self.failures[name] & (self.failures[name] - 1) == 0:  # the 1st, 2nd, 4th, 8th, ...
            _log.error(
                "background task %s failed for the %d. time: %s: %s",
                name,
                self.failures[name],
                type(error).__name__,
                error,
            )
