"""A conversation with a server that speaks OpenAI's Realtime API: sound in, sound out."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import quote

from lab_kit.audio.pcm import FloatArray, to_pcm16
from lab_kit.audio.resample import StreamResampler
from lab_kit.client.address import ServerAddress
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.dialects.openai.conversation import client as dialect
from lab_kit.dialects.openai.conversation.client import RATE_HZ, TalkEvent
from lab_kit.dialects.openai.realtime.client import append
from lab_kit.dialects.openai.realtime.options import PATH
from lab_kit.wires.websocket import WebSocketWire, open_websocket

ANY_MODEL = "lab"
"""Our own server has one; another is asked for by its name."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event, and when it arrived on this process's monotonic clock."""

    event: TalkEvent
    received_ns: int


class TalkClient:
    """An open conversation."""

    def __init__(self, wire: WebSocketWire) -> None:
        self._wire = wire
        self._resampler = StreamResampler(SAMPLE_RATE_HZ, RATE_HZ)

    async def choose(self, instructions: str | None, turns: dict[str, object] | None) -> None:
        """Ask for transcripts, and for other instructions or turns than the server's own."""
        await self._wire.send(dialect.update(instructions, turns))

    async def send(self, sound: FloatArray) -> int:
        """Send (samples,) float32 at 16 kHz; returns when it was handed to the socket."""
        return await self._wire.send(append(to_pcm16(self._resampler.push(sound))))

    async def write(self, text: str) -> None:
        """Say something in writing; it is answered when that is asked for."""
        await self._wire.send(dialect.write(text))

    async def ask(self, instructions: str | None = None) -> None:
        """Ask for an answer now."""
        await self._wire.send(dialect.ask(instructions))

    async def played(self, item: str, played_s: float) -> None:
        """Tell how much of an answer that was stopped had been played."""
        await self._wire.send(dialect.truncate(item, played_s))

    async def __aiter__(self) -> AsyncIterator[Told]:
        """What the server says, as it arrives.

        Raises:
            InvalidMessage: it refuses something.
            ConnectionFailed: the connection is gone.
        """
        async for arrived in self._wire.messages():
            event = dialect.parse(arrived.text)
            if event is not None:
                yield Told(event, arrived.received_ns)


@asynccontextmanager
async def connect_conversation(
    address: ServerAddress,
    instructions: str | None = None,
    turns: dict[str, object] | None = None,
    model: str = ANY_MODEL,
) -> AsyncIterator[TalkClient]:
    """Open a conversation, ready to be spoken into.

    Args:
        turns: how the end of a turn is found, as ``turn_detection``; None leaves it to the server.

    Raises:
        Unauthenticated, ConnectionFailed: see `wires.websocket.open_websocket`.
    """
    url = address.url.replace("http", "ws", 1) + f"{PATH}?model={quote(model)}"
    headers = {} if address.key is None else {"Authorization": f"Bearer {address.key}"}
    async with open_websocket(url, headers) as wire:
        await anext(wire.messages())  # the session: until then the models are loaded
        client = TalkClient(wire)
        await client.choose(instructions, turns)
        yield client
