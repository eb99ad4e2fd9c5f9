"""How busy cores were: of the time that is asked about, whatever was measured around it."""

import pytest

from lab_kit.experiments.device.utilisation import busy_cores, cut

READINGS = ((0.0, 5.0), (0.1, 5.0), (0.2, 5.2), (0.3, 5.4), (0.4, 5.4))
"""Idle, then two cores for 0.2 s, then idle."""


def test_what_was_before_and_after_does_not_count() -> None:
    inside = cut(READINGS, 0.1, 0.3)
    assert busy_cores(inside) == pytest.approx((2.0, 2.0))
    assert [at_s for at_s, _ in inside] == pytest.approx([0.0, 0.1, 0.2])


def test_between_two_readings_the_cores_were_busy_evenly() -> None:
    assert busy_cores(cut(READINGS, 0.12, 0.18)) == pytest.approx((2.0,))
    assert busy_cores(cut(READINGS, 0.05, 0.15)) == pytest.approx((0.0, 2.0))
