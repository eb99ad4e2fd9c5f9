"""What things cost: price books, which are never changed, only followed by others.

Amounts are exact decimals and quantities whole numbers of the smallest unit that is counted: a
microsecond of sound, a character, a token, a request. Which of the quantities is billed, in what
blocks and with what minimum a request, is the price's own matter.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from lab_kit.core.errors import InvalidParameter
from lab_kit.metering.event import Quantities

SECOND, MINUTE, HOUR = 1_000_000, 60_000_000, 3_600_000_000
"""In microseconds, as sound and compute are counted."""
MOST_DIGITS, MOST_PER = 18, 10**12
"""Of an amount, before and behind its point; and of units that an amount is for. Far more than any
price has, and so few that rating stays exact."""
MINOR_DIGITS = {"USD": 2, "EUR": 2, "GBP": 2, "JPY": 0, "KWD": 3}
"""Digits behind the point of an amount that can be paid [Source: ISO 4217]."""


class Measure(StrEnum):
    """Which quantity a price is for."""

    BILLED = "billed sound"
    SUBMITTED = "submitted sound"
    PROCESSED = "processed sound"
    CHARACTERS = "characters"
    TOKENS = "tokens"
    COMPUTE = "compute"
    REQUESTS = "requests"

    def of(self, amount: Quantities) -> int:
        """Of one request's quantities, this one."""
        match self:
            case Measure.BILLED:
                return amount.billed_us
            case Measure.SUBMITTED:
                return amount.submitted_us
            case Measure.PROCESSED:
                return amount.processed_us
            case Measure.CHARACTERS:
                return amount.characters
            case Measure.TOKENS:
                return amount.tokens
            case Measure.COMPUTE:
                return amount.compute_us
            case Measure.REQUESTS:
                return 1


@dataclass(frozen=True, slots=True)
class Tier:
    """What is above so many units of a period costs this.

    Attributes:
        above: units, in the smallest that is counted.
        amount: for `Price.per` of them.
    """

    above: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Price:
    """One price.

    Attributes:
        name: as the invoice has it.
        per: for so many of the smallest unit the amounts are: `MINUTE`, 1,000 characters.
        tiers: by the period's units of one tenant, those of earlier books' prices of the same name
            with them; the first is above 0.
        block: a request's units are rounded up to whole ones of these.
        minimum: units that a request has at least, if it has any.
        kinds: of work that it is for; none for all.
        models: that it is for; none for all.
        feature: of requests that asked for this; empty for all.
        is_per_channel: each channel of the sound is counted.

    Raises:
        InvalidParameter: tiers that do not rise from 0, a block of nothing, or an amount that is
            negative or has more than `MOST_DIGITS`.
    """

    name: str
    measure: Measure
    per: int
    tiers: tuple[Tier, ...]
    block: int = 1
    minimum: int = 0
    kinds: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    feature: str = ""
    is_per_channel: bool = False

    def __post_init__(self) -> None:
        above = [tier.above for tier in self.tiers]
        if not above or above[0] != 0 or above != sorted(set(above)):
            raise InvalidParameter(
                f"tiers above {above} of {self.name}", "the first above 0, then rising", "sort them"
            )
        if not 1 <= self.per <= MOST_PER or self.block < 1 or self.minimum < 0:
            raise InvalidParameter(
                f"{self.name}: per {self.per}, block {self.block}, minimum {self.minimum}",
                f"per from 1 to {MOST_PER}, a block of at least 1, a minimum of at least 0",
                "state them in the smallest unit that is counted",
            )
        for tier in self.tiers:
            check_amount(tier.amount, self.name)


def check_amount(amount: Decimal, what: str) -> None:
    """Make sure that an amount is one that can be asked for.

    Raises:
        InvalidParameter: it is negative, none, or has too many digits.
    """
    if amount.is_finite() and amount >= 0:
        digits, exponent = amount.as_tuple().digits, int(amount.as_tuple().exponent)
        if len(digits) + max(exponent, 0) <= MOST_DIGITS and exponent >= -MOST_DIGITS:
            return
    raise InvalidParameter(
        f"{amount} as an amount of {what}",
        f"0 or more, with at most {MOST_DIGITS} digits before or behind the point",
        "give credits apart, and round what nobody pays",
    )


def flat(amount: str) -> tuple[Tier, ...]:
    """The same amount for every unit."""
    return (Tier(0, Decimal(amount)),)


@dataclass(frozen=True, slots=True)
class PriceBook:
    """All prices from some moment on.

    Attributes:
        name: of the scheme; its books follow each other.
        from_us: what was used from then on is rated by it, since 1970.
        source: where the prices stand.
    """

    name: str
    currency: str
    from_us: int
    prices: tuple[Price, ...]
    source: str = ""

    def __post_init__(self) -> None:
        if self.currency not in MINOR_DIGITS:
            raise InvalidParameter(
                f"the currency {self.currency}", ", ".join(MINOR_DIGITS), "choose one of these"
            )
        names = [price.name for price in self.prices]
        if len(set(names)) < len(names):
            raise InvalidParameter(f"prices named {names}", "each name once", "rename one")


class PriceBooks:
    """The books of one scheme, in the order of their moments.

    Raises:
        InvalidParameter: none, of more than one currency, or two from the same moment.
    """

    def __init__(self, books: Sequence[PriceBook]) -> None:
        self.books = tuple(sorted(books, key=lambda book: book.from_us))
        if not self.books or len({book.currency for book in self.books}) > 1:
            raise InvalidParameter(
                f"{len(self.books)} price books", "at least one, of one currency", "add one"
            )
        if len({book.from_us for book in self.books}) < len(self.books):
            raise InvalidParameter("two price books from one moment", "one", "remove the other")

    @property
    def currency(self) -> str:
        """Of all amounts."""
        return self.books[0].currency

    def at(self, time_us: int) -> PriceBook:
        """Which one holds for what was used then.

        Raises:
            InvalidParameter: it was used before the first.
        """
        for book in reversed(self.books):
            if book.from_us <= time_us:
                return book
        raise InvalidParameter(
            f"usage before the first price book of {self.books[0].name}",
            f"usage from {self.books[0].from_us} on",
            "add an earlier book",
        )
