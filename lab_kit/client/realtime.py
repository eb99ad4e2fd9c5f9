"""A live stream in OpenAI's Realtime dialect: 24 kHz, base64 in JSON."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from lab_kit.audio.pcm import FloatArray, to_float, to_pcm16
from lab_kit.audio.resample import StreamResampler
from lab_kit.client.address import ServerAddress
from lab_kit.core.call_record import Received
from lab_kit.core.events import StreamOptions
from lab_kit.dialects.openai.realtime import client as dialect
from lab_kit.dialects.openai.realtime.client import RATE_HZ, RealtimeReader
from lab_kit.dialects.openai.realtime.options import PATH
from lab_kit.wires.websocket import WebSocketWire, open_websocket


class RealtimeClient:
    """An open session.

    Args:
        rate_hz: of the audio that is sent; it is resampled to the session's.
    """

    is_live = True

    def __init__(self, wire: WebSocketWire, rate_hz: int, opening_ns: int) -> None:
        self._wire = wire
        self._resampler = StreamResampler(rate_hz, RATE_HZ)
        self._options: str | None = None
        self.opening_ns = opening_ns
        self.opened_ns = 0

    async def open(self, options: StreamOptions) -> None:
        """Wait for the session, choose, and wait for that to be confirmed."""
        messages = self._wire.messages()
        await anext(messages)
        self._options = dialect.update(options)
        await self._wire.send(self._options)
        dialect.parse((await anext(messages)).text)
        self.opened_ns = time.perf_counter_ns()

    async def send(self, pcm: bytes) -> int:
        """Send audio, resampled and encoded; returns when it was handed to the socket."""
        return await self._append(self._resampler.push(to_float(pcm, "linear16")))

    async def keep_alive(self) -> None:
        """Ask for the options again: the dialect has no word for staying."""
        await self._wire.send(self._options or "")

    async def finish(self) -> None:
        """Commit what is left; the iteration ends when that was said."""
        await self._append(self._resampler.flush())
        await self._wire.send(dialect.commit())

    async def __aiter__(self) -> AsyncIterator[Received]:
        """Events as they arrive, until what was committed last has been said."""
        reader = RealtimeReader()
        async for arrived in self._wire.messages():
            told = reader.read(arrived.text, arrived.received_ns)
            if told is not None:
                yield Received(told.event, arrived.received_ns, told.sent_ns, told.version)
            if reader.is_finished:
                return

    async def _append(self, audio: FloatArray) -> int:
        return await self._wire.send(dialect.append(to_pcm16(audio)))


@asynccontextmanager
async def connect_realtime(
    address: ServerAddress, options: StreamOptions
) -> AsyncIterator[RealtimeClient]:
    """Open a transcription session.

    Raises:
        Unauthenticated, ConnectionFailed: see `wires.websocket.open_websocket`.
    """
    url = address.url.replace("http", "ws", 1) + f"{PATH}?intent=transcription"
    headers = {} if address.key is None else {"Authorization": f"Bearer {address.key}"}
    opening_ns = time.perf_counter_ns()
    async with open_websocket(url, headers) as wire:
        client = RealtimeClient(wire, options.sample_rate_hz, opening_ns)
        await client.open(options)
        yield client
