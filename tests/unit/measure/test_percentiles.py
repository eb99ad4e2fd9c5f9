"""Percentiles that were observed, and how many samples one needs."""

import pytest

from lab_kit.measure.percentiles import can_show, percentile, percentile_interval


@pytest.mark.parametrize(
    ("share", "value"), [(0.01, 1), (0.5, 50), (0.95, 95), (0.951, 96), (0.99, 99), (1, 100)]
)
def test_a_percentile_is_the_value_at_its_rank(share: float, value: int) -> None:
    assert percentile(range(100, 0, -1), share) == value


def test_it_is_always_a_value_that_was_seen() -> None:
    assert percentile([1.0, 10.0], 0.5) == 1.0
    assert percentile([3.0], 0.95) == 3.0
    assert percentile([1.0] * 19 + [9.0], 0.95) == 1.0
    assert percentile([1.0] * 18 + [9.0, float("inf")], 0.95) == 9.0


def test_a_share_that_floats_cannot_hold_does_not_slip_a_rank() -> None:
    """0.29 x 100 is 28.999999999999996, and 0.07 x 100 is 7.000000000000001."""
    hundred = list(range(1, 101))
    assert [percentile(hundred, n / 100) for n in range(1, 101)] == hundred


@pytest.mark.parametrize("share", [0, -0.5, 1.5, 95])
def test_a_share_is_a_share(share: float) -> None:
    with pytest.raises(ValueError, match=r"p95 is 0\.95"):
        percentile([1.0], share)


def test_no_values_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_how_many_samples_show_a_percentile() -> None:
    assert not can_show(58, 0.95)
    assert can_show(59, 0.95)
    assert not can_show(298, 0.99)
    assert can_show(299, 0.99)


def test_the_interval_of_a_median_is_that_of_the_sign_test() -> None:
    """Of ten values the second and the ninth: outside them 2 x 1.07 %; the third would be 11 %."""
    assert percentile_interval(range(1, 11), 0.5) == (2, 9)


def test_few_values_leave_the_tail_open_to_the_largest() -> None:
    low, high = percentile_interval(range(1, 21), 0.95)
    assert (low, high) == (17, 20)


def test_an_interval_holds_its_percentile_and_narrows() -> None:
    few, many = list(range(60)), [n / 50 for n in range(3_000)]
    for values in (few, many):
        low, high = percentile_interval(values, 0.95)
        assert low <= percentile(values, 0.95) <= high
    width = [high - low for low, high in (percentile_interval(v, 0.95) for v in (few, many))]
    assert width[1] < width[0]


@pytest.mark.parametrize(("values", "share"), [([], 0.5), ([1.0], 1.0), ([1.0], 0.0)])
def test_an_interval_needs_values_and_a_share(values: list[float], share: float) -> None:
    with pytest.raises(ValueError, match="pass some"):
        percentile_interval(values, share)
