"""Usage and prices in, amounts out: exact until the one place where an amount is rounded.

A request is rated by the book that held when it began, and blocks and minimums are the whole
request's: one that goes on in the next period is charged there what it adds to what it was charged
before. All units of a price are added up before they are priced, so that tiers are a period's:
where a book follows another, the price of the same name goes on in the tier that was reached. An
amount is rounded once, for its line.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from enum import StrEnum

from lab_kit.metering.event import Quantities
from lab_kit.metering.prices import MINOR_DIGITS, Measure, Price, PriceBook, PriceBooks

EXACT = Context(prec=120, rounding=ROUND_HALF_UP)
"""Digits: more than any quantity times any price has, so that only a division leaves some out. A
quotient that is not half of the smallest coin differs from it by more than what is left out: by at
least one part in what is divided by, which `MOST_PER` and `MOST_DIGITS` bound."""


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
        first_us: when it used something for the first time, since 1970.
        amount: in the period.
        features: that it asked for.
        channels: of its sound.
        before: what it had used before the period; None where it began in it.
    """

    stream: str
    first_us: int
    kind: str
    model: str
    amount: Quantities
    channels: int = 1
    features: tuple[str, ...] = ()
    before: Quantities | None = None


@dataclass(frozen=True, slots=True)
class Reach:
    """Where the units of a price begin in a period.

    Attributes:
        counted: units that an earlier book's price of the same name has counted in the period.
        included: units that cost nothing, the period's first.
    """

    counted: int = 0
    included: int = 0


NOTHING = Reach()


@dataclass(frozen=True, slots=True)
class TierShare:
    """What of a line's units falls into one tier, and what the tier's price is; 0 for units that
    are included."""

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
    usage: Iterable[RequestUsage],
    books: PriceBooks,
    rounding: Rounding = Rounding.HALF_UP,
    included: Mapping[str, int] | None = None,
) -> list[Line]:
    """The lines of a period: for each book in the order of its moment, each price that applied.

    Args:
        included: units that cost nothing, by the price's name: the period's first, which count for
            its tiers.

    Raises:
        InvalidParameter: usage before the first book.
    """
    by_book: dict[int, list[RequestUsage]] = {book.from_us: [] for book in books.books}
    for request in usage:
        by_book[books.at(request.first_us).from_us].append(request)
    free, counted = included or {}, Counter[str]()
    lines = []
    for book in books.books:
        for price in book.prices:
            reach = Reach(counted[price.name], free.get(price.name, 0))
            line = _line(price, book, by_book[book.from_us], rounding, reach)
            if line is not None:
                lines.append(line)
                counted[price.name] += line.units
    return lines


def units_of(request: RequestUsage, price: Price) -> int:
    """What a price counts of a request in the period; 0 where it is not for it."""
    if not applies(price, request):
        return 0
    if request.before is None:
        return _units(request, request.amount, price)
    whole = _units(request, request.before + request.amount, price)
    return whole - _units(request, request.before, price)


def applies(price: Price, request: RequestUsage) -> bool:
    """Whether a price is for a request."""
    return (
        (not price.kinds or request.kind in price.kinds)
        and (not price.models or request.model in price.models)
        and (not price.feature or price.feature in request.features)
    )


def exact_amount(
    units: int, price: Price, reach: Reach = NOTHING
) -> tuple[Decimal, tuple[TierShare, ...]]:
    """What so many units of one period cost, and how they fall into tiers."""
    end, paid_from = reach.counted + units, max(reach.counted, reach.included)
    free = min(end, paid_from) - reach.counted
    shares, total = [TierShare(free, Decimal(0))] if free else [], Decimal(0)
    for number, tier in enumerate(price.tiers):
        following = price.tiers[number + 1].above if number + 1 < len(price.tiers) else end
        inside = max(0, min(end, following) - max(tier.above, paid_from))
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


def _units(request: RequestUsage, amount: Quantities, price: Price) -> int:
    quantity = price.measure.of(amount)
    if quantity == 0:
        return 0
    blocks = -(-max(quantity, price.minimum) // price.block)
    return blocks * price.block * (request.channels if price.is_per_channel else 1)


def _quantity(request: RequestUsage, price: Price) -> int:
    if price.measure is Measure.REQUESTS:
        return 1 if request.before is None else 0
    return price.measure.of(request.amount)


def _line(
    price: Price, book: PriceBook, usage: Sequence[RequestUsage], rounding: Rounding, reach: Reach
) -> Line | None:
    counted = [
        (units_of(request, price), _quantity(request, price))
        for request in usage
        if applies(price, request)
    ]
    # what was used within a minimum that was charged before adds no units, and is told all the same
    counted = [(units, quantity) for units, quantity in counted if units or quantity]
    if not counted:
        return None
    units = sum(units for units, _ in counted)
    exact, shares = exact_amount(units, price, reach)
    return Line(
        price,
        book.from_us,
        len(counted),
        sum(quantity for _, quantity in counted),
        units,
        shares,
        rounded(exact, book.currency, rounding),
        exact,
    )
