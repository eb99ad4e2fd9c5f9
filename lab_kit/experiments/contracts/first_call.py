"""Time to the first call that succeeds, measured on whoever reads the lab.

A key is made for nobody but the reader, and the server's journal of that key is what counts: so a
call may come from a cell, a terminal or another program. Times are the server's, since the key was
made, less ours until the start: two durations, so no clocks are compared.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from lab_kit.experiments.contracts.side_by_side import Server
from lab_kit.protocol.sandbox import JournalEntry, SandboxKey

_SWITCHED = 101
"""A WebSocket's status, once it is open."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call.

    Attributes:
        at_s: when its answer was there, after the start; of one without an answer, when it came.
        what: method and path.
        status: as the wire tells it; None while there is none.
        succeeded: whether it brought what was asked for; to look around is neither that nor a
            failure.
        failed: whether it was refused, or has no answer.
    """

    at_s: float
    what: str
    status: int | None
    succeeded: bool
    failed: bool


@dataclass(frozen=True, slots=True)
class Attempts:
    """What was tried so far.

    Attributes:
        waited_s: since the start; None before it.
        calls: in their order.
    """

    waited_s: float | None
    calls: tuple[Attempt, ...] = ()

    @property
    def first_s(self) -> float | None:
        """When the first call had succeeded; None if none has."""
        return next((one.at_s for one in self.calls if one.succeeded), None)

    @property
    def before(self) -> tuple[Attempt, ...]:
        """Those that failed before the first that succeeded."""
        first_s = self.first_s
        return tuple(
            one for one in self.calls if one.failed and (first_s is None or one.at_s < first_s)
        )


class FirstCall:
    """A stopwatch that a successful call stops.

    Attributes:
        key: of the reader's own.
    """

    def __init__(self, server: Server, key: SandboxKey, made_ns: int) -> None:
        self.key = key
        self.url = server.url
        self._server = server
        self._made_ns = made_ns
        self._start_s: float | None = None

    @classmethod
    async def prepared(cls, server: Server) -> "FirstCall":
        """Make a key; the time does not run yet.

        Raises:
            LabError: as `client.Operator`.
        """
        key = await server.operator.make_sandbox_key()
        return cls(server, key, time.perf_counter_ns())

    def start(self) -> None:
        """Let the time run, from zero if it ran already."""
        self._start_s = (time.perf_counter_ns() - self._made_ns) / 1e9

    async def so_far(self) -> Attempts:
        """What the server has seen of the key since the start.

        Raises:
            LabError: as `client.Operator`.
        """
        if self._start_s is None:
            return Attempts(None)
        start_s = self._start_s
        journal = await self._server.operator.journal(self.key)
        waited_s = (time.perf_counter_ns() - self._made_ns) / 1e9 - start_s
        return Attempts(waited_s, _attempts(journal.entries, start_s))


def _attempts(entries: Sequence[JournalEntry], start_s: float) -> tuple[Attempt, ...]:
    found = [
        Attempt(
            one.began_s + (one.duration_s or 0.0) - start_s,
            f"{one.method} {one.path}",
            one.status,
            _is_let_in(one) and (one.wire != "http" or one.method == "POST"),
            not _is_let_in(one),
        )
        for one in entries
        if one.began_s >= start_s
    ]
    return tuple(sorted(found, key=lambda one: one.at_s))


def _is_let_in(entry: JournalEntry) -> bool:
    match entry.wire:
        case "http":
            return entry.status is not None and 200 <= entry.status < 300
        case "websocket":
            return entry.status == _SWITCHED and entry.sent_messages > 0
        case "grpc":
            return entry.status == 0
