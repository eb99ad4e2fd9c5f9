"""Callers who send as many requests as each other, and whose requests do not cost the same."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from lab_kit import client, datasets
from lab_kit.access.costly import LEAST_WORKS, TIMES
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.experiments.access.server import Server
from lab_kit.protocol.api_keys import NewKey
from lab_kit.protocol.tenants import TenantStatus

__all__ = ["LEAST_WORKS", "SECONDS", "TIMES", "Flooder", "flood"]

SECONDS: Mapping[str, float] = {"short": 1.0, "usual": 1.2, "long": 32.0}
"""Of sound in each request, by the name of its tenant."""
_CLIP, _FROM_S = "two-cities", 1.0
"""Where somebody speaks from the first moment on."""
_RAW = f"audio/l16;rate={SAMPLE_RATE_HZ}"


@dataclass(frozen=True, slots=True)
class Flooder:
    """One tenant of a flood.

    Attributes:
        sound_s: in each of its requests.
        requests: that it sent; all were answered.
        compute_s: that they took of the device.
        is_costly: the server marks it so, by all that it has seen of it.
    """

    tenant: str
    sound_s: float
    requests: int
    compute_s: float
    is_costly: bool

    @property
    def each_s(self) -> float:
        """Compute-seconds for one of its requests."""
        return self.compute_s / self.requests


async def flood(
    server: Server, requests: int = 20, seconds: Mapping[str, float] = SECONDS
) -> tuple[Flooder, ...]:
    """Have every tenant send so many requests, one after the other, and see what they cost.

    Raises:
        LabError: a key could not be made, or a request was refused.
        ValueError: no requests.
    """
    if requests < 1:
        raise ValueError("a flood without a request")
    before = {one.tenant: one.compute_s for one in await server.operator.tenants()}
    keys = {name: (await server.operator.make_key(NewKey(name))).key for name in seconds}
    sound = datasets.clip(_CLIP).pcm16

    async def send(name: str) -> None:
        first = round(_FROM_S * SAMPLE_RATE_HZ)
        piece = sound[2 * first : 2 * (first + round(seconds[name] * SAMPLE_RATE_HZ))]
        for _ in range(requests):
            await client.transcribe(server.url, piece, _RAW, name, key=keys[name])

    await asyncio.gather(*map(send, seconds))
    after = {one.tenant: one for one in await server.operator.tenants()}
    return tuple(
        _flooder(after[name], sound_s, requests, before.get(name, 0.0))
        for name, sound_s in seconds.items()
    )


def _flooder(status: TenantStatus, sound_s: float, requests: int, before_s: float) -> Flooder:
    spent_s = status.compute_s - before_s
    return Flooder(status.tenant, sound_s, requests, spent_s, status.is_costly)
