"""The same day lived through by several policies, with several cold starts, with several bills."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from lab_kit.scale.autoscaling import Autoscaler, Fixed, Predictive, Step, TargetTracking
from lab_kit.scale.bill import Prices, always_paid
from lab_kit.scale.day import Day, Mix, World, live

COLD_S = (10.0, 90.0, 240.0)
SPOT = 0.5

POLICIES: Mapping[str, Callable[[], Autoscaler]] = MappingProxyType(
    {
        "fixed": Fixed,
        "steps": Step,
        "target 60 %": lambda: TargetTracking(0.6),
        "target 85 %": lambda: TargetTracking(0.85),
        "target 100 %": lambda: TargetTracking(1.0),
        "predictive 85 %": Predictive,
    }
)
"""By the name that a picture gives them."""


def each_policy(world: World) -> dict[str, Day]:
    """The day by each policy.

    Raises:
        InvalidParameter: see `scale.day.live`.
    """
    return {name: live(world, policy) for name, policy in POLICIES.items()}


def cold_starts(world: World) -> dict[str, dict[float, Day]]:
    """The day by three of them, with starts of ten seconds, a minute and a half, and four."""
    chosen = ("target 60 %", "target 85 %", "predictive 85 %")
    return {
        name: {cold_s: live(replace(world, cold_s=cold_s), POLICIES[name]) for cold_s in COLD_S}
        for name in chosen
    }


def mixes(world: World, new_policy: Callable[[], Autoscaler]) -> dict[str, Day]:
    """The day with nodes paid for in several ways.

    Reserved is what is there in so much of the day that it pays (`always`: all of it).
    """
    plain = live(world, new_policy)
    prices = Prices()
    always = always_paid(plain)
    paying = always_paid(plain, prices.reserved / prices.on_demand)
    wanted = {
        "on demand": Mix(),
        "reserved, what is always there": Mix(always),
        "reserved, as far as it pays": Mix(paying),
        "half spot": Mix((), SPOT),
        "reserved, the rest half spot": Mix(paying, SPOT),
    }
    return {name: live(replace(world, mix=mix), new_policy) for name, mix in wanted.items()}
