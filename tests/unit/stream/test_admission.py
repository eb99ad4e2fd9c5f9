"""How many streams fit, by what they have cost."""

import pytest

from lab_kit.stream.admission import PRIOR_COST, StreamCost


def test_before_anything_was_seen_the_prior_decides() -> None:
    assert StreamCost().workers == pytest.approx(PRIOR_COST)
    assert StreamCost(fill=0.9).capacity(2) == 30


def test_what_streams_cost_is_learnt_and_the_prior_forgotten() -> None:
    cost = StreamCost(fill=0.8)
    for _ in range(1_000):
        cost.observe(busy_s=1.6, streams=8, elapsed_s=1.0)
    assert cost.workers == pytest.approx(0.2, rel=0.01)
    assert cost.capacity(2) == 8


def test_a_crowd_is_not_let_in_because_it_has_cost_nothing_yet() -> None:
    """Forty who were admitted a moment ago count at once: capacity does not look at their load."""
    cost = StreamCost()
    cost.observe(busy_s=0.0, streams=40, elapsed_s=0.25)
    assert cost.capacity(2) < 40


def test_there_is_always_a_place_for_one_and_no_stream_teaches_nothing() -> None:
    cost = StreamCost()
    cost.observe(busy_s=5.0, streams=0, elapsed_s=1.0)
    assert cost.workers == pytest.approx(PRIOR_COST)
    for _ in range(100):
        cost.observe(busy_s=90.0, streams=1, elapsed_s=10.0)
    assert cost.capacity(2) == 1
