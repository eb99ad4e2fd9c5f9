"""A month's limit under a stream that goes on: a warning, a larger tier, a smaller one, the end."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol
from uuid import uuid4

from websockets.exceptions import ConnectionClosed

from lab_kit.client import Operator, ServerAddress
from lab_kit.core.errors import ServerFailed
from lab_kit.core.table import Table
from lab_kit.datasets import Clip
from lab_kit.experiments.metering.counting import Told, call
from lab_kit.protocol.api_keys import NewKey
from lab_kit.protocol.tenants import TenantSettings, TenantStatus

SMALL_S, LARGE_S, WARN_SHARE = 6.0, 3_600.0, 0.5
"""Of a month; so small that a stream reaches the end of it while somebody watches."""
_LOOK_S = 0.05
_PATIENCE_S = 60.0


class Server(Protocol):
    """A server with an operator, such as a bench."""

    address: ServerAddress
    operator: Operator


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened, and what the server said of the tenant then."""

    at_s: float
    what: str
    used_s: float
    limit_s: float


@dataclass(frozen=True, slots=True)
class TierChange:
    """A stream whose tenant changes its tier twice.

    Attributes:
        reason: by which it was ended.
        told_us: the sound that its caller was told about.
        until_end_s: from the answer to the second change until the stream had ended.
    """

    moments: tuple[Moment, ...]
    reason: str
    told_us: int
    until_end_s: float

    @property
    def table(self) -> Table:
        """A row for each thing that happened."""
        rows = [
            (f"{one.at_s:.1f}", one.what, f"{one.used_s:.1f}", f"{one.limit_s:,.0f}")
            for one in self.moments
        ]
        notes = [
            f"The stream ended {self.until_end_s:.1f} s after the smaller tier was set:"
            f" {self.reason}. It was told of {self.told_us / 1e6:.3f} s."
        ]
        head = ("at s", "what happened", "used s", "limit s")
        return Table("moment", head, rows, notes, left=2)


async def tier_change(server: Server, clip: Clip) -> TierChange:
    """Have a new tenant stream at the pace of speech, and change what it may use meanwhile.

    Raises:
        LabError: the server is not its operator's.
        ServerFailed: what is waited for does not happen.
        OSError: the server cannot be reached.
    """
    watched = _Watched(server.operator, f"tier-{uuid4().hex[:8]}")
    await watched.allow("the small tier is set", SMALL_S)
    key = (await server.operator.make_key(NewKey(watched.tenant))).key
    told = Told(tenant=watched.tenant)
    address = replace(server.address, key=key)
    stream = asyncio.create_task(_stream(address, clip, told))
    try:
        await watched.until(
            "the soft limit: a warning, and it goes on", lambda one: one.is_near_limit
        )
        await watched.allow("the large tier is set", LARGE_S)
        await watched.until(
            "it uses more than the small tier had", lambda one: one.sound_month_s > SMALL_S
        )
        await watched.allow("the small tier is set again: the hard limit", SMALL_S)
        changed_s = time.monotonic()
        async with asyncio.timeout(_PATIENCE_S):
            reason = await stream
        until_end_s = time.monotonic() - changed_s
        await watched.note("the stream has ended")
    finally:
        stream.cancel()
    return TierChange(tuple(watched.moments), reason, told.total_us, until_end_s)


class _Watched:
    """A tenant that somebody looks at."""

    def __init__(self, operator: Operator, tenant: str) -> None:
        self.tenant = tenant
        self.moments: list[Moment] = []
        self._operator = operator
        self._began_s = time.monotonic()

    async def allow(self, what: str, limit_s: float) -> None:
        settings = TenantSettings(sound_s_per_month=limit_s, sound_warn_share=WARN_SHARE)
        self._note(what, await self._operator.set_tenant(self.tenant, settings))

    async def until(self, what: str, holds: Callable[[TenantStatus], bool]) -> None:
        deadline_s = time.monotonic() + _PATIENCE_S
        while not holds(status := await self._status()):
            if time.monotonic() > deadline_s:
                raise ServerFailed(
                    f"nothing of the kind: {what}", "that it happens", "run it again"
                )
            await asyncio.sleep(_LOOK_S)
        self._note(what, status)

    async def note(self, what: str) -> None:
        self._note(what, await self._status())

    async def _status(self) -> TenantStatus:
        (status,) = [one for one in await self._operator.tenants() if one.tenant == self.tenant]
        return status

    def _note(self, what: str, status: TenantStatus) -> None:
        at_s, limit_s = time.monotonic() - self._began_s, status.settings.sound_s_per_month
        self.moments.append(Moment(at_s, what, status.sound_month_s, limit_s or 0.0))


async def _stream(address: ServerAddress, clip: Clip, told: Told) -> str:
    """Speak for longer than anybody watches; why it ended."""
    long_enough = 1 + round(_PATIENCE_S / clip.duration_s)
    try:
        await call(address, clip.pcm16 * long_enough, told)
    except ConnectionClosed as closed:
        return "no reason given" if closed.rcvd is None else closed.rcvd.reason.partition(":")[0]
    return "its caller had said all"
