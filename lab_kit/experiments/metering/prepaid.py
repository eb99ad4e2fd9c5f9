"""A tenant that has paid ahead, and many streams that want what it has left at once."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol
from uuid import uuid4

from websockets.exceptions import ConnectionClosed, InvalidStatus

from lab_kit.client import Operator, ServerAddress
from lab_kit.core.table import Table
from lab_kit.datasets import Clip
from lab_kit.experiments.metering.counting import Told, call
from lab_kit.protocol.api_keys import NewKey

PATIENCE_S = 60.0
"""In which a caller tries again that finds no place."""
_AGAIN_S = 0.2
_QUOTA = "QUOTA_EXCEEDED"
_SPEED = 2.0


class Server(Protocol):
    """A server with an operator, such as a bench."""

    address: ServerAddress
    operator: Operator


class Became(StrEnum):
    """What a caller met with."""

    SERVED = "served to its end"
    CUT = "ended while it spoke"
    REFUSED = "not let in: nothing left"
    NO_PLACE = "found no place"


@dataclass(frozen=True, slots=True)
class Prepaid:
    """What became of a balance.

    Attributes:
        became: of the callers, how many met with what.
        told_us: sound that callers were told about.
        left_us: what the server says is left.
        twice_s: by how much a payment that was sent twice raised the balance.
    """

    paid_us: int
    became: dict[Became, int]
    told_us: int
    left_us: int
    twice_s: float

    @property
    def unaccounted_us(self) -> int:
        """Paid, and neither told nor left: what callers sent and were not told about."""
        return self.paid_us - self.told_us - self.left_us

    @property
    def table(self) -> Table:
        """What became of the balance, and of the callers."""
        rows = [
            ("paid", f"{self.paid_us / 1e6:,.3f} s"),
            ("told to callers", f"{self.told_us / 1e6:,.3f} s"),
            ("left", f"{self.left_us / 1e6:,.3f} s"),
            *((one, f"{self.became.get(one, 0)} callers") for one in Became),
            ("a payment sent twice added", f"{self.twice_s:,.0f} s"),
        ]
        verdict = "never below nothing" if self.left_us >= 0 else "below nothing"
        over = max(0, self.told_us - self.paid_us) / 1e6
        notes = [f"The balance ended {verdict}; told beyond what was paid: {over:,.3f} s."]
        return Table("figure", ("", ""), rows, notes)


async def prepaid(server: Server, clip: Clip, streams: int = 100, paid_s: float = 60.0) -> Prepaid:
    """Have a new tenant pay, twice by one payment, and call so many times at once.

    Who finds no place, which is no matter of the balance, tries again.

    Raises:
        LabError: the server is not its operator's.
        OSError: it cannot be reached.
    """
    tenant, payment = f"ahead-{uuid4().hex[:8]}", uuid4().hex
    key = (await server.operator.make_key(NewKey(tenant))).key
    once = await server.operator.top_up(tenant, paid_s, payment)
    twice = await server.operator.top_up(tenant, paid_s, payment)
    told = Told(tenant=tenant)
    address = replace(server.address, key=key)
    became = await asyncio.gather(*(_call(address, clip, told) for _ in range(streams)))
    (status,) = [one for one in await server.operator.tenants() if one.tenant == tenant]
    return Prepaid(
        round(paid_s * 1e6),
        dict(Counter(became)),
        told.total_us,
        round((status.prepaid_s or 0.0) * 1e6),
        (twice.prepaid_s or 0.0) - (once.prepaid_s or 0.0),
    )


async def _call(address: ServerAddress, clip: Clip, told: Told) -> Became:
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        try:
            await call(address, clip.pcm16, told, speed=_SPEED)
        except InvalidStatus as refused:
            if _QUOTA in (refused.response.body or b"").decode(errors="replace"):
                return Became.REFUSED
            await asyncio.sleep(_AGAIN_S)
        except ConnectionClosed as closed:
            if closed.rcvd is None or _QUOTA not in closed.rcvd.reason:
                raise
            return Became.CUT
        else:
            return Became.SERVED
    return Became.NO_PLACE
