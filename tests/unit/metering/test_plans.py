"""Fees by days, commitments, included units, and credits in the order in which they expire."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab_kit.core.errors import InvalidParameter
from lab_kit.metering.period import DAY_US, Period
from lab_kit.metering.plans import (
    Account,
    Credit,
    Plan,
    commitment_of,
    included_units,
    payments,
    plan_shares,
)
from lab_kit.metering.rating import Rounding

NOVEMBER = Period.month("2026-11")


def day(number: int, hour: int = 0) -> int:
    return NOVEMBER.from_us + (number - 1) * DAY_US + hour * 3_600_000_000


def account(*plans: Plan, until_us: int | None = None) -> Account:
    return Account("acme", "USD", plans, (), until_us)


def shares(*plans: Plan, until_us: int | None = None) -> list[tuple[str, int, int]]:
    found = plan_shares(account(*plans, until_us=until_us), NOVEMBER)
    return [(one.plan.name, one.days, one.of_days) for one in found]


def test_a_plan_of_before_has_the_whole_month() -> None:
    assert shares(Plan("a", 0)) == [("a", 30, 30)]


def test_the_day_on_which_a_plan_begins_is_its_own() -> None:
    assert shares(Plan("a", 0), Plan("b", day(11, 23))) == [("a", 10, 30), ("b", 20, 30)]
    assert shares(Plan("b", day(30, 23))) == [("b", 1, 30)]


def test_a_plan_that_ends_on_a_day_does_not_have_it() -> None:
    assert shares(Plan("a", 0), until_us=day(11, 12)) == [("a", 10, 30)]
    assert shares(Plan("a", 0), until_us=day(1)) == []


def test_a_plan_that_never_held_at_the_end_of_a_day_has_none() -> None:
    assert shares(Plan("a", day(3)), Plan("b", day(3, 1))) == [("b", 28, 30)]


@given(st.lists(st.integers(0, 30 * 24), min_size=1, max_size=5, unique=True))
def test_each_day_belongs_to_one_plan(hours: list[int]) -> None:
    plans = [Plan(f"{hour}", day(1, hour)) for hour in hours]
    counted = sum(days for _, days, _ in shares(*plans))
    assert counted == 30 - min(hours) // 24 if min(hours) < 720 else counted == 0


def test_commitments_and_included_units_have_the_shares_of_their_plans() -> None:
    plans = (
        Plan("a", 0, commitment=Decimal(100), included=(("sound", 10),)),
        Plan("b", day(11), commitment=Decimal(10)),
    )
    found = plan_shares(account(*plans), NOVEMBER)
    assert commitment_of(found, "USD", Rounding.HALF_UP) == Decimal("40.00")
    assert included_units(found) == {"sound": 3}


def test_a_period_of_two_months_has_no_fee() -> None:
    with pytest.raises(InvalidParameter, match="inside one month"):
        plan_shares(account(), Period(day(30), day(32)))


def credit(name: str, amount: str, from_day: int, until_day: int) -> Credit:
    return Credit(name, Decimal(amount), day(from_day), day(until_day))


def paid(total: str, *credits: Credit, **used: str) -> list[tuple[str, str]]:
    of = Account("acme", "USD", (), credits)
    spent = {name: Decimal(amount) for name, amount in used.items()}
    return [
        (one.name, str(amount)) for one, amount in payments(of, NOVEMBER, spent, Decimal(total))
    ]


def test_the_credit_that_expires_first_pays_first() -> None:
    late, soon = credit("late", "50.00", 0, 90), credit("soon", "10.00", 5, 20)
    assert paid("30.00", late, soon) == [("soon", "10.00"), ("late", "20.00")]
    assert paid("30.00", late, soon, soon="8.00", late="45.00") == [
        ("soon", "2.00"),
        ("late", "5.00"),
    ]


def test_a_credit_that_expired_before_a_period_or_begins_behind_it_pays_nothing() -> None:
    assert paid("30.00", credit("old", "50.00", -60, 1), credit("new", "50.00", 31, 90)) == []


def test_no_more_than_a_credit_has_is_paid_by_it() -> None:
    assert paid("30.00", credit("half", "1.009", 0, 90)) == [("half", "1.00")]
    assert paid("30.00", credit("half", "1.009", 0, 90), half="1.00") == []


@pytest.mark.parametrize("total", ["0.00", "-5.00"])
def test_what_is_owed_to_the_tenant_takes_no_credit(total: str) -> None:
    assert paid(total, credit("a", "50.00", 0, 90)) == []


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Account("acme", "XYZ"),
        lambda: account(Plan("a", 0), Plan("b", 0)),
        lambda: Account("acme", "USD", (), (credit("a", "1", 0, 9), credit("a", "2", 0, 9))),
        lambda: Plan("a", 0, Decimal(-1)),
        lambda: Plan("a", 0, included=(("sound", -1),)),
        lambda: Plan("a", 0, included=(("sound", 1), ("sound", 2))),
        lambda: credit("a", "1", 9, 9),
    ],
)
def test_agreements_that_contradict_themselves_are_refused(wrong) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidParameter):
        wrong()
