"""A journal and rows in small, on which a way of shipping can be tried, and crash anywhere.

Each of their four methods may be where whoever ships is killed: right before it takes effect, or
right after it has. Then it is started again.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

Event = dict[str, Any]
Name = object
_MOST_CALLS = 200
"""Of one run of a way of shipping; who needs more goes round in circles."""


class Killed(BaseException):
    """Whoever ships was killed; no error that it could handle."""


class TooLong(RuntimeError):
    """A way of shipping that does not end."""


@dataclass(slots=True)
class _Fate:
    """When it is killed.

    Attributes:
        at: the call, from 0; None for never.
        is_after: the call takes effect before.
    """

    at: int | None = None
    is_after: bool = False
    calls: int = 0

    def begin(self) -> None:
        """A call begins."""
        if self.calls >= _MOST_CALLS:
            raise TooLong(f"more than {_MOST_CALLS} calls for a few events")
        if self.at == self.calls and not self.is_after:
            self.calls += 1
            raise Killed
        self.calls += 1

    def end(self) -> None:
        """It has taken effect."""
        if self.at == self.calls - 1 and self.is_after:
            raise Killed


@dataclass(slots=True)
class Journal:
    """Events that wait, the oldest first."""

    _events: list[Event]
    _fate: _Fate = field(default_factory=_Fate)

    def waiting(self) -> list[Event]:
        """All that wait."""
        self._fate.begin()
        found = [dict(one) for one in self._events]
        self._fate.end()
        return found

    def forget(self, count: int) -> None:
        """The first so many do not wait any more."""
        self._fate.begin()
        del self._events[:count]
        self._fate.end()

    @property
    def left(self) -> int:
        """How many wait."""
        return len(self._events)


@dataclass(slots=True)
class Rows:
    """What is billed: rows, each under a name that whoever ships has chosen."""

    _fate: _Fate = field(default_factory=_Fate)
    _rows: list[tuple[Name, Event]] = field(default_factory=list)

    def has(self, name: Name) -> bool:
        """Whether there is a row of that name."""
        self._fate.begin()
        found = any(known == name for known, _ in self._rows)
        self._fate.end()
        return found

    def add(self, name: Name, event: Event) -> None:
        """One more row, also where there is one of that name."""
        self._fate.begin()
        self._rows.append((name, event))
        self._fate.end()

    @property
    def billed_us(self) -> int:
        """Of all rows."""
        return sum(event["billed_us"] for _, event in self._rows)


Ship = Callable[[Journal, Rows], object]


@dataclass(frozen=True, slots=True)
class Shipped:
    """What came of a way of shipping.

    Attributes:
        left: events that wait for ever.
        calls: of both, in all runs.
    """

    billed_us: int
    left: int
    calls: int


def shipped(ship: Ship, events: Sequence[Event], at: int | None, *, is_after: bool) -> Shipped:
    """Ship, be killed at a call, be started again, and once more.

    Raises:
        TooLong: it does not end.
    """
    journal, rows = Journal([dict(one) for one in events]), Rows()
    calls = 0
    for fate in (_Fate(at, is_after), _Fate(), _Fate()):
        journal._fate = rows._fate = fate
        with suppress(Killed):
            ship(journal, rows)
        calls += fate.calls
    return Shipped(rows.billed_us, journal.left, calls)


def event(source: str, number: str, billed_us: int) -> Event:
    """An event of an exercise."""
    return {"source": source, "id": number, "tenant": "acme", "billed_us": billed_us}
