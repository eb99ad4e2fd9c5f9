"""Goodput counts who was turned away."""

import math

import pytest

from lab_kit.measure.goodput import goodput_per_s, slo_attainment

DELAYS_S = [0.1, 0.3, 0.4, math.inf]


def test_the_share_is_of_everybody_who_asked() -> None:
    assert slo_attainment(DELAYS_S, 0.3) == 0.5
    assert slo_attainment([math.inf], 10.0) == 0.0


def test_the_rate_is_of_those_in_time() -> None:
    assert goodput_per_s(DELAYS_S, 0.3, offered_s=4.0) == 0.5
    assert goodput_per_s([], 0.3, offered_s=4.0) == 0.0


def test_nobody_has_no_share() -> None:
    with pytest.raises(ValueError, match="no requests"):
        slo_attainment([], 0.3)
