"""A caller who writes down what they were told: the count that no server can change.

What a server tells of a stream's sound is how far a result, its usage or its end reaches. The
caller keeps the furthest, in whole microseconds, as the ledger has it.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from lab_kit.client import ServerAddress
from lab_kit.core.clock import since_1970_us
from lab_kit.metering.reconciliation import Mark
from lab_kit.protocol.stream_messages import SOCKET_PATH

CHUNK_S, BYTES_PER_S = 0.1, 32_000
_OF_TYPE = {"final": "end_s", "usage": "until_s", "session_ended": "audio_s"}
_AGAIN_S = 0.1


@dataclass(slots=True)
class Told:
    """What callers were told.

    Attributes:
        until_us: of each stream, by its name.
        ended: streams whose end was told.
        events: messages that told of sound.
        tenant: whose callers they are.
        marks: each of these messages, with the time at which it came.
    """

    until_us: dict[str, int] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    events: int = 0
    tenant: str = "anybody"
    marks: list[Mark] = field(default_factory=list)

    @property
    def total_us(self) -> int:
        """Of all streams."""
        return sum(self.until_us.values())

    def note(self, name: str, message: Mapping[str, Any]) -> None:
        """Keep what a server's message tells of a stream's sound.

        Args:
            name: of the stream.
            message: one of our own API, as JSON has it.
        """
        until_s = message.get(_OF_TYPE.get(message["type"], ""))
        if until_s is not None:
            self.events += 1
            until_us = round(until_s * 1e6)
            self.marks.append(Mark(name, self.tenant, since_1970_us(), until_us))
            self.until_us[name] = max(self.until_us.get(name, 0), until_us)
        if message["type"] == "session_ended":
            self.ended.add(name)


async def call(address: ServerAddress, pcm: bytes, told: Told, *, speed: float = 1.0) -> None:
    """One stream from its beginning to its end, or until the server is gone.

    Args:
        pcm: PCM16 at 16 kHz.
        speed: how much faster than speech it is sent.

    Raises:
        OSError, InvalidHandshake: it could not be opened.
    """
    url = f"{address.url.replace('http', 'ws', 1)}{SOCKET_PATH}"
    headers = {} if address.key is None else {"Authorization": f"Bearer {address.key}"}
    async with connect(url, additional_headers=headers, max_size=None) as socket:
        speaking = asyncio.create_task(_speak(socket, pcm, CHUNK_S / speed))
        try:
            await _listen(socket, told)
        finally:
            speaking.cancel()
            with suppress(ConnectionClosed, asyncio.CancelledError):
                await speaking


async def keep_calling(
    addresses: AsyncIterator[ServerAddress], pcm: bytes, told: Told, *, speed: float = 1.0
) -> None:
    """One call after the other, while there is an address; who finds nobody there tries again.

    Args:
        addresses: where the server is now, asked before each call.
    """
    async for address in addresses:
        try:
            await call(address, pcm, told, speed=speed)
        except (OSError, InvalidHandshake, ConnectionClosed, TimeoutError, EOFError):
            await asyncio.sleep(_AGAIN_S)


async def _speak(socket: ClientConnection, pcm: bytes, every_s: float) -> None:
    step = int(CHUNK_S * BYTES_PER_S)
    for begin in range(0, len(pcm), step):
        await socket.send(pcm[begin : begin + step])
        await asyncio.sleep(every_s)
    await socket.send('{"type":"finish"}')


async def _listen(socket: ClientConnection, told: Told) -> None:
    name = ""
    async for text in socket:
        message = json.loads(text)
        name = message.get("session", name)
        told.note(name, message)
