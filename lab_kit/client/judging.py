"""A stream held with any server in order to judge it: every message of both sides is recorded."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit

from lab_kit.audio.pcm import FloatArray, to_pcm16
from lab_kit.audio.resample import to_rate
from lab_kit.client.address import ServerAddress
from lab_kit.client.sessions import NativeWire
from lab_kit.client.sessions.line import Line as SessionLine
from lab_kit.client.sessions.session import lines_to
from lab_kit.core.clock import since_1970_ms
from lab_kit.core.errors import (
    ConnectionFailed,
    InvalidMessage,
    InvalidParameter,
    LabError,
    PayloadTooLarge,
)
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.protocol.judge.capture import MOST_HEARD_BYTES, MOST_LINES, Capture, Head, Line
from lab_kit.protocol.judge.conversation import (
    HALF_CLOSE,
    Caller,
    Carrier,
    Conversation,
    Reading,
    heard,
)
from lab_kit.protocol.judge.seen import Closed
from lab_kit.protocol.stream_messages import Command, EndReason, SessionEnded, StreamRequest
from lab_kit.wires.grpc_call import GrpcCall, open_grpc_call
from lab_kit.wires.websocket import NORMAL, WebSocketWire, open_websocket

CHUNK_S = 0.1
QUIET_S, LONGEST_AFTER_S = 30.0, 120.0
"""A server that has heard everything is hung up on when it says nothing, or has not ended, for so
long."""
OWN = "lab"
_WELL, _FAILED = "OK", "FAILED"
_CONVERSATIONS = {
    "deepgram": ("lab_kit.dialects.deepgram.conversation", "DeepgramConversation"),
    "openai": ("lab_kit.dialects.openai.realtime.conversation", "RealtimeConversation"),
    "elevenlabs": ("lab_kit.dialects.elevenlabs.realtime.conversation", "RealtimeConversation"),
    "google": ("lab_kit.dialects.google.conversation", "GoogleConversation"),
    "assemblyai": (
        "lab_kit.dialects.assemblyai.streaming.conversation",
        "StreamingConversation",
    ),
    "amazon": ("lab_kit.dialects.amazon.conversation", "TranscribeConversation"),
}
_NATIVE = {
    Carrier.WEBSOCKET: NativeWire.WEBSOCKET,
    Carrier.EVENTS: NativeWire.EVENTS,
    Carrier.GRPC: NativeWire.GRPC,
}
DIALECTS = (OWN, *_CONVERSATIONS)


def conversation_in(dialect: str) -> Conversation:
    """How a provider's dialect is spoken.

    Raises:
        InvalidParameter: it is none that is known.
    """
    if dialect not in _CONVERSATIONS:
        raise InvalidParameter(
            f"the dialect {dialect[:40]!r}", f"one of {', '.join(DIALECTS)}", "choose one of these"
        )
    module, name = _CONVERSATIONS[dialect]
    made: Conversation = getattr(import_module(module), name)()
    return made


def reading_of(dialect: str) -> Reading:
    """What the messages of a dialect mean.

    Raises:
        InvalidParameter: it is none that is known.
    """
    if dialect == OWN:
        from lab_kit.dialects.lab.conversation import LabReading

        return LabReading()
    return conversation_in(dialect)


class Talk(Protocol):
    """An open connection, whatever it speaks."""

    async def say(self, pcm: bytes) -> None:
        """Send sound."""
        ...

    async def finish(self) -> None:
        """Say that no more will come."""
        ...

    async def hear(self) -> None:
        """Record what the server says, until the connection is over or has been heard out."""
        ...

    async def closed(self) -> Closed:
        """How the connection ended."""
        ...


class Recorder:
    """Writes a capture down as it happens.

    Attributes:
        capture: what was recorded so far.
    """

    def __init__(self, dialect: str, wire: str, bytes_per_s: float) -> None:
        self.capture = Capture(Head(dialect=dialect, wire=wire, bytes_per_s=bytes_per_s))
        self._began_ns = time.perf_counter_ns()
        self._heard_bytes = 0

    def heard(self, message: dict[str, Any], size_bytes: int) -> None:
        """Write a server's message down.

        Raises:
            PayloadTooLarge: that is more than one capture holds.
        """
        self._heard_bytes += size_bytes
        if self._heard_bytes > MOST_HEARD_BYTES or len(self.capture.lines) >= MOST_LINES:
            raise PayloadTooLarge(
                f"{self._heard_bytes:,} bytes in {len(self.capture.lines):,} lines",
                f"{MOST_HEARD_BYTES:,} bytes and {MOST_LINES:,} lines of one stream",
                "judge a shorter one",
            )
        self.note(by_client=False, message=message)

    def note(self, by_client: bool, **what: Any) -> None:
        """Write one line."""
        at_ms = round((time.perf_counter_ns() - self._began_ns) / 1e6, 3)
        side: Literal["client", "server"] = "client" if by_client else "server"
        self.capture.lines.append(Line(at_ms=at_ms, by=side, **what))


async def recorded(
    dialect: str,
    address: ServerAddress,
    audio: FloatArray,
    carrier: Carrier = Carrier.WEBSOCKET,
    *,
    pace: float = 1.0,
    finishes: bool = True,
    stops_after_s: float | None = None,
) -> Capture:
    """Speak to a server in a dialect, and record both sides.

    Args:
        audio: (samples,) float32 at 16 kHz.
        carrier: of our own messages; a provider's dialect has its own.
        pace: times the pace of speech.
        finishes: whether the client says that it has finished; else it falls silent.
        stops_after_s: of sound, after which the client vanishes without a word; None does not.
    """
    if dialect == OWN:
        recorder = Recorder(OWN, carrier, 2.0 * SAMPLE_RATE_HZ)
        opened, rate_hz = _own(recorder, carrier, address), SAMPLE_RATE_HZ
    else:
        spoken = conversation_in(dialect)
        recorder = Recorder(dialect, spoken.carrier, spoken.bytes_per_s)
        open_talk = _call if spoken.carrier is Carrier.GRPC else _socket
        opened, rate_hz = open_talk(recorder, spoken, address), spoken.rate_hz
    pcm = to_pcm16(to_rate(audio, SAMPLE_RATE_HZ, rate_hz))
    try:
        async with opened as talk:
            recorder.note(by_client=False, opened=True)
            hearing = asyncio.create_task(talk.hear())
            try:
                left = None if stops_after_s is None else round(stops_after_s / CHUNK_S)
                await _speak(talk, pcm, rate_hz, pace, hearing, left)
                if stops_after_s is not None:
                    recorder.note(by_client=True, closed={})
                    return recorder.capture
                if finishes and not hearing.done():
                    await talk.finish()
                if not await _heard_out(hearing, recorder):
                    why = "the server has not ended the stream, and was hung up on"
                    recorder.note(by_client=True, closed={"why": why})
                    return recorder.capture
                await hearing
            finally:
                hearing.cancel()
                await asyncio.gather(hearing, return_exceptions=True)
            closed = await talk.closed()
            code = {} if closed.code is None else {"code": closed.code}
            recorder.note(by_client=closed.by_client, closed=code)
    except LabError as error:
        if recorder.capture.lines:
            raise
        recorder.note(by_client=False, refused={"status": error.code.value, "why": str(error)})
    return recorder.capture


async def _speak(
    talk: Talk,
    pcm: bytes,
    rate_hz: int,
    pace: float,
    hearing: "asyncio.Task[None]",
    left: int | None,
) -> None:
    """Send the sound, at the pace of speech or a multiple of it, while the server listens."""
    chunk_bytes, due_s = 2 * round(CHUNK_S * rate_hz), time.perf_counter()
    for start in range(0, len(pcm), chunk_bytes)[:left]:
        due_s += CHUNK_S / pace
        await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
        if hearing.done():
            return
        try:
            await talk.say(pcm[start : start + chunk_bytes])
        except ConnectionFailed:
            return  # the server has closed; how, is heard


async def _heard_out(hearing: "asyncio.Task[None]", recorder: Recorder) -> bool:
    """Wait for the end, while anything comes and not for ever; whether it has come."""
    until_s = time.perf_counter() + LONGEST_AFTER_S
    while not hearing.done() and time.perf_counter() < until_s:
        before = len(recorder.capture.lines)
        await asyncio.wait({hearing}, timeout=QUIET_S)
        if len(recorder.capture.lines) == before:
            break
    return hearing.done()


def _told(closed: ConnectionFailed) -> str | None:
    """The close code, if the server said one."""
    return None if closed.close_code is None else str(closed.close_code)


# -- the providers' dialects ---------------------------------------------------------------------


class _SocketTalk:
    def __init__(self, recorder: Recorder, spoken: Conversation, wire: WebSocketWire) -> None:
        self._recorder = recorder
        self._spoken = spoken
        self._wire = wire
        self._closed = Closed(None, by_client=True)

    async def send(self, message: str | bytes) -> None:
        self._recorder.note(by_client=True, message=self._spoken.noted(message, by_client=True))
        await self._wire.send(message)

    async def say(self, pcm: bytes) -> None:
        message = self._spoken.sound(pcm)
        if message is pcm:
            self._recorder.note(by_client=True, sound={"bytes": len(pcm)})
            await self._wire.send(pcm)
        else:
            await self.send(message)

    async def finish(self) -> None:
        for message in self._spoken.finish():
            await self.send(message)

    async def hear(self) -> None:
        try:
            async for content, _ in self._wire.received():
                noted, is_over = heard(self._spoken, content)
                self._recorder.heard(noted, len(content))
                if is_over:
                    return
            self._closed = Closed(str(NORMAL))
        except ConnectionFailed as closed:
            self._closed = Closed(_told(closed))

    async def closed(self) -> Closed:
        return self._closed


@asynccontextmanager
async def _socket(
    recorder: Recorder, spoken: Conversation, address: ServerAddress
) -> AsyncIterator[Talk]:
    url = address.url.replace("http", "ws", 1) + spoken.target(_caller(address))
    async with open_websocket(url, _shown(spoken, address)) as wire:
        talk = _SocketTalk(recorder, spoken, wire)
        for message in spoken.first():
            await talk.send(message)
        yield talk


class _CallTalk:
    def __init__(self, recorder: Recorder, spoken: Conversation, call: GrpcCall) -> None:
        self._recorder = recorder
        self._spoken = spoken
        self._call = call

    async def _send(self, message: str | bytes) -> None:
        assert isinstance(message, bytes)
        self._recorder.note(by_client=True, message=self._spoken.noted(message, by_client=True))
        await self._call.send(message)

    async def say(self, pcm: bytes) -> None:
        await self._send(self._spoken.sound(pcm))

    async def finish(self) -> None:
        for message in self._spoken.finish():
            await self._send(message)
        self._recorder.note(by_client=True, message=HALF_CLOSE)
        await self._call.half_close()

    async def hear(self) -> None:
        messages = self._call.messages()
        while True:
            try:
                arrived = await anext(messages)
            except (StopAsyncIteration, LabError):
                return  # how it ended is the status
            noted, _ = heard(self._spoken, arrived.data)
            self._recorder.heard(noted, len(arrived.data))

    async def closed(self) -> Closed:
        return Closed(str((await self._call.status()).code.name))


@asynccontextmanager
async def _call(
    recorder: Recorder, spoken: Conversation, address: ServerAddress
) -> AsyncIterator[Talk]:
    metadata = list(_shown(spoken, address).items())
    (first,) = spoken.first()
    assert isinstance(first, bytes)
    where, method = address.grpc or "", spoken.target(_caller(address))
    async with open_grpc_call(where, method, first, metadata) as call:
        yield _CallTalk(recorder, spoken, call)


def _caller(address: ServerAddress) -> Caller:
    return Caller(urlsplit(address.url).netloc, address.key, since_1970_ms() / 1e3)


def _shown(spoken: Conversation, address: ServerAddress) -> Mapping[str, str]:
    return {} if address.key is None else spoken.headers(address.key)


# -- our own -------------------------------------------------------------------------------------


class _OwnTalk:
    """One connection of a session; it is not gone on with."""

    def __init__(self, recorder: Recorder, line: SessionLine) -> None:
        self._recorder = recorder
        self._line = line
        self._number = 0
        self._closed = Closed(None, by_client=True)

    async def say(self, pcm: bytes) -> None:
        self._number += 1
        self._recorder.note(by_client=True, sound={"bytes": len(pcm)})
        await self._line.send(pcm, self._number)

    async def finish(self) -> None:
        self._number += 1
        self._recorder.note(by_client=True, message={"type": Command.FINISH.value})
        await self._line.send(Command.FINISH, self._number)

    async def hear(self) -> None:
        ended = _WELL
        try:
            async for arrived in self._line.messages():
                message = arrived.message
                if isinstance(message, SessionEnded):
                    ended = _WELL if message.reason is EndReason.FINISHED else _FAILED
                told = message.model_dump(mode="json", exclude_none=True)
                self._recorder.heard(told, len(message.model_dump_json()))
            self._closed = Closed(ended)  # of events over HTTP, their last one says it
        except ConnectionFailed as closed:
            self._closed = Closed(_told(closed))
        except (InvalidMessage, PayloadTooLarge):
            raise  # what arrived is no message, or more than one capture holds
        except LabError as error:  # gRPC's: its status is the error's code
            self._closed = Closed(error.code.value)

    async def closed(self) -> Closed:
        return self._closed


@asynccontextmanager
async def _own(recorder: Recorder, carrier: Carrier, address: ServerAddress) -> AsyncIterator[Talk]:
    async with lines_to(_NATIVE[carrier], address).open(StreamRequest()) as line:
        yield _OwnTalk(recorder, line)
