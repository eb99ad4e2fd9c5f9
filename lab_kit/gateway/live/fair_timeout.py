"""A timeout that blames nobody for a server that was held up.

A timer that comes due while the event loop is busy fires as soon as the loop is free again, before
what arrived meanwhile has been read. A client that sent all the time would count as silent.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

LOOKS = 10
"""Parts in which time is counted. A part that takes longer than it should still counts once, and
between two of them everything that has arrived is read."""


class Countdown:
    """Calls ``over`` after ``limit_s`` in which the event loop was free."""

    def __init__(self, limit_s: float, over: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._part_s = limit_s / LOOKS
        self._over = over
        self._timer: asyncio.TimerHandle | None = None
        self._count_down(LOOKS)

    def cancel(self) -> None:
        """Let it never be over."""
        if self._timer is not None:
            self._timer.cancel()

    def _count_down(self, parts: int) -> None:
        if parts:
            self._timer = self._loop.call_later(self._part_s, self._count_down, parts - 1)
        else:
            self._over()


@asynccontextmanager
async def fair_timeout(limit_s: float) -> AsyncIterator[asyncio.Timeout]:
    """Break off what has not ended after ``limit_s`` in which the event loop was free.

    Raises:
        TimeoutError: the time is over.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as timeout:

        def over() -> None:
            if not timeout.expired():
                timeout.reschedule(loop.time())

        countdown = Countdown(limit_s, over)
        try:
            yield timeout
        finally:
            countdown.cancel()
