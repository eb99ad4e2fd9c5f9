"""How a session ends, on each wire: the last messages, and what its client is told."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from lab_kit.client import NativeWire, ServerAddress, SessionClient, connect_session
from lab_kit.core.errors import LabError
from lab_kit.core.events import Final, StreamOptions
from lab_kit.core.table import Table
from lab_kit.datasets import Clip
from lab_kit.protocol.stream_messages import SessionEnded, StreamError

_CHUNK_BYTES = 3_200
_PACE_S = 0.02
ODD = bytes(3_201)
"""No whole number of samples."""


class Mortal(Protocol):
    """A server that is stopped in the end, such as a bench of its own."""

    @property
    def address(self) -> ServerAddress: ...
    def stop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Ending:
    """One session's.

    Attributes:
        what: what was done to it.
        reason: what its last message says; empty where there was none.
        error: the error that was told before it; empty if none was.
        raised: what its client's iteration ended with; empty if it just ended.
        text: of its finals.
    """

    what: str
    wire: NativeWire
    reason: str
    error: str
    raised: str
    text: str


async def four_endings(short: Mortal, clip: Clip) -> list[Ending]:
    """End sessions on every wire in four ways: by finishing, by silence, by sound that is none, and
    by stopping the server, after which it is gone.

    Args:
        short: a server with a short ``idle_s``.

    Raises:
        ConnectionFailed: it cannot be reached.
    """

    async def finish(session: SessionClient) -> None:
        await session.finish()

    async def be_silent(session: SessionClient) -> None:
        """Until the server's patience is over."""

    async def send_odd(session: SessionClient) -> None:
        await session.send(ODD)

    stopping: list[asyncio.Task[None]] = []
    all_have_spoken = asyncio.Barrier(len(NativeWire))

    async def stop_server(_: SessionClient) -> None:
        await all_have_spoken.wait()
        if not stopping:
            stopping.append(asyncio.create_task(asyncio.to_thread(short.stop)))

    ways: Sequence[tuple[str, Callable[[SessionClient], Awaitable[None]]]] = (
        ("the client finishes", finish),
        ("the client is silent", be_silent),
        ("sound that is none", send_odd),
        ("the server stops", stop_server),
    )
    ended: list[Ending] = []
    for what, act in ways:
        each = [_ended(what, wire, short.address, clip, act) for wire in NativeWire]
        ended += await asyncio.gather(*each)
    await asyncio.gather(*stopping)
    return ended


def endings_table(endings: Sequence[Ending]) -> Table:
    """One line an ending and wire."""
    head = ("what", "wire", "session_ended", "error before it", "raised", "text")
    rows = [
        (one.what, one.wire.split(",")[0], one.reason, one.error, one.raised, one.text)
        for one in endings
    ]
    return Table("session", head, rows, left=6)


async def _ended(
    what: str,
    wire: NativeWire,
    address: ServerAddress,
    clip: Clip,
    act: Callable[[SessionClient], Awaitable[None]],
) -> Ending:
    """Say the clip, do what ends it, and hear it out."""
    texts: list[str] = []
    raised = ""
    async with connect_session(wire, address, StreamOptions()) as session:
        pcm = clip.pcm16
        for start in range(0, len(pcm), _CHUNK_BYTES):
            await session.send(pcm[start : start + _CHUNK_BYTES])
            await asyncio.sleep(_PACE_S)
        await act(session)
        try:
            async for received in session:
                if isinstance(received.event, Final):
                    texts.append(received.event.text)
        except LabError as error:
            raised = type(error).__name__
    ends = [m for m in session.messages if isinstance(m, SessionEnded)]
    errors = [m.error.reason for m in session.messages if isinstance(m, StreamError)]
    reason = ends[-1].reason.value if ends else ""
    return Ending(what, wire, reason, errors[-1] if errors else "", raised, " ".join(texts))
