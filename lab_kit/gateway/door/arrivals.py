"""Calls that arrive at the same moment begin a few at a time, so that others are served between.

Everything is on one event loop, which would otherwise begin all of them before it looks at anybody
else: three hundred upgrades at once held every live stream up for a second.
"""

import asyncio
from collections import deque

from starlette.types import ASGIApp, Receive, Scope, Send

from lab_kit.gateway.door.public import PROBES

AT_ONCE = 2
"""In one turn of the loop. To begin a stream takes milliseconds, and the rest is kept waiting; a
turn with nothing else in it takes microseconds, so calls that are cheap lose nothing."""


class Arrivals:
    """Whose turn it is to begin; in the order of arrival, and on one event loop."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._begun = 0
        self._is_turning = False

    async def turn(self) -> None:
        """Wait until this call may begin; at once unless many others do."""
        loop = asyncio.get_running_loop()
        if not self._is_turning:
            self._is_turning = True
            loop.call_soon(self._next)
        if self._begun < AT_ONCE and not self._waiting:
            self._begun += 1
            return
        waiting = loop.create_future()
        self._waiting.append(waiting)
        await waiting

    def _next(self) -> None:
        """The loop has gone round: the next may begin, and whoever comes until it has again."""
        self._begun = 0
        while self._waiting and self._begun < AT_ONCE:
            waiting = self._waiting.popleft()
            if not waiting.done():  # its caller may have gone
                waiting.set_result(None)
                self._begun += 1
        self._is_turning = bool(self._begun)
        if self._is_turning:
            asyncio.get_running_loop().call_soon(self._next)


class SpreadArrivals:
    """ASGI middleware, the outermost: has requests and upgrades wait for their turn to begin."""

    def __init__(self, app: ASGIApp, arrivals: Arrivals) -> None:
        self._app = app
        self._arrivals = arrivals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Begin the call in its turn, or at once where somebody asks how the server is."""
        if scope.get("path") not in PROBES:
            await self._arrivals.turn()
        await self._app(scope, receive, send)
