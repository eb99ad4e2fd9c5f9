"""A day of one policy, over its hours; several policies, by what they cost and whom they refuse."""

from collections.abc import Mapping, Sequence

import numpy as np

from lab_kit.core.table import Table
from lab_kit.core.units import percent
from lab_kit.measure.guess import Guess
from lab_kit.scale.bill import Bill, bill
from lab_kit.scale.day import Day
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below, axis_left
from lab_kit.show.draw.bars import Quantity, compare_bars, height_of
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.inks import FAINT
from lab_kit.show.draw.labels import Place, put
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict

ALLOWED = 0.001
"""Share of the calls that may be refused: the objective that policies are held to."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 72, theme.WIDTH_PX - theme.MARGIN_PX, 34, 244
_PANE_TOP, _PANE_BOTTOM = 266, 312
_EACH_S = 600.0
"""Ten minutes a point: a day is 144 of them."""
_NAMES_PX = 178


def day(found: Day, guess: Guess | None = None) -> None:
    """Draw streams, places and refusals over the day's hours.

    Args:
        guess: share of the calls that is refused, in percent.
    """
    words = "" if guess is None else guess.against(100 * found.refused_share)
    told = day_verdict(found)
    show_drawing(draw_day(found), tabulate_days({"": found}), Verdict(told.told, told.sign, words))


def day_verdict(found: Day) -> Verdict:
    """Whom it refused, and what it cost."""
    refused, costs = percent(found.refused_share, 3), bill(found)
    told = f"{refused} of the calls were refused; {found.node_hours:,.0f} node-hours cost"
    told += f" {costs.dollars:,.0f} USD."
    if found.moved.any():
        told += f" {percent(found.moved_share, 2)} were served in another region."
    return Verdict(told, Sign.INSIDE if found.refused_share <= ALLOWED else Sign.OVER)


def draw_day(found: Day) -> Svg:
    """The picture: streams against places, and beneath them the calls that were refused."""
    streams, places = _each(found, found.open_streams), _each(found, found.capacity)
    refused = _sums(found, found.refused)
    hours = [(n + 0.5) * _EACH_S / 3600 for n in range(len(streams))]
    svg = Svg(
        _PANE_BOTTOM + 40,
        "Were there places when they were wanted?",
        "Two lines over the hours of a day, open streams and places for them, and beneath them "
        "the calls that were refused.",
        [
            f"{found.wanted.sum():,} calls",
            f"{found.world.places} places a node",
            f"cold start {found.world.cold_s:g} s",
            "simulated",
        ],
    )
    across = Scale(0, 24, _LEFT, _RIGHT)
    up = Scale(0, max(*places, *streams, 1.0) * 1.08, _BOTTOM, _TOP)
    axis_left(svg, up, _LEFT, _RIGHT, "streams, all regions", _TOP - 18)
    axis_below(svg, across, _PANE_TOP, _PANE_BOTTOM, "hours, UTC")

    def line(values: Sequence[float], scale: Scale) -> list[tuple[float, float]]:
        return [(across.px(h), scale.px(v)) for h, v in zip(hours, values, strict=True)]

    svg.filled(line(streams, up), _BOTTOM, theme.COMPUTE)
    svg.polyline(line(streams, up), theme.COMPUTE)
    svg.polyline(line(places, up), theme.NEUTRAL)
    most = max(refused)
    beneath = line(refused, Scale(0, max(1, most), _PANE_BOTTOM, _PANE_TOP + 8))
    svg.grid((_LEFT, _PANE_BOTTOM), (_RIGHT, _PANE_BOTTOM), is_zero=True)
    svg.filled(beneath, _PANE_BOTTOM, theme.QUEUE)
    svg.polyline(beneath, theme.QUEUE)
    told = f"refused in ten minutes: at most {most:,}" if most else "nobody was refused"
    svg.text((_LEFT - 40, _PANE_TOP - 4), told, role=FAINT, size_px=theme.SMALL_PX)
    _name(svg, line(places, up), "places", above=True)
    _name(svg, line(streams, up), "open streams", above=False)
    return svg


def policies(found: Mapping[str, Day], guess: Guess | None = None) -> None:
    """Draw what each policy costs, and whom it refuses.

    Args:
        guess: the cheapest of those that keep to the objective.
    """
    best = _cheapest(found)
    words = "" if guess is None or best is None else guess.against(best)
    told = policies_verdict(found)
    said = "" if guess is None else guess.choice
    table = tabulate_days(found)
    show_drawing(draw_policies(found, said), table, Verdict(told.told, told.sign, words))


def policies_verdict(found: Mapping[str, Day]) -> Verdict:
    """Which is the cheapest that keeps to the objective."""
    best = _cheapest(found)
    if best is None:
        told = f"Every policy refused more than {percent(ALLOWED, 1)} of the calls."
        return Verdict(told, Sign.OVER)
    late = [name for name, one in found.items() if one.refused_share > ALLOWED]
    told = f"{best} is the cheapest that refuses at most {percent(ALLOWED, 1)}:"
    told += f" {bill(found[best]).dollars:,.0f} USD a day."
    if late:
        told += f" {', '.join(late)} refused more."
    return Verdict(told, Sign.INSIDE)


def draw_policies(found: Mapping[str, Day], said: str = "") -> Svg:
    """The picture: a row a policy."""
    costs = [bill(one).dollars for one in found.values()]
    refused = [100 * one.refused_share for one in found.values()]
    moved = [100 * one.moved_share for one in found.values()]
    quantities = [
        Quantity("USD a day", costs, [f"{one:,.0f}" for one in costs]),
        Quantity("refused, %", refused, [f"{one:.3f}" for one in refused]),
        Quantity("served far away, %", moved, [f"{one:.2f}" for one in moved]),
    ]
    some = next(iter(found.values()))
    svg = Svg(
        height_of(len(found), quantities),
        "What does each policy cost, and whom does it refuse?",
        "For each policy bars for dollars, for refused calls, and for calls served elsewhere.",
        [f"{some.wanted.sum():,} calls", f"cold start {some.world.cold_s:g} s", "simulated"],
    )
    best = _cheapest(found)
    names = list(found)
    chosen = None if best is None else names.index(best)
    compare_bars(svg, names, quantities, _NAMES_PX, chosen, said)
    return svg


def tabulate_days(found: Mapping[str, Day]) -> Table:
    """A row a day."""
    rows = [_row(name, one, bill(one)) for name, one in found.items()]
    head = ("", "refused", "far away", "cut", "node-hours", "reserved", "spot", "USD")
    return Table("day", head, rows)


def starts(found: Mapping[str, Mapping[float, Day]], guess: Guess | None = None) -> None:
    """Draw what slow starts cost in callers, a line a policy.

    Args:
        found: by policy, then by the cold start in seconds.
        guess: how many percent the worst refuses.
    """
    worst = 100 * max(one.refused_share for days in found.values() for one in days.values())
    words = "" if guess is None else guess.against(worst)
    told = starts_verdict(found)
    table = tabulate_days(
        {f"{name}, {cold:g} s": one for name, days in found.items() for cold, one in days.items()}
    )
    show_drawing(draw_starts(found), table, Verdict(told.told, told.sign, words))


def starts_verdict(found: Mapping[str, Mapping[float, Day]]) -> Verdict:
    """Which policies stand the slowest start."""
    slowest = max(cold for days in found.values() for cold in days)
    kept = [name for name, days in found.items() if days[slowest].refused_share <= ALLOWED]
    if not kept:
        told = f"With starts of {slowest:g} s every policy refuses more than {percent(ALLOWED, 1)}."
        return Verdict(told, Sign.OVER)
    cheapest = min(kept, key=lambda name: bill(found[name][slowest]).dollars)
    told = f"Starts of {slowest:g} s are stood by {', '.join(kept)}"
    return Verdict(f"{told}; {cheapest} is the cheapest of them.", Sign.INSIDE)


def draw_starts(found: Mapping[str, Mapping[float, Day]]) -> Svg:
    """The picture."""
    svg = Svg(
        _BOTTOM + 40,
        "How many callers does a slow start cost?",
        "A line a policy: refused calls over the seconds from a node's order to its first stream.",
        ["simulated", f"dotted: {percent(ALLOWED, 1)}, what may be refused"],
    )
    slowest = max(cold for days in found.values() for cold in days)
    most = max(100 * one.refused_share for days in found.values() for one in days.values())
    across = Scale(0, slowest * 1.05, _LEFT, _RIGHT - 130)
    up = Scale(0, max(most, 100 * ALLOWED) * 1.1, _BOTTOM, _TOP)
    axis_below(svg, across, _TOP, _BOTTOM, "cold start, s")
    axis_left(svg, up, _LEFT, _RIGHT - 130, "refused, %", _TOP - 18)
    y = up.px(100 * ALLOWED)
    svg.rule((_LEFT, y), (_RIGHT - 130, y), FAINT, 1.5, "2 4")
    for (name, days), color in zip(found.items(), theme.series_colors(len(found)), strict=True):
        line = [(across.px(cold), up.px(100 * one.refused_share)) for cold, one in days.items()]
        svg.polyline(line, color)
        svg.points(line, color, 4)
        x, end = line[-1]
        steps = (0, -15, 15, -30, 30, -45, 45, -60, 60, -75, -90)
        put(svg, name, [Place((x + 9, end + 4 + step)) for step in steps])
    return svg


def _row(name: str, one: Day, costs: Bill) -> Sequence[str]:
    return (
        name,
        percent(one.refused_share, 3),
        percent(one.moved_share, 2),
        f"{one.cut.sum():,}",
        f"{one.node_hours:,.0f}",
        f"{costs.reserved_h:,.0f}",
        f"{costs.spot_h:,.0f}",
        f"{costs.dollars:,.2f}",
    )


def _cheapest(found: Mapping[str, Day]) -> str | None:
    kept = [name for name, one in found.items() if one.refused_share <= ALLOWED]
    return min(kept, key=lambda name: bill(found[name]).dollars, default=None)


def _each(found: Day, values: np.ndarray) -> list[float]:
    """Means of all regions together, over ten minutes each."""
    steps = max(1, round(_EACH_S / found.world.step_s))
    total = values.sum(axis=1)
    return [float(total[n : n + steps].mean()) for n in range(0, len(total), steps)]


def _sums(found: Day, values: np.ndarray) -> list[int]:
    steps = max(1, round(_EACH_S / found.world.step_s))
    total = values.sum(axis=1)
    return [int(total[n : n + steps].sum()) for n in range(0, len(total), steps)]


def _name(svg: Svg, line: Sequence[tuple[float, float]], name: str, *, above: bool) -> None:
    """Where a line has room beside it."""
    side = -10 if above else 18
    places = [Place((x, y + side * n), "middle") for n in (1, 2, 3) for x, y in line[8::6]]
    put(svg, name, places, bold=True)
