"""Plans: when requests are due, before any is made."""

from itertools import pairwise
from statistics import mean, pstdev

import pytest

from lab_kit.core.errors import InvalidParameter
from lab_kit.experiments.load import Constant, Poisson


def test_a_timer_is_regular() -> None:
    assert Constant(4.0, 1.0).times_s() == (0.0, 0.25, 0.5, 0.75)
    assert len(Constant(0.1, 30.0).times_s()) == 3


def test_people_are_not() -> None:
    """Gaps of independent arrivals scatter as much as they are long."""
    times = Poisson(50.0, 200.0, seed=3).times_s()
    gaps = [b - a for a, b in pairwise(times)]
    assert len(times) == pytest.approx(10_000, rel=0.05)
    assert pstdev(gaps) == pytest.approx(mean(gaps), rel=0.1)
    assert all(gap > 0 for gap in gaps)
    assert times[-1] < 200.0


def test_a_seed_is_one_pattern_at_every_rate() -> None:
    slow, fast = Poisson(1.0, 100.0, seed=7).times_s(), Poisson(2.0, 50.0, seed=7).times_s()
    assert slow == pytest.approx([2 * at_s for at_s in fast])
    assert Poisson(1.0, 100.0, seed=7).times_s() == slow
    assert Poisson(1.0, 100.0, seed=8).times_s() != slow


@pytest.mark.parametrize(("rate_per_s", "seconds"), [(0, 1), (-1, 1), (1, 0), (float("nan"), 1)])
def test_a_plan_without_a_rate_or_a_length_is_refused(rate_per_s: float, seconds: float) -> None:
    with pytest.raises(InvalidParameter):
        Constant(rate_per_s, seconds)
    with pytest.raises(InvalidParameter):
        Poisson(rate_per_s, seconds, seed=0)
