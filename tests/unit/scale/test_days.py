"""Days in several regions: policies, cold starts, spill-over, what must stay, what is paid."""

import math
from dataclasses import replace

import numpy as np
import pytest

from lab_kit.core.errors import InvalidParameter
from lab_kit.scale.autoscaling import Fixed, Predictive, Seen, Step, TargetTracking
from lab_kit.scale.bill import Prices, always_paid, bill
from lab_kit.scale.day import Day, Loss, Mix, World, live, routes
from lab_kit.scale.demand import Crowd, Demand
from lab_kit.scale.geography import REGIONS, Region, rtt_s

DEMAND = Demand(300_000, crowds=(Crowd("West Europe", 13.0, 0.5, 1.8),))
WORLD = World(DEMAND, step_s=15.0)
SEEN = Seen("East US", 0.0, 70, 70, ready=10, starting=0, places=10, usual=70.0, day_peak=90.0)


def test_everybody_is_somewhere() -> None:
    day = live(WORLD, TargetTracking)
    assert day.wanted.sum() == pytest.approx(300_000, rel=0.02)
    assert (day.open_streams <= day.capacity + day.open_streams * 0.2).all()
    assert day.refused.sum() <= day.wanted.sum()


def test_a_higher_target_is_cheaper_and_refuses_more() -> None:
    calm, bold = (live(WORLD, lambda t=t: TargetTracking(t)) for t in (0.6, 1.0))
    assert bold.node_hours < calm.node_hours
    assert bold.refused_share > calm.refused_share


def test_slow_starts_refuse_more() -> None:
    shares = [
        live(replace(WORLD, cold_s=cold_s, spill_s=0.0), lambda: TargetTracking(0.85)).refused_share
        for cold_s in (10.0, 90.0, 240.0)
    ]
    assert shares == sorted(shares)
    assert shares[2] > shares[0]


def test_fixed_costs_most() -> None:
    assert live(WORLD, Fixed).node_hours > live(WORLD, TargetTracking).node_hours


def test_spill_over_serves_who_would_be_refused() -> None:
    alone = live(replace(WORLD, spill_s=0.0), lambda: TargetTracking(1.0))
    helped = live(replace(WORLD, spill_s=0.15), lambda: TargetTracking(1.0))
    assert helped.refused_share < alone.refused_share
    assert helped.moved_share > 0 == alone.moved_share
    assert 0 < helped.far_s <= 0.15


def test_what_must_stay_stays() -> None:
    """With one region in its zone, pinned sound is refused when that region is gone."""
    regions = (Region("West Europe", "eu", 1, 0.5, pinned=0.5), Region("East US", "us", -5, 0.5))
    demand = Demand(100_000, regions=regions)
    lost = Loss("West Europe", 14.0)
    day = live(World(demand, step_s=15.0, loss=lost), lambda: TargetTracking(0.5))
    during = (day.at_s >= 14 * 3600) & (day.at_s < 15 * 3600)
    pinned, free = day.refused_pinned[during, 0].sum(), day.wanted[during, 0].sum() / 2
    assert pinned == pytest.approx(free, rel=0.15)
    assert day.moved[:, 0, 1].sum() > 0


def test_a_second_region_in_the_zone_takes_what_must_stay() -> None:
    world = replace(WORLD, loss=Loss("West Europe", 14.0))
    alone = live(replace(world, spill_s=0.01), lambda: TargetTracking(0.5))
    helped = live(world, lambda: TargetTracking(0.5))
    assert helped.refused_pinned.sum() < alone.refused_pinned.sum() / 2


def test_a_lost_region_comes_back() -> None:
    day = live(replace(WORLD, loss=Loss("West Europe", 14.0)), TargetTracking)
    west = [region.name for region in REGIONS].index("West Europe")
    at = {hour: day.capacity[np.searchsorted(day.at_s, hour * 3600), west] for hour in (13.9, 14.5)}
    assert at[13.9] > 0 == at[14.5]
    assert day.capacity[np.searchsorted(day.at_s, 15.5 * 3600), west] > 0
    assert day.cut.sum() > 0


def test_a_day_repeats_itself() -> None:
    one, other = live(WORLD, TargetTracking, seed=3), live(WORLD, TargetTracking, seed=3)
    assert (one.refused == other.refused).all()
    assert one.node_hours == other.node_hours


def test_routes_are_nearest_first_and_keep_to_the_zone() -> None:
    free, pinned = routes(REGIONS, 0.1)[[r.name for r in REGIONS].index("West Europe")]
    assert [REGIONS[n].name for n in free] == ["North Europe", "East US"]
    assert [REGIONS[n].name for n in pinned] == ["North Europe"]


def test_nobody_fails_over_from_brazil_in_time() -> None:
    brazil = [region.name for region in REGIONS].index("Brazil South")
    assert min(trip for trip in rtt_s()[brazil] if trip) == pytest.approx(0.119)
    assert routes(REGIONS, 0.1)[brazil] == ((), ())


def test_a_region_without_distances_is_named() -> None:
    with pytest.raises(InvalidParameter, match="Atlantis"):
        rtt_s((Region("Atlantis", "sea", 0, 1.0),))
    with pytest.raises(InvalidParameter, match="Atlantis"):
        live(replace(WORLD, loss=Loss("Atlantis", 3.0)), Fixed)


@pytest.mark.parametrize("wanted", [-1, 2.5, math.nan])
def test_a_policy_that_wants_no_number_of_nodes_is_told(wanted: float) -> None:
    class Wrong:
        def wanted(self, seen: Seen) -> int:
            return wanted  # type: ignore[return-value]

    with pytest.raises(InvalidParameter, match="whole number"):
        live(WORLD, Wrong)


def test_target_tracking_is_fast_up_and_slow_down() -> None:
    policy = TargetTracking(0.7, window_s=300.0)
    assert policy.wanted(SEEN) == 10
    assert policy.wanted(replace(SEEN, at_s=15.0, streams=140, home=140)) == 20
    assert policy.wanted(replace(SEEN, at_s=299.0, streams=7, home=7)) == 20
    assert policy.wanted(replace(SEEN, at_s=320.0, streams=7, home=7)) == 1


def test_who_was_sent_elsewhere_counts_at_home() -> None:
    assert TargetTracking(0.7).wanted(replace(SEEN, streams=0, ready=0)) == 10


def test_prediction_orders_before_the_streams_are_there() -> None:
    assert Predictive(0.7).wanted(replace(SEEN, usual=140.0)) == 20


def test_steps_wait_for_the_one_before() -> None:
    policy = Step(up_at=0.6, down_at=0.3, by=0.2, pause_s=60.0)
    assert policy.wanted(SEEN) == 12
    assert policy.wanted(replace(SEEN, at_s=30.0)) == 10
    assert policy.wanted(replace(SEEN, at_s=61.0, streams=20, home=20)) == 8


def test_the_bill_adds_up() -> None:
    day = live(replace(WORLD, mix=Mix(spot_share=0.5)), TargetTracking)
    found = bill(day, Prices(on_demand=2.0, reserved=1.0, spot=0.5))
    assert found.reserved_h == 0
    assert found.on_demand_h + found.spot_h == pytest.approx(day.node_hours)
    assert found.dollars == pytest.approx(2 * found.on_demand_h + 0.5 * found.spot_h)


def test_reserving_what_is_always_there_saves() -> None:
    day = live(WORLD, TargetTracking)
    always = always_paid(day)
    assert all(0 < nodes <= day.paid[:, n].min() for n, nodes in enumerate(always))
    reserved = live(replace(WORLD, mix=Mix(always)), TargetTracking)
    assert bill(reserved).dollars < bill(day).dollars
    too_many = tuple(int(n) for n in day.paid.max(axis=0))
    assert bill(live(replace(WORLD, mix=Mix(too_many)), TargetTracking)).dollars > (
        bill(reserved).dollars
    )


def test_spot_nodes_are_taken_back_and_cost_callers() -> None:
    def cut(notice_s: float) -> Day:
        mix = Mix(spot_share=1.0, reclaimed_per_hour=0.5, notice_s=notice_s)
        return live(replace(WORLD, mix=mix), TargetTracking)

    short, long = cut(30.0), cut(600.0)
    assert short.cut.sum() > 3 * long.cut.sum() > 0


def test_steps_leave_one_node() -> None:
    assert Step().wanted(replace(SEEN, streams=0, home=0, ready=1)) == 1
