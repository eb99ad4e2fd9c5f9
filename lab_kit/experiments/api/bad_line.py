"""A client that is to get its text in spite of a refusal, a stream that breaks, and a deaf line.

The faults are the server's own, of a key that is made for this. What the client did stands in the
server's journal of that key.
"""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Protocol

from lab_kit import client
from lab_kit.core.call_record import StreamCall
from lab_kit.datasets import Clip
from lab_kit.measure.calls import transcript
from lab_kit.protocol.sandbox import Fault, JournalEntry, SandboxKey

TOLD_S = 1.0
"""How long a refused client is told to wait."""
FAULTS = (
    Fault(status=429, retry_after_s=TOLD_S),
    Fault(close_code=1011, after_messages=1),
    Fault(is_silent=True),
)
OVER_S = 90.0
"""A client that has not returned by then is broken off; a patient one needs half of it."""
_SETTLED_S, _LOOK_S = 3.0, 0.05
"""For the server to see that a call is over, and how often it is asked."""

Listen = Callable[[], Awaitable[str]]
Survive = Callable[[Listen], Coroutine[None, None, object]]


class Streaming(Protocol):
    """Somebody who streams to a server by a key of theirs."""

    async def stream(self, clip: Clip, /) -> StreamCall: ...


class Operated(Protocol):
    """A server with its operator, such as a bench."""

    @property
    def operator(self) -> client.Operator: ...
    def with_key(self, key: str, /) -> Streaming: ...


@dataclass(frozen=True, slots=True)
class Survival:
    """What became of a client.

    Attributes:
        text: what it returned; None where it did not.
        error: what it ended with instead, in words; None if it returned.
        is_over: it returned or raised within ``OVER_S``.
        is_stubborn: it went on although it was cancelled.
        heard: what `listen` gave it at last; None if no call brought a text.
        at_once: the most calls that it had going at a time.
        clip_s: what the speech lasts.
        calls: what the server saw of it, in order.
    """

    text: object
    error: str | None
    is_over: bool
    is_stubborn: bool
    heard: str | None
    at_once: int
    clip_s: float
    calls: tuple[JournalEntry, ...]


async def survived(bench: Operated, clip: Clip, survive: Survive) -> Survival:
    """Let a client stream the clip by a key whose first three calls fail, each in its own way.

    Args:
        survive: the client; it is given ``listen``, which streams the clip once and gives the text.
            One that is no coroutine function is not run.

    Raises:
        LabError: the operator's key or the server is not there.
    """
    if not inspect.iscoroutinefunction(survive):
        return Survival(None, None, True, False, None, 0, clip.duration_s, ())
    key = await bench.operator.make_sandbox_key(*FAULTS)
    caller = bench.with_key(key.key)

    is_broken_off, heard, going, at_once = False, None, 0, 0

    async def listen() -> str:
        nonlocal heard, going, at_once
        if is_broken_off:  # a client that goes on is left here
            await asyncio.get_running_loop().create_future()
        going += 1
        at_once = max(at_once, going)
        try:
            heard = transcript(await caller.stream(clip))
        finally:
            going -= 1
        return heard

    text, error = None, None
    trying = asyncio.create_task(survive(listen))
    try:
        await asyncio.wait({trying}, timeout=OVER_S)
        is_over = trying.done()
        if is_over and (raised := trying.exception()) is not None:
            error = f"{type(raised).__name__}: {raised}"
        elif is_over:
            text = trying.result()
    finally:
        is_broken_off = True
        trying.cancel()  # the reader's, that has no end, or whoever asked went away
        await asyncio.wait({trying}, timeout=_SETTLED_S)
    calls = await _settled(bench, key)
    await bench.operator.remove_sandbox_key(key)
    is_stubborn = not trying.done()
    return Survival(text, error, is_over, is_stubborn, heard, at_once, clip.duration_s, calls)


async def _settled(bench: Operated, key: SandboxKey) -> tuple[JournalEntry, ...]:
    """The key's calls, once none of them goes on."""
    until_s = time.monotonic() + _SETTLED_S
    while True:
        entries = (await bench.operator.journal(key)).entries
        if all(one.duration_s is not None for one in entries) or time.monotonic() > until_s:
            return entries
        await asyncio.sleep(_LOOK_S)
