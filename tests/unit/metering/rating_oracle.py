"""What usage costs, worked out slowly: in fractions, one request after the other, tier by tier.

It shares no code with what it checks but the classes that hold usage and prices.
"""

from fractions import Fraction

from lab_kit.metering.event import Quantities
from lab_kit.metering.prices import MINOR_DIGITS, Price, PriceBook
from lab_kit.metering.rating import RequestUsage

_FIELDS = {
    "billed sound": "billed_us",
    "submitted sound": "submitted_us",
    "processed sound": "processed_us",
    "characters": "characters",
    "tokens": "tokens",
    "compute": "compute_us",
}


class Meter:
    """Counts up the units of one price in one period."""

    def __init__(self, price: Price, free: int, begin: int) -> None:
        self.price, self.free = price, free
        self.units, self.cost = begin, Fraction(0)

    def add(self, units: int) -> None:
        while units:
            step = min(units, self._until_next_change())
            if self.units >= self.free:
                self.cost += step * Fraction(str(self._tier_amount())) / self.price.per
            self.units += step
            units -= step

    def _until_next_change(self) -> int:
        changes = [tier.above for tier in self.price.tiers] + [self.free]
        ahead = [change - self.units for change in changes if change > self.units]
        return min(ahead, default=10**30)

    def _tier_amount(self) -> object:
        return [tier.amount for tier in self.price.tiers if tier.above <= self.units][-1]


def charged_units(price: Price, request: RequestUsage, used: Quantities) -> int:
    """Of what a request has used since it began."""
    if price.measure.value == "requests":
        used_units = 1
    else:
        used_units = getattr(used, _FIELDS[price.measure.value])
    if used_units == 0:
        return 0
    units = max(used_units, price.minimum)
    while units % price.block:  # blocks are small here, or this would never end
        units += 1
    return units * request.channels if price.is_per_channel else units


def is_for(price: Price, request: RequestUsage) -> bool:
    if price.kinds and request.kind not in price.kinds:
        return False
    if price.models and request.model not in price.models:
        return False
    return price.feature == "" or price.feature in request.features


def costs(
    usage: list[RequestUsage], books: list[PriceBook], included: dict[str, int]
) -> dict[tuple[int, str], tuple[int, Fraction]]:
    """Units and cost of each price of each book that counted something."""
    counted: dict[str, int] = {}
    found = {}
    for book in sorted(books, key=lambda one: one.from_us):
        later = [one.from_us for one in books if one.from_us > book.from_us]
        mine = [one for one in usage if book.from_us <= one.first_us < min(later, default=10**30)]
        for price in book.prices:
            begin = counted.get(price.name, 0)
            meter = Meter(price, included.get(price.name, 0), begin)
            for request in mine:
                if is_for(price, request):
                    before = 0
                    whole = request.amount
                    if request.before is not None:
                        before = charged_units(price, request, request.before)
                        whole = whole + request.before
                    meter.add(charged_units(price, request, whole) - before)
            counted[price.name] = meter.units
            if meter.units > begin:
                found[book.from_us, price.name] = (meter.units - begin, meter.cost)
    return found


def rounded(cost: Fraction, currency: str, rule: str) -> Fraction:
    """An amount in whole coins: by halves, in whole numbers, not in decimals."""
    coins = cost * 10 ** MINOR_DIGITS[currency]
    whole, rest = divmod(coins.numerator, coins.denominator)
    twice = 2 * rest
    is_up = {
        "ROUND_HALF_UP": twice >= coins.denominator,
        "ROUND_HALF_EVEN": twice > coins.denominator
        or (twice == coins.denominator and whole % 2 == 1),
        "ROUND_UP": rest > 0,
        "ROUND_DOWN": False,
    }[rule]
    return Fraction(whole + is_up, 10 ** MINOR_DIGITS[currency])
