"""A budget that drains and fills again: what was left, who was refused, and what was settled.

Frame and marks are made apart: the moving plot puts them together again and again, the still
picture once.
"""

import math
from collections.abc import Sequence
from statistics import fmean

from lab_kit.core.table import Table
from lab_kit.core.units import ms
from lab_kit.experiments.access.draining import Ask, Drained, Plan
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below
from lab_kit.show.draw.inks import FAINT
from lab_kit.show.draw.labels import legend
from lab_kit.show.draw.layers import Area, Crosses, Dots, Layer, Lines
from lab_kit.show.draw.room import Point
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict
from lab_kit.show.load.strips import LEFT_PX, RIGHT_PX

LEFT, SPENT, WAITED = theme.COMPUTE, theme.QUEUE, theme.NEUTRAL
_LEFT_TOP, _LEFT_BOTTOM = 26, 168
_ROW_Y = 206
_COST_TOP, _COST_BOTTOM = 256, 340
_STEP_S = 5.0
"""Where the axis of time ends: at a multiple of this, so that it seldom changes while it moves."""
_COST_STEP_S = 0.1
_COST_SCALE_S = 0.2


def drain_frame(plan: Plan, asks: Sequence[Ask]) -> Svg:
    """All of the picture but its marks."""
    svg = Svg(
        _COST_BOTTOM + 40,
        "A budget of compute: who waits, and for how long?",
        "Compute-seconds left over time; beneath, a cross for each refusal with the wait that was "
        "told; beneath that, for each request what was reserved, hollow, and what it cost, filled.",
        [f"{plan.per_min_s:g} compute-seconds a minute, {plan.burst_s:g} at once"],
        lines=(2, 1),
    )
    across = _across(asks)
    axis_below(svg, across, _LEFT_TOP, _COST_BOTTOM, "seconds")
    for up in (_up(plan), _cost_up(asks)):
        for value in (0.0, up.high / 2, up.high):
            y = up.px(value)
            svg.grid((LEFT_PX, y), (RIGHT_PX, y), is_zero=value == 0)
            svg.text(
                (LEFT_PX - 7, y + 4),
                f"{value:.2g}",
                role=FAINT,
                size_px=theme.SMALL_PX,
                anchor="end",
            )
    svg.text((LEFT_PX, 12), "compute-seconds left", role=FAINT, size_px=theme.SMALL_PX)
    where = LEFT_PX, _ROW_Y - 16
    svg.text(where, "✕ refused, and the wait that was told", role=FAINT, size_px=theme.SMALL_PX)
    named = [("it cost, in compute-seconds", SPENT)]
    end = legend(svg, named, _COST_TOP - 10, LEFT_PX)
    svg.text((end, _COST_TOP - 10), "○ was reserved", role=FAINT)
    return svg


def drain_layers(plan: Plan, asks: Sequence[Ask]) -> list[Layer]:
    """The marks of all requests that have ended."""
    across, up, cost = _across(asks), _up(plan), _cost_up(asks)
    line = [(across.px(at_s), up.px(max(0.0, left_s))) for at_s, left_s in _levels(plan, asks)]
    refused = [one for one in asks if not one.is_admitted]
    waits = [_wait_line(one, across) for one in refused]
    admitted = [one for one in asks if one.is_admitted]
    bars = [[_cost_at(one, across, cost, is_reserved=flag) for flag in (True, False)]
            for one in admitted]  # fmt: skip
    return [
        Area(line, up.px(0), LEFT),
        Lines([line], LEFT, 2),
        Lines(waits, WAITED, 2),
        Dots([(across.px(one.sent_s), _ROW_Y) for one in asks if _is_kept(one)], LEFT, 4),
        Crosses([(across.px(one.sent_s), _ROW_Y) for one in refused]),
        Lines(bars, SPENT, 1.5),
        Dots([bar[0] for bar in bars], SPENT, 4, is_hollow=True),
        Dots([bar[1] for bar in bars], SPENT, 4),
    ]


def draw_drained(run: Drained) -> Svg:
    """The picture of a run that is over."""
    svg = drain_frame(run.plan, run.asks)
    for layer in drain_layers(run.plan, run.asks):
        layer.draw(svg)
    return svg


def drain_verdict(run: Drained, guess: str = "") -> Verdict:
    """Whether who waited as told was admitted, and what was reserved in vain.

    Args:
        guess: what is said of the reader's guess.
    """
    whole = [again for refused, again in run.waits if run.is_whole(refused)]
    if not whole:
        told = "Nobody waited for a whole request: this machine does the work for less than comes"
        return Verdict(f"{told} back. Lower per_min_s in the plan.", Sign.UNSAID, guess)
    kept, others = sum(one.is_admitted for one in whole), len(run.waits) - len(whole)
    told = f"{refusals(run)} refused; {kept} of {len(whole)} who waited for their whole request"
    told += " were admitted."
    if others:
        told += f" {others} more waited for the least that any needs, to be told again."
    sign = Sign.INSIDE if kept == len(whole) else Sign.OVER
    return Verdict(f"{told} {_given_back(run)}", sign, guess)


def drain_ends(asks: Sequence[Ask]) -> tuple[float, float]:
    """Where the scales of time and of cost end."""
    return _across(asks).high, _cost_up(asks).high


def refusals(run: Drained) -> int:
    """How many requests were refused."""
    return sum(not one.is_admitted for one in run.asks)


def tabulate_drained(run: Drained) -> Table:
    """One line a request."""
    rows = [
        (
            f"{one.sent_s:.2f}",
            "silence" if one.is_silence else "speech",
            "-" if one.wait_s is None else f"{one.wait_s:.3f}",
            "-" if one.wait_s is None else f"{ms(run.waited_for_s(one)):,.0f}",
            "yes" if one.is_told else "",
            *(f"{ms(value):,.0f}" for value in (one.before_s, one.reserved_s, one.cost_s)),
        )
        for one in run.asks
    ]
    head = ("sent at s", "sound", "told to wait s", "for ms", "had waited", "left ms",
            "reserved ms", "cost ms")  # fmt: skip
    return Table("request", head, rows, left=2)


def _given_back(run: Drained) -> str:
    """How much more was reserved than was needed, of speech and of silence."""
    parts = []
    for name, is_silence in (("speech", False), ("silence", True)):
        asks = [one for one in run.asks if one.is_admitted and one.is_silence is is_silence]
        if asks:
            reserved, cost = (fmean(getattr(one, what) for one in asks)
                              for what in ("reserved_s", "cost_s"))  # fmt: skip
            parts.append(f"{name} {ms(reserved):.0f} ms, cost {ms(cost):.0f}")
    return f"Reserved on average: {'; '.join(parts)}."


def _levels(plan: Plan, asks: Sequence[Ask]) -> list[Point]:
    """What was left over time: it falls when something is reserved, rises, and jumps when that is
    settled."""
    points: list[Point] = []
    for one in asks:
        reserved_s = one.before_s - one.reserved_s
        risen_s = reserved_s + (one.ended_s - one.sent_s) * plan.per_min_s / 60
        points += [
            (one.sent_s, one.before_s),
            (one.sent_s, reserved_s),
            (one.ended_s, min(plan.burst_s, risen_s)),
            (one.ended_s, one.left_s),
        ]
    return points


def _is_kept(one: Ask) -> bool:
    return one.is_told and one.is_admitted


def _wait_line(one: Ask, across: Scale) -> list[Point]:
    end_s = min(one.ended_s + (one.wait_s or 0.0), across.high)
    return [(across.px(one.sent_s), _ROW_Y), (across.px(end_s), _ROW_Y)]


def _cost_at(one: Ask, across: Scale, up: Scale, *, is_reserved: bool) -> Point:
    return across.px(one.sent_s), up.px(one.reserved_s if is_reserved else one.cost_s)


def _across(asks: Sequence[Ask]) -> Scale:
    last_s = max([one.ended_s + (one.wait_s or 0.0) for one in asks], default=0.0)
    return Scale(0, _STEP_S * max(1, math.ceil(last_s / _STEP_S)), LEFT_PX, RIGHT_PX)


def _up(plan: Plan) -> Scale:
    return Scale(0, plan.burst_s, _LEFT_BOTTOM, _LEFT_TOP)


def _cost_up(asks: Sequence[Ask]) -> Scale:
    most_s = max([_COST_SCALE_S, *(max(one.reserved_s, one.cost_s) for one in asks)])
    most_s = _COST_STEP_S * math.ceil(most_s / _COST_STEP_S - 1e-9)
    return Scale(0, most_s, _COST_BOTTOM, _COST_TOP)
