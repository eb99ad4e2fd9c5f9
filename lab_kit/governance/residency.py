"""Which region serves a call: the nearest that is up, and never one that the rules forbid.

A region that is down leaves fewer places, and no other rules. Where the only allowed ones are down
the call is refused, and may be tried again; to send it elsewhere would be an answer, and a breach.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lab_kit.core.errors import LabError, PolicyDenied, RegionDown
from lab_kit.governance.policy import Asked, Decision, Policies, Region, Tenant


@dataclass(frozen=True, slots=True)
class Place:
    """A region as it is now."""

    region: Region
    is_up: bool = True


@dataclass(frozen=True, slots=True)
class Route:
    """Where a call goes, and why it may."""

    region: Region
    decision: Decision


def route(policies: Policies, tenant: Tenant, asked: Asked, places: Sequence[Place]) -> Route:
    """Pick a region.

    Args:
        places: all regions, the nearest first; the tenant's home goes before them.

    Raises:
        PolicyDenied: no region may serve it, whether up or down.
        RegionDown: those that may are down.
    """
    regions = [place.region for place in places]
    nearest = sorted(places, key=lambda place: place.region.name != tenant.home)
    decisions = [
        (place, policies.decide(tenant, asked, place.region.name, regions)) for place in nearest
    ]
    allowed = [(place, decision) for place, decision in decisions if decision.is_allowed]
    for place, decision in allowed:
        if place.is_up:
            return Route(place.region, decision)
    if not allowed:
        first = decisions[0][1] if decisions else Decision(False, ())
        raise denied(tenant, asked, first)
    raise RegionDown(
        f"{asked.purpose} for {tenant.name}, whose regions are down:"
        f" {', '.join(place.region.name for place, _ in allowed)}",
        "one of them up; the rules allow no other",
        "try again after the stated delay",
        5.0,
    )


def denied(tenant: Tenant, asked: Asked, decision: Decision) -> LabError:
    """The refusal of what the rules do not allow."""
    rules = ", ".join(decision.rules) or "none permits it"
    errors = f" ({'; '.join(decision.errors)})" if decision.errors else ""
    return PolicyDenied(
        f"{asked.purpose} for {tenant.name}, by the rules: {rules}{errors}",
        "what the tenant's regions and the consents allow",
        "ask the operator which regions and consents are agreed",
        details={"rules": " ".join(decision.rules)},
    )
