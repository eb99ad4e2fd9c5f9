"""What a compute-second costs, and who brings less than they cost."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab_kit.core.errors import InvalidParameter
from lab_kit.metering.economics import (
    ONE_GPU,
    TWO_CORES,
    Machine,
    by_length,
    by_tenant,
    compute_second,
    revenue_by_request,
)
from lab_kit.metering.event import Quantities
from lab_kit.metering.prices import MINUTE, SECOND
from lab_kit.metering.rating import RequestUsage, rated
from lab_kit.metering.schemes import ALL, AMAZON, HOUSE

CENT_A_SECOND = Decimal("0.01")


def request(seconds: float, compute_s: float, name: str = "s") -> RequestUsage:
    amount = Quantities(billed_us=int(seconds * SECOND), compute_us=int(compute_s * SECOND))
    return RequestUsage(name, 0, "stream", "m", amount)


def test_a_machine_that_is_busy_half_the_time_is_twice_as_dear() -> None:
    machine = Machine("mine", Decimal("3.60"), workers=2)
    assert compute_second(machine, 1.0) == Decimal("0.0005")
    assert compute_second(machine, 0.5) == Decimal("0.001")


@pytest.mark.parametrize("machine", [TWO_CORES, ONE_GPU])
def test_list_prices_say_where_they_stand(machine: Machine) -> None:
    assert machine.source is not None
    assert compute_second(machine, 0.5) > 0


@pytest.mark.parametrize("utilisation", [0.0, -0.1, 1.1, float("nan")])
def test_a_share_of_time_is_one(utilisation: float) -> None:
    with pytest.raises(InvalidParameter, match="a utilisation of"):
        compute_second(TWO_CORES, utilisation)


def test_the_tenant_that_loses_money_comes_first() -> None:
    usage = {
        "long": [request(600, 1)] * 3,
        "short": [request(2, 0.5)] * 3,
        "none": [request(0, 2)],
    }
    found = by_tenant(usage, HOUSE.books, CENT_A_SECOND)
    assert [one.name for one in found] == ["none", "short", "long"]
    none, short, long = found
    assert (none.margin, none.margin_share) == (Decimal("-0.02"), None)
    assert short.margin == Decimal("0.0006") - Decimal("0.015")
    assert (long.revenue, long.cost, long.requests) == (Decimal("0.18"), Decimal("0.03"), 3)
    assert long.margin_share is not None
    assert round(long.margin_share, 3) == Decimal("0.833")


def test_margins_are_found_by_length() -> None:
    usage = {"a": [request(1, 0.5), request(600, 1)], "b": [request(1.9, 0.5)]}
    found = by_length(usage, HOUSE.books, CENT_A_SECOND)
    assert [(one.name, one.requests) for one in found] == [("0 to 2 s", 2), ("300 s and more", 1)]
    assert found[0].margin < 0 < found[1].margin


LENGTHS = st.lists(st.integers(0, 10 * MINUTE), max_size=8)


@settings(max_examples=200, deadline=None)
@given(LENGTHS, st.sampled_from(sorted(ALL)))
def test_what_requests_bring_is_what_lines_come_to(lengths: list[int], scheme: str) -> None:
    usage = [request(us / SECOND, 1, f"{place}") for place, us in enumerate(lengths)]
    books = ALL[scheme].books
    whole = sum((line.exact for line in rated(usage, books)), Decimal(0))
    earned = sum((revenue for _, revenue in revenue_by_request(usage, books)), Decimal(0))
    assert abs(whole - earned) < Decimal("1e-20")


def test_a_minimum_is_revenue_of_the_short_ones() -> None:
    earned = revenue_by_request([request(4, 1), request(60, 1)], AMAZON.books)
    assert [f"{revenue:.4f}" for _, revenue in earned] == ["0.0025", "0.0100"]
