"""Calls that arrive at the same moment begin a few at a time, and peers take turns.

Everything is on one event loop, which would otherwise begin all of them before it looks at anybody
else: three hundred upgrades at once held every live stream up for a second.
"""

import asyncio
from collections import deque

AT_ONCE = 1
"""In one turn of the loop. To begin a stream takes milliseconds, and the rest is kept waiting; a
turn with nothing else in it takes microseconds, so calls that are cheap lose nothing."""


class Arrivals:
    """Whose turn it is to begin: peers in rotation, the calls of each as they came. On one loop."""

    def __init__(self) -> None:
        # in the order of their turns; nobody is in here without a call
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._begun = 0
        self._is_turning = False

    async def turn(self, peer: str) -> None:
        """Wait until this call may begin; at once unless many others do."""
        loop = asyncio.get_running_loop()
        if not self._is_turning:
            self._is_turning = True
            loop.call_soon(self._next)
        if self._begun < AT_ONCE and not self._waiting:
            self._begun += 1
            return
        waiting = loop.create_future()
        self._waiting.setdefault(peer, deque()).append(waiting)
        await waiting

    def _next(self) -> None:
        """The loop has gone round: the next may begin, and whoever comes until it has again."""
        self._begun = 0
        while self._waiting and self._begun < AT_ONCE:
            peer = next(iter(self._waiting))
            calls = self._waiting.pop(peer)
            waiting = calls.popleft()
            if calls:
                self._waiting[peer] = calls  # behind the others
            if not waiting.done():  # its caller may have gone
                waiting.set_result(None)
                self._begun += 1
        self._is_turning = bool(self._begun)
        if self._is_turning:
            asyncio.get_running_loop().call_soon(self._next)
