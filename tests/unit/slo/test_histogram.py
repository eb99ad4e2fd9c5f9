"""What a histogram knows exactly, and what it guesses."""

import math

import pytest

from lab_kit.slo.histogram import quantile, share_within

BUCKETS = {0.1: 10.0, 0.2: 50.0, 0.4: 90.0, math.inf: 100.0}


def test_a_share_is_exact_at_an_edge_and_unknown_between() -> None:
    assert share_within(BUCKETS, 0.4) == 0.9
    with pytest.raises(KeyError):
        share_within(BUCKETS, 0.3)
    with pytest.raises(ValueError, match="no values"):
        share_within({math.inf: 0.0}, 0.4)
    with pytest.raises(ValueError, match="no values"):
        share_within({}, 0.4)


@pytest.mark.parametrize(
    ("share", "value"), [(0.1, 0.1), (0.3, 0.15), (0.5, 0.2), (0.9, 0.4), (0.95, 0.4), (0.05, 0.05)]
)
def test_a_percentile_lies_evenly_within_its_bucket(share: float, value: float) -> None:
    assert quantile(BUCKETS, share) == pytest.approx(value)


def test_beyond_the_last_edge_nobody_knows() -> None:
    assert quantile({0.1: 0.0, 0.2: 0.0, math.inf: 7.0}, 0.5) == 0.2
    with pytest.raises(ValueError, match="no values"):
        quantile({}, 0.5)
    with pytest.raises(ValueError, match="no values"):
        quantile({0.1: 0.0, math.inf: 0.0}, 0.5)
