"""Invoices and credit notes that were issued, inside a transaction that is open: added, never
changed.

An invoice counts the events that were there when its period was closed, and is the same however
often it is issued. Beside it stands the last of those events by arrival: what came behind it is
late, and is charged by the next invoice.
"""

from dataclasses import dataclass
from decimal import Decimal

from lab_kit.core.clock import since_1970_us
from lab_kit.core.errors import InvalidParameter
from lab_kit.database.rows import Rows
from lab_kit.ledger.queries import Closing, closings_of, last_number_of, requests_of
from lab_kit.metering.billing import invoiced, requests_behind
from lab_kit.metering.invoice import (
    CreditNote,
    Invoice,
    InvoiceLine,
    credit_note,
    credit_note_document,
    invoice_document,
    read_credit_note,
    read_invoice,
)
from lab_kit.metering.period import Period
from lab_kit.metering.plans import Account
from lab_kit.metering.prices import PriceBooks
from lab_kit.metering.rating import RequestUsage


@dataclass(frozen=True, slots=True)
class Issued:
    """An invoice that was issued.

    Attributes:
        last_number: of the events that it counts.
    """

    invoice: Invoice
    document: bytes
    last_number: int
    issued_us: int


def issue(rows: Rows, account: Account, period: Period, books: PriceBooks) -> bytes:
    """The first invoice for a period; see `Ledger.issue`."""
    known = issued(rows, account.tenant)
    for one in known:
        if one.invoice.period == period:
            return one.document
    closed = _closing(rows, period)
    # what was charged as late must not be given back because this period was closed before
    last = max([closed.last_number, *(one.last_number for one in known)])
    usage = {one.invoice.period: last for one in known} | {period: closed.last_number}
    return _add(rows, account, period, books, known, usage, last)


def issue_again(rows: Rows, account: Account, period: Period, books: PriceBooks) -> bytes:
    """A further invoice for a period; see `Ledger.issue_again`."""
    known = issued(rows, account.tenant)
    if all(one.invoice.period != period for one in known):
        raise InvalidParameter(f"{period}", "one that was invoiced", "issue its first invoice")
    last = last_number_of(rows)
    return _add(
        rows, account, period, books, known, {one.invoice.period: last for one in known}, last
    )


def issued(rows: Rows, tenant: str) -> list[Issued]:
    """All invoices of a tenant, in the order in which they were issued."""
    found = rows.execute(
        f"SELECT {_COLUMNS} FROM invoices WHERE tenant = ? ORDER BY place", (tenant,)
    )
    return [_issued(*row) for row in found.fetchall()]


def numbered(rows: Rows, number: str) -> Issued:
    """One invoice.

    Raises:
        InvalidParameter: there is none of that number.
    """
    row = rows.execute(f"SELECT {_COLUMNS} FROM invoices WHERE number = ?", (number,)).fetchone()
    if row is None:
        raise InvalidParameter(f"the invoice {number}", "one that was issued", "look at its number")
    return _issued(*row)


def credit(rows: Rows, number: str, line: int, amount: Decimal, reason: str) -> bytes:
    """A credit note; see `Ledger.credit`."""
    invoice = numbered(rows, number).invoice
    note = credit_note(invoice, line, amount, reason, credit_notes(rows, number))
    document = credit_note_document(note)
    rows.execute(
        "INSERT INTO credit_notes VALUES (?, ?, ?, ?, ?)",
        (note.number, number, note.place, document, since_1970_us()),
    )
    return document


def credit_notes(rows: Rows, number: str) -> list[CreditNote]:
    """All of an invoice, in their order."""
    found = rows.execute(
        "SELECT document FROM credit_notes WHERE invoice = ? ORDER BY place", (number,)
    )
    return [read_credit_note(bytes(document)) for (document,) in map(tuple, found.fetchall())]


def behind(
    rows: Rows, number: str, line: int, books: PriceBooks
) -> tuple[InvoiceLine, list[tuple[RequestUsage, int]]]:
    """What a line counts; see `Ledger.requests_behind`."""
    one = numbered(rows, number)
    found = one.invoice.line(line)
    tenant, period = one.invoice.tenant, found.period
    if not found.is_adjustment:
        usage = requests_of(rows, tenant, period, _closing(rows, period).last_number)
        return found, requests_behind(found, books, usage)
    usage = requests_of(rows, tenant, period, one.last_number)
    before = requests_of(rows, tenant, period, _charged_until(rows, one, period))
    return found, requests_behind(found, books, usage, before)


_COLUMNS = "document, last_number, issued_us"


def _issued(document: bytes, last_number: int, issued_us: int) -> Issued:
    written = bytes(document)
    return Issued(read_invoice(written), written, last_number, issued_us)


def _add(
    rows: Rows,
    account: Account,
    period: Period,
    books: PriceBooks,
    known: list[Issued],
    until: dict[Period, int],
    last: int,
) -> bytes:
    usage = {one: requests_of(rows, account.tenant, one, number) for one, number in until.items()}
    invoice = invoiced(account, period, usage, books, [one.invoice for one in known])
    if invoice.revision > 1 and not invoice.lines:
        raise InvalidParameter(f"nothing late for {period}", "something to charge", "wait for it")
    document = invoice_document(invoice)
    rows.execute(
        f"INSERT INTO invoices (number, tenant, place, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",
        (invoice.number, account.tenant, len(known), document, last, since_1970_us()),
    )
    return document


def _charged_until(rows: Rows, one: Issued, period: Period) -> int:
    """The last event that was there of a period when it was charged before that invoice."""
    known = issued(rows, one.invoice.tenant)
    earlier = known[: [other.invoice.number for other in known].index(one.invoice.number)]
    first = next(place for place, other in enumerate(earlier) if other.invoice.period == period)
    closed = _closing(rows, period)
    return max([closed.last_number, *(other.last_number for other in earlier[first + 1 :])])


def _closing(rows: Rows, period: Period) -> Closing:
    for one in closings_of(rows):
        if one.period == period:
            return one
    raise InvalidParameter(f"{period}, which is open", "a period that was closed", "close it")
