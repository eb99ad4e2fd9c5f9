"""The panels of the server's dashboard over one run, for where there is no Grafana.

The budget and the burn rates have a picture of their own, `lab_kit.show.slo.burning`.
"""

from collections.abc import Sequence

from lab_kit.core.table import Table
from lab_kit.core.units import BUDGET_S, ms, percent
from lab_kit.experiments.objectives.readings import (
    FINALS,
    FIRSTS,
    OVER_S,
    Reading,
    outcomes_per_s,
    quantiles,
    shares_within,
)
from lab_kit.experiments.objectives.watched import LIMIT_S, Watched
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.inks import FAINT
from lab_kit.show.draw.labels import legend
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict

Points = list[tuple[float, float]]
Series = tuple[str, str, Points]

_LEFT, _RIGHT = 64, theme.WIDTH_PX - theme.MARGIN_PX
_TOP, _EACH_PX, _PANEL_PX = 32, 104, 62
_MOST_POINTS = 70
"""Of a line: two pictures of a notebook's cell, and a page has many."""
_STEP_S = 10.0


def panels(run: Watched) -> None:
    """Draw what a dashboard shows of a run: shares, percentiles, outcomes, open streams."""
    show_drawing(draw_panels(run), tabulate_panels(run), panels_verdict(run))


def draw_panels(run: Watched) -> Svg:
    """Four panels over one axis of time."""
    each = _panels(run.readings)
    bottom = _TOP + _EACH_PX * (len(each) - 1) + _PANEL_PX
    svg = Svg(
        bottom + 40,
        "What does the dashboard show of this run?",
        "Over time, one panel above the other: shares of finals within two limits; percentiles; "
        "streams that ended; open streams, counted and looked at.",
        [
            f"each point looks back over {OVER_S:g} s",
            "percentiles are estimates inside a bucket",
            "callers ask for finals alone: first words come with them",
        ],
    )
    end_s = run.readings[-1].at_s if run.readings else run.plan.seconds
    across = Scale(0, _STEP_S * max(1, -(-end_s // _STEP_S)), _LEFT, _RIGHT)
    axis_below(svg, across, _TOP, bottom, "seconds")
    for number, (name, high, series) in enumerate(each):
        top = _TOP + _EACH_PX * number
        up = Scale(0, high, top + _PANEL_PX, top)
        svg.text((_LEFT - 40, top - 10), name, role=FAINT, size_px=theme.SMALL_PX)
        legend(svg, [(named, color) for named, color, _ in series], top - 10, _LEFT + 216)
        for value in (0.0, high):
            svg.grid((_LEFT, up.px(value)), (_RIGHT, up.px(value)), is_zero=not value)
            where = (_LEFT - 7, up.px(value) + 4)
            svg.text(where, f"{value:,g}", role=FAINT, size_px=theme.SMALL_PX, anchor="end")
        for _, color, points in series:
            line = [(across.px(x), up.px(min(y, high))) for x, y in _thinned(points)]
            if len(line) > 1:
                svg.polyline(line, color, 2)
    return svg


def panels_verdict(run: Watched) -> Verdict:
    """The worst of each panel."""
    within = shares_within(run.readings, LIMIT_S)
    if not within:
        return Verdict("No final was counted: speak for longer.", Sign.UNSAID)
    at_s, worst = min(within, key=lambda one: one[1])
    high_s = max(value for _, value in quantiles(run.readings, 0.95, FINALS))
    last, first = run.readings[-1].outcomes, run.readings[0].outcomes
    ended = {name: round(count - first.get(name, 0)) for name, count in last.items()}
    others = sum(ended.get(name, 0) for name in ("failed", "refused"))
    peak, seen = (max(values) for values in zip(*map(_open, run.readings), strict=True))
    return Verdict(
        f"At worst, {at_s:.0f} s into the run, {percent(worst)} of finals came within"
        f" {ms(LIMIT_S):.0f} ms, and p95 was about {ms(high_s):,.0f} ms."
        f" {ended.get('served', 0)} streams were served, {others} failed or were refused."
        f" At most {peak:.0f} were open at once, and {seen:.0f} when somebody looked.",
        Sign.NONE,
    )


def tabulate_panels(run: Watched) -> Table:
    """A row for each line: its least, its middle and its most."""
    rows = []
    for name, _, series in _panels(run.readings):
        for named, _, points in series:
            values = sorted(value for _, value in points)
            known = [values[0], values[len(values) // 2], values[-1]] if values else []
            cells = [f"{value:,.2f}" for value in known] or ["-", "-", "-"]
            rows.append((f"{name}: {named}", *cells))
    return Table("line of a panel", ("", "least", "median", "most"), rows)


def _panels(readings: Sequence[Reading]) -> list[tuple[str, float, list[Series]]]:
    """Each panel's name, the end of its scale, and its lines."""

    delays = [
        (name, color, [(at_s, ms(value)) for at_s, value in quantiles(readings, share, of)])
        for name, color, share, of in (
            ("finals p50", theme.COMPUTE, 0.5, FINALS),
            ("finals p95", theme.QUEUE, 0.95, FINALS),
            ("first results p95", theme.NETWORK, 0.95, FIRSTS),
        )
    ]
    ended = [
        ("served", theme.COMPUTE, outcomes_per_s(readings, ["served"])),
        ("failed, refused", theme.QUEUE, outcomes_per_s(readings, ["failed", "refused"])),
        ("left", theme.NEUTRAL, outcomes_per_s(readings, ["left"])),
    ]
    streams = [
        ("most of the last minute", theme.COMPUTE, [(one.at_s, one.peak) for one in readings]),
        ("when looked at", theme.SILENCE, [(one.at_s, one.open_now) for one in readings]),
    ]
    shares = [
        (f"within {edge:g} s", color, [(x, 100 * y) for x, y in shares_within(readings, edge)])
        for edge, color in ((BUDGET_S, theme.COMPUTE), (LIMIT_S, theme.SILENCE))
    ]
    return [
        ("finals at the server, %", 100.0, shares),
        ("delay at the server, ms", _end_of(delays), delays),
        ("streams that ended, a second", _end_of(ended), ended),
        ("open streams", _end_of(streams), streams),
    ]


def _open(one: Reading) -> tuple[float, float]:
    return one.peak, one.open_now


def _end_of(series: Sequence[Series]) -> float:
    most = max((value for _, _, points in series for _, value in points), default=0.0)
    steps = (step * 10**power for power in range(6) for step in (1, 2, 5))
    return float(next(step for step in steps if step >= most))


def _thinned(points: Points) -> Points:
    """So many of them, and the last."""
    step = -(-len(points) // _MOST_POINTS)
    return points if step <= 1 else [*points[::step], points[-1]]
