"""Requests with features, and what each of three prices comes to: by the rules and by mistakes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from lab_kit.core.table import Table
from lab_kit.metering.event import Quantities
from lab_kit.metering.prices import MINUTE, SECOND, Price, PriceBook, PriceBooks
from lab_kit.metering.rating import RequestUsage, rated, rounded, units_of
from lab_kit.metering.schemes import HOUSE

PRICED = ("live sound", "recorded sound", "redaction")


@dataclass(frozen=True, slots=True)
class Group:
    """Requests that are like each other."""

    name: str
    count: int
    kind: str
    seconds: float
    channels: int
    features: tuple[str, ...]


GROUPS = (
    Group("calls", 1_000, "stream", 4.2, 2, ("redact",)),
    Group("notes", 500, "recording", 63.5, 1, ("redact",)),
    Group("menu", 2_000, "stream", 1.3, 1, ()),
)


@dataclass(frozen=True, slots=True)
class Mistake:
    """Another way to come to amounts."""

    what: str
    amounts: dict[str, Decimal]


def groups_table(groups: Sequence[Group] = GROUPS) -> Table:
    """A row for each group."""
    rows = [
        (
            one.name,
            one.kind,
            ", ".join(one.features) or "-",
            f"{one.count:,}",
            f"{one.seconds:g}",
            str(one.channels),
        )
        for one in groups
    ]
    head = ("", "kind", "asks for", "requests", "each, s", "channels")
    return Table("group of requests", head, rows, left=3)


def stack_prices_table() -> Table:
    """A row for each of the prices, with its rules."""
    rows = [
        (
            price.name,
            f"{price.tiers[0].amount} USD",
            "a minute" if price.per == MINUTE else "an hour",
            f"{price.block / SECOND:g} s, each request",
            "each" if price.is_per_channel else "all as one",
            price.feature or "all",
        )
        for price in _prices()
    ]
    head = ("", "amount", "for", "rounded up to", "channels", "asks for")
    return Table("price", head, rows, left=6)


def stack_amounts() -> dict[str, Decimal]:
    """What each price comes to, by the rules."""
    return _amounts(_prices(), _requests())


def stack_mistakes() -> list[Mistake]:
    """What each comes to where one rule is forgotten."""
    prices, requests = _prices(), _requests()
    return [
        Mistake("requests are not rounded up", _amounts(_each(prices, block=1), requests)),
        Mistake(
            "each channel counts, for a price that says so",
            _amounts(_each(prices, is_per_channel=False), requests),
        ),
        Mistake(
            "redaction is for a request, however many channels it has",
            _amounts(_each(prices, is_per_channel=True), requests),
        ),
        Mistake("only who asks for it pays for it", _amounts(_each(prices, feature=""), requests)),
        Mistake(
            "an amount is rounded once, for its line, not for each request",
            {price.name: _summed(price, requests, _to_cents) for price in prices},
        ),
    ]


def _amounts(prices: Sequence[Price], requests: Sequence[RequestUsage]) -> dict[str, Decimal]:
    books = PriceBooks([PriceBook("stack", "USD", 0, tuple(prices))])
    return {line.price.name: line.amount for line in rated(requests, books)}


def _summed(
    price: Price, requests: Sequence[RequestUsage], each: Callable[[Decimal], Decimal]
) -> Decimal:
    amounts = (
        each(units_of(one, price) * price.tiers[0].amount / Decimal(price.per)) for one in requests
    )
    return sum(amounts, Decimal(0))


def _to_cents(amount: Decimal) -> Decimal:
    return rounded(amount, "USD")


def _prices() -> list[Price]:
    return [one for one in HOUSE.prices if one.name in PRICED]


def _each(prices: Sequence[Price], **changed: object) -> list[Price]:
    return [replace(one, **changed) for one in prices]  # type: ignore[arg-type]


def _requests() -> list[RequestUsage]:
    found = []
    for group in GROUPS:
        us = round(group.seconds * SECOND)
        amount = Quantities(us, us, us)
        found += [
            RequestUsage(
                f"{group.name}-{number}",
                0,
                group.kind,
                "moonshine-tiny-en",
                amount,
                group.channels,
                group.features,
            )
            for number in range(group.count)
        ]
    return found
