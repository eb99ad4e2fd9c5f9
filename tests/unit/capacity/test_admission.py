"""How many streams fit, by what they have cost."""

import pytest

from lab_kit.capacity.admission import batch_places
from lab_kit.capacity.stream_cost import ELASTIC, PRIOR_COST, StreamCost

LOOK_S = 0.25


def watched(cost: StreamCost, a_stream: float, streams: int, seconds: float) -> StreamCost:
    """Look for so long at streams that each keep so much of two workers busy."""
    for _ in range(round(seconds / LOOK_S)):
        cost.observe(a_stream * streams * LOOK_S, streams, LOOK_S, workers=2)
    return cost


def test_before_anything_was_seen_the_prior_decides() -> None:
    assert StreamCost().workers == pytest.approx(PRIOR_COST)
    assert StreamCost(fill=0.9).capacity(2) == 30


def test_what_streams_cost_is_learnt_and_the_prior_forgotten() -> None:
    cost = watched(StreamCost(fill=0.8), a_stream=0.2, streams=8, seconds=900)
    assert cost.workers == pytest.approx(0.2, rel=0.01)
    assert cost.capacity(2) == 8


def test_interims_that_can_be_fewer_take_nobodys_place() -> None:
    spare, none = StreamCost(), StreamCost()
    for _ in range(3_600):
        spare.observe(0.8 * LOOK_S, 8, LOOK_S, workers=1, spare_interim_s=0.6 * LOOK_S)
        none.observe(0.8 * LOOK_S, 8, LOOK_S, workers=1)
    assert none.workers == pytest.approx(0.1, rel=0.02)
    assert spare.workers == pytest.approx((0.2 + 0.6 * ELASTIC) / 8, rel=0.02)


def test_one_stream_alone_costs_more_than_it_will_in_company_and_teaches_nothing() -> None:
    cost = watched(StreamCost(), a_stream=0.15, streams=1, seconds=300)
    assert cost.workers == pytest.approx(PRIOR_COST)


def test_one_stream_that_costs_less_than_was_thought_teaches_that() -> None:
    """A device that is faster than the prior must not be kept half empty."""
    cost = watched(StreamCost(), a_stream=0.005, streams=1, seconds=900)
    assert cost.capacity(2) > 100


def test_sentences_and_pauses_are_averaged_before_anything_is_learnt() -> None:
    """Looked at singly, the pauses alone would be believed: they cost less than was thought."""
    cost = StreamCost()
    for n in range(4_000):
        cost.observe(0.2 * LOOK_S if n % 2 else 0.0, 1, LOOK_S, workers=2)
    assert cost.workers == pytest.approx(PRIOR_COST)


@pytest.mark.parametrize(
    ("capacity", "live", "places"),
    [(36, 0, 36), (36, 30, 6), (36, 36, 2), (36, 40, 2), (4, 4, 1), (1, 1, 1)],
)
def test_batch_streams_get_the_places_that_are_left_and_never_none(
    capacity: int, live: int, places: int
) -> None:
    """Of 36, two are the seventeenth that batch work gets beside others who want all."""
    assert batch_places(capacity, live) == places


def test_a_crowd_is_not_let_in_because_it_has_cost_nothing_yet() -> None:
    """Forty who were admitted a moment ago count at once: capacity does not look at their load."""
    assert watched(StreamCost(), a_stream=0.0, streams=40, seconds=1.0).capacity(2) < 40


def test_there_is_always_a_place_for_one_and_no_stream_teaches_nothing() -> None:
    cost = StreamCost()
    for _ in range(100):
        cost.observe(busy_s=0.5, streams=0, elapsed_s=LOOK_S, workers=2)
    assert cost.workers == pytest.approx(PRIOR_COST)
    assert watched(cost, a_stream=1.9, streams=1, seconds=900).capacity(2) == 1
