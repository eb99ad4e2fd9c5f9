"""The end of an engine's process: answers whoever connects to its Unix socket.

Several may: each has its share of the engine's places, its own numbers, and its own end. When one
is gone, what it asked is dropped; nobody computes for callers that nobody can answer.
"""

import asyncio
import logging
import os
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import msgspec

from lab_kit.core.errors import LabError
from lab_kit.engine.api import CacheView, DecodeRequest, Engine, Hypothesis, Ticket
from lab_kit.engine.batching import Batching
from lab_kit.engine.processes.frames import (
    FROM_GROUP,
    Answer,
    Ask,
    CacheShown,
    Drop,
    Dropped,
    Frame,
    FromGroup,
    Hello,
    Policy,
    Pulse,
    ShowCache,
    Started,
    batching_told,
    failed,
    packed,
    read,
    request_of,
)

_log = logging.getLogger(__name__)

PULSE_S = 0.1
"""A server looks at its load four times a second; what it sees is not much older then."""
READ_AHEAD_BYTES = 1 << 20
"""Of the reader's buffer: a few requests. A group that asks faster waits in its own socket."""
UNREAD_BYTES = 8 << 20
"""A group that leaves so much unread has stopped: its share of all answers is far less."""
LEAVE_S = 20.0
"""For what was asked before; the longest that a live stream waits for a final is 8 s."""


class Served(Engine, Protocol):
    """The engine that answers: `EngineLoop`, whose other two powers can be asked for as well."""

    def use(self, batching: Batching) -> None:
        """Change the policy."""
        ...

    def cache(self, since_ns: int = 0) -> CacheView:
        """The decoder's cache."""
        ...


@dataclass(slots=True)
class Asked:
    """A request of one group, until it is answered.

    Attributes:
        compute_ns: of the device, for it, since that was last told.
        is_told: its end was told, and a pass that was under way may still come.
    """

    ticket: Ticket | None = None
    revision: int = 0
    compute_ns: int = 0
    is_told: bool = False


class EngineServer:
    """Answers groups.

    Args:
        places: requests that all groups together may have unanswered.
        groups: how many may connect, and share them.
    """

    def __init__(self, engine: Served, places: int, groups: int) -> None:
        self._engine = engine
        self._places = max(1, places // groups)
        self._most = groups
        self._open: set[_Connection] = set()
        self._leaving = asyncio.Event()

    async def serve(self, path: Path) -> None:
        """Answer on a socket at ``path`` until `leave`; then until nothing is owed, or `LEAVE_S`.

        The file appears when whoever connects is answered.
        """
        server = await asyncio.start_unix_server(self._connected, path, limit=READ_AHEAD_BYTES)
        async with server:
            while not self._leaving.is_set():
                self._pulse()
                os.utime(path)  # by which the keeper sees that this process lives
                await self._left(PULSE_S)
            # nobody else finds it; those who are here are told before they ask again
            path.unlink(missing_ok=True)
            self._pulse()
            until = asyncio.get_running_loop().time() + LEAVE_S
            while any(one.owes for one in self._open) and asyncio.get_running_loop().time() < until:
                await asyncio.sleep(PULSE_S)
                self._pulse()

    def leave(self) -> None:
        """Take no more; on the event loop."""
        self._leaving.set()

    async def _left(self, longest_s: float) -> None:
        try:
            async with asyncio.timeout(longest_s):
                await self._leaving.wait()
        except TimeoutError:
            return

    def _pulse(self) -> None:
        pulse = Pulse(self._engine.load(), self._leaving.is_set())
        for one in self._open:
            one.tell(pulse)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._open) >= self._most:
            writer.close()
            return
        one = _Connection(self._engine, writer)
        self._open.add(one)
        try:
            one.tell(Hello(self._engine.model, self._places))
            while True:
                one.take(await read(reader, FROM_GROUP))
        except (EOFError, ConnectionError):
            pass  # the group is gone; what it asked goes with it
        except (ValueError, msgspec.DecodeError) as error:
            _log.error("a group sent what is no frame: %s", error)
        finally:
            self._open.discard(one)
            one.close()


class _Connection:
    """One group's requests."""

    def __init__(self, engine: Served, writer: asyncio.StreamWriter) -> None:
        self._engine = engine
        self._writer = writer
        self._asked: dict[int, Asked] = {}
        self._loop = asyncio.get_running_loop()

    @property
    def owes(self) -> bool:
        """Whether an answer is owed."""
        return bool(self._asked)

    def tell(self, frame: Frame) -> None:
        """Send a frame; a group that reads nothing is let go."""
        if self._writer.is_closing():
            return
        if self._writer.transport.get_write_buffer_size() > UNREAD_BYTES:
            _log.error("a group reads nothing; it is let go")
            self._writer.transport.abort()
            return
        self._writer.write(packed(frame))

    def take(self, frame: FromGroup) -> None:
        """Do what a frame says."""
        match frame:
            case Ask(number=number) if number in self._asked:
                self._refresh(self._asked[number], frame)
            case Ask(is_new=True):
                self._submit(frame)
            case Ask():
                pass  # its answer is on its way
            case Drop(number=number):
                self._drop(number)
            case Policy():
                self._engine.use(batching_told(frame))
            case ShowCache(number=number, since_ns=since_ns):
                self.tell(CacheShown(number, self._engine.cache(since_ns)))

    def close(self) -> None:
        """Drop everything; the group is gone."""
        for asked in self._asked.values():
            if asked.ticket is not None:
                self._engine.cancel(asked.ticket)
        self._asked.clear()
        self._writer.close()

    def _submit(self, ask: Ask) -> None:
        number, asked = ask.number, Asked(revision=ask.revision)
        try:
            asked.ticket = self._engine.submit(self._ours(ask, asked))
        except LabError as refusal:
            self.tell(failed(number, 0, refusal))
            return
        self._asked[number] = asked
        asked.ticket.future.add_done_callback(
            lambda future: self._loop.call_soon_threadsafe(self._answer, number, future)
        )

    def _ours(self, ask: Ask, asked: Asked) -> DecodeRequest:
        """The request, with its passes told to us on the event loop."""
        soon, number = self._loop.call_soon_threadsafe, ask.number
        return replace(
            request_of(ask),
            on_compute=lambda ns: soon(self._computed, number, asked, ns),
            on_start=lambda: soon(self._started, number),
        )

    def _refresh(self, asked: Asked, ask: Ask) -> None:
        assert asked.ticket is not None
        if self._engine.refresh(asked.ticket, self._ours(ask, asked)):
            asked.revision = ask.revision

    def _drop(self, number: int) -> None:
        asked = self._asked.get(number)
        if asked is not None and asked.ticket is not None:
            self._engine.cancel(asked.ticket)

    def _started(self, number: int) -> None:
        if number in self._asked:
            self.tell(Started(number))

    def _computed(self, number: int, asked: Asked, nanoseconds: int) -> None:
        if asked.is_told:  # it was dropped in the midst of this pass
            self.tell(Dropped(number, nanoseconds))
        else:
            asked.compute_ns += nanoseconds

    def _answer(self, number: int, future: "Future[Hypothesis]") -> None:
        asked = self._asked.pop(number, None)
        if asked is None:  # the group is gone
            return
        asked.is_told = True
        if future.cancelled():
            self.tell(Dropped(number, asked.compute_ns))
        elif (error := future.exception()) is not None:
            self.tell(failed(number, asked.compute_ns, error))
        else:
            self.tell(Answer(number, asked.revision, future.result(), asked.compute_ns))
