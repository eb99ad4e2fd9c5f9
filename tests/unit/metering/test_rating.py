"""Rating against an oracle that works in fractions, and the rules that it follows one by one."""

import random
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
import rating_oracle
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lab_kit.core.errors import InvalidParameter
from lab_kit.metering.event import Quantities
from lab_kit.metering.prices import (
    MINUTE,
    MOST_PER,
    SECOND,
    Measure,
    Price,
    PriceBook,
    PriceBooks,
    Tier,
    flat,
)
from lab_kit.metering.rating import RequestUsage, Rounding, rated, rounded, total, units_of

KINDS, MODELS, FEATURES = ("stream", "recording"), ("m", "n"), ("redact", "numerals")
SOME_US = st.one_of(st.integers(0, 200), st.integers(0, 10**12), st.just(2**63 - 1))
QUANTITIES = st.builds(Quantities, *[SOME_US] * 6)
REQUESTS = st.builds(
    RequestUsage,
    st.uuids().map(str),
    st.integers(0, 99),
    st.sampled_from(KINDS),
    st.sampled_from(MODELS),
    QUANTITIES,
    st.integers(1, 3),
    st.lists(st.sampled_from(FEATURES), max_size=2, unique=True).map(tuple),
    st.none() | QUANTITIES,
)
AMOUNTS = st.decimals(0, 1000, allow_nan=False, allow_infinity=False, places=6) | st.decimals(
    0, "0.000001", places=18
)


@st.composite
def prices(draw: st.DrawFn) -> Price:
    steps = draw(st.lists(st.integers(1, 10**6) | st.integers(1, 50), max_size=3))
    above = [0, *[sum(steps[: one + 1]) for one in range(len(steps))]]
    return Price(
        draw(st.sampled_from("abcd")),
        draw(st.sampled_from(Measure)),
        draw(st.sampled_from([1, 3, 1_000, MINUTE, MOST_PER])),
        tuple(Tier(one, draw(AMOUNTS)) for one in above),
        draw(st.integers(1, 40)),
        draw(st.integers(0, 300)),
        draw(st.sampled_from([(), KINDS[:1]])),
        draw(st.sampled_from([(), MODELS[:1]])),
        draw(st.sampled_from(["", *FEATURES])),
        draw(st.booleans()),
    )


@st.composite
def some_books(draw: st.DrawFn) -> list[PriceBook]:
    currency = draw(st.sampled_from(["USD", "JPY", "KWD"]))
    moments = [0, *draw(st.lists(st.integers(1, 99), max_size=2, unique=True))]
    return [
        PriceBook(
            "lab",
            currency,
            moment,
            tuple(draw(st.lists(prices(), max_size=3, unique_by=lambda one: one.name))),
        )
        for moment in moments
    ]


@settings(max_examples=1_500, deadline=None)
@given(
    st.lists(REQUESTS, max_size=6),
    some_books(),
    st.dictionaries(st.sampled_from("abcd"), st.integers(0, 500), max_size=2),
    st.sampled_from(Rounding),
)
def test_rating_agrees_with_the_oracle(
    usage: list[RequestUsage],
    books: list[PriceBook],
    included: dict[str, int],
    rounding: Rounding,
) -> None:
    expected = rating_oracle.costs(usage, books, included)
    lines = rated(usage, PriceBooks(books), rounding, included)
    found = {(one.book_from_us, one.price.name): one for one in lines if one.units}
    assert found.keys() == expected.keys()
    currency = books[0].currency
    for key, (units, cost) in expected.items():
        line = found[key]
        assert line.units == units == sum(share.units for share in line.shares)
        paid = rating_oracle.rounded(cost, currency, rounding)
        assert Fraction(str(line.amount)) == paid
        assert abs(Fraction(str(line.exact)) - cost) < Fraction(1, 10**60)
    assert total(lines) == sum((line.amount for line in lines), Decimal(0))


@settings(max_examples=1_000, deadline=None)
@given(
    st.integers(0, 10**15),
    st.integers(1, MOST_PER),
    st.sampled_from(["USD", "JPY", "KWD"]),
    st.sampled_from(Rounding),
)
@example(1, 200, "USD", Rounding.HALF_UP)
@example(1, 2, "JPY", Rounding.HALF_EVEN)
def test_an_amount_is_rounded_as_its_rule_says(
    units: int, per: int, currency: str, rounding: Rounding
) -> None:
    """Also where it is half a coin, or half a coin less the least that a price can make."""
    price = Price("a", Measure.TOKENS, per, flat("1"))
    usage = [RequestUsage("s", 0, "stream", "m", Quantities(tokens=units))]
    lines = rated(usage, PriceBooks([PriceBook("lab", currency, 0, (price,))]), rounding)
    expected = rating_oracle.rounded(Fraction(units, per), currency, rounding)
    assert Fraction(str(total(lines))) == expected


@settings(deadline=None)
@given(st.lists(REQUESTS, max_size=8), some_books(), st.integers(0, 9))
def test_the_order_of_requests_does_not_matter(
    usage: list[RequestUsage], books: list[PriceBook], seed: int
) -> None:
    again = list(usage)
    random.Random(seed).shuffle(again)
    assert rated(usage, PriceBooks(books)) == rated(again, PriceBooks(list(reversed(books))))


@settings(deadline=None)
@given(prices(), REQUESTS, QUANTITIES, QUANTITIES)
def test_a_request_over_several_periods_is_charged_as_one(
    price: Price, request: RequestUsage, second: Quantities, third: Quantities
) -> None:
    first = replace(request, before=None)
    parts = [
        first,
        replace(first, amount=second, before=first.amount),
        replace(first, amount=third, before=first.amount + second),
    ]
    whole = replace(first, amount=first.amount + second + third)
    assert sum(units_of(one, price) for one in parts) == units_of(whole, price)


def usage_of(*seconds: float, **changes: object) -> list[RequestUsage]:
    one = RequestUsage("s", 0, "stream", "m", Quantities())
    return [
        replace(one, amount=Quantities(billed_us=int(s * SECOND)), **changes)  # type: ignore[arg-type]
        for s in seconds
    ]


def lines_of(price: Price, usage: list[RequestUsage], *later: PriceBook) -> list[str]:
    books = PriceBooks([PriceBook("lab", "USD", 0, (price,)), *later])
    return [f"{one.units // SECOND} s {one.amount}" for one in rated(usage, books)]


def minutes(amount: str, **more: object) -> Price:
    return Price("sound", Measure.BILLED, MINUTE, flat(amount), **more)  # type: ignore[arg-type]


def test_a_minimum_is_each_requests() -> None:
    price = minutes("0.6", block=SECOND, minimum=15 * SECOND)
    assert lines_of(price, usage_of(4, 4.5, 20.1)) == ["51 s 0.51"]


def test_a_minimum_is_charged_once_over_two_periods() -> None:
    price = minutes("0.6", block=SECOND, minimum=15 * SECOND)
    assert lines_of(price, usage_of(4)) == ["15 s 0.15"]
    within = usage_of(5, before=Quantities(billed_us=4 * SECOND))
    (line,) = rated(within, PriceBooks([PriceBook("lab", "USD", 0, (price,))]))
    assert (line.units, line.quantity, line.amount) == (0, 5 * SECOND, Decimal("0.00"))
    beyond = usage_of(12, before=Quantities(billed_us=4 * SECOND))
    assert lines_of(price, beyond) == ["1 s 0.01"]


def test_a_book_that_begins_inside_a_period_goes_on_in_the_tier_that_was_reached() -> None:
    tiers = (Tier(0, Decimal("0.60")), Tier(60 * SECOND, Decimal("0.06")))
    price = Price("sound", Measure.BILLED, MINUTE, tiers)
    later = PriceBook("lab", "USD", 50, (price,))
    assert lines_of(price, usage_of(60, 60)) == ["120 s 0.66"]
    after = usage_of(60, first_us=50)
    assert lines_of(price, usage_of(60) + after, later) == ["60 s 0.60", "60 s 0.06"]


def test_a_request_keeps_the_book_that_it_began_with() -> None:
    later = PriceBook("lab", "USD", 50, (minutes("6"),))
    going_on = usage_of(60, first_us=49, before=Quantities(billed_us=1))
    assert lines_of(minutes("0.6"), going_on, later) == ["60 s 0.60"]


def test_what_is_included_counts_for_tiers_and_is_used_up_over_books() -> None:
    tiers = (Tier(0, Decimal(6)), Tier(60 * SECOND, Decimal("0.6")))
    price = Price("sound", Measure.BILLED, MINUTE, tiers)
    books = PriceBooks([PriceBook("lab", "USD", moment, (price,)) for moment in (0, 50)])
    usage = usage_of(60) + usage_of(60, first_us=50)
    lines = rated(usage, books, included={"sound": 90 * SECOND})
    assert [one.amount for one in lines] == [Decimal("0.00"), Decimal("0.30")]
    assert [share.units for one in lines for share in one.shares] == [
        60 * SECOND,
        30 * SECOND,
        30 * SECOND,
    ]


def test_usage_before_the_first_book_is_not_given_away() -> None:
    books = PriceBooks([PriceBook("lab", "USD", 10, (minutes("1"),))])
    with pytest.raises(InvalidParameter, match="before the first price book"):
        rated(usage_of(1, first_us=9), books)


@pytest.mark.parametrize(
    "amount", ["-1", "NaN", "Infinity", "1E-19", "1E+18", "1.000000000000000001"]
)
def test_amounts_that_could_not_be_rated_exactly_are_refused(amount: str) -> None:
    with pytest.raises(InvalidParameter, match="as an amount of sound"):
        minutes(amount)


@pytest.mark.parametrize("above", [[], [1], [0, 0], [0, 5, 3]])
def test_tiers_rise_from_nothing(above: list[int]) -> None:
    with pytest.raises(InvalidParameter, match="tiers"):
        Price("a", Measure.BILLED, 1, tuple(Tier(one, Decimal(1)) for one in above))


def test_a_currency_has_its_own_coins() -> None:
    assert str(rounded(Decimal("1.2345"), "JPY")) == "1"
    assert str(rounded(Decimal("1.2345"), "KWD")) == "1.235"
