"""Usage and prices in, amounts out: exact until the one place where an amount is rounded.

A request is rated as a whole by the book that held when its first usage of the period happened:
blocks and minimums are a request's. All units of a price are added up before they are priced, so
that tiers are a period's; and an amount is rounded once, for its line.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from enum import StrEnum

from lab_kit.metering.event import Quantities
from lab_kit.metering.prices import MINOR_DIGITS, Price, PriceBook, PriceBooks

EXACT = Context(prec=60, rounding=ROUND_HALF_UP)
"""Digits: more than any quantity times any price has, so that only a division leaves some out, and
none that could move what is rounded afterwards."""


class Rounding(StrEnum):
    """How an amount becomes one that can be paid."""

    HALF_UP = "ROUND_HALF_UP"
    HALF_EVEN = "ROUND_HALF_EVEN"
    UP = "ROUND_UP"
    DOWN = "ROUND_DOWN"


@dataclass(frozen=True, slots=True)
class RequestUsage:
    """What one request used in a period.

    Attributes:
        stream: its name.
        first_us: when it used something for the first time in the period, since 1970.
        features: that it asked for.
        channels: of its sound.
    """

    stream: str
    first_us: int
    kind: str
    model: str
    amount: Quantities
    channels: int = 1
    features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TierShare:
    """What of a line's units falls into one tier, and what the tier's price is."""

    units: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Line:
    """One price of an invoice.

    Attributes:
        price: what it is for.
        book_from_us: of which book.
        requests: that it counts.
        quantity: as it was used, in the smallest unit.
        units: as it is priced: in blocks, with minimums, for each channel.
        amount: rounded.
        exact: the same before that.
    """

    price: Price
    book_from_us: int
    requests: int
    quantity: int
    units: int
    shares: tuple[TierShare, ...]
    amount: Decimal
    exact: Decimal


def rated(
    usage: Iterable[RequestUsage], books: PriceBooks, rounding: Rounding = Rounding.HALF_UP
) -> list[Line]:
    """The lines of a period: for each book in the order of its moment, each price that applied.

    Raises:
        InvalidParameter: usage before the first book.
    """
    by_book: dict[int, list[RequestUsage]] = {book.from_us: [] for book in books.books}
    for request in usage:
        by_book[books.at(request.first_us).from_us].append(request)
    lines = []
    for book in books.books:
        for price in book.prices:
            line = _line(price, book, by_book[book.from_us], rounding)
            if line is not None:
                lines.append(line)
    return lines


def units_of(request: RequestUsage, price: Price) -> int:
    """What a price counts of a request; 0 where it is not for it."""
    if not _applies(price, request):
        return 0
    quantity = price.measure.of(request.amount)
    if quantity == 0:
        return 0
    blocks = -(-max(quantity, price.minimum) // price.block)
    return blocks * price.block * (request.channels if price.is_per_channel else 1)


def exact_amount(units: int, price: Price) -> tuple[Decimal, tuple[TierShare, ...]]:
    """What so many units of one period cost, and how they fall into tiers."""
    shares, total = [], Decimal(0)
    for number, tier in enumerate(price.tiers):
        following = price.tiers[number + 1].above if number + 1 < len(price.tiers) else units
        inside = max(0, min(units, following) - tier.above)
        if inside:
            shares.append(TierShare(inside, tier.amount))
            total = EXACT.add(total, EXACT.multiply(Decimal(inside), tier.amount))
    return EXACT.divide(total, Decimal(price.per)), tuple(shares)


def rounded(amount: Decimal, currency: str, rounding: Rounding = Rounding.HALF_UP) -> Decimal:
    """An amount that can be paid."""
    smallest = Decimal(1).scaleb(-MINOR_DIGITS[currency])
    return amount.quantize(smallest, rounding.value, EXACT)


def total(lines: Sequence[Line]) -> Decimal:
    """Of all lines, as they are rounded."""
    return sum((line.amount for line in lines), Decimal(0))


def _applies(price: Price, request: RequestUsage) -> bool:
    return (
        (not price.kinds or request.kind in price.kinds)
        and (not price.models or request.model in price.models)
        and (not price.feature or price.feature in request.features)
    )


def _line(
    price: Price, book: PriceBook, usage: Sequence[RequestUsage], rounding: Rounding
) -> Line | None:
    counted = [(units_of(request, price), request) for request in usage]
    counted = [(units, request) for units, request in counted if units]
    if not counted:
        return None
    units = sum(units for units, _ in counted)
    exact, shares = exact_amount(units, price)
    return Line(
        price,
        book.from_us,
        len(counted),
        sum(price.measure.of(request.amount) for _, request in counted),
        units,
        shares,
        rounded(exact, book.currency, rounding),
        exact,
    )
