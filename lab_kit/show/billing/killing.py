"""A chain that is killed, repeated and delayed: what callers were told, and what is in the ledger.

Frame and marks are made apart: the moving plot puts them together again and again, the still
picture once.
"""

import math
from collections.abc import Sequence

from lab_kit.core.table import Table
from lab_kit.experiments.metering.killing import READ_S, Fault, Happened, Killed, Moment, Plan
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below
from lab_kit.show.draw.inks import FAINT
from lab_kit.show.draw.labels import Place, legend, put
from lab_kit.show.draw.layers import Area, Layer, Lines
from lab_kit.show.draw.room import Point
from lab_kit.show.draw.scale import Scale, stairs
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict

TOLD, BILLED, WAITS = theme.QUEUE, theme.COMPUTE, theme.NETWORK
_LEFT, _RIGHT = 64, theme.WIDTH_PX - theme.MARGIN_PX
_SUM_TOP, _SUM_BOTTOM = 76, 226
_DIFFERENCE_TOP, _DIFFERENCE_BOTTOM = 268, 350
_ROWS = 3
_ROW_PX = 13
_STEP_S = 5.0
_SCALES = (10, 20, 30, 50, 100, 150, 200, 300, 500, 1_000, 2_000, 5_000)


def killing_frame(plan: Plan, moments: Sequence[Moment]) -> Svg:
    """All of the picture but its marks.

    Args:
        moments: what is known by now, which decides how far the scales go.
    """
    svg = Svg(
        _DIFFERENCE_BOTTOM + 40,
        "Callers, kills and a ledger: is anything lost or counted twice?",
        "Seconds of sound over time: told to callers, and in the ledger; beneath, what callers "
        "were told that the ledger does not have yet.",
        [
            f"{plan.callers} callers, {plan.speed:g} times as fast as speech",
            f"the ledger is read every {READ_S:g} s",
        ],
        lines=(2, 1),
    )
    across = _across(plan, moments)
    axis_below(svg, across, _SUM_TOP, _DIFFERENCE_BOTTOM, "seconds")
    for one in moments[-1].happened if moments else ():
        left, right = (across.px(min(at_s, across.high)) for at_s in (one.from_s, one.until_s))
        width, height = max(2.0, right - left), _DIFFERENCE_BOTTOM - _SUM_TOP
        svg.band(left, _SUM_TOP, width, height, 0.3)
        rows = [_SUM_TOP - 6 - _ROW_PX * row for row in range(_ROWS)]
        # what finds no room is named in the table
        put(svg, one.fault, [Place((left, y)) for y in rows], role=FAINT, size_px=theme.SMALL_PX)
    named = [("told to callers, s", TOLD), ("in the ledger, s", BILLED)]
    legend(svg, named, 14, _LEFT)
    svg.text(
        (_LEFT, _DIFFERENCE_TOP - 10),
        "told and not in the ledger yet, s of sound",
        role=FAINT,
        size_px=theme.SMALL_PX,
    )
    for up in (_sum_up(moments), _difference_up(moments)):
        for value in (0.0, up.high / 2, up.high):
            y = up.px(value)
            svg.grid((_LEFT, y), (_RIGHT, y), is_zero=value == 0)
            where = (_LEFT - 7, y + 4)
            svg.text(where, f"{value:g}", role=FAINT, size_px=theme.SMALL_PX, anchor="end")
    return svg


def killing_layers(plan: Plan, moments: Sequence[Moment]) -> list[Layer]:
    """The marks of what is known by now."""
    across, up, beneath = _across(plan, moments), _sum_up(moments), _difference_up(moments)
    told = [(across.px(one.at_s), up.px(one.told_us / 1e6)) for one in moments]
    billed = [(across.px(one.at_s), up.px(one.billed_us / 1e6)) for one in moments]
    waits = [(across.px(one.at_s), beneath.px(one.missing_us / 1e6)) for one in moments]
    waits = _bare(stairs(waits))
    return [
        Area(waits, beneath.px(0), WAITS),
        Lines([waits], WAITS, 2),
        Lines([_bare(stairs(told))], TOLD, 3),
        Lines([_bare(stairs(billed))], BILLED, 1.8),
    ]


def draw_killing(run: Killed) -> Svg:
    """The picture of a run that is over."""
    svg = killing_frame(run.plan, run.moments)
    for layer in killing_layers(run.plan, run.moments):
        layer.draw(svg)
    return svg


def killing_verdict(run: Killed, guess: str = "") -> Verdict:
    """Whether anything is missing, and what is there that nobody was told.

    Args:
        guess: what is said of the reader's guess.
    """
    last = run.last
    if not run.streams:
        told = "Nobody was told of any sound: give the plan more seconds."
        return Verdict(told, Sign.UNSAID, guess)
    told = (
        f"{last.missing_us:,} µs missing of {last.told_us:,} that callers of {run.streams} streams"
        f" were told; at most {run.most_waiting_us / 1e6:.1f} s waited to be shipped."
    )
    if last.beyond_us:
        streams = "1 stream" if run.beyond == 1 else f"{run.beyond} streams"
        told += f" {last.beyond_us:,} µs of {streams} were written, and their server killed"
        told += " before it could tell."
    # of each stream that a killed server held, one result may be written and not be told
    most = run.servers_killed * run.plan.callers
    is_whole = last.missing_us == 0 and run.beyond <= most
    return Verdict(told, Sign.INSIDE if is_whole else Sign.OVER, guess)


def tabulate_killing(run: Killed) -> Table:
    """One line for each fault, and one for the end."""
    rows = [_row(one, run) for one in run.happened]
    last = run.last
    rows.append(("all shipped", f"{last.at_s:.1f}", "", "", "", f"{last.missing_us:,}"))
    head = ("what happened", "from s", "until s", "sent again", "of it new", "most waiting µs")
    return Table("fault", head, rows)


def _row(one: Happened, run: Killed) -> tuple[str, ...]:
    seen = [
        moment.missing_us
        for moment in run.moments
        if one.from_s <= moment.at_s <= one.until_s + 2 * READ_S
    ]
    again = (f"{one.repeated:,}", f"{one.new:,}") if one.fault == Fault.TWICE else ("", "")
    times = (f"{one.from_s:.1f}", f"{one.until_s:.1f}")
    return (one.fault, *times, *again, f"{max(seen, default=0):,}")


def _bare(points: Sequence[Point]) -> list[Point]:
    """Without what lies level between its neighbours."""
    return [
        point
        for at, point in enumerate(points)
        if not 0 < at < len(points) - 1
        or point[1] != points[at - 1][1]
        or point[1] != points[at + 1][1]
    ]


def killing_ends(plan: Plan, moments: Sequence[Moment]) -> tuple[float, ...]:
    """Where the scales end."""
    scales = (_across(plan, moments), _sum_up(moments), _difference_up(moments))
    return tuple(one.high for one in scales)


def _across(plan: Plan, moments: Sequence[Moment]) -> Scale:
    last_s = max([plan.seconds + _STEP_S, *(one.at_s for one in moments[-1:])])
    return Scale(0, _STEP_S * math.ceil(last_s / _STEP_S - 1e-9), _LEFT, _RIGHT)


def _sum_up(moments: Sequence[Moment]) -> Scale:
    most_s = max([max(one.told_us, one.billed_us) / 1e6 for one in moments], default=0.0)
    return Scale(0, _scale_of(most_s), _SUM_BOTTOM, _SUM_TOP)


def _difference_up(moments: Sequence[Moment]) -> Scale:
    most_s = max([one.missing_us / 1e6 for one in moments], default=0.0)
    return Scale(0, _scale_of(most_s), _DIFFERENCE_BOTTOM, _DIFFERENCE_TOP)


def _scale_of(most_s: float) -> float:
    return next((one for one in _SCALES if one >= most_s), _SCALES[-1])
