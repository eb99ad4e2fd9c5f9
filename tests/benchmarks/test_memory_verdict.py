"""The soak's verdict on memory passes what is level, and neither growth nor a run too short."""

import pytest
from memory_verdict import FEWEST_LEVELS, judge

FRAGMENTED_MB = [377, 402, 404, 404, 404, 412, 412, 414, 420, 420]
FRAGMENTED_MB += [420, 420, 427, 433, 433, 433, 437, 438, 438, 438]
"""Ten minutes of this server before it gave memory back, as they were measured."""
LEVEL_MB = [350, 390] + [405, 407, 404, 406, 405] * 4
"""It grows to its working set, and stays."""


def test_what_grows_once_and_stays_is_level() -> None:
    verdict = judge(LEVEL_MB, 320, 324)
    assert verdict.is_level
    assert "memory is level" in str(verdict)


def test_what_seems_to_flatten_is_not_level() -> None:
    verdict = judge(FRAGMENTED_MB, 320, 320)
    assert verdict.growth_mb_per_min == pytest.approx(4.3, abs=0.3)
    assert not verdict.is_level
    assert "NOT SHOWN" in str(verdict)


def test_a_slope_that_scatter_hides_is_not_level() -> None:
    scattered = [400, 440] * 10
    verdict = judge(scattered, 320, 320)
    assert verdict.growth_mb_per_min == pytest.approx(0, abs=5)
    assert not verdict.is_level


def test_what_does_not_come_back_is_not_level() -> None:
    assert not judge(LEVEL_MB, 320, 335).is_level


def test_a_short_run_shows_nothing() -> None:
    assert not judge([400.0] * (2 * FEWEST_LEVELS - 2), 320, 320).is_level
    assert judge([400.0] * 2 * FEWEST_LEVELS, 320, 320).is_level
