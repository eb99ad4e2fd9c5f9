"""What lab 14 shows of models: every policy, every bill, and that two models agree."""

from lab_kit.experiments import scale
from lab_kit.experiments.scale.lived import COLD_S

WORLD = scale.World(scale.Demand(50_000), step_s=60.0)


def test_every_policy_lives_through_the_day() -> None:
    days = scale.each_policy(WORLD)
    assert set(days) == set(scale.POLICIES)
    assert len({one.node_hours for one in days.values()}) > 3


def test_starts_are_slow_and_slower() -> None:
    found = scale.cold_starts(WORLD)
    assert all(tuple(days) == COLD_S for days in found.values())
    assert all(
        day.world.cold_s == cold_s for days in found.values() for cold_s, day in days.items()
    )


def test_reserving_and_spot_are_cheaper_than_neither() -> None:
    costs = {
        name: scale.bill(day).dollars
        for name, day in scale.mixes(WORLD, scale.TargetTracking).items()
    }
    assert costs["reserved, as far as it pays"] <= costs["reserved, what is always there"]
    assert costs["reserved, what is always there"] < costs["on demand"]
    assert costs["half spot"] < costs["on demand"]


def test_each_placement_gets_the_same_calls() -> None:
    placed = scale.placed_by_each(places=4, fill=0.5)
    assert len({one.offered for one in placed}) == 1
    assert all(len(one.places) == 60 for one in placed)


def test_models_and_theory_stand_side_by_side() -> None:
    shares = [float(row[1].split()[0]) for row in scale.models_table(1_000, 960).rows]
    assert max(shares) - min(shares) < 3
    assert min(shares) > 1
