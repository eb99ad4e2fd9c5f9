"""How a part of the API is put out of service: announced, browned out, gone.

A plan is data, and what holds at a moment follows from it and the moment alone. Moments are seconds
since 1970, UTC, as fractions where a rehearsal lasts seconds and not months.

Clients learn of it from three headers: ``Deprecation``, the date from which the route is not to be
built upon [Source: RFC 9745]; ``Sunset``, the date from which it may not answer [Source: RFC 8594];
and ``Link``, to the guide and to what takes the route's place.
"""

from collections.abc import Mapping
from email.utils import formatdate
from enum import StrEnum
from itertools import pairwise
from math import floor
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from lab_kit.core.errors import InvalidParameter, RouteBrownedOut, RouteGone

TRANSCRIBE_V1 = "v1-audio-transcribe"
"""By which name the operator's API knows the first version of a recording's answer."""
GUIDE_PATH = "/docs/v1-to-v2"
"""Where a server tells its clients how they get to the second."""
MOST_BROWN_OUTS = 64
"""One a week for a year, and some."""
LONGEST_NAME = 60
_LATEST_S = 253_402_300_799
"""The last second of the year 9999: an HTTP date has four digits for the year."""
Moment = Annotated[float, Field(ge=0, le=_LATEST_S, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class BrownOut:
    """A window in which the route answers nobody, so that who still calls it notices.

    Attributes:
        name: what it is announced as.
        until_s: the first moment after it.
    """

    name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
    from_s: Moment
    until_s: Moment


@dataclass(
    frozen=True,
    slots=True,
    config=ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "deprecated_s": 1_767_225_600,
                    "sunset_s": 1_798_761_600,
                    "brown_outs": [
                        {
                            "name": "ten minutes in autumn",
                            "from_s": 1_790_848_800,
                            "until_s": 1_790_849_400,
                        }
                    ],
                }
            ]
        },
    ),
)
class DeprecationPlan:
    """When what happens to a route.

    Attributes:
        deprecated_s: from then on it is not to be built upon.
        sunset_s: from then on it is gone.
        brown_outs: between the two, in order.
    """

    deprecated_s: Moment
    sunset_s: Moment
    brown_outs: Annotated[tuple[BrownOut, ...], Field(max_length=MOST_BROWN_OUTS)] = ()


class Standing(StrEnum):
    """What holds at a moment."""

    ANNOUNCED = "announced"
    DEPRECATED = "deprecated"
    BROWN_OUT = "brown_out"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class TenantUse:
    """What one tenant has asked for since the server began.

    Attributes:
        asked: of the old route.
        refused: of these, in a brown-out or after the sunset.
        asked_successor: of the one that takes its place.
        last_asked_s: when the old route was last asked; None for never.
    """

    tenant: str
    asked: int = 0
    refused: int = 0
    asked_successor: int = 0
    last_asked_s: float | None = None


@dataclass(frozen=True, slots=True)
class DeprecationStatus:
    """A route that has a successor, and what becomes of it.

    Attributes:
        plan: None while nothing was announced.
        standing: now; None without a plan.
        use: by tenant, whoever asked last first.
    """

    name: str
    path: str
    successor: str
    guide: str
    plan: DeprecationPlan | None
    standing: Standing | None
    use: tuple[TenantUse, ...]


@dataclass(frozen=True, slots=True)
class DeprecationList:
    """Every route that has a successor."""

    deprecations: tuple[DeprecationStatus, ...]


def check_plan(plan: DeprecationPlan) -> None:
    """Make sure that a plan can be kept.

    Raises:
        InvalidParameter: the sunset is before the deprecation, which RFC 9745 forbids; or a
            brown-out is empty, meets another one, or is not between the two.
    """
    if plan.sunset_s < plan.deprecated_s:
        raise InvalidParameter(
            f"a sunset at {plan.sunset_s:g}, before the deprecation at {plan.deprecated_s:g}",
            "a sunset that is not earlier",
            "move one of the two",
        )
    for one in plan.brown_outs:
        if not plan.deprecated_s <= one.from_s < one.until_s <= plan.sunset_s:
            raise InvalidParameter(
                f"the brown-out {one.name!r} from {one.from_s:g} until {one.until_s:g}",
                f"a while between {plan.deprecated_s:g} and {plan.sunset_s:g}",
                "put it between deprecation and sunset",
            )
    for before, after in pairwise(plan.brown_outs):
        if after.from_s < before.until_s:
            raise InvalidParameter(
                f"the brown-out {after.name!r}, which begins before {before.name!r} has ended",
                "brown-outs in order, of which no two meet",
                "sort them, or make one of the two",
            )


def standing(plan: DeprecationPlan, now_s: float) -> Standing:
    """What holds at ``now_s``."""
    if now_s >= plan.sunset_s:
        return Standing.GONE
    if now_s < plan.deprecated_s:
        return Standing.ANNOUNCED
    return Standing.DEPRECATED if brown_out(plan, now_s) is None else Standing.BROWN_OUT


def brown_out(plan: DeprecationPlan, now_s: float) -> BrownOut | None:
    """The window that ``now_s`` lies in."""
    return next((one for one in plan.brown_outs if one.from_s <= now_s < one.until_s), None)


def check_open(plan: DeprecationPlan, path: str, successor: str, guide: str, now_s: float) -> None:
    """Make sure that the route still answers.

    Raises:
        RouteBrownedOut: not in this window; says when it does again.
        RouteGone: never again.
    """
    details = {"successor": successor, "guide": guide}
    step = f"call {successor} instead; {guide} says what differs"
    if standing(plan, now_s) is Standing.GONE:
        raise RouteGone(f"a call of {path}, which is gone", successor, step, details=details)
    window = brown_out(plan, now_s)
    if window is not None:
        raise RouteBrownedOut(
            f"a call of {path} in the brown-out {window.name!r}",
            f"{successor}, or a call after the brown-out",
            step,
            retry_after_s=window.until_s - now_s,
            details=details,
        )


def headers(plan: DeprecationPlan, successor: str, guide: str) -> Mapping[str, str]:
    """What every answer of the route tells.

    Dates have whole seconds. Both are cut, so that neither order nor the promise is broken: a route
    may answer after its sunset, and must not be gone before it.
    """
    links = (
        f'<{guide}>; rel="deprecation"; type="text/markdown"',
        f'<{guide}>; rel="sunset"; type="text/markdown"',
        f'<{successor}>; rel="successor-version"',
    )
    return {
        "deprecation": f"@{floor(plan.deprecated_s)}",
        "sunset": formatdate(floor(plan.sunset_s), usegmt=True),
        "link": ", ".join(links),
    }
