"""Invoices and credit notes as data, and as documents: the same bytes for the same invoice.

A document is JSON with sorted keys, decimals as text and moments in UTC. It holds neither when it
was made nor in which order its events came, so that whoever has the same usage, prices and plans
makes the same one. An invoice is never changed: what was wrong is corrected by a credit note, and
what came too late by a line of a later invoice.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

import orjson

from lab_kit.core.clock import read_rfc3339, rfc3339
from lab_kit.core.errors import InvalidParameter
from lab_kit.metering.period import Period
from lab_kit.metering.rating import Rounding, TierShare


class LineKind(StrEnum):
    """What a line is for."""

    FEE = "fee"
    USAGE = "usage"
    SHORTFALL = "shortfall"
    CREDIT = "credit"


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """One line.

    Attributes:
        kind, name: what it is for: the plan, the price, the commitment's plan, or the credit.
        period: that it is for; an adjustment's is an earlier one.
        is_adjustment: it holds what an earlier period has come to beyond what was charged for it;
            all of its numbers are differences.
        from_us: since when the price's book or the plan holds.
        measure: which quantity; empty where it is not for usage, as are all that follow.
        requests: that the price counted.
        quantity: as it was used, in the smallest unit.
        units: as it is priced: in blocks, with minimums, for each channel.
        per: for so many units the amounts of `shares` are.
        shares: how the units fall into tiers.
        days, of_days: that a fee is for.
    """

    number: int
    kind: LineKind
    name: str
    period: Period
    amount: Decimal
    is_adjustment: bool = False
    from_us: int = 0
    measure: str = ""
    requests: int = 0
    quantity: int = 0
    units: int = 0
    per: int = 1
    shares: tuple[TierShare, ...] = ()
    days: int = 0
    of_days: int = 0

    @property
    def what(self) -> tuple[str, str, int]:
        """What it is for, the same in each invoice."""
        return (self.kind, self.name, self.from_us)


@dataclass(frozen=True, slots=True)
class Invoice:
    """What a tenant is to pay for a period.

    Attributes:
        revision: 1; what comes late where no later period will be invoiced is a further one.
    """

    tenant: str
    currency: str
    period: Period
    revision: int
    rounding: Rounding
    lines: tuple[InvoiceLine, ...]

    @property
    def number(self) -> str:
        """By which it is known: no two have the same."""
        return f"{self.tenant}-{self.period.name}-{self.revision}"

    @property
    def total(self) -> Decimal:
        """Of all lines."""
        return sum((line.amount for line in self.lines), Decimal(0))

    def line(self, number: int) -> InvoiceLine:
        """One of them.

        Raises:
            InvalidParameter: there is no such line.
        """
        for line in self.lines:
            if line.number == number:
                return line
        raise InvalidParameter(
            f"line {number} of {self.number}", f"one of {len(self.lines)}", "name another"
        )


@dataclass(frozen=True, slots=True)
class CreditNote:
    """An amount of one line of an invoice that need not be paid, or is paid back.

    Attributes:
        invoice, line: the numbers of both.
        place: which one of the invoice's it is, from 1.
    """

    invoice: str
    line: int
    place: int
    currency: str
    amount: Decimal
    reason: str

    @property
    def number(self) -> str:
        """By which it is known."""
        return f"{self.invoice}-C{self.place}"


def credit_note(
    invoice: Invoice, line: int, amount: Decimal, reason: str, earlier: Sequence[CreditNote]
) -> CreditNote:
    """A credit note for a line.

    Args:
        earlier: all other credit notes of the invoice.

    Raises:
        InvalidParameter: there is no such line, or less than the amount is left of it.
    """
    found = invoice.line(line)
    given = sum((note.amount for note in earlier if note.line == line), Decimal(0))
    if found.kind is LineKind.CREDIT or not 0 < amount <= found.amount - given:
        raise InvalidParameter(
            f"{amount} {invoice.currency} off line {line} of {invoice.number}",
            f"more than 0, and at most the {found.amount - given} that are left of a charge",
            "name another line or amount",
        )
    if amount != amount.quantize(found.amount):
        raise InvalidParameter(f"{amount}", f"an amount such as {found.amount}", "round it")
    amount = amount.quantize(found.amount)
    return CreditNote(invoice.number, line, len(earlier) + 1, invoice.currency, amount, reason)


def invoice_document(invoice: Invoice) -> bytes:
    """The invoice as a document."""
    return _document(
        {
            "number": invoice.number,
            "tenant": invoice.tenant,
            "currency": invoice.currency,
            "period": _written(invoice.period),
            "revision": invoice.revision,
            "rounding": invoice.rounding,
            "lines": [_line(line) for line in invoice.lines],
            "total": _text(invoice.total),
        }
    )


def credit_note_document(note: CreditNote) -> bytes:
    """The credit note as a document."""
    return _document(
        {
            "number": note.number,
            "invoice": note.invoice,
            "line": note.line,
            "place": note.place,
            "currency": note.currency,
            "amount": _text(note.amount),
            "reason": note.reason,
        }
    )


def read_invoice(document: bytes) -> Invoice:
    """The invoice of a document.

    Raises:
        InvalidParameter: it is none of ours, or its number or total are not what its lines say.
    """
    try:
        told = orjson.loads(document)
        invoice = Invoice(
            told["tenant"],
            told["currency"],
            _period(told["period"]),
            _count(told["revision"]),
            Rounding(told["rounding"]),
            tuple(map(_read_line, told["lines"])),
        )
    except (ValueError, KeyError, TypeError, InvalidOperation) as error:
        raise _no_document("invoice", error) from error
    if document != invoice_document(invoice):
        raise _no_document("invoice", "it was changed")
    return invoice


def read_credit_note(document: bytes) -> CreditNote:
    """The credit note of a document.

    Raises:
        InvalidParameter: it is none of ours.
    """
    try:
        told = orjson.loads(document)
        note = CreditNote(
            told["invoice"],
            _count(told["line"]),
            _count(told["place"]),
            told["currency"],
            Decimal(told["amount"]),
            told["reason"],
        )
    except (ValueError, KeyError, TypeError, InvalidOperation) as error:
        raise _no_document("credit note", error) from error
    if document != credit_note_document(note):
        raise _no_document("credit note", "it was changed")
    return note


def difference(now: Iterable[TierShare], before: Iterable[TierShare]) -> tuple[TierShare, ...]:
    """Of units in tiers, by how much they have changed; the dearest last."""
    units: dict[Decimal, int] = {}
    for shares, sign in ((now, 1), (before, -1)):
        for share in shares:
            units[share.amount] = units.get(share.amount, 0) + sign * share.units
    return tuple(TierShare(count, amount) for amount, count in sorted(units.items()) if count)


def _line(line: InvoiceLine) -> dict[str, Any]:
    written: dict[str, Any] = {
        "number": line.number,
        "kind": line.kind,
        "name": line.name,
        "period": _written(line.period),
        "amount": _text(line.amount),
        "is_adjustment": line.is_adjustment,
        "from": rfc3339(line.from_us),
    }
    if line.kind is LineKind.USAGE:
        written |= {
            "measure": line.measure,
            "requests": line.requests,
            "quantity": line.quantity,
            "units": line.units,
            "per": line.per,
            "tiers": [{"units": one.units, "amount": _text(one.amount)} for one in line.shares],
        }
    if line.kind is LineKind.FEE:
        written |= {"days": line.days, "of_days": line.of_days}
    return written


def _read_line(told: Mapping[str, Any]) -> InvoiceLine:
    return InvoiceLine(
        _count(told["number"]),
        LineKind(told["kind"]),
        told["name"],
        _period(told["period"]),
        Decimal(told["amount"]),
        bool(told["is_adjustment"]),
        read_rfc3339(told["from"]),
        told.get("measure", ""),
        _count(told.get("requests", 0)),
        _count(told.get("quantity", 0)),
        _count(told.get("units", 0)),
        _count(told.get("per", 1)),
        tuple(_share(one) for one in told.get("tiers", ())),
        _count(told.get("days", 0)),
        _count(told.get("of_days", 0)),
    )


def _share(told: Mapping[str, Any]) -> TierShare:
    return TierShare(_count(told["units"]), Decimal(told["amount"]))


def _count(told: object) -> int:
    if type(told) is not int:
        raise TypeError(f"{told!r} is no whole number")
    return told


def _document(told: Mapping[str, Any]) -> bytes:
    return orjson.dumps(told, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


def _written(period: Period) -> dict[str, str]:
    return {"from": rfc3339(period.from_us), "until": rfc3339(period.until_us)}


def _period(told: Mapping[str, str]) -> Period:
    return Period(read_rfc3339(told["from"]), read_rfc3339(told["until"]))


def _text(amount: Decimal) -> str:
    return format(amount, "f")


def _no_document(kind: str, why: object) -> InvalidParameter:
    return InvalidParameter(
        f"a document ({why})", f"a whole {kind} of the lab", "take it from the ledger"
    )
