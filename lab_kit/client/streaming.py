"""Streams a source at the pace of speech, over any wire, and keeps every stamp."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from lab_kit.audio.sources.recordings import Source, SourceChunk
from lab_kit.client.address import ServerAddress, Wire
from lab_kit.client.live import StreamClient
from lab_kit.client.requests import probe_clock
from lab_kit.client.sessions import NativeWire
from lab_kit.client.wires import connect_over
from lab_kit.core.call_record import Received, Sent, StreamCall, Traffic
from lab_kit.core.clock import ClockOffset
from lab_kit.core.errors import ConnectionFailed, InvalidParameter
from lab_kit.core.events import StreamOptions

LEAD_S = 0.02
"""The first chunk is planned this long after the stream is open, so that none starts late."""
QUIET_S = 120.0
"""A server that has heard everything and says nothing for so long is given up, as a request is."""

OnEvent = Callable[[int, Received], None]


async def stream(
    url: str,
    source: Source,
    options: StreamOptions,
    key: str | None = None,
    on_event: OnEvent | None = None,
    device: str = "unknown",
    clock: ClockOffset | None = None,
) -> StreamCall:
    """Stream ``source`` over a WebSocket; see `stream_over`."""
    return await stream_over(
        Wire.WEBSOCKET,
        ServerAddress(url, key),
        source,
        options,
        on_event=on_event,
        device=device,
        clock=clock,
    )


async def stream_over(
    wire: Wire | NativeWire,
    address: ServerAddress,
    source: Source,
    options: StreamOptions,
    *,
    on_event: OnEvent | None = None,
    device: str = "unknown",
    hold_s: float = 0.0,
    keep_alive_s: float | None = None,
    clock: ClockOffset | None = None,
) -> StreamCall:
    """Stream ``source`` and return once its last result has arrived.

    Chunk n leaves at start + n x chunk by the plan, however late the chunk before it was. A wire
    that is not live gets everything at once, as if it had been recorded until that moment.

    Args:
        on_event: called with the stream's start stamp and each event, as it arrives.
        hold_s: say nothing for so long after the last audio, as someone who was put on hold.
        keep_alive_s: meanwhile keep the stream open by a message so often; None leaves it silent.
        clock: how the server's clock relates to ours, where that is known; None finds out.

    Raises:
        Unauthenticated, ConnectionFailed: the stream could not be opened, broke, or said nothing
            for ``QUIET_S`` after everything was sent.
        InvalidParameter: the source is encoded already, for a wire that does that itself.
    """
    if source.encoding != "linear16" and wire is not Wire.WEBSOCKET:
        raise InvalidParameter(
            f"{source.encoding} over {wire}",
            "linear16: this client writes sound down as that wire wants it",
            f"stream PCM16, or use {Wire.WEBSOCKET}",
        )
    clock = clock or await probe_clock(address.url, address.key)
    before = None if address.meter is None else address.meter.traffic()
    async with connect_over(wire, address, options) as end:
        call = await stream_on(
            end,
            source,
            clock,
            on_event=on_event,
            device=device,
            hold_s=hold_s,
            keep_alive_s=keep_alive_s,
        )
    traffic = None if before is None else _passed(address, before)
    return replace(call, wire=wire.value, traffic=traffic)


async def stream_on(
    end: StreamClient,
    source: Source,
    clock: ClockOffset,
    *,
    on_event: OnEvent | None = None,
    device: str = "unknown",
    hold_s: float = 0.0,
    keep_alive_s: float | None = None,
) -> StreamCall:
    """The same on a stream that is open already.

    Raises:
        ConnectionFailed: the stream broke, or said nothing for ``QUIET_S``.
    """
    started_ns = _start_ns(end, source)
    received: list[Received] = []
    hearing = asyncio.create_task(_hear(end, started_ns, on_event, received))
    try:
        sent = await _speak(end, source, started_ns, hearing)
        await _hold(end, hold_s, keep_alive_s, hearing)
        await end.finish()
        await _heard_out(hearing, received)
    finally:
        hearing.cancel()
    return StreamCall(
        name=source.name,
        started_ns=_first_sound(sent) if source.waits_itself else started_ns,
        audio_s=sent[-1].audio_end_s,
        chunk_s=source.chunk_s,
        spoken=source.spoken,
        sent=tuple(sent),
        received=tuple(received),
        clock=clock,
        device=device,
        opening_ns=end.opening_ns,
        opened_ns=end.opened_ns,
    )


async def _speak(
    end: StreamClient, source: Source, started_ns: int, hearing: asyncio.Task[None]
) -> list[Sent]:
    sent = []
    pieces = source.chunks()
    while (piece := await _next(pieces, source.waits_itself)) is not None:
        due_ns = started_ns + round(piece.end_s * 1e9)
        if not source.waits_itself:
            await asyncio.sleep(max(0, due_ns - time.perf_counter_ns()) / 1e9)
        else:
            due_ns = piece.heard_ns or time.perf_counter_ns()
        _check(hearing)
        sent.append(Sent(piece.end_s, due_ns, await end.send(piece.data)))
    return sent


async def _hold(
    end: StreamClient,
    hold_s: float,
    keep_alive_s: float | None,
    hearing: asyncio.Task[None],
) -> None:
    """Be silent for a while, but for what keeps the stream open."""
    until_ns = time.perf_counter_ns() + round(hold_s * 1e9)
    while (left_s := (until_ns - time.perf_counter_ns()) / 1e9) > 0:
        await asyncio.sleep(min(left_s, keep_alive_s or left_s))
        _check(hearing)
        if keep_alive_s is not None:
            await end.keep_alive()


def _check(hearing: asyncio.Task[None]) -> None:
    if hearing.done():
        hearing.result()  # raises what ended the stream
        raise ConnectionFailed(
            "the server ended the stream early", "an open stream", "see the server's log"
        )


async def _next(pieces: Iterator[SourceChunk], blocks: bool) -> SourceChunk | None:
    """The next chunk; a source that waits by itself does so on another thread."""
    if blocks:
        return await asyncio.to_thread(next, pieces, None)
    return next(pieces, None)


async def _hear(
    end: StreamClient, started_ns: int, on_event: OnEvent | None, received: list[Received]
) -> None:
    async for event in end:
        received.append(event)
        if on_event is not None:
            on_event(started_ns, event)


async def _heard_out(hearing: asyncio.Task[None], received: list[Received]) -> None:
    """Wait for the last result, as long as anything comes."""
    while not hearing.done():
        before = len(received)
        await asyncio.wait({hearing}, timeout=QUIET_S)
        if not hearing.done() and len(received) == before:
            raise ConnectionFailed(
                f"nothing came for {QUIET_S:g} s after everything was sent",
                "the last result, and the end of the stream",
                "look whether the server still works: its health, its log",
            )
    hearing.result()  # raises what broke the stream


def _start_ns(end: StreamClient, source: Source) -> int:
    """When the first sample is due: soon, or so long ago that a recording ends now."""
    now_ns = time.perf_counter_ns()
    if end.is_live or source.waits_itself:
        return now_ns + round(LEAD_S * 1e9)
    return now_ns - round(max(piece.end_s for piece in source.chunks()) * 1e9)


def _passed(address: ServerAddress, before: Traffic) -> Traffic | None:
    if address.meter is None:
        return None
    now = address.meter.traffic()
    return Traffic(now.up_bytes - before.up_bytes, now.down_bytes - before.down_bytes)


def _first_sound(sent: list[Sent]) -> int:
    """When a microphone's first sample sounded: its first chunk's arrival less its length."""
    return sent[0].due_ns - round(sent[0].audio_end_s * 1e9)
