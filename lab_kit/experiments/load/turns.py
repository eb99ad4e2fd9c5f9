"""Requests in turn, or all at once: the two ends of how a server can be used.

Both are closed loops: nobody new arrives while somebody waits. That is what makes them easy to
read, and useless for finding out what happens when more people come than can be served.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from lab_kit.core.call_record import RequestCall
from lab_kit.experiments.device.utilisation import Sampler, Utilisation, watch


@dataclass(frozen=True, slots=True)
class ClosedLoopRun:
    """Requests that were made, and what the server's cores did meanwhile."""

    calls: tuple[RequestCall, ...]
    busy: Utilisation

    @property
    def wall_s(self) -> float:
        """From the first request out to the last answer in."""
        return (max(c.received_ns for c in self.calls) - min(c.sent_ns for c in self.calls)) / 1e9

    @property
    def audio_per_s(self) -> float:
        """Throughput: seconds of audio transcribed per second."""
        return sum(call.audio_s for call in self.calls) / self.wall_s


async def in_turn(
    requests: Sequence[Callable[[], Awaitable[RequestCall]]], server_pid: int
) -> ClosedLoopRun:
    """Make each request when the one before it has been answered."""
    with watch(server_pid) as samples:
        calls = [await request() for request in requests]
    return _run(calls, samples)


async def at_once(
    requests: Sequence[Callable[[], Awaitable[RequestCall]]], server_pid: int
) -> ClosedLoopRun:
    """Make all requests at the same time."""
    with watch(server_pid) as samples:
        calls = await asyncio.gather(*(request() for request in requests))
    return _run(calls, samples)


def _run(calls: Sequence[RequestCall], samples: Sampler) -> ClosedLoopRun:
    """From the first request out to the last answer in: before it clocks are compared."""
    first_ns, last_ns = min(c.sent_ns for c in calls), max(c.received_ns for c in calls)
    return ClosedLoopRun(tuple(calls), samples.between(first_ns, last_ns))


@asynccontextmanager
async def neighbours(
    request: Callable[[], Awaitable[RequestCall]], callers: int
) -> AsyncIterator[None]:
    """While the block runs, ``callers`` others make ``request`` again and again.

    The block begins when one of them has been answered: by then the others stand in line. What
    is unfinished at its end is dropped.

    Raises:
        LabError: whatever one of them was refused with.
    """

    answered = asyncio.Event()

    async def keep_asking() -> None:
        while True:
            await request()
            answered.set()

    asking = [asyncio.create_task(keep_asking()) for _ in range(callers)]
    first = asyncio.create_task(answered.wait())
    try:
        await asyncio.wait({first, *asking}, return_when=asyncio.FIRST_COMPLETED)
        yield
    finally:
        for task in (first, *asking):
            task.cancel()
        ends = await asyncio.gather(*asking, return_exceptions=True)
    for end in ends:
        if isinstance(end, BaseException) and not isinstance(end, asyncio.CancelledError):
            raise end
