"""One question to one meter, answered event by event; every sum is exact."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Context, Decimal, Inexact
from typing import Any

from lab_kit.core.errors import InvalidParameter
from lab_kit.gateway.meters.windows import window_at, zone_named
from lab_kit.protocol.meters import (
    SUBJECT,
    Aggregation,
    Amount,
    Meter,
    MeteredEvent,
    NoAmount,
    Question,
    WindowLength,
    amount_of,
    read_data,
    text_at,
)

MOST_AMOUNTS = 10_000
"""In one answer; some megabytes."""
_EXACT = Context(prec=100, traps=[Inexact])
"""Thirty digits on either side, and any number of events that can be kept."""
_ROUNDED = Context(prec=28)
"""Of averages, which need not have an end."""
_Key = tuple[tuple[int, int], tuple[str | None, ...]]


@dataclass(slots=True)
class _Tally:
    """What one amount is made of."""

    count: int = 0
    total: Decimal = Decimal(0)
    least: Decimal | None = None
    most: Decimal | None = None
    latest: tuple[int, int, Decimal] | None = None
    different: set[str] = field(default_factory=set)

    def add(self, number: Decimal, time_us: int) -> None:
        """One more event with a number; of two at one time the later to arrive is the latest."""
        self.total = _EXACT.add(self.total, number)
        self.least = number if self.least is None else min(self.least, number)
        self.most = number if self.most is None else max(self.most, number)
        if self.latest is None or (time_us, self.count) >= self.latest[:2]:
            self.latest = time_us, self.count, number
        self.count += 1

    def value(self, aggregation: Aggregation) -> Decimal:
        """The amount."""
        match aggregation:
            case Aggregation.SUM:
                return self.total
            case Aggregation.AVG:
                return _ROUNDED.divide(self.total, Decimal(self.count))
            case Aggregation.COUNT:
                return Decimal(self.count)
            case Aggregation.UNIQUE_COUNT:
                return Decimal(len(self.different))
            case Aggregation.MIN:
                assert self.least is not None
                return self.least
            case Aggregation.MAX:
                assert self.most is not None
                return self.most
            case Aggregation.LATEST:
                assert self.latest is not None
                return self.latest[2]


class Measurement:
    """The amounts so far.

    Raises:
        InvalidParameter: the meter has no such group, or there is no such time zone.
    """

    def __init__(self, meter: Meter, question: Question) -> None:
        names = {SUBJECT, *meter.groups}
        for name in (*question.group_by, *question.filters):
            if name not in names:
                raise InvalidParameter(
                    f"the group {name!r}"[:120],
                    f"one of {', '.join(sorted(names))}",
                    "make a meter that has the group, or leave it out",
                )
        self._meter = meter
        self._question = question
        self._zone = zone_named(question.zone)
        self._tallies: dict[_Key, _Tally] = {}
        self._first_us: int | None = None
        self._last_us: int | None = None

    def take(self, events: Iterable[MeteredEvent]) -> None:
        """Further events, all of the meter's type, and of the time that is asked for.

        Raises:
            InvalidParameter: there are too many amounts.
        """
        for event in events:
            self._take(event, read_data(event.data))

    def amounts(self) -> list[Amount]:
        """By window, and in it by the values of groups."""
        names = self._question.group_by
        return [
            Amount(
                tally.value(self._meter.aggregation),
                *self._told(window),
                dict(zip(names, values, strict=True)),
            )
            for (window, values), tally in sorted(self._tallies.items(), key=_order)
        ]

    def _take(self, event: MeteredEvent, data: Any) -> None:
        meter, asked = self._meter, self._question
        for name, wanted in asked.filters.items():
            if self._group(event, data, name) not in wanted:
                return
        number, word = Decimal(1), None
        if meter.aggregation is Aggregation.UNIQUE_COUNT:
            assert meter.value is not None
            word = text_at(data, meter.value)
            if word is None:
                return
        elif meter.value is not None and meter.aggregation is not Aggregation.COUNT:
            try:
                number = amount_of(meter, data)
            except NoAmount:
                return  # the list of events says so, and why
        tally = self._tally(event, data)
        tally.add(number, event.time_us)
        if word is not None:
            tally.different.add(word)

    def _tally(self, event: MeteredEvent, data: Any) -> _Tally:
        asked = self._question
        window = (0, 0)
        if asked.window is not None:
            window = window_at(event.time_us, asked.window, self._zone)
        else:
            self._first_us = min(
                time for time in (event.time_us, self._first_us) if time is not None
            )
            self._last_us = max(time for time in (event.time_us, self._last_us) if time is not None)
        key = window, tuple(self._group(event, data, name) for name in asked.group_by)
        tally = self._tallies.get(key)
        if tally is None:
            if len(self._tallies) >= MOST_AMOUNTS:
                raise InvalidParameter(
                    f"a question whose answer has more than {MOST_AMOUNTS:,} amounts",
                    "fewer",
                    "ask for longer windows, fewer groups, or less time",
                )
            tally = self._tallies[key] = _Tally()
        return tally

    def _group(self, event: MeteredEvent, data: Any, name: str) -> str | None:
        return event.subject if name == SUBJECT else text_at(data, self._meter.groups[name])

    def _told(self, window: tuple[int, int]) -> tuple[int, int]:
        """Where a window begins and ends; one over all time by the minutes of its events."""
        if self._question.window is not None:
            return window
        assert self._first_us is not None
        assert self._last_us is not None
        first_us, _ = window_at(self._first_us, WindowLength.MINUTE, self._zone)
        _, last_us = window_at(self._last_us, WindowLength.MINUTE, self._zone)
        begins, ends = self._question.from_us, self._question.until_us
        return (first_us if begins is None else begins, last_us if ends is None else ends)


def _order(item: tuple[_Key, _Tally]) -> tuple[int, tuple[tuple[bool, str], ...]]:
    (window, values), _ = item
    return window[0], tuple((one is not None, one or "") for one in values)
