"""Where streams go, and what that does to the fullest server."""

from collections import Counter

import numpy as np
import pytest

from lab_kit.core.errors import InvalidParameter
from lab_kit.scale.cluster import Calls, Placed, erlang_b, place, poisson_calls
from lab_kit.scale.counts import refused_by_counts
from lab_kit.scale.placement import (
    BoundedHash,
    Hash,
    Headroom,
    Least,
    Placement,
    PowerOfTwo,
    RoundRobin,
    every_placement,
)

SERVERS, PLACES = 30, 14
CALLS = poisson_calls(rate_per_s=2.0, mean_s=180.0, seconds=3_600.0, seed=2)


def _placed(placement: Placement, report_s: float = 0.0) -> Placed:
    return place(CALLS, [PLACES] * SERVERS, placement, report_s=report_s, warm_up_s=900.0)


def test_two_choices_are_nearly_as_even_as_knowing_all() -> None:
    robin, two, least = (_placed(one) for one in (RoundRobin(), PowerOfTwo(1), Least()))
    assert least.fullest_to_mean < two.fullest_to_mean < robin.fullest_to_mean
    assert least.refused < two.refused < robin.refused


def test_whoever_knows_late_sends_everybody_to_the_same() -> None:
    """Least of all stands still between two reports; two by lot hardly notice."""
    fresh, late = _placed(Least()), _placed(Least(), report_s=20.0)
    assert late.refused > 10 * max(1, fresh.refused)
    assert _placed(PowerOfTwo(1), report_s=20.0).refused < late.refused


def test_hashing_keeps_a_caller_and_fills_a_server() -> None:
    known, places = [0] * SERVERS, [PLACES] * SERVERS
    placement = Hash()
    chosen = [placement.choose(caller, known, places) for caller in (7, 7, 8, 7)]
    assert chosen[0] == chosen[1] == chosen[3]
    assert _placed(Hash()).refused > _placed(BoundedHash()).refused


def test_bounded_hashing_keeps_its_bound() -> None:
    placed = _placed(BoundedHash(1.25))
    most = np.ceil(1.25 * (placed.open_streams.sum(axis=1) + 1) / SERVERS)
    # streams that end lower the average under those that stay
    assert (placed.open_streams.max(axis=1) <= most + 4).all()


def test_a_server_more_moves_few_callers() -> None:
    placement = Hash()
    before = [placement.choose(caller, [0] * 10, [9] * 10) for caller in range(2_000)]
    after = [placement.choose(caller, [0] * 11, [9] * 11) for caller in range(2_000)]
    moved = sum(a != b for a, b in zip(before, after, strict=True))
    assert 0 < moved / 2_000 < 0.2
    assert all(b == 10 for a, b in zip(before, after, strict=True) if a != b)


def test_headroom_fills_a_large_server_further() -> None:
    known, places = [5, 8], [8, 16]
    assert Headroom().choose(0, known, places) == 1
    assert Least().choose(0, known, places) == 0


def test_round_robin_takes_turns() -> None:
    placement = RoundRobin()
    assert [placement.choose(0, [9, 0, 0], [9] * 3) for _ in range(4)] == [0, 1, 2, 0]


def test_every_policy_has_a_name_of_its_own() -> None:
    assert max(Counter(one.name for one in every_placement()).values()) == 1


def test_a_call_is_refused_by_a_full_server_and_leaves_when_it_ends() -> None:
    calls = Calls(np.array([0.0, 1.0, 12.0]), np.array([10.0] * 3), np.array([0, 1, 2]))
    placed = place(calls, [1], Least())
    assert (placed.offered, placed.refused) == (3, 1)


def test_both_models_and_theory_agree_at_ten_thousand_streams() -> None:
    rate_per_s, mean_s, places = 10_500 / 180, 180.0, 10_000
    theory = erlang_b(rate_per_s * mean_s, places)
    seeds = (1, 2, 3)
    by_events = [
        place(
            poisson_calls(rate_per_s, mean_s, 3_600.0, seed),
            [places // 10] * 10,
            Least(),
            warm_up_s=1_200.0,
        ).refused_share
        for seed in seeds
    ]
    by_counts = [
        refused_by_counts(rate_per_s, mean_s, places, 3_600.0, warm_up_s=1_200.0, seed=seed)
        for seed in seeds
    ]
    assert 0.04 < theory < 0.06
    assert np.mean(by_events) == pytest.approx(theory, abs=0.006)
    assert np.mean(by_counts) == pytest.approx(np.mean(by_events), abs=0.006)


def test_erlang_in_a_case_that_can_be_done_by_hand() -> None:
    assert erlang_b(1.0, 1) == pytest.approx(0.5)
    assert erlang_b(2.0, 2) == pytest.approx(0.4)


def test_calls_that_are_none_are_refused() -> None:
    with pytest.raises(InvalidParameter, match="above 0"):
        poisson_calls(0.0, 180.0, 60.0, 1)
