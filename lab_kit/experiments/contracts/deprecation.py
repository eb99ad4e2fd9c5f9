"""A route's last days, in seconds: clients that move to its successor early, late, or never.

Each client is a tenant, by a key of its own, and sends the real server the same short recording
again and again. What makes it move is the only thing that differs between clients. A client is not
changed in the moment in which its makers notice: that takes a while, the same for all.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

import httpx

from lab_kit import datasets
from lab_kit.client.requests import read_as, unreachable
from lab_kit.core.errors import LabError
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.experiments.contracts.side_by_side import Server
from lab_kit.protocol.deprecations import (
    TRANSCRIBE_V1,
    BrownOut,
    DeprecationPlan,
    TenantUse,
)
from lab_kit.protocol.error_body import ErrorEnvelope
from lab_kit.protocol.recordings import TRANSCRIBE_PATH, Transcript
from lab_kit.protocol.recordings_v2 import TRANSCRIBE_V2_PATH, RecordingTranscript
from lab_kit.protocol.sandbox import SandboxKey

_TIMEOUT_S = 30.0
_CLIP, _SOUND_BYTES = "two-cities-best", 2 * SAMPLE_RATE_HZ
"""A second of a sentence: something to recognize, and not more."""
MOST_CLIENTS = 24
"""At two calls a second each, with a second of sound, still less than a small machine can do."""


class Notices(StrEnum):
    """What makes a client's makers change it."""

    HEADERS = "reads the headers"
    BROWN_OUT = "sees a brown-out"
    END = "sees the end"
    NEVER = "never changes"


EVERYBODY: Mapping[Notices, int] = {
    Notices.HEADERS: 3,
    Notices.BROWN_OUT: 3,
    Notices.END: 2,
    Notices.NEVER: 1,
}


@dataclass(frozen=True, slots=True)
class Span:
    """A brown-out, in seconds of the run."""

    name: str
    from_s: float
    until_s: float


@dataclass(frozen=True, slots=True)
class LastDays:
    """What is planned, in seconds after the run's zero.

    Attributes:
        announced_s: headers from then on.
        sunset_s: the old route is gone from then on.
        seconds: how long clients ask in all.
        every_s: how often each client asks.
        change_s: how long it takes to change a client, once its makers have noticed.
    """

    announced_s: float = 2.0
    brown_outs: tuple[Span, ...] = (
        Span("first brown-out", 5.0, 6.0),
        Span("second", 8.0, 9.5),
    )
    sunset_s: float = 11.0
    seconds: float = 15.0
    every_s: float = 0.5
    change_s: float = 1.0

    def plan(self, zero_s: float) -> DeprecationPlan:
        """As an operator announces it, for a run that began at ``zero_s`` after 1970."""
        return DeprecationPlan(
            zero_s + self.announced_s,
            zero_s + self.sunset_s,
            tuple(
                BrownOut(one.name, zero_s + one.from_s, zero_s + one.until_s)
                for one in self.brown_outs
            ),
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """One call.

    Attributes:
        client: its number, from 0.
        at_s: when it was sent, after the run's zero.
        path: that was asked, and so the version.
        status: that it was answered with.
        reason: why it was refused; empty where it was not.
        is_told: the answer said that the route is deprecated.
    """

    client: int
    at_s: float
    path: str
    status: int
    reason: str = ""
    is_told: bool = False

    @property
    def is_old(self) -> bool:
        """Whether the old route was asked."""
        return self.path == TRANSCRIBE_PATH


@dataclass(frozen=True)
class Deprecated:
    """What became of every call.

    Attributes:
        days: what was planned.
        clients: what each notices, by its number.
        asked: in the order in which they were sent.
        use: what the server counted for each client, by its number.
    """

    days: LastDays
    clients: tuple[Notices, ...]
    asked: tuple[Asked, ...]
    use: Mapping[int, TenantUse] = field(default_factory=dict)

    @cached_property
    def moved_s(self) -> tuple[float | None, ...]:
        """When each client first asked the successor; None for never."""
        first: dict[int, float] = {}
        for one in self.asked:
            if not one.is_old:
                first.setdefault(one.client, one.at_s)
        return tuple(first.get(number) for number in range(len(self.clients)))

    @property
    def refused(self) -> tuple[Asked, ...]:
        """The calls that got no transcript."""
        return tuple(one for one in self.asked if one.status != httpx.codes.OK)


async def last_days(
    server: Server,
    days: LastDays | None = None,
    clients: Mapping[Notices, int] = EVERYBODY,
) -> Deprecated:
    """Put v1 of a recording's answer out of service, with clients who call it.

    The server has to run on this machine: its time of day is taken to be ours. Whatever was
    announced before is announced again afterwards.

    Raises:
        ValueError: there are no clients, or more than `MOST_CLIENTS`.
        ConnectionFailed, OperatorLocked: as `client.Operator`.
        InvalidParameter: days that cannot be kept; see `check_plan`.
    """
    days = days or LastDays()
    kinds = tuple(kind for kind, count in clients.items() for _ in range(count))
    if not 1 <= len(kinds) <= MOST_CLIENTS:
        raise ValueError(f"{len(kinds)} clients, not 1 to {MOST_CLIENTS}")
    before = (await server.operator.deprecation(TRANSCRIBE_V1)).plan
    keys: list[SandboxKey] = []
    try:
        for _ in kinds:
            keys.append(await server.operator.make_sandbox_key())
        await server.operator.take_back_deprecation(TRANSCRIBE_V1)
        asked = await _run(server, days, kinds, keys)
        status = await server.operator.deprecation(TRANSCRIBE_V1)
    finally:
        await _restore(server, before, keys)
    numbers = {f"sandbox-{key.name}": number for number, key in enumerate(keys)}
    use = {numbers[one.tenant]: one for one in status.use if one.tenant in numbers}
    return Deprecated(days, kinds, tuple(sorted(asked, key=lambda one: one.at_s)), use)


async def _restore(
    server: Server, before: DeprecationPlan | None, keys: Sequence[SandboxKey]
) -> None:
    if before is None:
        await server.operator.take_back_deprecation(TRANSCRIBE_V1)
    else:
        await server.operator.deprecate(TRANSCRIBE_V1, before)
    for key in keys:
        with suppress(LabError):  # the oldest go by themselves where there are too many
            await server.operator.remove_sandbox_key(key)


async def _run(
    server: Server, days: LastDays, kinds: Sequence[Notices], keys: Sequence[SandboxKey]
) -> list[Asked]:
    asked: list[Asked] = []
    zero_s, zero_ns = time.time(), time.perf_counter_ns()
    plan = days.plan(zero_s)

    async def announce() -> None:
        await asyncio.sleep(days.announced_s)
        await server.operator.deprecate(TRANSCRIBE_V1, plan)

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(announce())
            for number, (kind, key) in enumerate(zip(kinds, keys, strict=True)):
                first_s = days.every_s * number / len(kinds)  # not all in the same moment
                one = _Client(server.url, number, kind, key.key, days, zero_ns, asked)
                group.create_task(one.live(first_s))
    except ExceptionGroup as failed:  # the others were cancelled, so that none outlives this
        raise failed.exceptions[0] from failed
    return asked


class _Client:
    """One client, from the run's zero to its end."""

    def __init__(
        self,
        url: str,
        number: int,
        notices: Notices,
        key: str,
        days: LastDays,
        zero_ns: int,
        asked: list[Asked],
    ) -> None:
        self._url = url
        self._number = number
        self._notices = notices
        self._days = days
        self._zero_ns = zero_ns
        self._asked = asked
        self._headers = {
            "authorization": f"Token {key}",
            "content-type": f"audio/l16;rate={SAMPLE_RATE_HZ}",
        }
        self._noticed_s: float | None = None

    async def live(self, first_s: float) -> None:
        """Ask whenever it is time, the successor once it is changed."""
        sound, due_s = datasets.clip(_CLIP).pcm16[:_SOUND_BYTES], first_s
        async with httpx.AsyncClient(
            base_url=self._url, headers=self._headers, timeout=_TIMEOUT_S, trust_env=False
        ) as server:
            while due_s < self._days.seconds:
                await asyncio.sleep(max(0.0, due_s - self._now_s()))
                one = await self._ask(server, sound)
                self._asked.append(one)
                if self._noticed_s is None and self._is_noticed(one):
                    self._noticed_s = self._now_s()
                # a slow answer delays the next call, so that no client has two under way
                due_s = max(due_s + self._days.every_s, self._now_s())

    async def _ask(self, server: httpx.AsyncClient, sound: bytes) -> Asked:
        at_s = self._now_s()
        is_changed = self._noticed_s is not None and at_s >= self._noticed_s + self._days.change_s
        path = TRANSCRIBE_V2_PATH if is_changed else TRANSCRIBE_PATH
        try:
            answer = await server.post(path, content=sound)
        except httpx.HTTPError as error:
            raise unreachable(self._url, error) from error
        is_told = "deprecation" in answer.headers
        if answer.is_success:
            # each client reads the answer of its own version, and would break at the other's
            read_as(RecordingTranscript if is_changed else Transcript, answer.content)
            return Asked(self._number, at_s, path, answer.status_code, "", is_told)
        reason = read_as(ErrorEnvelope, answer.content).error.reason
        return Asked(self._number, at_s, path, answer.status_code, reason, is_told)

    def _is_noticed(self, one: Asked) -> bool:
        match self._notices:
            case Notices.HEADERS:
                return one.is_told
            case Notices.BROWN_OUT:
                return one.reason in ("ROUTE_BROWNED_OUT", "ROUTE_GONE")
            case Notices.END:
                return one.reason == "ROUTE_GONE"
            case Notices.NEVER:
                return False

    def _now_s(self) -> float:
        return (time.perf_counter_ns() - self._zero_ns) / 1e9
