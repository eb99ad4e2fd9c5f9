"""Lab 14's exercises: an autoscaler that costs less at the same objective, a region that is lost.

Answers are lived through: each in days that the reader has seen and in one that they have not.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from lab_kit.core.errors import InvalidParameter
from lab_kit.core.units import ms, percent
from lab_kit.course.exercises.exercise import Exercise
from lab_kit.course.outcome import Outcome, not_yet, passed
from lab_kit.experiments.scale import (
    REGIONS,
    Crowd,
    Day,
    Demand,
    Loss,
    Seen,
    TargetTracking,
    World,
    bill,
    live,
)

SEED = 14
ALLOWED = 0.001
"""Share of the calls that may be refused."""

# -- 14.1 ----------------------------------------------------------------------------------------

CHEAPER = 0.2
GIVEN = 0.6
"""The target of the autoscaler that is to be beaten."""
_WORLD = World(Demand(1_000_000), cold_s=180.0, spill_s=0.0, step_s=15.0)
_DAYS = {
    "the day of section 6": (Crowd("West Europe", 13.0, 0.5, 1.6),),
    "another day": (Crowd("East US", 18.0, 0.5, 1.8), Crowd("Japan East", 3.0, 0.25, 1.5)),
}
_TODO = "write wanted"


class _Nothing(Exception):
    """A function that has no answer yet, or returns none."""


@dataclass(slots=True)
class Written:
    """A reader's function as a policy, with what it keeps of one region.

    Attributes:
        wanted_by: takes what is seen and a dict that stays; returns nodes.
    """

    wanted_by: Any
    kept: dict[str, Any] = field(default_factory=dict)

    def wanted(self, seen: Seen) -> int:
        """See `scale.autoscaling.Autoscaler`."""
        answer = self.wanted_by(seen, self.kept)
        if answer is None or answer is ...:
            raise _Nothing
        return answer  # type: ignore[no-any-return]


def judge_autoscaler(answer: Any, _: object) -> Outcome:
    """14.1: lived through two days, beside the given one."""
    if not callable(answer):
        return not_yet(f"{answer!r:.60}", "a function", _TODO)
    told = []
    for name, crowds in _DAYS.items():
        day = _lived(answer, crowds)
        if isinstance(day, Outcome):
            return day
        wrong = _day_wrong(name, day, _given(crowds))
        if wrong is not None:
            return wrong
        told.append(f"{bill(day).dollars:,.0f} USD, {percent(day.refused_share, 3)} refused")
    given = ", ".join(f"{_given(crowds):,.0f} USD" for crowds in _DAYS.values())
    return passed(
        f"{'; '.join(told)}. The given autoscaler: {given}.",
        "What it kept free for everybody you keep for who comes while a node starts.",
    )


def _lived(answer: Any, crowds: tuple[Crowd, ...]) -> Day | Outcome:
    world = replace(_WORLD, demand=replace(_WORLD.demand, crowds=crowds))
    try:
        return live(world, lambda: Written(answer), SEED)
    except _Nothing:
        return not_yet("no answer yet", _TODO, "the cell above")
    except InvalidParameter as error:
        return not_yet(str(error.received), "a whole number of nodes, 0 or more", "math.ceil")


def _day_wrong(name: str, day: Day, given: float) -> Outcome | None:
    costs = bill(day).dollars
    if day.refused_share > ALLOWED:
        seen = f"{percent(day.refused_share, 3)} of the calls refused, {name}"
        expected = f"at most {percent(ALLOWED, 1)}"
        return not_yet(seen, expected, _refused_why(day))
    if costs > given * (1 - CHEAPER):
        seen = f"{costs:,.0f} USD, {name}"
        expected = f"at most {given * (1 - CHEAPER):,.0f} USD, a fifth less than {given:,.0f}"
        return not_yet(seen, expected, "places that nobody takes, by night above all")
    return None


def _refused_why(day: Day) -> str:
    """Which of the usual mistakes it looks like."""
    full = day.open_streams.sum() / max(1, day.capacity.sum())
    if full > 0.97:
        return "a server never holds more than it has places for: at a target of 1 it never looks"
    if (day.paid == day.paid[-1]).mean() > 0.9:
        return "the same number all day, which knows nothing of a crowd"
    falls = int((day.paid[1:] < day.paid[:-1]).sum())
    if falls > 20 * len(day.paid) ** 0.5:
        return "nodes that went a moment before they were wanted: what was the most of late?"
    return "places for who comes while a node starts, which here takes three minutes"


@cache
def _given(crowds: tuple[Crowd, ...]) -> float:
    world = replace(_WORLD, demand=replace(_WORLD.demand, crowds=crowds))
    return bill(live(world, lambda: TargetTracking(GIVEN), SEED)).dollars


# -- 14.2 ----------------------------------------------------------------------------------------

LOST, FROM_HOUR = "West Europe", 14.0
USUAL, DEARER = 0.85, 0.25
LOST_REFUSED, FARTHEST_MS = 0.01, 100.0
_FIELDS = ("target", "targets", "spill_ms")
_NAMES = tuple(region.name for region in REGIONS)


@dataclass(slots=True)
class _ByRegion:
    """A target for each region, and one for the others."""

    targets: Mapping[str, float]
    others: float
    tracking: TargetTracking | None = None

    def wanted(self, seen: Seen) -> int:
        """See `scale.autoscaling.Autoscaler`."""
        if self.tracking is None:
            self.tracking = TargetTracking(self.targets.get(seen.region, self.others))
        return self.tracking.wanted(seen)


def judge_loss(answer: Any, _: object) -> Outcome:
    """14.2: a plan, lived through with the region and without its loss."""
    wrong = _plan_wrong(answer)
    if wrong is not None:
        return wrong
    calm, lost = _planned(answer, None), _planned(answer, Loss(LOST, FROM_HOUR))
    usual = _usual_cost()
    costs, far_ms = bill(calm).dollars, ms(lost.far_s)
    refused, pinned = _refused_of_lost(lost)
    if far_ms > FARTHEST_MS:
        seen = f"somebody was served {far_ms:.0f} ms away"
        return not_yet(seen, f"at most {FARTHEST_MS:.0f} ms", "spill_ms")
    if refused > LOST_REFUSED:
        seen = f"{percent(refused, 1)} of {LOST}'s callers refused in that hour"
        return not_yet(seen, f"at most {percent(LOST_REFUSED)}", _lost_why(answer, refused, pinned))
    if costs > usual * (1 + DEARER):
        seen = f"{costs:,.0f} USD on a day without a loss"
        expected = f"at most {usual * (1 + DEARER):,.0f}, a quarter more than {usual:,.0f}"
        return not_yet(seen, expected, "places where none of its callers would go")
    return passed(
        f"{percent(refused, 1)} refused, nobody farther than {far_ms:.0f} ms, for"
        f" {costs:,.0f} USD a day; without a plan {usual:,.0f}.",
        "Room where its callers go, and there alone: a second region under the same law.",
    )


def _plan_wrong(answer: Any) -> Outcome | None:
    if not isinstance(answer, Mapping) or set(answer) != set(_FIELDS):
        return not_yet(f"{answer!r:.60}", f"a dict with {', '.join(_FIELDS)}", "the cell above")
    targets, spill_ms = answer["targets"], answer["spill_ms"]
    if not isinstance(targets, Mapping):
        return not_yet(f"targets {targets!r:.40}", "a dict, such as {}", "targets")
    unknown = [name for name in targets if name not in _NAMES]
    if unknown:
        return not_yet(f"a target for {unknown[0]!r}", f"one of {', '.join(_NAMES)}", "targets")
    for value in (answer["target"], *targets.values()):
        if not isinstance(value, int | float) or not 0.05 <= value <= 1:
            return not_yet(f"a target of {value!r:.20}", "a share from 0.05 to 1", "targets")
    if not isinstance(spill_ms, int | float) or spill_ms < 0:
        return not_yet(f"spill_ms {spill_ms!r:.20}", "milliseconds, 0 or more", "spill_ms")
    return None


def _planned(plan: Mapping[str, Any], loss: Loss | None) -> Day:
    world = World(
        Demand(1_000_000), cold_s=90.0, spill_s=plan["spill_ms"] / 1e3, loss=loss, step_s=15.0
    )
    return live(world, lambda: _ByRegion(plan["targets"], plan["target"]), SEED)


@cache
def _usual_cost() -> float:
    plan = {"target": USUAL, "targets": {}, "spill_ms": FARTHEST_MS}
    return bill(_planned(plan, None)).dollars


def _refused_of_lost(day: Day) -> tuple[float, float]:
    """Of its callers in that hour: the share that was refused, and that of pinned ones."""
    hour = (day.at_s >= FROM_HOUR * 3600) & (day.at_s < (FROM_HOUR + 1) * 3600)
    region = _NAMES.index(LOST)
    calls = day.wanted[hour, region].sum() + day.cut[hour, region].sum()
    refused, pinned = day.refused[hour, region].sum(), day.refused_pinned[hour, region].sum()
    return float(refused / calls), float(pinned / calls)


def _lost_why(plan: Mapping[str, Any], refused: float, pinned: float) -> str:
    """Which of the usual mistakes it looks like."""
    if refused > 0.9:
        return "spill_ms: nobody may be served elsewhere"
    if plan["targets"].get(LOST, plan["target"]) < plan["target"]:
        return f"room in {LOST}, which is lost with it"
    told = f"room where its callers go, while nodes start there; {percent(pinned / refused)} of the"
    return f"{told} refused were pinned: which other region is in their zone?"


EXERCISES = (
    Exercise(
        "14.1",
        "Beat the given autoscaler",
        judge_autoscaler,
        (
            "What does the given one keep free, and how much of that does anybody ever take?",
            "Nodes for the most streams of the last minutes, not of this moment, at a higher share"
            " of the places. And who was sent away counts: `seen.wish` has them.",
            "Keep the wishes of the last five minutes with their times in `kept`, drop the older"
            " ones, and return the highest of math.ceil(seen.wish / (seen.places * 0.85)).",
        ),
    ),
    Exercise(
        "14.2",
        "Survive the loss of a region",
        judge_loss,
        (
            "Where do its callers go, and who of them may go where?",
            "They arrive at once, and nodes there take a minute and a half. Only free places help.",
            "Keep the target everywhere, allow what is within the limit, and give the other region"
            " of the zone a target of about 0.4.",
        ),
    ),
)
