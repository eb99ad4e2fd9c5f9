"""Callers who speak known words all day, one call after the other, whatever becomes of a call.

They are naive: whoever was cut off begins anew at once, unless the service has them wait for a time
that chance decides. What was not heard to its end is lost.
"""

import asyncio
import json
import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from lab_kit.client import ServerAddress
from lab_kit.datasets import Clip
from lab_kit.experiments.game_day.dashboard import CallSeen, Ending
from lab_kit.experiments.metering.counting import BYTES_PER_S, CHUNK_S, Told
from lab_kit.measure.accuracy import word_errors
from lab_kit.protocol.stream_messages import SOCKET_PATH

AT_ONCE_S = 0.2
THINK_S = 0.3
PATIENCE_S = 6.0
"""For a call to end after its last sound; then its caller hangs up."""
OPEN_S = 3.0


class Entrance(Protocol):
    """Where callers are led, and how they are to come back."""

    @property
    def address(self) -> ServerAddress: ...
    @property
    def spread_s(self) -> float: ...


async def keep_speaking(
    entrance: Entrance,
    clips: Sequence[Clip],
    told: Told,
    zero_s: float,
    hear: Callable[[CallSeen], None],
    seed: int,
) -> None:
    """Call until cancelled.

    Args:
        clips: what is said, drawn by chance; each holds words.
        told: keeps what the server tells of sound.
        zero_s: the day's beginning, on the monotonic clock.
        hear: told of each attempt when it has ended.
    """
    chance = random.Random(seed)
    while True:
        clip = chance.choice(clips)
        while True:
            seen = await _Call(entrance.address, clip, told, zero_s).carried_out()
            hear(seen)
            if seen.ending is Ending.SERVED:
                break
            await asyncio.sleep(max(AT_ONCE_S, chance.uniform(0, entrance.spread_s)))
        await asyncio.sleep(chance.uniform(0, 2 * THINK_S))


@dataclass(slots=True)
class _Call:
    """One attempt."""

    address: ServerAddress
    clip: Clip
    told: Told
    zero_s: float
    stream: str = ""
    version: str = ""
    heard: list[str] = field(default_factory=list)
    last_final_s: float = math.inf
    is_over: bool = False

    async def carried_out(self) -> CallSeen:
        """Speak, and listen until the end, or until there is no line any more."""
        began_s = time.monotonic()
        ending, spoken_s = Ending.UNREACHABLE, math.inf
        url = f"{self.address.url.replace('http', 'ws', 1)}{SOCKET_PATH}"
        try:
            async with (
                asyncio.timeout(OPEN_S + self.clip.duration_s + PATIENCE_S),
                connect(url, open_timeout=OPEN_S, max_size=None) as socket,
            ):
                ending = Ending.CUT
                spoken_s = time.monotonic() + self.clip.utterances()[-1].end_s
                await self._talk(socket)
        except InvalidHandshake:
            ending = Ending.REFUSED
        except (OSError, ConnectionClosed, TimeoutError, EOFError):
            pass  # the ending says how far it came
        if self.is_over:
            ending = Ending.SERVED
        return self._seen(ending, began_s, spoken_s)

    async def _talk(self, socket: ClientConnection) -> None:
        speaking = asyncio.create_task(self._speak(socket))
        try:
            async for text in socket:
                self._note(json.loads(text))
        finally:
            speaking.cancel()
            with suppress(ConnectionClosed, asyncio.CancelledError):
                await speaking

    async def _speak(self, socket: ClientConnection) -> None:
        pcm, step, zero_s = self.clip.pcm16, int(CHUNK_S * BYTES_PER_S), time.monotonic()
        for number, begin in enumerate(range(0, len(pcm), step), 1):
            await asyncio.sleep(max(0.0, zero_s + number * CHUNK_S - time.monotonic()))
            await socket.send(pcm[begin : begin + step])
        await socket.send('{"type":"finish"}')

    def _note(self, message: Mapping[str, Any]) -> None:
        self.stream = message.get("session", self.stream)
        self.version = str(message.get("model_version", self.version))
        self.told.note(self.stream, message)
        if message["type"] == "final" and message["text"]:
            self.heard.append(message["text"])
            self.last_final_s = time.monotonic()
        self.is_over = self.is_over or message["type"] == "session_ended"

    def _seen(self, ending: Ending, began_s: float, spoken_s: float) -> CallSeen:
        ended_s = time.monotonic() - self.zero_s
        if ending is not Ending.SERVED:
            return CallSeen(began_s - self.zero_s, ended_s, ending, self.stream, self.version)
        wrong = word_errors(self.clip.text, " ".join(self.heard))
        return CallSeen(
            began_s - self.zero_s,
            ended_s,
            ending,
            self.stream,
            self.version,
            self.last_final_s - spoken_s,
            wrong.errors,
            wrong.words,
        )
