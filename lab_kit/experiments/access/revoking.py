"""How long a live stream goes on after its key was revoked, on every wire.

Counted is from the moment before the operator's request is sent until the client has heard that its
stream is over, so the request's own way is part of it, as it would be in an incident.
"""

import asyncio
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from lab_kit import datasets
from lab_kit.client import NativeWire, Wire, connect_over
from lab_kit.client.live import StreamClient
from lab_kit.core.errors import ConnectionFailed, InvalidMessage, LabError
from lab_kit.core.events import StreamOptions
from lab_kit.experiments.access.server import Server
from lab_kit.protocol.api_keys import NewKey

LIVE_WIRES = (Wire.WEBSOCKET, Wire.REALTIME, Wire.GRPC, Wire.WEBRTC, *NativeWire)
"""All but the upload, which is no live stream."""
GOAL_S = 1.0
_CLIP = "two-cities-opening"
_PIECE_S, _PIECE_BYTES = 0.1, 3_200
_SPOKEN_S, _APART_S = 1.2, 0.37
"""How long the first stream is heard before its key is revoked, and how much longer each next."""
_MOST_WAIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Revoked:
    """One stream whose key was revoked.

    Attributes:
        wire: how it travelled.
        took_s: from the operator's request to the stream's end, at the client.
        told: what the client was told; empty where the stream just ended.
    """

    wire: str
    took_s: float
    told: str


async def revocations(
    server: Server, each: int = 3, wires: Sequence[Wire | NativeWire] = LIVE_WIRES
) -> tuple[Revoked, ...]:
    """Open ``each`` streams on every wire, revoke their keys while they speak, and take the time.

    Every stream has a key of its own; those of one wire are open at once.

    Raises:
        LabError: a stream could not be opened.
        TimeoutError: one did not end within half a minute.
    """
    found: list[Revoked] = []
    for wire in wires:
        # tenants of their own: what somebody's streams cost is to be nobody's measure
        tenants = [f"revoked-{secrets.token_hex(4)}" for _ in range(each)]
        streams = (
            _revoked(server, wire, tenant, _SPOKEN_S + n * _APART_S)
            for n, tenant in enumerate(tenants)
        )
        found += await asyncio.gather(*streams)
    return tuple(found)


async def _revoked(
    server: Server, wire: Wire | NativeWire, tenant: str, spoken_s: float
) -> Revoked:
    made = await server.operator.make_key(NewKey(tenant, scope=("streams",)))
    address = replace(server.address, key=made.key)
    async with asyncio.timeout(_MOST_WAIT_S), connect_over(wire, address, StreamOptions()) as end:
        speaking = asyncio.create_task(_speak(end))
        hearing = asyncio.create_task(_heard_out(end))
        try:
            await asyncio.sleep(spoken_s)
            sent_ns = time.perf_counter_ns()
            await server.operator.revoke_key(made.about.id)
            told, ended_ns = await hearing
        finally:
            speaking.cancel()
            hearing.cancel()
            with suppress(asyncio.CancelledError, LabError):
                await speaking
    return Revoked(wire.value, max(0, ended_ns - sent_ns) / 1e9, told)


async def _speak(end: StreamClient) -> None:
    """At the pace of speech, for longer than anybody listens."""
    sound = datasets.clip(_CLIP).pcm16
    for start in range(0, len(sound), _PIECE_BYTES):
        await end.send(sound[start : start + _PIECE_BYTES])
        await asyncio.sleep(_PIECE_S)


async def _heard_out(end: StreamClient) -> tuple[str, int]:
    """What ended the stream, and when."""
    try:
        async for _ in end:
            pass
    except (ConnectionFailed, InvalidMessage) as error:
        return error.received, time.perf_counter_ns()
    except LabError as error:
        return f"{error.reason}: {error.received}", time.perf_counter_ns()
    return "", time.perf_counter_ns()
