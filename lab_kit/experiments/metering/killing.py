"""Callers on a chain of server, shipper and ledger, while somebody kills, repeats and delays.

The callers keep what they were told; the ledger is read meanwhile. What is in neither yet waits on
the disk. When all has been shipped, the two are compared stream by stream, to the microsecond.
"""

import asyncio
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from lab_kit.core.errors import InvalidParameter
from lab_kit.datasets import Clip
from lab_kit.experiments.metering.chain import Chain
from lab_kit.experiments.metering.counting import Told, keep_calling
from lab_kit.ledger.ledger import Ledger, open_ledger
from lab_kit.ledger.shipping import Shipper

READ_S = 0.25
"""How often the ledger is read."""
CALM_S = 2.0
"""Between the end of a fault and the next one, however long a server takes to start."""
_OVER_S = 60.0
"""For calls to end that have begun."""


class Fault(StrEnum):
    """What somebody does to the chain."""

    SERVER = "server killed"
    SHIPPER = "shipper killed"
    AWAY = "nobody ships"
    TWICE = "all again, shuffled"


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens when.

    Attributes:
        callers: who call one after the other.
        seconds: in which new calls begin.
        speed: how much faster than speech they send.
        faults: each with its moment, in seconds from the beginning; later, where the one before
            has not ended `CALM_S` ago.
        away_s: how long nobody ships, where that is a fault.
    """

    callers: int = 4
    seconds: float = 24.0
    speed: float = 4.0
    faults: Sequence[tuple[float, str]] = (
        (4.0, Fault.SERVER),
        (8.0, Fault.SHIPPER),
        (11.0, Fault.TWICE),
        (14.0, Fault.AWAY),
        (20.0, Fault.SERVER),
    )
    away_s: float = 4.0

    def __post_init__(self) -> None:
        unknown = [name for _, name in self.faults if name not in set(Fault)]
        if unknown or self.callers < 1:
            raise InvalidParameter(
                f"faults {unknown}, {self.callers} callers",
                f"of {', '.join(Fault)}, and at least one caller",
                "change the plan",
            )


@dataclass(frozen=True, slots=True)
class Happened:
    """A fault that was made.

    Attributes:
        repeated, new: lines that were sent again, and how many of these the ledger did not have.
    """

    fault: str
    from_s: float
    until_s: float
    repeated: int = 0
    new: int = 0


@dataclass(frozen=True, slots=True)
class Moment:
    """What is known at a moment.

    Attributes:
        told_us: what callers were told of, in all.
        billed_us: what is in the ledger.
        missing_us: of streams that were told more than is in the ledger: by how much, in all.
        beyond_us: of streams that the ledger has more of, the same.
        happened: faults until then; one that goes on ends now.
    """

    at_s: float
    told_us: int
    billed_us: int
    missing_us: int
    beyond_us: int
    happened: tuple[Happened, ...] = ()


@dataclass(frozen=True, slots=True)
class Killed:
    """A run that is over, and whose journal is shipped.

    Attributes:
        streams: that were told of any sound.
        ended: of these, how many were told their end.
        beyond: streams that the ledger has more of than their callers were told.
    """

    plan: Plan
    moments: tuple[Moment, ...]
    streams: int
    ended: int
    beyond: int

    @property
    def last(self) -> Moment:
        """When all was shipped."""
        return self.moments[-1]

    @property
    def happened(self) -> tuple[Happened, ...]:
        """All faults."""
        return self.last.happened

    @property
    def most_waiting_us(self) -> int:
        """The most that callers had been told and the ledger did not have yet."""
        return max(one.missing_us for one in self.moments)

    @property
    def servers_killed(self) -> int:
        """How often a server was."""
        return sum(one.fault == Fault.SERVER for one in self.happened)


async def killed(
    clip: Clip, plan: Plan | None = None, hear: Callable[[Moment], None] | None = None
) -> Killed:
    """Carry out a plan on a chain of its own.

    Args:
        hear: told each moment, as it is known.

    Raises:
        ServerFailed: a process does not start, or what was written down is not shipped.
    """
    plan = plan or Plan()
    with (
        tempfile.TemporaryDirectory(prefix="lab-chain-") as folder,
        Chain(Path(folder)) as chain,
        closing(open_ledger(chain.where)) as ledger,
    ):
        return await _Run(chain, ledger, plan, hear).carry_out(clip)


class _Run:
    """One run of a plan."""

    def __init__(
        self,
        chain: Chain,
        ledger: Ledger,
        plan: Plan,
        hear: Callable[[Moment], None] | None,
    ) -> None:
        self._chain, self._ledger, self._plan = chain, ledger, plan
        self._hear = hear
        self._told = Told()
        self._moments: list[Moment] = []
        self._happened: list[Happened] = []
        self._going_on: tuple[str, float] | None = None
        self._zero_s = time.perf_counter()

    async def carry_out(self, clip: Clip) -> Killed:
        """All of it."""
        is_over = asyncio.Event()
        self._zero_s = time.perf_counter()
        callers = [
            asyncio.create_task(
                keep_calling(
                    self._chain.addresses(is_over), clip.pcm16, self._told, speed=self._plan.speed
                )
            )
            for _ in range(self._plan.callers)
        ]
        reading = asyncio.create_task(self._read_on())
        try:
            calm_s = 0.0
            for at_s, fault in sorted(self._plan.faults):
                await self._make(max(at_s, calm_s), fault)
                calm_s = self._happened[-1].until_s + CALM_S
            await self._until(max(self._plan.seconds, calm_s))
            is_over.set()
            async with asyncio.timeout(_OVER_S):
                await asyncio.gather(*callers)
            await asyncio.to_thread(self._settle)
        finally:
            for task in (*callers, reading):
                task.cancel()
            ended = await asyncio.gather(*callers, reading, return_exceptions=True)
        for one in ended:
            if isinstance(one, Exception):
                raise one
        self._look()
        billed, told = self._ledger.billed_us(), self._told.until_us
        beyond = sum(us > told.get(stream, 0) for stream, us in billed.items())
        streams, told_ends = len(told), len(self._told.ended)
        return Killed(self._plan, tuple(self._moments), streams, told_ends, beyond)

    def _settle(self) -> None:
        self._chain.stop_server()
        self._chain.settle().close()

    async def _make(self, at_s: float, fault: str) -> None:
        await self._until(at_s)
        from_s, repeated, new = self._now_s(), 0, 0
        self._going_on = fault, from_s
        match fault:
            case Fault.SERVER:
                await asyncio.to_thread(self._chain.kill_server)
                await asyncio.to_thread(self._chain.start_server)
            case Fault.SHIPPER:
                await asyncio.to_thread(self._chain.kill_sidecar)
                self._chain.start_sidecar()
            case Fault.AWAY:
                await asyncio.to_thread(self._chain.kill_sidecar)
                await asyncio.sleep(self._plan.away_s)
                self._chain.start_sidecar()
            case _:
                repeated, new = await asyncio.to_thread(self._send_again)
        self._happened.append(Happened(fault, from_s, self._now_s(), repeated, new))
        self._going_on = None

    def _send_again(self) -> tuple[int, int]:
        """All lines that wait or have not been removed yet, in another order."""
        lines = [
            line
            for file in sorted(self._chain.usage.glob("*.jsonl"))
            for line in file.read_bytes().splitlines(keepends=True)
            if line.endswith(b"\n")
        ]
        random.Random(len(lines)).shuffle(lines)
        with tempfile.TemporaryDirectory(prefix="lab-again-") as folder:
            (Path(folder) / f"{time.time_ns()}.jsonl").write_bytes(b"".join(lines))
            with (
                closing(open_ledger(self._chain.where)) as ledger,
                closing(Shipper(Path(folder), ledger)) as shipper,
            ):
                return len(lines), shipper.ship()

    async def _read_on(self) -> None:
        while True:
            self._look()
            await asyncio.sleep(READ_S)

    def _look(self) -> None:
        billed, told = self._ledger.billed_us(), dict(self._told.until_us)
        apart = [told.get(one, 0) - billed.get(one, 0) for one in told.keys() | billed.keys()]
        now_s = self._now_s()
        going_on = [] if self._going_on is None else [Happened(*self._going_on, now_s)]
        moment = Moment(
            now_s,
            sum(told.values()),
            sum(billed.values()),
            sum(us for us in apart if us > 0),
            -sum(us for us in apart if us < 0),
            (*self._happened, *going_on),
        )
        self._moments.append(moment)
        if self._hear is not None:
            self._hear(moment)

    def _now_s(self) -> float:
        return time.perf_counter() - self._zero_s

    async def _until(self, at_s: float) -> None:
        await asyncio.sleep(max(0.0, at_s - self._now_s()))
