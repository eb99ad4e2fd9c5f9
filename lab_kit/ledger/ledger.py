"""One ledger: events in, each once; and what was used by whom, in which period.

Rows are added and never changed. An event is known by its source and id, however often it comes. A
period that was closed keeps what it was billed by: an event that comes later is late for its
period, and is billed by adjustment.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab_kit.core.clock import rfc3339, since_1970_us
from lab_kit.core.errors import InvalidParameter
from lab_kit.database.postgres import PostgresStore
from lab_kit.database.rows import Rows
from lab_kit.database.sqlite import SqliteStore
from lab_kit.database.tables import Tables
from lab_kit.ledger.forms import FORMS
from lab_kit.metering.event import FIELDS, Quantities, UsageEvent, Values, event_of
from lab_kit.metering.period import Period
from lab_kit.metering.rating import RequestUsage

_ADD = (
    f"INSERT INTO usage_events (number, {', '.join(FIELDS)})"
    f" VALUES ({', '.join('?' * (1 + len(FIELDS)))}) ON CONFLICT (source, id) DO NOTHING"
)
_AMOUNTS = ", ".join(f"SUM({name})" for name in FIELDS[14:20])
_BEFORE = ", ".join(
    f"SUM(CASE WHEN time_us < :from_us THEN {name} ELSE 0 END)" for name in FIELDS[14:20]
)
_OF_REQUESTS = (
    "SELECT stream, MIN(time_us), kind, model, MAX(channels), MAX(features),"
    f" {_AMOUNTS}, {_BEFORE} FROM usage_events"
    " WHERE tenant = :tenant AND time_us < :until_us AND number <= :last_number"
    " GROUP BY stream, kind, model HAVING MAX(time_us) >= :from_us ORDER BY stream, kind, model"
)
LAST = 2**62
"""A number that no event has: all that are there."""


@dataclass(frozen=True, slots=True)
class Strange:
    """A line of a journal that is no event."""

    begins: int
    line: bytes
    why: str


@dataclass(frozen=True, slots=True)
class Batch:
    """What was read of one file of a journal.

    Attributes:
        file: its name.
        until: bytes of it that are in the ledger then.
        rows: its events, as `metering.event.FIELDS` has them.
    """

    file: str
    until: int
    rows: Sequence[Values]
    strange: Sequence[Strange] = ()


@dataclass(frozen=True, slots=True)
class Closing:
    """A period that was closed.

    Attributes:
        last_number: of the events that were there then.
    """

    period: Period
    last_number: int
    closed_us: int


def open_ledger(where: str) -> "Ledger":
    """A ledger in a file, or in a PostgreSQL database by its address; made where it is not there.

    Raises:
        StateUnusable: a file without a folder.
        NotInstalled: without the driver that the address needs.
    """
    if where.startswith(("postgresql://", "postgres://")):
        return Ledger(Tables(PostgresStore(where, is_shared=True), FORMS))
    return Ledger(Tables(SqliteStore(lambda: Path(where), is_shared=True), FORMS))


class Ledger:
    """The ledger in some tables.

    Args:
        tables: of the ledger's forms, owned.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    # -- in --------------------------------------------------------------------------------------

    def take(self, batch: Batch) -> int:
        """Add what is not there yet, and note how far the file was read, all or nothing.

        Returns:
            How many events were new.
        """
        return self._tables.transact(lambda rows: _take(rows, batch))

    def shipped(self) -> dict[str, int]:
        """How many bytes of each file are in the ledger."""
        found = self._tables.transact(
            lambda rows: rows.execute("SELECT file, bytes FROM shipped").fetchall()
        )
        return dict(map(tuple, found))

    def forget_file(self, file: str) -> None:
        """The file was removed, and will not come back."""
        self._tables.transact(
            lambda rows: rows.execute("DELETE FROM shipped WHERE file = ?", (file,))
        )

    def reach(self, source: str, until_us: int) -> None:
        """All that a source has written down until then is here."""
        self._tables.transact(
            lambda rows: rows.execute(
                "INSERT INTO watermarks VALUES (?, ?) ON CONFLICT (source)"
                " DO UPDATE SET until_us = excluded.until_us",
                (source, until_us),
            )
        )

    def reached_us(self) -> int:
        """Until when all that any source has written down is here; 0 where none was read."""
        (least,) = self._tables.transact(
            lambda rows: rows.execute(
                "SELECT COALESCE(MIN(until_us), 0) FROM watermarks"
            ).fetchone()
        )
        return int(least)

    def billed_us(self) -> dict[str, int]:
        """The sound that was billed of each stream, by its name."""
        found = self._tables.transact(
            lambda rows: rows.execute(
                "SELECT stream, SUM(billed_us) FROM usage_events GROUP BY stream"
            ).fetchall()
        )
        return {stream: int(count) for stream, count in map(tuple, found)}

    # -- periods ---------------------------------------------------------------------------------

    def close_period(self, period: Period, *, without: Sequence[str] = ()) -> Closing:
        """Have what is there be what is billed for a period; closing it again changes nothing.

        Args:
            without: sources that are not waited for.

        Raises:
            InvalidParameter: a source may still bring something of it, or it shares time with
                another period that was closed.
        """
        return self._tables.transact(lambda rows: _close(rows, period, without))

    def closings(self) -> list[Closing]:
        """All periods that were closed, the first first."""
        return self._tables.transact(_closings)

    # -- out -------------------------------------------------------------------------------------

    def tenants(self) -> list[str]:
        """All that used something, by name."""
        found = self._tables.transact(
            lambda rows: rows.execute(
                "SELECT DISTINCT tenant FROM usage_events ORDER BY tenant"
            ).fetchall()
        )
        return [tenant for (tenant,) in map(tuple, found)]

    def requests(self, tenant: str, period: Period, last_number: int = LAST) -> list[RequestUsage]:
        """What each request of a tenant used in a period, and what it had used before, by name.

        Args:
            last_number: of the events that are counted.
        """
        asked = {
            "tenant": tenant,
            "from_us": period.from_us,
            "until_us": period.until_us,
            "last_number": last_number,
        }
        found = self._tables.transact(lambda rows: rows.execute(_OF_REQUESTS, asked).fetchall())
        return [_usage(period, *row) for row in found]

    def events(self, stream: str) -> list[UsageEvent]:
        """All events of one request, in the order of their times."""
        found = self._tables.transact(
            lambda rows: rows.execute(
                f"SELECT {', '.join(FIELDS)} FROM usage_events WHERE stream = ?"
                " ORDER BY time_us, id",
                (stream,),
            ).fetchall()
        )
        return [event_of(row) for row in found]

    def strange_lines(self) -> int:
        """Lines of journals that were no events."""
        (count,) = self._tables.transact(
            lambda rows: rows.execute("SELECT COUNT(*) FROM strange_lines").fetchone()
        )
        return int(count)

    def close(self) -> None:
        """Disconnect."""
        self._tables.close()


def _take(rows: Rows, batch: Batch) -> int:
    number = _last_number(rows) + 1
    values = [(number + place, *row) for place, row in enumerate(batch.rows)]
    new = rows.executemany(_ADD, values).rowcount if values else 0
    for one in batch.strange:
        rows.execute(
            "INSERT INTO strange_lines VALUES (?, ?, ?, ?) ON CONFLICT (file, begins) DO NOTHING",
            (batch.file, one.begins, one.line, one.why),
        )
    rows.execute(
        "INSERT INTO shipped VALUES (?, ?) ON CONFLICT (file) DO UPDATE SET bytes = excluded.bytes",
        (batch.file, batch.until),
    )
    return new


def _last_number(rows: Rows) -> int:
    (last,) = rows.execute("SELECT COALESCE(MAX(number), 0) FROM usage_events").fetchone()
    return int(last)


def _close(rows: Rows, period: Period, without: Sequence[str]) -> Closing:
    for closing in _closings(rows):
        if closing.period == period:
            return closing
        if period.from_us < closing.period.until_us and closing.period.from_us < period.until_us:
            raise InvalidParameter(
                f"{period}", f"no part of {closing.period}, which is closed", "choose another"
            )
    for source, until_us in map(
        tuple, rows.execute("SELECT source, until_us FROM watermarks ORDER BY source").fetchall()
    ):
        if until_us < period.until_us and source not in without:
            raise InvalidParameter(
                f"{period}, and {source} was read until {rfc3339(until_us)}",
                "all that was used in it in the ledger",
                "ship what is left, or name the source as one that is not waited for",
            )
    closing = Closing(period, _last_number(rows), since_1970_us())
    rows.execute(
        "INSERT INTO closings VALUES (?, ?, ?, ?)",
        (period.from_us, period.until_us, closing.last_number, closing.closed_us),
    )
    return closing


def _closings(rows: Rows) -> list[Closing]:
    found = rows.execute(
        "SELECT from_us, until_us, last_number, closed_us FROM closings ORDER BY from_us"
    ).fetchall()
    return [Closing(Period(*times), last, closed) for *times, last, closed in map(tuple, found)]


def _usage(
    period: Period,
    stream: str,
    first_us: int,
    kind: str,
    model: str,
    channels: int,
    features: str,
    *amounts: int,
) -> RequestUsage:
    whole = Quantities(*map(int, amounts[:6]))
    named = tuple(features.split())
    if first_us >= period.from_us:
        return RequestUsage(stream, first_us, kind, model, whole, channels, named)
    before = Quantities(*map(int, amounts[6:]))
    return RequestUsage(stream, first_us, kind, model, whole - before, channels, named, before)
