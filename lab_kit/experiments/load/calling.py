"""Makes the calls of a plan on real sockets and keeps what every caller saw.

Runs on one event loop. One clock comparison serves all calls, since comparing costs more than a
call's first second.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Protocol

import psutil

from lab_kit import client
from lab_kit.audio.sources.recordings import PacedRecording
from lab_kit.core.call_record import Received, StreamCall
from lab_kit.core.clock import ClockOffset
from lab_kit.core.errors import LabError, SystemOverloaded
from lab_kit.core.events import StreamOptions
from lab_kit.datasets import Clip
from lab_kit.experiments.load.call_plans import CallPlan, ClosedCalls
from lab_kit.experiments.load.live_load import CallEnding, LiveLoad, OfferedCall, TurnLimits
from lab_kit.experiments.load.speaking import speaking

PATIENCE_S = 10.0
"""A call that has not ended this long after its last sound was due is stalled."""
LEAD_S = 0.05
THINK_S = 0.8
SEED = 6


class Watcher(Protocol):
    """Whoever looks on while calls are made; it is called on the generator's thread."""

    def began(self, zero_ns: int) -> None:
        """The plan's zero."""
        ...

    def heard(
        self, number: int, source: PacedRecording, started_ns: int, received: Received
    ) -> None:
        """A result arrived on call ``number``."""
        ...

    def ended(self, number: int, call: OfferedCall) -> None:
        """The call is over."""
        ...


class Target(Protocol):
    """A server and how to reach it, such as a bench."""

    @property
    def url(self) -> str: ...
    @property
    def key(self) -> str | None: ...
    @property
    def device(self) -> str: ...


async def call_all(
    target: Target,
    plan: CallPlan,
    clips: Sequence[Clip],
    *,
    options: StreamOptions | None = None,
    think_s: float = THINK_S,
    warm_up_s: float = 0.0,
    patience_s: float = PATIENCE_S,
    seed: int = SEED,
    limits: TurnLimits | None = None,
    watcher: Watcher | None = None,
) -> LiveLoad:
    """Carry out the plan; returns when every call has ended.

    Args:
        clips: what callers say, in an order of their own each.
        options: of every stream.
        think_s: mean pause between two clips of a call, above the shortest.
        warm_up_s: leave out turns that end before, so that cold caches are not measured.

    Raises:
        ConnectionFailed: the server is not there at all.
        InvalidParameter: no clips.
    """
    clock = await client.probe_clock(target.url, target.key)
    generator = _Generator(target, options or StreamOptions(), patience_s, clock, watcher)
    # before the clock runs
    sources = [
        speaking(clips, planned.seconds, think_s, seed * 1_000 + number)
        for number, planned in enumerate(plan.calls())
    ]
    began_ns, cpu_ns = time.perf_counter_ns(), time.process_time_ns()
    psutil.cpu_percent()
    zero_ns = began_ns + round(LEAD_S * 1e9)
    if watcher is not None:
        watcher.began(zero_ns)
    if isinstance(plan, ClosedCalls):
        calls = await _closed(generator, plan, sources, zero_ns)
    else:
        calls = await _open(generator, plan, sources, zero_ns)
    wall_ns = time.perf_counter_ns() - began_ns
    return LiveLoad(
        plan=plan,
        calls=tuple(sorted(calls, key=lambda call: call.intended_ns)),
        began_ns=zero_ns,
        warm_up_s=warm_up_s,
        generator_cores=(time.process_time_ns() - cpu_ns) / wall_ns,
        machine_cores=psutil.cpu_percent() / 100 * (psutil.cpu_count() or 1),
        limits=limits or TurnLimits(),
    )


async def _open(
    generator: "_Generator", plan: CallPlan, sources: Sequence[PacedRecording], zero_ns: int
) -> list[OfferedCall]:
    """Every call at its time, however the others fare."""
    async with asyncio.TaskGroup() as group:
        made = []
        for number, (planned, source) in enumerate(zip(plan.calls(), sources, strict=True)):
            due_ns = zero_ns + round(planned.at_s * 1e9)
            await _until(due_ns)
            made.append(group.create_task(generator.call(number, source, due_ns)))
    return [task.result() for task in made]


async def _closed(
    generator: "_Generator", plan: ClosedCalls, sources: Sequence[PacedRecording], zero_ns: int
) -> list[OfferedCall]:
    """Each caller's next call when the one before is over, until the time is up."""
    planned = plan.calls()
    end_ns = zero_ns + round(plan.seconds * 1e9)

    async def caller(first: int) -> list[OfferedCall]:
        await _until(zero_ns + round(planned[first].at_s * 1e9))
        calls: list[OfferedCall] = []
        for number in range(first, len(planned), plan.callers):
            now_ns = time.perf_counter_ns()
            if calls and now_ns + plan.call_s * 1e9 > end_ns:
                break
            calls.append(await generator.call(number, sources[number], now_ns))
        return calls

    made = await asyncio.gather(*(caller(n) for n in range(plan.callers)))
    return [call for calls in made for call in calls]


class _Generator:
    """What all calls have in common."""

    def __init__(
        self,
        target: Target,
        options: StreamOptions,
        patience_s: float,
        clock: ClockOffset,
        watcher: Watcher | None,
    ) -> None:
        self._target = target
        self._options = options
        self._patience_s = patience_s
        self._clock = clock
        self._watcher = watcher

    async def call(self, number: int, source: PacedRecording, intended_ns: int) -> OfferedCall:
        """Make one call; whatever ends it becomes part of the record."""
        so_far: list[Received] = []
        started_ns = intended_ns

        def hear(began_ns: int, received: Received) -> None:
            nonlocal started_ns
            started_ns = began_ns
            so_far.append(received)
            if self._watcher is not None:
                self._watcher.heard(number, source, began_ns, received)

        error, ending = None, CallEnding.COMPLETE
        audio_s = len(source.audio) / source.rate_hz
        try:
            async with asyncio.timeout(audio_s + self._patience_s):
                call = await client.stream(
                    self._target.url,
                    source,
                    self._options,
                    self._target.key,
                    hear,
                    self._target.device,
                    self._clock,
                )
        except TimeoutError:
            error, ending = f"not over {self._patience_s:.0f} s after its end", CallEnding.STALLED
        except SystemOverloaded as refusal:
            error, ending = str(refusal), CallEnding.REFUSED
        except LabError as failure:
            error, ending = str(failure), CallEnding.BROKEN
        if error is not None:
            call = self._cut_short(source, started_ns, so_far)
        made = OfferedCall(intended_ns, call, ending, error)
        if self._watcher is not None:
            self._watcher.ended(number, made)
        return made

    def _cut_short(
        self, source: PacedRecording, started_ns: int, received: Sequence[Received]
    ) -> StreamCall:
        """The record of a call that did not come to its end: all that was to be said counts."""
        return StreamCall(
            name=source.name,
            started_ns=started_ns,
            audio_s=len(source.audio) / source.rate_hz,
            chunk_s=source.chunk_s,
            spoken=source.spoken,
            sent=(),
            received=tuple(received),
            clock=self._clock,
            device=self._target.device,
        )


async def _until(due_ns: int) -> None:
    await asyncio.sleep(max(0, due_ns - time.perf_counter_ns()) / 1e9)
