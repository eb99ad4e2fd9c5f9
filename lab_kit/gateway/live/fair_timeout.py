"""A timeout that blames nobody for a server that was held up.

A timer that comes due while the event loop is busy fires as soon as the loop is free again, before
what arrived meanwhile has been read. A client that sent all the time would count as silent.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

LOOKS = 10
"""Parts in which time is counted. A part that takes longer than it should still counts once, and
between two of them everything that has arrived is read."""


@asynccontextmanager
async def fair_timeout(limit_s: float) -> AsyncIterator[asyncio.Timeout]:
    """Break off what has not ended after ``limit_s`` in which the event loop was free.

    Raises:
        TimeoutError: the time is over.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as timeout:
        left = LOOKS
        timer: asyncio.TimerHandle

        def look() -> None:
            nonlocal left, timer
            left -= 1
            if left:
                timer = loop.call_later(limit_s / LOOKS, look)
            elif not timeout.expired():
                timeout.reschedule(loop.time())

        timer = loop.call_later(limit_s / LOOKS, look)
        try:
            yield timeout
        finally:
            timer.cancel()
