"""Whose work is costly, beside what others' usually costs."""

from lab_kit.access.costly import costly
from lab_kit.access.estimate import Estimate


def test_a_few_expensive_requests_show_and_a_flood_of_cheap_ones_does_not() -> None:
    spent = {"a": (100, 10.0), "b": (50, 6.0), "c": (30, 2.0)}
    flood = {"flood": (1_000_000, 90_000.0)}
    stolen = {"stolen": (40, 120.0)}
    assert costly({**spent, **flood, **stolen}) == {"stolen"}


def test_nobody_is_costly_where_little_is_known() -> None:
    assert costly({"a": (100, 1.0), "b": (100, 500.0)}) == frozenset()
    assert costly({"a": (100, 1.0), "b": (99, 1.0), "c": (98, 1.0), "d": (19, 900.0)}) == set()
    assert costly({}) == frozenset()


def test_long_work_teaches_more_than_short() -> None:
    estimate = Estimate(0.1)
    assert estimate.cost_s(10.0) == 1.0
    for _ in range(20):
        estimate.learn(1.0, 0.0)
    assert estimate.cost_s(1.0) > 0.05
    estimate.learn(6_000.0, 600.0)
    assert abs(estimate.cost_s(1.0) - 0.1) < 0.001
    estimate.learn(0.0, 99.0)
    assert estimate.cost_s(1.0) < 0.11, "what it was for is not known"
