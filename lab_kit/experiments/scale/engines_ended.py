"""Engine processes ended under live streams: what the streams noticed.

Each ending hits the process that is asked just then. A killed one is gone at once; a stopped one
says nothing more and keeps its connections; one that is told to leave is exchanged.
"""

import asyncio
import os
import random
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from lab_kit.client import Operator
from lab_kit.core.call_record import StreamCall
from lab_kit.core.errors import ServerFailed
from lab_kit.core.events import Final
from lab_kit.datasets import Clip
from lab_kit.experiments.load.call_plans import CallPlan
from lab_kit.experiments.load.calling import Target, call_all
from lab_kit.experiments.load.live_load import LiveLoad, Turn
from lab_kit.protocol.versions import EngineProcess, EngineState

READY_S = 60.0
_POLL_S = 0.02
_SHARED_S = 0.25
"""Of sound that neighbouring finals may share: what is heard before a first word, see `stream`."""
AFTER_S = 3.0
"""Turns that end so long after an ending may have noticed it."""


class Ending(Enum):
    """How a process is ended, by the signal that does it."""

    KILLED = signal.SIGKILL
    STOPPED = signal.SIGSTOP
    LEAVING = signal.SIGTERM


@dataclass(frozen=True, slots=True)
class Ended:
    """One process that was ended.

    Attributes:
        at_ns: when.
        owed: requests that it had been asked and had not answered.
        replaced_s: until as many processes answered as before; None if the run was over first.
    """

    how: Ending
    pid: int
    at_ns: int
    owed: int
    replaced_s: float | None


@dataclass(frozen=True, slots=True)
class EnginesEnded:
    """A load during which engine processes were ended."""

    load: LiveLoad
    ended: tuple[Ended, ...]

    @property
    def hit(self) -> list[Turn]:
        """Turns whose sound ended within `AFTER_S` of an ending."""
        return [turn for turn in self.load.turns if self._is_after(turn)]

    @property
    def spared(self) -> list[Turn]:
        """All other turns."""
        return [turn for turn in self.load.turns if not self._is_after(turn)]

    @property
    def twice(self) -> int:
        """Finals that came again: that cover sound which an earlier one of their stream covers."""
        return sum(_twice(call.call) for call in self.load.calls)

    def _is_after(self, turn: Turn) -> bool:
        return any(0 <= turn.ended_ns - one.at_ns < AFTER_S * 1e9 for one in self.ended)


async def end_engines(
    target: Target,
    operator: Operator,
    version: int,
    plan: CallPlan,
    clips: Sequence[Clip],
    endings: Sequence[tuple[float, Ending]],
) -> EnginesEnded:
    """Have callers speak as the plan says, and end the engine that is asked at each of the moments.

    Args:
        endings: seconds into the plan, rising, and how.

    Raises:
        ServerFailed: the server decodes in its own process, or no engine came back.
        ConnectionFailed, InvalidParameter: see `load.call_all`.
    """
    calls = asyncio.create_task(call_all(target, plan, clips))
    began_s = time.monotonic()
    ended: list[Ended] = []
    try:
        for at_s, how in endings:
            await asyncio.sleep(max(0.0, began_s + at_s - time.monotonic()))
            ended.append(await _end(operator, version, how, calls))
        return EnginesEnded(await calls, tuple(ended))
    finally:
        calls.cancel()


def at_random(ends: int, seconds: float, seed: int) -> list[tuple[float, Ending]]:
    """So many endings at random moments of ``seconds``, in ways drawn at random, too."""
    drawn = random.Random(seed)
    moments = sorted(drawn.uniform(0, seconds) for _ in range(ends))
    return [(at_s, drawn.choice(list(Ending))) for at_s in moments]


async def _end(
    operator: Operator, version: int, how: Ending, calls: "asyncio.Task[LiveLoad]"
) -> Ended:
    """End one, and wait until it is replaced, or the calls are over."""
    before = await _answering(operator, version, 1)
    one = before[0]
    at_ns = time.perf_counter_ns()
    os.kill(one.pid, how.value)
    gone = False
    while not calls.done():
        now = await operator.engines(version)
        gone = gone or one.pid not in [process.pid for process in now]
        if gone and len(_ready(now)) >= len(before):
            return Ended(how, one.pid, at_ns, one.owed, (time.perf_counter_ns() - at_ns) / 1e9)
        await asyncio.sleep(_POLL_S)
    return Ended(how, one.pid, at_ns, one.owed, None)


async def _answering(operator: Operator, version: int, least: int) -> list[EngineProcess]:
    """Those that answer, the one that is asked first; waits until there are so many."""
    until_s = time.monotonic() + READY_S
    while len(ready := _ready(await operator.engines(version))) < least:
        if time.monotonic() > until_s:
            raise ServerFailed(
                f"{len(ready)} engine processes that answer",
                f"at least {least} within {READY_S:.0f} s",
                "start the server with engine processes, and see its log",
            )
        await asyncio.sleep(_POLL_S)
    return ready


def _ready(processes: Sequence[EngineProcess]) -> list[EngineProcess]:
    asked = [one for one in processes if one.state is EngineState.ASKED]
    return asked + [one for one in processes if one.state is EngineState.STANDING_BY]


def _twice(call: StreamCall) -> int:
    finals = [r.event for r in call.received if isinstance(r.event, Final)]
    return sum(later.start_s < earlier.end_s - _SHARED_S for earlier, later in pairwise(finals))
