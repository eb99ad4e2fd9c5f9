"""Any number of callers at once use no more than there is, whatever they reserve and use."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab_kit.access.balance import Balance
from lab_kit.core.errors import InvalidParameter

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("reserve"), st.integers(0, 40)),
        st.tuples(st.just("settle"), st.integers(0, 60), st.integers(0, 10)),
        st.tuples(st.just("add"), st.integers(0, 50)),
    ),
    max_size=80,
)


@settings(max_examples=500)
@given(st.integers(0, 200), STEPS)
def test_never_more_is_used_than_was_there(first: int, steps: list[tuple[str, int, int]]) -> None:
    balance, given_units, used = Balance(first), first, 0
    open_: list[tuple[int, int]] = []
    for what, units, *which in steps:
        if what == "reserve":
            fits = units <= balance.free
            try:
                open_.append((balance.reserve(units), units))
            except ValueError:
                assert not fits
            else:
                assert fits
        elif what == "add":
            balance.add(units)
            given_units += units
        elif open_:
            number, _ = open_.pop(which[0] % len(open_))
            balance.settle(number, units)
            used += units
        assert balance.left >= 0
        assert balance.left + (used - balance.unpaid) == given_units
        # what is reserved is there for whoever reserved it
        assert balance.left >= sum(units for _, units in open_)


def test_who_uses_no_more_than_was_reserved_is_never_unpaid() -> None:
    balance = Balance(100)
    numbers = [balance.reserve(1) for _ in range(100)]
    with pytest.raises(ValueError, match="1 of 0"):
        balance.reserve(1)
    for number in numbers:
        balance.settle(number, 1)
    assert (balance.left, balance.unpaid) == (0, 0)


def test_a_reservation_is_settled_once() -> None:
    balance = Balance(5)
    number = balance.reserve(5)
    balance.settle(number, 0)
    with pytest.raises(KeyError):
        balance.settle(number, 0)


def test_nothing_is_taken_back() -> None:
    with pytest.raises(InvalidParameter):
        Balance(5).add(-1)
