"""What lab 14 draws: days, policies, placements and predictions, small, empty and far off."""

from dataclasses import replace

from lab_kit.experiments.scale.judging import Judgement, judge
from lab_kit.experiments.scale.plateaus import Plateau
from lab_kit.experiments.scale.predicting import Expected, Prediction
from lab_kit.scale.autoscaling import Autoscaler, Fixed, Predictive, Step, TargetTracking
from lab_kit.scale.cluster import Placed, place, poisson_calls
from lab_kit.scale.costs import ServerCosts
from lab_kit.scale.day import Day, Loss, Mix, World, live
from lab_kit.scale.demand import Crowd, Demand
from lab_kit.scale.placement import every_placement

DEMAND = Demand(200_000, crowds=(Crowd("West Europe", 13.0, 0.5, 1.8),))
WORLD = World(DEMAND, step_s=60.0)
LOST = replace(WORLD, loss=Loss("West Europe", 14.0))


def _tracking(target: float) -> Autoscaler:
    return TargetTracking(target)


DAYS: dict[str, Day] = {
    "usual": live(WORLD, TargetTracking),
    "too few": live(replace(WORLD, cold_s=240.0, spill_s=0.0), lambda: _tracking(1.0)),
    "lost": live(LOST, TargetTracking),
    "lost, full elsewhere": live(LOST, lambda: _tracking(1.0)),
    "lost, far": live(replace(LOST, spill_s=0.25), lambda: _tracking(0.95)),
    "spot": live(replace(WORLD, mix=Mix((2,) * 7, 0.5, 0.5)), TargetTracking),
    "few calls": live(World(Demand(2_000), step_s=60.0), TargetTracking),
    "many calls": live(World(Demand(20_000_000), step_s=60.0), TargetTracking),
}
WINDOWS = {"usual": 13.0, "lost": 14.0, "lost, full elsewhere": 14.0, "lost, far": 14.0}
WINDOWS |= {"few calls": 3.0, "too few": 13.0}

_POLICIES = {
    "fixed at the peak": Fixed,
    "steps": Step,
    "target 70 %": TargetTracking,
    "target 100 % of the places, boldly": lambda: _tracking(1.0),
    "predictive": Predictive,
}
POLICIES: dict[str, dict[str, Day]] = {
    "usual": {name: live(WORLD, policy) for name, policy in _POLICIES.items()},
    "none keeps": {"bold": DAYS["too few"]},
    "one": {"target 70 %": DAYS["usual"]},
}
STARTS = {
    name: {
        cold_s: live(replace(WORLD, cold_s=cold_s, spill_s=0.0), policy)
        for cold_s in (10.0, 90.0, 240.0)
    }
    for name, policy in list(_POLICIES.items())[2:]
}
BOLD_STARTS = {"target 100 % of the places, boldly": STARTS["target 100 % of the places, boldly"]}


def placed(rate_per_s: float, report_s: float = 0.0) -> list[Placed]:
    """Every policy, with the same calls."""
    calls = poisson_calls(rate_per_s, 180.0, 2_400.0, 4)
    return [
        place(calls, [14] * 30, one, report_s=report_s, warm_up_s=900.0)
        for one in every_placement(1)
    ]


PLACED = {"usual": placed(2.0), "late reports": placed(2.0, 20.0), "calm": placed(0.05)}
PLACED["one"] = PLACED["usual"][:1]


def plateau(streams: int, delay_s: float, others: float = 0.02) -> Plateau:
    """As many turns as streams, spread about one delay."""
    delays_s = tuple(delay_s * (0.9 + 0.1 * n / streams) for n in range(streams * 2))
    return Plateau(streams, 40.0, 400.0, delays_s, 20.0, 12.0, 200, 400, others, 0.1, False)


SAID = Prediction(
    ServerCosts(),
    40.0,
    tuple(Expected(n, 0.19, 0.24, 0.05, 1.5) for n in (24, 32, 42)),
    61,
)
JUDGED: dict[str, tuple[Prediction, Judgement]] = {
    name: (said, judge(said, measured))
    for name, (said, measured) in {
        "holds": (SAID, [plateau(n, 0.21) for n in (24, 32, 42)]),
        "fails": (SAID, [plateau(24, 0.22), plateau(32, 0.31), plateau(42, 0.9)]),
        "noisy": (replace(SAID, crossing=None), [plateau(24, 0.21, 0.4), plateau(42, 0.4, 0.2)]),
        "one": (SAID, [plateau(24, 0.21)]),
        "never": (SAID, [replace(plateau(24, 0.21), final_delays_s=(float("inf"),) * 9)]),
        "far off": (SAID, [plateau(24, 3.0)]),
    }.items()
}
