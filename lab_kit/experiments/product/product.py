"""A product made of the parts: a server a region, tenants with keys and places, one way in.

Regions are servers of this machine that say where they are. The way in asks the nearest region
first; a region's own door decides by its rules whether a tenant's speech may be served there.
"""

import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from lab_kit import client
from lab_kit.core.call_record import StreamCall
from lab_kit.core.errors import LabError
from lab_kit.core.table import Table
from lab_kit.core.units import ms
from lab_kit.datasets import Clip
from lab_kit.measure.calls import utterance_delays
from lab_kit.protocol.api_keys import NewKey
from lab_kit.protocol.tenants import TenantSettings

_GONE_S = 5.0
REGIONS = ("eu-west:eu", "us-east:us", "ap-south:ap")


class Caller(Protocol):
    """Who streams a clip."""

    async def stream(self, clip: Clip) -> StreamCall: ...


class Region(Protocol):
    """A server that says where it is, such as a bench."""

    operator: client.Operator

    @property
    def url(self) -> str: ...
    @property
    def alive(self) -> bool: ...
    @property
    def pid(self) -> int: ...
    @property
    def state_folder(self) -> Path: ...

    def with_key(self, key: str) -> Caller: ...


@dataclass(frozen=True, slots=True)
class Agreed:
    """What a tenant has agreed to: its settings at every server, and its plan."""

    settings: TenantSettings
    plan: str


@dataclass(frozen=True, slots=True)
class CallMade:
    """One call, and who served it.

    Attributes:
        asked: regions that were asked, the nearest first.
        served_by: the one that did; empty if none did.
        why: what the last one said that did not.
        final_delay_s: the slowest final's; None if there was none.
    """

    tenant: str
    asked: tuple[str, ...]
    served_by: str
    why: str
    sound_s: float
    final_delay_s: float | None


@dataclass(slots=True)
class Product:
    """Regions by name, what tenants agreed to, and the calls that were made."""

    regions: Mapping[str, Region]
    tenants: Mapping[str, Agreed]
    keys: dict[tuple[str, str], str] = field(default_factory=dict)
    calls: list[CallMade] = field(default_factory=list)

    def lose(self, region: str) -> None:
        """End a region's server without a word; what it wrote down waits on its disk."""
        server = self.regions[region]
        os.kill(server.pid, signal.SIGKILL)
        until_s = time.monotonic() + _GONE_S
        while server.alive and time.monotonic() < until_s:
            time.sleep(0.02)

    async def call(self, tenant: str, nearest: str, clip: Clip) -> CallMade:
        """Stream a clip for a tenant: the nearest region first, then those that come behind it."""
        names = list(self.regions)
        start = names.index(nearest)
        asked: list[str] = []
        why = ""
        for name in (*names[start:], *names[:start]):
            asked.append(name)
            region = self.regions[name]
            if not region.alive:
                why = "down"
                continue
            try:
                heard = await region.with_key(self.keys[name, tenant]).stream(clip)
            except LabError as refusal:
                why = str(refusal)
                continue
            made = CallMade(tenant, tuple(asked), name, why, clip.duration_s, _slowest_s(heard))
            break
        else:
            made = CallMade(tenant, tuple(asked), "", why, clip.duration_s, None)
        self.calls.append(made)
        return made


def seen_from(region: str) -> tuple[str, ...]:
    """All regions as the server of one of them is told: its own first."""
    return region, *(other for other in REGIONS if other != region)


async def open_product(regions: Mapping[str, Region], tenants: Mapping[str, Agreed]) -> Product:
    """Have every region know every tenant, each with a key of its own there.

    Raises:
        LabError: a region does not take it.
    """
    product = Product(regions, tenants)
    for name, region in regions.items():
        for tenant, agreed in tenants.items():
            await region.operator.set_tenant(tenant, agreed.settings)
            made = await region.operator.make_key(NewKey(tenant))
            product.keys[name, tenant] = made.key
    return product


def calls_table(calls: Sequence[CallMade]) -> Table:
    """A row a call."""
    rows = [
        (
            one.tenant,
            " → ".join(one.asked),
            one.served_by or "nobody",
            "-" if one.final_delay_s is None else f"{ms(one.final_delay_s):,.0f}",
        )
        for one in calls
    ]
    notes = sorted({f"Not served: {one.why:.160}" for one in calls if not one.served_by})
    return Table("call", ("", "asked", "served by", "slowest final, ms"), rows, notes, left=3)


def _slowest_s(call: StreamCall) -> float | None:
    known = [one.final_delay_s for one in utterance_delays(call) if one.final_delay_s is not None]
    return max(known, default=None)
