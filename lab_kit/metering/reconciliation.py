"""Three counts of the same sound, and what explains it where they differ.

A caller keeps what it was told, the server logs what it has sent, and the ledger has the events
that are billed. None of the three is made from another. They are compared by tenant and hour, to
the microsecond, and each difference is led back to a stream, to the count that stands alone, and to
what happened to it. Hours are those of each count's own clock: where a stream goes on over the full
hour, two counts may see a part of it in different ones, and the difference says so and adds up to
nothing.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import orjson

from lab_kit.core.clock import read_rfc3339, rfc3339
from lab_kit.core.errors import InvalidParameter
from lab_kit.metering.event import UsageEvent
from lab_kit.metering.period import HOUR_US


class Side(StrEnum):
    """Whose count."""

    CLIENT = "client"
    LOG = "inference log"
    LEDGER = "ledger"


class Cause(StrEnum):
    """What explains a difference of one stream in one count."""

    MISSING = "the stream is missing"
    EXTRA = "no other count has the stream"
    LOST = "an event of it was lost"
    TWICE = "an event of it was counted twice"
    EDITED = "a quantity of it was changed"
    CUT_SHORT = "its end is missing"
    LONGER = "it goes on for longer"
    TENANT = "it is another tenant's"
    HOUR = "a part of it is in another hour"


@dataclass(frozen=True, slots=True)
class Heard:
    """A piece of a stream's sound in one count.

    Attributes:
        until_us: how far the stream had got with it.
        place: which one of the stream's it is, from 0; None where that is not known.
    """

    stream: str
    tenant: str
    time_us: int
    amount_us: int
    until_us: int
    place: int | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a stream had got at a time: as a caller is told, and as the inference log has it."""

    stream: str
    tenant: str
    time_us: int
    until_us: int


Cell = tuple[str, int]
"""A tenant, and an hour by its beginning in microseconds since 1970."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What explains a difference.

    Attributes:
        side: the count that stands alone with it.
        differences_us: what it has more than the others, by tenant and hour.
    """

    side: Side
    stream: str
    cause: Cause
    differences_us: tuple[tuple[Cell, int], ...]

    @property
    def total_us(self) -> int:
        """What it has more than the others in all; less where it is negative."""
        return sum(us for _, us in self.differences_us)


@dataclass(frozen=True, slots=True)
class Row:
    """One tenant's hour in all counts.

    Attributes:
        unexplained_us: by how much the counts still differ once what was found is taken away.
    """

    tenant: str
    hour_us: int
    counts_us: Mapping[Side, int]
    unexplained_us: int

    @property
    def is_equal(self) -> bool:
        """Whether all counts say the same."""
        return len(set(self.counts_us.values())) == 1


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """All that was compared."""

    rows: tuple[Row, ...]
    findings: tuple[Finding, ...]

    @property
    def is_zero(self) -> bool:
        """Whether no count differs from another in any stream: two mistakes may make equal sums."""
        return not self.findings


def from_marks(marks: Iterable[Mark]) -> list[Heard]:
    """What is new of each stream with each mark; a mark that says nothing new is left out."""
    reached: dict[str, Heard] = {}
    found = []
    for mark in sorted(marks, key=lambda one: (one.stream, one.until_us, one.time_us)):
        last = reached.get(mark.stream)
        until_us, place = (0, -1) if last is None else (last.until_us, last.place or 0)
        if mark.until_us > until_us:
            new_us = mark.until_us - until_us
            heard = Heard(mark.stream, mark.tenant, mark.time_us, new_us, mark.until_us, place + 1)
            reached[mark.stream] = heard
            found.append(heard)
    return found


def from_events(events: Iterable[UsageEvent]) -> list[Heard]:
    """The sound that usage events bill."""
    return [
        Heard(
            event.used.stream,
            event.used.tenant,
            event.time_us,
            event.amount.billed_us,
            event.until_us,
            _place(event.id),
        )
        for event in events
    ]


def written_marks(marks: Iterable[Mark]) -> bytes:
    """Marks in lines of JSON, as `read_marks` reads them."""
    lines = (
        orjson.dumps(
            {
                "time": rfc3339(mark.time_us),
                "stream": mark.stream,
                "tenant": mark.tenant,
                "until_us": mark.until_us,
            }
        )
        for mark in marks
    )
    return b"".join(line + b"\n" for line in lines)


def read_marks(lines: Iterable[bytes]) -> list[Mark]:
    """The marks in lines of JSON, as the inference log has them.

    Raises:
        InvalidParameter: a line is something else.
    """
    return [_read_mark(number, line) for number, line in enumerate(lines, 1)]


def reconcile(
    client: Iterable[Heard], log: Iterable[Heard], ledger: Iterable[Heard]
) -> Reconciliation:
    """Compare the three counts."""
    given = {Side.CLIENT: client, Side.LOG: log, Side.LEDGER: ledger}
    by_stream: dict[str, dict[Side, list[Heard]]] = {}
    for side, heard in given.items():
        for one in heard:
            of_stream = by_stream.setdefault(one.stream, {each: [] for each in Side})
            of_stream[side].append(one)
    findings = [
        finding
        for stream, counts in sorted(by_stream.items())
        for finding in _findings(stream, counts)
    ]
    return Reconciliation(tuple(_rows(by_stream.values(), findings)), tuple(findings))


def _findings(stream: str, counts: Mapping[Side, Sequence[Heard]]) -> Iterable[Finding]:
    cells = {side: _cells(heard) for side, heard in counts.items()}
    reference = _reference(cells)
    for side, mine in cells.items():
        if mine != reference:
            keys = sorted(mine | reference)
            differences = tuple((key, us) for key in keys if (us := mine[key] - reference[key]))
            cause = _cause(counts[side], mine, reference)
            yield Finding(side, stream, cause, differences)


def _reference(cells: Mapping[Side, Counter[Cell]]) -> Counter[Cell]:
    """What two counts agree about; where none do, the one in the middle."""
    for one in cells.values():
        if sum(one == other for other in cells.values()) > 1:
            return one
    return sorted(cells.values(), key=Counter.total)[1]


def _cause(heard: Sequence[Heard], mine: Counter[Cell], reference: Counter[Cell]) -> Cause:
    if not mine:
        return Cause.MISSING
    if not reference:
        return Cause.EXTRA
    if mine.total() == reference.total():
        is_other = {tenant for tenant, _ in mine} != {tenant for tenant, _ in reference}
        return Cause.TENANT if is_other else Cause.HOUR
    if (fault := _fault(heard)) is not None:
        return fault
    return Cause.CUT_SHORT if mine.total() < reference.total() else Cause.LONGER


def _fault(heard: Sequence[Heard]) -> Cause | None:
    """What is wrong with a stream's pieces by themselves: each begins where the last one ended."""
    until_us, place = 0, -1
    for one in sorted(heard, key=lambda one: (one.until_us, one.time_us, one.place or 0)):
        step_us = one.until_us - until_us
        if one.amount_us != step_us:
            if step_us == 0:
                return Cause.TWICE
            is_next = one.place is None or one.place in (place + 1, 0)
            return Cause.EDITED if is_next else Cause.LOST
        until_us = one.until_us
        place = place if one.place is None else one.place
    return None


def _cells(heard: Iterable[Heard]) -> Counter[Cell]:
    found: Counter[Cell] = Counter()
    for one in heard:
        if one.amount_us:
            found[one.tenant, one.time_us // HOUR_US * HOUR_US] += one.amount_us
    return found


def _rows(
    streams: Iterable[Mapping[Side, Sequence[Heard]]], findings: Iterable[Finding]
) -> Iterable[Row]:
    counts: dict[Side, Counter[Cell]] = {side: Counter() for side in Side}
    for stream in streams:
        for side, heard in stream.items():
            counts[side].update(_cells(heard))
    explained = {side: Counter(counts[side]) for side in Side}
    for finding in findings:
        for cell, us in finding.differences_us:
            explained[finding.side][cell] -= us
    for tenant, hour_us in sorted({cell for count in counts.values() for cell in count}):
        cell = (tenant, hour_us)
        left = [explained[side][cell] for side in Side]
        told = {side: counts[side][cell] for side in Side}
        yield Row(tenant, hour_us, told, max(left) - min(left))


def _place(name: str) -> int | None:
    number = name.rpartition(":")[2]
    return int(number) if number.isdecimal() else None


def _read_mark(number: int, line: bytes) -> Mark:
    try:
        told = orjson.loads(line)
        mark = Mark(told["stream"], told["tenant"], read_rfc3339(told["time"]), told["until_us"])
        if (type(mark.stream), type(mark.tenant), type(mark.until_us)) != (str, str, int):
            raise TypeError("text where a number is expected, or a number where text is")
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidParameter(
            f"line {number} of a log ({type(error).__name__}: {error})",
            "time, stream, tenant and until_us in JSON",
            "name the file that --inference-log wrote",
        ) from error
    return mark
