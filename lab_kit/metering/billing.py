"""From usage, prices and what was agreed to an invoice; and from one of its lines back to requests.

What comes late for a period that was invoiced is charged by the next invoice: the period is rated
anew with all that is there, and each line that comes to something else than was charged for it so
far is an adjustment.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from lab_kit.core.errors import InvalidParameter
from lab_kit.metering.invoice import Invoice, InvoiceLine, LineKind, difference
from lab_kit.metering.period import Period
from lab_kit.metering.plans import (
    Account,
    commitment_of,
    included_units,
    payments,
    plan_shares,
)
from lab_kit.metering.prices import Price, PriceBooks
from lab_kit.metering.rating import (
    RequestUsage,
    Rounding,
    TierShare,
    applies,
    rated,
    rounded,
    units_of,
)

Usage = Mapping[Period, Sequence[RequestUsage]]
"""What a tenant's requests used, by period."""


def charges(
    account: Account,
    period: Period,
    usage: Iterable[RequestUsage],
    books: PriceBooks,
    rounding: Rounding = Rounding.HALF_UP,
) -> list[InvoiceLine]:
    """What a period comes to, without credits: fees, usage, and what a commitment lacks.

    Raises:
        InvalidParameter: prices in another currency than the account's, included units of a price
            that there is not, a period in more than one month, or usage before the first book.
    """
    if books.currency != account.currency:
        raise InvalidParameter(
            f"prices in {books.currency} for an account in {account.currency}",
            "one currency",
            "choose other prices",
        )
    shares = plan_shares(account, period)
    included = included_units(shares)
    known = {price.name for book in books.books for price in book.prices}
    if not included.keys() <= known:
        raise InvalidParameter(
            f"included units of {', '.join(included.keys() - known)}",
            f"of {', '.join(sorted(known))}",
            "name a price of the books",
        )
    lines = [
        InvoiceLine(
            0,
            LineKind.FEE,
            share.plan.name,
            period,
            rounded(share.of(share.plan.fee), account.currency, rounding),
            from_us=share.plan.from_us,
            days=share.days,
            of_days=share.of_days,
        )
        for share in shares
        if share.plan.fee
    ]
    used = [
        InvoiceLine(
            0,
            LineKind.USAGE,
            line.price.name,
            period,
            line.amount,
            False,
            line.book_from_us,
            line.price.measure,
            line.requests,
            line.quantity,
            line.units,
            line.price.per,
            difference(line.shares, ()),
        )
        for line in rated(usage, books, rounding, included)
    ]
    lines += used
    lacking = commitment_of(shares, account.currency, rounding) - _total(used)
    if lacking > 0:
        plan = [share.plan for share in shares if share.plan.commitment][-1]
        lines.append(InvoiceLine(0, LineKind.SHORTFALL, plan.name, period, lacking))
    return lines


def invoiced(
    account: Account,
    period: Period,
    usage: Usage,
    books: PriceBooks,
    issued: Sequence[Invoice] = (),
    rounding: Rounding = Rounding.HALF_UP,
) -> Invoice:
    """The next invoice for a period: its first has its charges, any further one adjustments alone.

    Args:
        usage: of the period, and of those of ``issued``: what is there of them now.
        issued: all other invoices of the tenant.

    Raises:
        InvalidParameter: see `charges`; or no usage is given for a period that was invoiced.
    """
    revision = 1 + sum(one.period == period for one in issued)
    lines: list[InvoiceLine] = []
    if revision == 1:
        lines += charges(account, period, usage[period], books, rounding)
    for earlier in sorted({one.period for one in issued}):
        if earlier not in usage:
            raise InvalidParameter(f"no usage of {earlier}", "what is there now", "add it")
        now = charges(account, earlier, usage[earlier], books, rounding)
        lines += _adjustments(earlier, now, issued)
    paid = payments(account, period, _used(issued), _total(lines))
    lines += [
        InvoiceLine(0, LineKind.CREDIT, credit.name, period, -amount) for credit, amount in paid
    ]
    numbered = tuple(replace(line, number=place) for place, line in enumerate(lines, 1))
    return Invoice(account.tenant, account.currency, period, revision, rounding, numbered)


def requests_behind(
    line: InvoiceLine,
    books: PriceBooks,
    usage: Iterable[RequestUsage],
    before: Iterable[RequestUsage] = (),
) -> list[tuple[RequestUsage, int]]:
    """The requests that a line for usage counts, and of each its units, by name.

    Args:
        usage: of the line's period.
        before: what was there of it when it was charged before; for an adjustment, which counts
            the requests that came to something else since.

    Raises:
        InvalidParameter: the line is for something else, or counts something else than these have
            by these prices.
    """
    price = _price(line, books)
    now, then = (_counted(line, price, books, requests) for requests in (usage, before))
    found = []
    for key in sorted(now | then):
        if now.get(key) != then.get(key):
            request, units = now.get(key) or (then[key][0], 0)
            found.append((request, units - (then[key][1] if key in then else 0)))
    counted = sum(units for _, units in found)
    if counted != line.units:
        raise InvalidParameter(
            f"requests of {counted} units behind a line of {line.units}",
            "the prices and the usage that the invoice was made with",
            "name these prices",
        )
    return found


def _counted(
    line: InvoiceLine, price: Price, books: PriceBooks, requests: Iterable[RequestUsage]
) -> dict[tuple[str, str, str], tuple[RequestUsage, int]]:
    """Of the requests that a line's price is for, each with its units, by name, kind and model."""
    return {
        (request.stream, request.kind, request.model): (request, units_of(request, price))
        for request in requests
        if books.at(request.first_us).from_us == line.from_us and applies(price, request)
    }


def _price(line: InvoiceLine, books: PriceBooks) -> Price:
    if line.kind is LineKind.USAGE:
        for book in books.books:
            for price in book.prices:
                if (book.from_us, price.name) == (line.from_us, line.name):
                    return price
    raise InvalidParameter(
        f"line {line.number}, {line.name}", "a line for usage, with its prices", "name another"
    )


def _adjustments(
    period: Period, now: Iterable[InvoiceLine], issued: Iterable[Invoice]
) -> list[InvoiceLine]:
    charged: dict[tuple[str, str, int], InvoiceLine] = {}
    for invoice in issued:
        for line in invoice.lines:
            if line.period == period and line.kind is not LineKind.CREDIT:
                known = charged.get(line.what)
                charged[line.what] = line if known is None else _combined(known, line, 1)
    found = []
    for line in now:
        known = charged.pop(line.what, None)
        found.append(line if known is None else _combined(line, known, -1))
    found += [_combined(_nothing(line), line, -1) for line in charged.values()]
    return [replace(line, is_adjustment=True) for line in found if _is_something(line)]


def _combined(one: InvoiceLine, other: InvoiceLine, sign: int) -> InvoiceLine:
    turned = tuple(TierShare(-sign * share.units, share.amount) for share in other.shares)
    return replace(
        one,
        amount=one.amount + sign * other.amount,
        requests=one.requests + sign * other.requests,
        quantity=one.quantity + sign * other.quantity,
        units=one.units + sign * other.units,
        shares=difference(one.shares, turned),
        days=one.days + sign * other.days,
    )


def _nothing(line: InvoiceLine) -> InvoiceLine:
    amount = line.amount - line.amount
    return replace(line, amount=amount, requests=0, quantity=0, units=0, shares=(), days=0)


def _is_something(line: InvoiceLine) -> bool:
    return bool(line.amount or line.requests or line.quantity or line.units)


def _used(issued: Iterable[Invoice]) -> dict[str, Decimal]:
    """Of each credit, what has paid invoices."""
    found: dict[str, Decimal] = {}
    for invoice in issued:
        for line in invoice.lines:
            if line.kind is LineKind.CREDIT:
                found[line.name] = found.get(line.name, Decimal(0)) - line.amount
    return found


def _total(lines: Iterable[InvoiceLine]) -> Decimal:
    return sum((line.amount for line in lines), Decimal(0))
