"""A client that asks and never reads: how much is written into the void before the server acts."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx
from prometheus_client.parser import text_string_to_metric_families

from lab_kit.client import ServerAddress, connect
from lab_kit.core.errors import ConnectionFailed
from lab_kit.core.events import StreamOptions

_PAUSE_EVERY = 200
_GOOD_ENDS = ("1000", "1001", "OK")
"""Of streams that others opened before; nobody's who does not read."""


@dataclass(frozen=True, slots=True)
class UnreadStream:
    """What became of a stream that nobody read.

    Attributes:
        written: results that the server handed to the socket, thinking them on their way.
        seconds: until it let the stream go.
        ended_as: the code under which it counts the end; None if it was still open at the limit.
    """

    written: int
    seconds: float
    ended_as: str | None


async def never_read(address: ServerAddress, at_most_s: float = 30.0) -> UnreadStream:
    """Open a stream, ask for finals again and again, read none, and see how it ends.

    Raises:
        ConnectionFailed: the stream could not be opened.
    """
    async with httpx.AsyncClient(base_url=address.url, trust_env=False) as http:
        before = await _counted(http)
        began_s = time.perf_counter()
        async with connect(address.url, StreamOptions(), address.key) as stream:
            asking = asyncio.create_task(_ask_on(stream.finalize))
            try:
                ended_as, after = None, before
                while ended_as is None and time.perf_counter() - began_s < at_most_s:
                    await asyncio.sleep(0.1)
                    after = await _counted(http)
                    more = (c for c, n in after[1].items() if n > before[1].get(c, 0))
                    ended_as = next(more, None)
            finally:
                asking.cancel()
                await asyncio.gather(asking, return_exceptions=True)
            seconds = time.perf_counter() - began_s
    return UnreadStream(round(after[0] - before[0]), seconds, ended_as)


async def _ask_on(finalize: Callable[[], Awaitable[None]]) -> None:
    try:
        while True:
            for _ in range(_PAUSE_EVERY):
                await finalize()
            await asyncio.sleep(0)
    except ConnectionFailed:
        return  # the server has let go, which is what we wait for


async def _counted(http: httpx.AsyncClient) -> tuple[float, dict[str, float]]:
    """Finals sent so far, and stream ends by their code."""
    finals = 0.0
    ends: dict[str, float] = {}
    for family in text_string_to_metric_families((await http.get("/metrics")).text):
        for sample in family.samples:
            if sample.name == "lab_results_total" and sample.labels["kind"] == "final":
                finals += sample.value
            code = sample.labels.get("code", "")
            if sample.name == "lab_stream_ends_total" and code not in _GOOD_ENDS:
                ends[code] = ends.get(code, 0.0) + sample.value
    return finals, ends
