"""One ledger: events in, each once; and what was used by whom, in which period.

Rows are added and never changed. An event is known by its source and id, however often it comes. A
period that was closed keeps what it was billed by: an event that comes later is late for its
period, and is billed by adjustment.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from lab_kit.core.clock import rfc3339, since_1970_us
from lab_kit.core.errors import InvalidParameter
from lab_kit.database.postgres import PostgresStore
from lab_kit.database.rows import Rows
from lab_kit.database.sqlite import SqliteStore
from lab_kit.database.tables import Tables
from lab_kit.ledger import invoices
from lab_kit.ledger.forms import FORMS
from lab_kit.ledger.invoices import Issued
from lab_kit.ledger.queries import (
    LAST,
    Closing,
    closings_of,
    events_of,
    last_number_of,
    requests_of,
    sound_events_of,
)
from lab_kit.metering.event import FIELDS, UsageEvent, Values
from lab_kit.metering.invoice import CreditNote, Invoice, InvoiceLine
from lab_kit.metering.period import Period
from lab_kit.metering.plans import Account
from lab_kit.metering.prices import PriceBooks
from lab_kit.metering.rating import RequestUsage

_ADD = (
    f"INSERT INTO usage_events (number, {', '.join(FIELDS)})"
    f" VALUES ({', '.join('?' * (1 + len(FIELDS)))}) ON CONFLICT (source, id) DO NOTHING"
)


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


def open_ledger(where: str) -> "Ledger":
    """A ledger in a file, or in a PostgreSQL database by its address; made where it is not there.

    Raises:
        StateUnusable: a file without a folder.
        NotInstalled: without the driver that the address needs.
    """
    return Ledger(open_tables(where))


def open_tables(where: str) -> Tables:
    """The tables of a ledger; see `open_ledger`."""
    if where.startswith(("postgresql://", "postgres://")):
        return Tables(PostgresStore(where, is_shared=True), FORMS)
    return Tables(SqliteStore(lambda: Path(where), is_shared=True), FORMS)


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
        return self._tables.transact(closings_of)

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
        return self._tables.transact(lambda rows: requests_of(rows, tenant, period, last_number))

    def events(self, stream: str) -> list[UsageEvent]:
        """All events of one request, in the order of their times."""
        return self._tables.transact(lambda rows: events_of(rows, stream))

    # -- invoices --------------------------------------------------------------------------------

    def issue(self, account: Account, period: Period, books: PriceBooks) -> bytes:
        """The invoice of a tenant for a period that was closed; issued, if it was not before.

        Once it is issued it stays as it is, whatever comes later.

        Returns:
            The document.

        Raises:
            InvalidParameter: the period is open; or see `metering.billing.charges`.
        """
        return self._tables.transact(lambda rows: invoices.issue(rows, account, period, books))

    def issue_again(self, account: Account, period: Period, books: PriceBooks) -> bytes:
        """A further invoice for a period, for what came late; for a tenant that has left.

        Raises:
            InvalidParameter: nothing came late, or there is no first one; or see `issue`.
        """
        return self._tables.transact(
            lambda rows: invoices.issue_again(rows, account, period, books)
        )

    def invoices(self, tenant: str) -> list[Issued]:
        """All that were issued, in that order."""
        return self._tables.transact(lambda rows: invoices.issued(rows, tenant))

    def invoice(self, number: str) -> Invoice:
        """One of them.

        Raises:
            InvalidParameter: there is none of that number.
        """
        return self._tables.transact(lambda rows: invoices.numbered(rows, number).invoice)

    def credit(self, number: str, line: int, amount: Decimal, reason: str) -> bytes:
        """Issue a credit note for a line of an invoice.

        Returns:
            The document.

        Raises:
            InvalidParameter: see `metering.invoice.credit_note`.
        """
        return self._tables.transact(
            lambda rows: invoices.credit(rows, number, line, amount, reason)
        )

    def credit_notes(self, number: str) -> list[CreditNote]:
        """All of an invoice."""
        return self._tables.transact(lambda rows: invoices.credit_notes(rows, number))

    def requests_behind(
        self, number: str, line: int, books: PriceBooks
    ) -> tuple[InvoiceLine, list[tuple[RequestUsage, int]]]:
        """A line of an invoice, the requests that it counts, and of each its units.

        Raises:
            InvalidParameter: there is no such line, or it is not for usage.
        """
        return self._tables.transact(lambda rows: invoices.behind(rows, number, line, books))

    def sound_events(self, period: Period) -> list[UsageEvent]:
        """All events of a period that bill sound, in the order of their times."""
        return self._tables.transact(lambda rows: sound_events_of(rows, period))

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
    number = last_number_of(rows) + 1
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


def _close(rows: Rows, period: Period, without: Sequence[str]) -> Closing:
    for closing in closings_of(rows):
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
    closing = Closing(period, last_number_of(rows), since_1970_us())
    rows.execute(
        "INSERT INTO closings VALUES (?, ?, ?, ?)",
        (period.from_us, period.until_us, closing.last_number, closing.closed_us),
    )
    return closing
