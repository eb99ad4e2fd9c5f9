"""Streams a source at the pace of speech and keeps every stamp."""

import asyncio
import time
from collections.abc import Callable, Iterator

from lab_kit.audio.sources import Source, SourceChunk
from lab_kit.client.live import LiveClient, connect
from lab_kit.client.requests import probe_clock
from lab_kit.clock import ClockOffset
from lab_kit.errors import ConnectionFailed
from lab_kit.events import StreamOptions
from lab_kit.trace import Received, Sent, StreamCall

LEAD_S = 0.02
"""The first chunk is planned this long after the stream is open, so that none starts late."""


async def stream(
    url: str,
    source: Source,
    options: StreamOptions,
    key: str | None = None,
    on_event: Callable[[int, Received], None] | None = None,
    device: str = "unknown",
    clock: ClockOffset | None = None,
) -> StreamCall:
    """Stream ``source`` and return once its last result has arrived.

    Chunk n leaves at start + n x chunk by the plan, however late the chunk before it was.

    Args:
        on_event: called with the stream's start stamp and each event, as it arrives.
        device: where the model runs, for titles.
        clock: how the server's clock relates to ours, where that is known; None finds out.

    Raises:
        Unauthenticated, ConnectionFailed: the stream could not be opened, or broke.
    """
    clock = clock or await probe_clock(url, key)
    async with connect(url, options, key) as client:
        started_ns = time.perf_counter_ns() + round(LEAD_S * 1e9)
        hearing = asyncio.create_task(_hear(client, started_ns, on_event))
        try:
            sent = await _speak(client, source, started_ns, hearing)
            received = await hearing
        finally:
            hearing.cancel()
    return StreamCall(
        name=source.name,
        started_ns=started_ns if not source.waits_itself else _first_sound(sent),
        audio_s=sent[-1].audio_end_s,
        chunk_s=source.chunk_s,
        spoken=source.spoken,
        sent=tuple(sent),
        received=tuple(received),
        clock=clock,
        device=device,
    )


async def _speak(
    client: LiveClient, source: Source, started_ns: int, hearing: asyncio.Task[list[Received]]
) -> list[Sent]:
    sent = []
    pieces = source.chunks()
    while (piece := await _next(pieces, source.waits_itself)) is not None:
        due_ns = started_ns + round(piece.end_s * 1e9)
        if not source.waits_itself:
            await asyncio.sleep(max(0, due_ns - time.perf_counter_ns()) / 1e9)
        else:
            due_ns = time.perf_counter_ns()
        if hearing.done():
            hearing.result()  # raises what ended the stream
            raise ConnectionFailed(
                "the server ended the stream early", "an open stream", "see the server's log"
            )
        sent.append(Sent(piece.end_s, due_ns, await client.send(piece.pcm16)))
    await client.finish()
    return sent


async def _next(pieces: Iterator[SourceChunk], blocks: bool) -> SourceChunk | None:
    """The next chunk; a source that waits by itself does so on another thread."""
    if blocks:
        return await asyncio.to_thread(next, pieces, None)
    return next(pieces, None)


async def _hear(
    client: LiveClient, started_ns: int, on_event: Callable[[int, Received], None] | None
) -> list[Received]:
    received = []
    async for event in client:
        received.append(event)
        if on_event is not None:
            on_event(started_ns, event)
    return received


def _first_sound(sent: list[Sent]) -> int:
    """When a microphone's first sample sounded: its first chunk's arrival less its length."""
    return sent[0].due_ns - round(sent[0].audio_end_s * 1e9)
