"""One engine's process as a group sees it: what it was asked, how it does, that it is gone."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter_ns

import msgspec

from lab_kit.core.events import ModelInfo
from lab_kit.engine.api import CacheView, DecodeRequest, Hypothesis, Load
from lab_kit.engine.batching import Batching
from lab_kit.engine.processes.frames import (
    FROM_ENGINE,
    Answer,
    CacheShown,
    Drop,
    Dropped,
    Failed,
    Frame,
    FromEngine,
    Hello,
    Pulse,
    ShowCache,
    Started,
    ask_of,
    error_told,
    packed,
    policy_of,
    read,
)

_log = logging.getLogger(__name__)

GREETING_S = 5.0
"""The process answers at once, unless the machine is so busy that another engine is the better."""
READ_AHEAD_BYTES = 1 << 20
LATE_KEPT = 1_024
"""Dropped requests whose last pass is still waited for; more than an engine has at work by far."""


@dataclass(slots=True)
class Owed:
    """A request that somebody waits for.

    Attributes:
        submitted_ns: when it was first asked, on the machine's monotonic clock.
        revision: how often it was refreshed.
        is_started: an engine works on it.
        deaths: engines that ended while they worked on it.
    """

    number: int
    request: DecodeRequest
    future: "Future[Hypothesis]"
    submitted_ns: int
    revision: int = 0
    is_started: bool = False
    deaths: int = 0


class Link:
    """A connection to one engine; all of it on the event loop.

    Args:
        on_room: called when an answer, or the pulse, may have made room.

    Attributes:
        name: of its socket, by which engines are told apart, in the order of their start.
        owed: what it was asked and has not answered, by number.
        pulse: the latest.
        heard_ns: when anything came from it.
        batching: what it was told.
    """

    def __init__(self, path: Path, on_room: Callable[[], None]) -> None:
        self.name = path.name
        self.owed: dict[int, Owed] = {}
        self.pulse: Pulse | None = None
        self.heard_ns = perf_counter_ns()
        self.batching: Batching | None = None
        self._path = path
        self._on_room = on_room
        self._hello: Hello | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._late: OrderedDict[int, Callable[[int], object]] = OrderedDict()
        self._shown: dict[int, Future[CacheView]] = {}

    @property
    def model(self) -> ModelInfo | None:
        """What it runs, once it has said so."""
        return None if self._hello is None else self._hello.model

    @property
    def places(self) -> int:
        """Requests that it may owe at once; 0 until it has greeted, and when it leaves."""
        if self._hello is None or self.pulse is None or self.pulse.leaving:
            return 0
        return self._hello.places

    @property
    def load(self) -> Load:
        """How busy it said it is."""
        return Load(0, 0) if self.pulse is None else self.pulse.load

    async def run(self) -> None:
        """Connect, and take what it tells until it is gone.

        Raises:
            OSError, EOFError: it is gone.
            TimeoutError: it did not greet.
            ValueError, msgspec.DecodeError: it told what is no frame.
        """
        async with asyncio.timeout(GREETING_S):
            reader, self._writer = await asyncio.open_unix_connection(
                self._path, limit=READ_AHEAD_BYTES
            )
            hello = await read(reader, FROM_ENGINE)
        if not isinstance(hello, Hello):
            raise ValueError(f"an engine that begins with {type(hello).__name__}")
        self._hello = hello
        try:
            while True:
                self._take(await read(reader, FROM_ENGINE))
        finally:
            self.close()

    def close(self) -> None:
        """Speak to it no more."""
        if self._writer is not None:
            self._writer.transport.abort()
        for shown in self._shown.values():
            shown.cancel()

    def ask(self, owed: Owed) -> None:
        """Have it decode; or decode that instead of what it was asked under the number."""
        is_new = owed.number not in self.owed
        self.owed[owed.number] = owed
        self._tell(ask_of(owed.number, owed.revision, owed.request, is_new=is_new))

    def drop(self, owed: Owed) -> None:
        """Nobody waits for that any more."""
        if self.owed.pop(owed.number, None) is None:
            return
        if owed.request.on_compute is not None:
            self._late[owed.number] = owed.request.on_compute
            if len(self._late) > LATE_KEPT:
                self._late.popitem(last=False)
        self._tell(Drop(owed.number))

    def use(self, batching: Batching) -> None:
        """Have it batch so."""
        self.batching = batching
        self._tell(policy_of(batching))

    def show_cache(self, number: int, since_ns: int, shown: "Future[CacheView]") -> None:
        """Have it tell how its cache was used."""
        self._shown[number] = shown
        self._tell(ShowCache(number, since_ns))

    def _tell(self, frame: Frame) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(packed(frame))

    def _take(self, frame: FromEngine) -> None:
        self.heard_ns = perf_counter_ns()
        match frame:
            case Pulse():
                self.pulse = frame
                self._on_room()
            case Started(number=number):
                if number in self.owed:
                    self.owed[number].is_started = True
            case Dropped(number=number, compute_ns=compute_ns):
                self._tell_late(number, compute_ns)
            case CacheShown(number=number, view=view):
                shown = self._shown.pop(number, None)
                if shown is not None and shown.set_running_or_notify_cancel():
                    shown.set_result(view)
            case Answer(number=number) | Failed(number=number):
                self._end(self.owed.get(number), frame)

    def _tell_late(self, number: int, compute_ns: int) -> None:
        if number in self._late:
            self._late[number](compute_ns)

    def _end(self, owed: Owed | None, told: Answer | Failed) -> None:
        if owed is None:  # it was dropped, and its end was on its way
            self._tell_late(told.number, told.compute_ns)
            return
        if owed.request.on_compute is not None:
            owed.request.on_compute(told.compute_ns)
        if isinstance(told, Answer) and told.revision < owed.revision:
            # it had begun when the refreshed sound came; what was said since is wanted
            owed.is_started = False
            del self.owed[owed.number]
            self.ask(owed)
            return
        del self.owed[owed.number]
        if owed.future.set_running_or_notify_cancel():
            if isinstance(told, Answer):
                owed.future.set_result(replace(told.hypothesis, submitted_ns=owed.submitted_ns))
            else:
                owed.future.set_exception(error_told(told))
        self._on_room()


FAILURES = (OSError, EOFError, ValueError, msgspec.DecodeError)
"""What ends a link; `TimeoutError` is an `OSError`."""
