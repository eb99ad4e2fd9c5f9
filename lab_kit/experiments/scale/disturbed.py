"""Streams on a cluster while something happens to it: what each caller saw, and where they were.

Callers speak at the pace of speech, each on the replica that it was given when it opened. Those
that *outlive* their server begin again elsewhere with what has no final
(`client.connect_anywhere`); the others are any provider's: when their connection ends, that is the
end.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from lab_kit import client
from lab_kit.audio.sources.recordings import PacedRecording
from lab_kit.client import NativeWire, ServerAddress, Wire
from lab_kit.core.call_record import Received, StreamCall
from lab_kit.core.clock import ClockOffset
from lab_kit.core.errors import LabError
from lab_kit.core.events import Final, StreamOptions
from lab_kit.datasets import Clip
from lab_kit.experiments.load.speaking import speaking
from lab_kit.measure.calls import utterance_delays
from lab_kit.protocol.cluster import ClusterStatus

LOOK_S = 0.25
SHARED_S = 0.25
"""Of sound that neighbouring finals may share: what is heard before a first word."""
SEED = 14


class Replicas(Protocol):
    """A cluster."""

    async def place(self) -> ServerAddress:
        """Where a new stream is to be opened."""
        ...

    def status(self) -> ClusterStatus:
        """Its replicas and nodes."""
        ...


@dataclass(frozen=True, slots=True)
class Seen:
    """What one caller saw.

    Attributes:
        begun_again: moments, on the monotonic clock, at which it began again elsewhere.
        error: what ended it; None if it came to its end.
    """

    call: StreamCall
    begun_again: tuple[int, ...] = ()
    error: str | None = None

    @property
    def unheard(self) -> int:
        """Utterances that have no final."""
        return sum(one.final_delay_s is None for one in utterance_delays(self.call))

    @property
    def twice(self) -> int:
        """Finals that cover sound which an earlier one covers."""
        finals = [r.event for r in self.call.received if isinstance(r.event, Final)]
        return sum(b.start_s < a.end_s - SHARED_S for a, b in pairwise(finals))

    @property
    def final_delays_s(self) -> list[float]:
        """Of the utterances that have a final."""
        delays = [one.final_delay_s for one in utterance_delays(self.call)]
        return [delay_s for delay_s in delays if delay_s is not None]


@dataclass(frozen=True, slots=True)
class Look:
    """The cluster at one moment.

    Attributes:
        at_s: since the first caller.
        streams: open on each replica that reports, by its name.
    """

    at_s: float
    streams: dict[str, int]


@dataclass(frozen=True, slots=True)
class Disturbed:
    """What happened, and what callers saw of it.

    Attributes:
        at_s: when, since the first caller; None if nothing was done.
    """

    callers: tuple[Seen, ...]
    looks: tuple[Look, ...]
    at_s: float | None

    @property
    def cut(self) -> int:
        """Callers who did not come to their end."""
        return sum(one.error is not None for one in self.callers)

    @property
    def begun_again(self) -> int:
        """Callers who began again elsewhere."""
        return sum(bool(one.begun_again) for one in self.callers)

    @property
    def unheard(self) -> int:
        """Utterances without a final, of all callers."""
        return sum(one.unheard for one in self.callers)

    @property
    def twice(self) -> int:
        """Finals that came twice, of all callers."""
        return sum(one.twice for one in self.callers)

    @property
    def replicas(self) -> list[tuple[float, int]]:
        """How many reported, at each look."""
        return [(look.at_s, len(look.streams)) for look in self.looks]


async def disturb(
    cluster: Replicas,
    clips: Sequence[Clip],
    streams: int,
    seconds: float,
    act: Callable[[], object] | None = None,
    at_s: float = 0.0,
    *,
    outlives: bool = True,
) -> Disturbed:
    """Have callers speak for so long, and do something to the cluster in the midst of it.

    Args:
        act: done once, ``at_s`` after the first caller, on a thread; None to look on only.
        outlives: callers begin again elsewhere when their server is gone.

    Raises:
        LabError: a caller found no place at the beginning, or ``act`` failed.
    """
    sources = [speaking(clips, seconds, 0.5, SEED * 1_000 + n) for n in range(streams)]
    clock = await client.probe_clock((await cluster.place()).url)
    began_s = time.monotonic()
    looks: list[Look] = []
    looking = asyncio.create_task(_look_on(cluster, began_s, looks))
    calling = [
        asyncio.create_task(_call(cluster, source, clock, outlives=outlives)) for source in sources
    ]
    try:
        if act is not None:
            await asyncio.sleep(at_s)
            await asyncio.to_thread(act)
        callers = await asyncio.gather(*calling)
    finally:
        looking.cancel()
        for one in calling:
            one.cancel()
    return Disturbed(tuple(callers), tuple(looks), None if act is None else at_s)


async def _call(
    cluster: Replicas, source: PacedRecording, clock: ClockOffset, *, outlives: bool
) -> Seen:
    """Speak to the end, or until the stream is cut."""
    heard: list[Received] = []
    started_ns = 0

    def hear(began_ns: int, received: Received) -> None:
        nonlocal started_ns
        started_ns = began_ns
        heard.append(received)

    begun_again: list[tuple[int, float]] = []
    options = StreamOptions()
    try:
        if outlives:
            async with client.connect_anywhere(NativeWire.WEBSOCKET, cluster.place, options) as end:
                begun_again = end.begun_again
                call = await client.stream_on(end, source, clock, on_event=hear)
        else:
            placed = await cluster.place()
            async with client.connect_over(Wire.WEBSOCKET, placed, options) as cut:
                call = await client.stream_on(cut, source, clock, on_event=hear)
    except LabError as error:
        return Seen(_cut_short(source, started_ns, heard, clock), _moments(begun_again), str(error))
    return Seen(call, _moments(begun_again))


def _moments(begun_again: Sequence[tuple[int, float]]) -> tuple[int, ...]:
    return tuple(at_ns for at_ns, _ in begun_again)


def _cut_short(
    source: PacedRecording, started_ns: int, heard: Sequence[Received], clock: ClockOffset
) -> StreamCall:
    """All that was to be said counts."""
    return StreamCall(
        name=source.name,
        started_ns=started_ns,
        audio_s=len(source.audio) / source.rate_hz,
        chunk_s=source.chunk_s,
        spoken=source.spoken,
        sent=(),
        received=tuple(heard),
        clock=clock,
        device="unknown",
    )


async def _look_on(cluster: Replicas, began_s: float, looks: list[Look]) -> None:
    while True:
        status = await asyncio.to_thread(cluster.status)
        streams = {one.name: one.report.streams for one in status.replicas}
        looks.append(Look(time.monotonic() - began_s, streams))
        await asyncio.sleep(LOOK_S)
