"""Streams that come and go between two looks at a gauge."""

import asyncio
import time
from dataclasses import dataclass

from lab_kit import client
from lab_kit.audio.sources.recordings import PacedRecording
from lab_kit.core.call_record import StreamCall
from lab_kit.core.events import StreamOptions
from lab_kit.datasets import Clip
from lab_kit.experiments.load.live_load import stream_steps
from lab_kit.experiments.objectives.counting import scrape
from lab_kit.experiments.objectives.server import Server

EACH_S = 15.0
"""How often many a Prometheus looks."""
_MOST_STREAMS = 32


@dataclass(frozen=True)
class Burst:
    """What was really open, and what was seen of it.

    Attributes:
        steps: seconds of the run, and how many streams were open from then on, at the clients.
        sampled: seconds of the run, and what the gauge said.
        peak: what the server's counted peak said at the last look.
    """

    steps: tuple[tuple[float, int], ...]
    sampled: tuple[tuple[float, float], ...]
    peak: float

    @property
    def open_at_once(self) -> int:
        """The most that were open, at the clients."""
        return max(count for _, count in self.steps)

    @property
    def gauge_said(self) -> float:
        """The largest that the gauge was seen at."""
        return max(value for _, value in self.sampled)


async def burst(server: Server, clip: Clip, streams: int = 12, each_s: float = EACH_S) -> Burst:
    """Have everybody say the same clip at once, right after a look at the gauge.

    Raises:
        ValueError: no streams, or more than a small server has places for.
        LabError: the server cannot be reached.
    """
    if not 1 <= streams <= _MOST_STREAMS:
        raise ValueError(f"{streams} streams; pass 1 to {_MOST_STREAMS}")
    began_ns = time.perf_counter_ns()
    sampled = [await _look(server, began_ns)]
    clock = await client.probe_clock(server.url, server.key)

    async def speak() -> StreamCall:
        source = PacedRecording(clip.id, clip.samples, ())
        options = StreamOptions(interim_results=False)
        return await client.stream(server.url, source, options, server.key, clock=clock)

    calls = await asyncio.gather(*(speak() for _ in range(streams)))
    left_s = each_s - (time.perf_counter_ns() - began_ns) / 1e9
    await asyncio.sleep(max(0.0, left_s))
    sampled.append(await _look(server, began_ns))
    samples = await scrape(server.url)
    peak = max(one.value for one in samples if one.name == "lab_streams_peak")
    spans = [(one.opened_ns, max(r.received_ns for r in one.received)) for one in calls]
    steps = ((0.0, 0), *stream_steps(spans, began_ns))
    return Burst(tuple(steps), tuple(sampled), peak)


async def _look(server: Server, began_ns: int) -> tuple[float, float]:
    samples = await scrape(server.url)
    at_s = (time.perf_counter_ns() - began_ns) / 1e9
    return at_s, sum(one.value for one in samples if one.name == "lab_streams")
