"""A load with one bad moment in it, and the three things that somebody has who looks for it later:
exemplars of a histogram, traces, and lines of a log.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lab_kit import client
from lab_kit.core.spans import Trace
from lab_kit.core.table import Table
from lab_kit.core.units import ms
from lab_kit.datasets import Clip
from lab_kit.experiments.load.call_plans import Stairs
from lab_kit.experiments.load.calling import call_all
from lab_kit.experiments.objectives.server import Server
from lab_kit.experiments.objectives.slowing import slowed

METRIC = "lab_final_delay_seconds"
CALLERS = 3
"""One less than may be traced at a time."""
STAGES = ("decode", "segment", "batch", "infer", "postprocess", "send")
_BEFORE_S = 5.0
_LOG_LINES = 200
_STREAM = re.compile(r"stream (?P<stream>\S+) \w+ by .* trace (?P<trace>[0-9a-f]{32})$")


@dataclass(frozen=True)
class Spike:
    """What somebody has who was not there.

    Attributes:
        exemplars: traces that the histogram's buckets point to, with the delay seen there.
        log: lines of the server's log, one for each stream that is over.
    """

    exemplars: Mapping[str, float]
    traces: Sequence[Trace] = field(repr=False)
    log: Sequence[str] = field(repr=False)

    @property
    def table(self) -> Table:
        """The exemplars, as a dashboard shows them."""
        rows = [(trace, f"{ms(delay_s):,.0f}") for trace, delay_s in self.exemplars.items()]
        return Table("exemplar", ("trace", "final delay, ms"), rows)

    def trace(self, trace_id: str) -> Trace:
        """The trace of that id.

        Raises:
            KeyError: there is none.
        """
        return {one.trace_id: one for one in self.traces}[trace_id]

    def longest_s(self, trace_id: str) -> dict[str, float]:
        """The longest time that each stage of a trace took."""
        trace = self.trace(trace_id)
        return {stage: max(trace.lengths_s(stage), default=0.0) for stage in STAGES}

    def lines(self, word: str) -> list[str]:
        """The lines of the log with that word in them."""
        return [line for line in self.log if word in line]


async def spike(
    server: Server, clips: Sequence[Clip], seconds: float = 14.0, slow_s: float = 2.0
) -> Spike:
    """Have a few callers speak, make the server slow for a moment, and look at what was left.

    Raises:
        LabError: the server cannot be reached, or is not its operator's.
    """
    known = {one.trace_id for one in await server.traces()}
    making_slow = asyncio.create_task(_slow(server, slow_s))
    try:
        await call_all(server, Stairs((CALLERS,), seconds), clips)
    finally:
        making_slow.cancel()
        await asyncio.gather(making_slow, return_exceptions=True)
    traces = [one for one in await server.traces() if one.trace_id not in known]
    names = {one.trace_id for one in traces}
    seen = await client.exemplars(server.url, METRIC)
    exemplars = {trace: seen[trace] for trace in sorted(seen, key=lambda one: -seen[one])}
    lines = [line for line in server.log_tail(_LOG_LINES).splitlines() if _STREAM.search(line)]
    return Spike(
        {trace: delay_s for trace, delay_s in exemplars.items() if trace in names},
        traces,
        [line for line in lines if (found := _STREAM.search(line)) and found["trace"] in names],
    )


def stream_in(line: str) -> str:
    """The stream that a line of the log is about; empty where it is about none."""
    found = _STREAM.search(line)
    return found["stream"] if found else ""


async def _slow(server: Server, slow_s: float) -> None:
    await asyncio.sleep(_BEFORE_S)
    async with slowed(server, slow_s):
        await asyncio.sleep(slow_s)
