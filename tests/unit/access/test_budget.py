"""A budget of compute: whatever comes in whatever order, never more than was allowed."""

import math
import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab_kit.access.budget import Allowance, Budget
from lab_kit.core.errors import InvalidParameter

SIX_HUNDRED = Allowance(600.0, 600.0)


def test_ten_minutes_of_compute_are_ten_long_clips_or_six_hundred_short_ones() -> None:
    long, short = Budget(SIX_HUNDRED, 0.0), Budget(SIX_HUNDRED, 0.0)
    for _ in range(10):
        long.reserve(60.0, 0.0)
    assert long.wait_s(60.0, 0.0) == pytest.approx(6.0)
    for _ in range(600):
        short.reserve(1.0, 0.0)
    assert short.wait_s(1.0, 0.0) == pytest.approx(0.1)
    assert long.wait_s(60.0, 6.0) == short.wait_s(1.0, 0.1) == 0.0


def test_who_waits_as_long_as_told_is_let_in() -> None:
    budget = Budget(Allowance(7.0, 3.0), 0.0)
    now_s = 0.0
    for cost_s in (3.0, 0.1, 2.9, 1 / 3, 3.0):
        now_s += budget.wait_s(cost_s, now_s)
        budget.reserve(cost_s, now_s)
    assert now_s == pytest.approx((3.0 + 0.1 + 2.9 + 1 / 3) / 7 * 60)


def test_more_than_a_burst_never_fits() -> None:
    budget = Budget(Allowance(60.0, 2.0), 0.0)
    assert budget.wait_s(2.1, 1e6) == math.inf
    with pytest.raises(ValueError, match="do not fit"):
        budget.reserve(2.1, 1e6)


def test_what_was_not_used_comes_back_at_once() -> None:
    budget = Budget(Allowance(60.0, 10.0), 0.0)
    one = budget.reserve(10.0, 0.0)
    assert budget.left_s(1.0) == pytest.approx(1.0)
    budget.settle(one, 2.0, 1.0)
    assert budget.left_s(1.0) == pytest.approx(9.0)


def test_what_drained_does_not_come_back() -> None:
    budget = Budget(Allowance(60.0, 10.0), 0.0)
    one = budget.reserve(10.0, 0.0)
    two = budget.reserve(10.0, 10.0)
    budget.settle(one, 0.0, 10.0)
    assert budget.left_s(10.0) == pytest.approx(0.0), "the room that it made is the other's"
    budget.settle(two, 0.0, 10.0)
    assert budget.left_s(10.0) == pytest.approx(10.0)


def test_a_refund_sinks_what_lies_above_it() -> None:
    budget = Budget(Allowance(60.0, 10.0), 0.0)
    one, two = budget.reserve(5.0, 0.0), budget.reserve(5.0, 0.0)
    budget.settle(one, 0.0, 0.0)
    budget.reserve(5.0, 5.0)
    budget.settle(two, 0.0, 6.0)
    assert budget.left_s(6.0) == pytest.approx(6.0), "the second had drained by 5 s"


def test_what_cost_more_has_to_drain_first() -> None:
    budget = Budget(Allowance(60.0, 10.0), 0.0)
    budget.settle(budget.reserve(1.0, 0.0), 25.0, 0.0)
    assert budget.left_s(0.0) == pytest.approx(-15.0)
    assert budget.wait_s(1.0, 0.0) == pytest.approx(16.0)


def test_another_allowance_counts_at_once_and_forgives_nothing() -> None:
    budget = Budget(Allowance(60.0, 10.0), 0.0)
    budget.reserve(10.0, 0.0)
    budget.change(Allowance(600.0, 100.0), 0.0)
    assert budget.left_s(0.0) == pytest.approx(90.0)
    budget.change(Allowance(6.0, 1.0), 0.0)
    assert budget.wait_s(1.0, 0.0) == pytest.approx(100.0)


def test_a_clock_that_goes_backwards_gives_nothing() -> None:
    budget = Budget(Allowance(60.0, 10.0), 100.0)
    budget.reserve(10.0, 100.0)
    assert budget.left_s(50.0) == pytest.approx(0.0)
    assert budget.left_s(101.0) == pytest.approx(1.0)


@pytest.mark.parametrize(("per_min_s", "burst_s"), [(0, 1), (1, 0), (-1, 1), (math.inf, 1)])
def test_an_allowance_of_nothing_or_everything_is_refused(per_min_s: float, burst_s: float) -> None:
    with pytest.raises(InvalidParameter):
        Allowance(per_min_s, burst_s)


def test_nothing_is_settled_twice() -> None:
    budget = Budget(SIX_HUNDRED, 0.0)
    one = budget.reserve(1.0, 0.0)
    budget.settle(one, 0.5, 0.0)
    with pytest.raises(KeyError):
        budget.settle(one, 0.5, 0.0)


@dataclass
class Simulated:
    """A budget, and a history of what was let through it, to be looked at from outside.

    Attributes:
        charges: by the moment when they were let in, as settled by now.
        extra: what was used beyond reservations, by the moment when that was found out.
    """

    allowance: Allowance
    now_s: float = 0.0
    open: list[int] = field(default_factory=list)
    charges: dict[int, list[float]] = field(default_factory=dict)
    extra: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.budget = Budget(self.allowance, 0.0)

    def come(self, after_s: float, cost_s: float) -> None:
        """A request arrives; it is let in, or told how long to wait."""
        self.now_s += after_s
        wait_s = self.budget.wait_s(cost_s, self.now_s)
        if wait_s > 0:
            assert wait_s == math.inf or self.budget.wait_s(cost_s, self.now_s + wait_s) == 0.0
            return
        number = self.budget.reserve(cost_s, self.now_s)
        self.open.append(number)
        self.charges[number] = [self.now_s, cost_s]

    def settle(self, after_s: float, which: int, share: float) -> None:
        """One that is open ends, and cost that share of what was reserved."""
        self.now_s += after_s
        if not self.open:
            return
        number = self.open.pop(which % len(self.open))
        reserved_s = self.charges[number][1]
        self.budget.settle(number, share * reserved_s, self.now_s)
        self.charges[number][1] = min(1.0, share) * reserved_s
        if share > 1:
            self.extra.append((self.now_s, (share - 1) * reserved_s))

    def crash(self) -> None:
        """The owners of all open reservations are gone; nobody settles them."""
        self.open.clear()

    def check(self) -> None:
        """Every stretch of time, from one charge to a later one, against the allowance.

        What was used beyond reservations is no fault of the budget's. It may be the reason for less
        later, never for more.
        """
        charges = sorted(tuple(one) for one in self.charges.values())
        per_s, burst_s = self.allowance.per_s, self.allowance.burst_s
        # the worst stretch that ends at each charge, by what it exceeds its share of the rate
        worst = 0.0
        before_s = 0.0
        for at_s, cost_s in charges:
            worst = max(0.0, worst - per_s * (at_s - before_s)) + cost_s
            before_s = at_s
            assert worst <= burst_s * (1 + 1e-9) + 1e-4, (at_s, worst, burst_s)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("come"), st.floats(0, 5), st.floats(0, 12)),
        st.tuples(st.just("settle"), st.floats(0, 5), st.integers(0, 9), st.floats(0, 2)),
        st.tuples(st.just("crash")),
    ),
    max_size=60,
)


@given(STEPS, st.floats(1, 600), st.floats(0.5, 20))
@settings(max_examples=500, deadline=None)
def test_no_order_of_events_gets_more_than_was_allowed(
    steps: list[tuple[str, float]], per_min_s: float, burst_s: float
) -> None:
    simulated = Simulated(Allowance(per_min_s, burst_s))
    for name, *values in steps:
        getattr(simulated, name)(*values)
        simulated.check()


def test_thousands_of_random_schedules_get_no_more_than_was_allowed() -> None:
    """As above, and long: with refunds that come late, early, and in every order."""
    chance = random.Random(20)
    for _ in range(2_000):
        run_schedule(chance)


def run_schedule(chance: random.Random, events: int = 80) -> None:
    """One random schedule, checked at its end."""
    burst_s = 10 ** chance.uniform(-1, 3)
    simulated = Simulated(Allowance(10 ** chance.uniform(0, 4), burst_s))
    gap_s = burst_s / simulated.allowance.per_s * 10 ** chance.uniform(-3, 0.5)
    for _ in range(events):
        after_s = chance.choice((0.0, chance.expovariate(1 / gap_s)))
        if chance.random() < 0.6:
            simulated.come(after_s, burst_s * chance.choice((chance.random(), 1.0, 0.01)))
        elif chance.random() < 0.98:
            share = chance.choice((0.0, 1.0, chance.random(), 1.0 + chance.random()))
            simulated.settle(after_s, chance.randrange(10), share)
        else:
            simulated.crash()
    simulated.check()
