"""What every way in for recordings has in common, whoever's words it speaks.

The key and the service level are asked before a byte of the body is read. The body is bounded as it
is read. Decoding it, and finding the speech in it, happens off the event loop. A caller who hangs
up takes the work out of the engine.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from fastapi import Request

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.errors import LabError, PayloadTooLarge
from lab_kit.core.events import Final
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.gateway.door.call import http_call
from lab_kit.gateway.door.door import Door
from lab_kit.gateway.observe.metrics import Metrics
from lab_kit.gateway.versions.lease import Lease
from lab_kit.stream.recording import recognize
from lab_kit.stream.sink.steps import Postprocess, SwitchableSteps

CLIENT_CLOSED = 499
"""nginx's number for it; nobody is left to read it, but the metrics are."""
_T = TypeVar("_T")


class Preparation:
    """The thread on which recordings are read and the speech in them is found.

    One at a time: on a few cores more at once would only slow down the engine, and with it the live
    streams.
    """

    def __init__(self, metrics: Metrics, steps: SwitchableSteps) -> None:
        self._metrics = metrics
        self._steps = steps
        self._thread = ThreadPoolExecutor(1, "preparation")

    async def read(self, read: Callable[[], _T]) -> _T:
        """Run ``read``, which decodes what arrived; minutes of FLAC take it a second."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, read)

    def recognize(
        self, lease: Lease, audio: FloatArray, steps: tuple[str, ...]
    ) -> AsyncIterator[Final]:
        """Transcribe (samples,) float32 at 16 kHz; see `stream.recording.recognize`.

        Args:
            steps: the optional steps that every result passes, by name.
        """
        self._metrics.audio.labels("recording").inc(len(audio) / SAMPLE_RATE_HZ)
        return recognize(
            lease.engine,
            lease.new_scorer(),
            audio,
            self._thread,
            Postprocess(steps, self._steps.table),
            self._metrics.count_skipped,
        )

    def stop(self) -> None:
        """End the thread; what waits for it is dropped."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def leased(door: Door) -> Callable[[Request], AsyncIterator[Lease]]:
    """A dependency of routes that take a recording: a version until the last byte is sent."""

    async def lease(request: Request) -> AsyncIterator[Lease]:
        async with door.open(http_call(request)) as admitted:
            lease = admitted.recording()
            request.state.version = lease.version  # for the count of requests
            yield lease

    return lease


async def read_body(request: Request, most_bytes: int) -> bytes:
    """Read the body, giving up as soon as it is too large.

    Raises:
        PayloadTooLarge: it has more than ``most_bytes``.
    """
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most_bytes:
            raise PayloadTooLarge(
                f"the upload has more than {most_bytes:,} bytes",
                f"at most {most_bytes:,}",
                "cut it, compress it, or send it as a stream",
            )
        chunks.append(chunk)
    return b"".join(chunks)


async def unless_gone(request: Request, work: Coroutine[Any, Any, _T]) -> _T | None:
    """Do ``work``, or drop it and what it holds in the engine once the client hangs up."""
    working = asyncio.create_task(work)
    gone = asyncio.create_task(_hang_up(request))
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        for task in (working, gone):
            task.cancel()
        await asyncio.gather(working, gone, return_exceptions=True)


async def _hang_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def retry_after(error: LabError) -> dict[str, str]:
    """The header that says when to come back, in whole seconds; none where that would not help."""
    if not error.retryable:
        return {}
    return {"retry-after": str(max(1, math.ceil(error.retry_after_s or 1.0)))}
