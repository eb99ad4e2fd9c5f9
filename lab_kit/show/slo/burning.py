"""An error budget beside the load that burns it: turns, burn rates, who is told, what is gone.

Frame and marks are made apart: the moving plot puts them together again and again, the still
picture once.
"""

import math
from collections.abc import Callable, Sequence

from lab_kit.core.table import Table
from lab_kit.core.units import ms, percent
from lab_kit.experiments.load.generator import BUSY_CORES
from lab_kit.experiments.objectives.paging import shown_windows
from lab_kit.experiments.objectives.watched import (
    FAR,
    LIMIT_S,
    SLOW,
    Incident,
    Moment,
    Plan,
    TurnSeen,
    Watched,
)
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below
from lab_kit.show.draw.figures import void_told
from lab_kit.show.draw.inks import BUDGET, FAINT
from lab_kit.show.draw.labels import legend
from lab_kit.show.draw.layers import Area, Dots, Layer, Lines, Triangles
from lab_kit.show.draw.room import Point
from lab_kit.show.draw.scale import Scale, stairs
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict
from lab_kit.slo.burn import ALERTS, PERIOD_S, Severity

_LEFT, _RIGHT = 64, theme.WIDTH_PX - theme.MARGIN_PX
_TURNS_TOP, _TURNS_BOTTOM = 44, 148
_BURN_TOP, _BURN_BOTTOM = 196, 300
_LANES_Y, _LANE_PX = 330, 20
_SPENT_TOP, _SPENT_BOTTOM = 396, 460
_MOST_TURN_S = 3.0
"""Later finals lie on the upper edge, as what never came does."""
_LEAST_RATE, _MOST_RATE = 0.1, 100.0
_STEP_S = 10.0
_LATE_ENOUGH_S = 0.1
"""An eighth of the limit: a generator that is later than that measures itself."""
_SPENT_STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)
_COLORS = (theme.COMPUTE, theme.SILENCE)
_MINUTE_S = 60.0
_LEVEL_PX = 0.3


def burn_frame(
    plan: Plan, incidents: Sequence[Incident], moments: Sequence[Moment], end_s: float
) -> Svg:
    """All of the picture but its marks.

    Args:
        moments: what is known by now, which decides how far the budget's scale goes.
    """
    svg = Svg(
        _SPENT_BOTTOM + 40,
        "Who is told that the budget burns, how soon, and of what not?",
        "Over time: a dot for each turn by its final delay; burn rates over two windows on a log "
        "scale; when a page was out; the share of a month's budget that is gone.",
        [
            f"{plan.callers} callers",
            f"time is compressed {plan.compression:g} times: an hour of the alerts is"
            f" {3_600 / plan.compression:g} s",
        ],
        lines=(4, 1),
    )
    across = _across(plan, end_s)
    axis_below(svg, across, _TURNS_TOP, _SPENT_BOTTOM, "seconds")
    for one in incidents:
        left, right = (across.px(min(at_s, across.high)) for at_s in (one.from_s, one.until_s))
        svg.band(left, _TURNS_TOP, right - left, _SPENT_BOTTOM - _TURNS_TOP, 0.18)
        svg.text((left, _TURNS_TOP - 5), one.name, role=FAINT, size_px=theme.SMALL_PX)
    _name(svg, "final delay at the callers, ms: known when their calls are over", 12)
    _level(svg, _turns_up(), LIMIT_S, f"{ms(LIMIT_S):,.0f}", "limit of the objective")
    _values(svg, _turns_up(), (0.0, 1.5, 3.0), lambda value: f"{ms(value):,.0f}")
    page = ALERTS[0]
    names = [f"over {window.name}" for window in shown_windows()]
    _name(svg, "burn rate, log scale", _BURN_TOP - 24)
    legend(svg, list(zip(names, _COLORS, strict=True)), _BURN_TOP - 24, 200)
    _values(svg, _rates_up(), (0.1, 1.0, 10.0, 100.0), lambda value: f"{value:g}x", is_log=True)
    y = _rates_up().px(math.log10(page.rate))
    svg.rule((_LEFT, y), (_RIGHT, y), BUDGET, 1.5, theme.BUDGET_DASH_PX)
    label = f"limit {page.rate:g}x: page (over {page.long.name} and {page.short.name})"
    where = (_RIGHT, _BURN_TOP - 24)
    svg.text(where, label, role=BUDGET, size_px=theme.SMALL_PX, anchor="end")
    for row, name in enumerate(("by arithmetic", "by Prometheus")):
        y = _LANES_Y + _LANE_PX * row
        svg.text((_LEFT - 40, y - 7), f"page, {name}", role=FAINT, size_px=theme.SMALL_PX)
        svg.grid((_LEFT, y), (_RIGHT, y))
    _name(svg, "of a month's budget gone, %; dotted: if it were spent evenly", _SPENT_TOP - 12)
    spent_up = _spent_up(moments)
    _values(svg, spent_up, (0.0, spent_up.high), lambda value: f"{value:g}")
    even = min(100 * across.high * plan.compression / PERIOD_S, spent_up.high)
    start, end = (across.px(0), spent_up.px(0)), (across.px(across.high), spent_up.px(even))
    svg.rule(start, end, FAINT, 1.5, "2 3")
    return svg


def burn_layers(
    plan: Plan, moments: Sequence[Moment], turns: Sequence[TurnSeen], end_s: float
) -> list[Layer]:
    """The marks of what is known by now."""
    across = _across(plan, end_s)
    spent_up = _spent_up(moments)
    shown = [one for one in turns if one.at_s <= across.high]
    good = [_turn_at(one, across) for one in shown if one.is_good]
    late = [_turn_at(one, across) for one in shown if not one.is_good]
    spent = [
        (across.px(one.at_s), spent_up.px(min(100 * one.spent, spent_up.high))) for one in moments
    ]
    rates = [
        Lines(_runs(moments, window.name, across), color, 2)
        for window, color in zip(shown_windows(), _COLORS, strict=True)
    ]
    lanes = [
        Lines(_told(moments, across, by_prometheus=flag, y=_LANES_Y + _LANE_PX * row), theme.INK, 7)
        for row, flag in enumerate((False, True))
    ]
    spent = _thinned(spent)
    return [
        Dots(good, theme.COMPUTE, 2.6, 0.75),
        Triangles(late),
        *rates,
        *lanes,
        Area(spent, spent_up.px(0), theme.QUEUE),
        Lines([spent], theme.QUEUE, 2),
    ]


def draw_burning(run: Watched) -> Svg:
    """The picture of a run that is over."""
    end_s = run.moments[-1].at_s
    svg = burn_frame(run.plan, run.incidents, run.moments, end_s)
    for layer in burn_layers(run.plan, run.moments, run.turns, end_s):
        layer.draw(svg)
    return svg


def burn_verdict(run: Watched, guess: str = "") -> Verdict:
    """Who was told, how soon, and of what not.

    Args:
        guess: what is said of the reader's guess.
    """
    void = [load for load in run.loads if _is_void(load.lateness_s, load.generator_cores)]
    if void:
        told = void_told(void[0].lateness_s, void[0].generator_cores, late_s=_LATE_ENOUGH_S)
        return Verdict(told, Sign.UNSAID, guess)
    slow, paged_s, alert = run.incident(SLOW), run.told_s(Severity.PAGE), run.first(Severity.PAGE)
    if paged_s is None or alert is None:
        told = "Nobody was paged: too few finals were late. Make the plan's slow_s longer."
        return Verdict(told, Sign.UNSAID, guess)
    if paged_s < slow.from_s:
        told = (
            f"Paged after {paged_s:.0f} s, before anything was made slow for long: this machine was"
            f" late by itself, or the blip was enough among so few turns. {_gone(run)}"
        )
        return Verdict(told, Sign.OVER, guess)
    waited_s = paged_s - slow.from_s
    told = (
        f"Paged {waited_s:.1f} s after the server became slow, {_real(waited_s, run)} in real time,"
        f" at {alert.rate:g}x over {alert.long.name} and {alert.short.name}.{_by_prometheus(run)}"
        f" The blip paged nobody. {_gone(run)}{_unseen(run)}"
    )
    return Verdict(told, Sign.INSIDE, guess)


def tabulate_burning(run: Watched) -> Table:
    """One line for each thing that happened."""
    rows = []
    for one in run.incidents:
        turns = run.turns_in(one)
        bad, total = run.counted_in(one)
        told = "yes" if _paged_in(run, one) else "no"
        rows.append(
            (
                one.name,
                f"{one.from_s:.1f}",
                f"{one.until_s:.1f}",
                str(len(turns)),
                str(sum(not turn.is_good for turn in turns)),
                f"{total:.0f}",
                f"{bad:.0f}",
                told,
            )
        )
    head = ("what happened", "from s", "to s", "turns", "late", "counted", "bad", "page out")
    notes = (
        "Turns and late ones are the callers'; counted and bad are the server's, until a second"
        " later.",
        f"A window that is longer than the run holds all of it, so the alerts over"
        f" {ALERTS[1].long.name} and more speak sooner here than they would after a quiet week.",
    )
    return Table("incident", head, rows, notes)


def waited_for_page_s(run: Watched) -> float:
    """From when the server became slow until somebody was paged; infinite if nobody was."""
    paged_s = run.told_s(Severity.PAGE)
    return math.inf if paged_s is None else max(0.0, paged_s - run.incident(SLOW).from_s)


def _is_void(lateness_s: float, cores: float) -> bool:
    return lateness_s > _LATE_ENOUGH_S or cores > BUSY_CORES


def _by_prometheus(run: Watched) -> str:
    if not run.by_prometheus:
        return " No Prometheus is on this machine (docs/objectives.md): by arithmetic alone."
    at_s, own_s = run.told_s(Severity.PAGE, by_prometheus=True), run.told_s(Severity.PAGE)
    if at_s is None or own_s is None:
        return " Prometheus paged nobody."
    if at_s == own_s:
        return " So did Prometheus."
    return f" Prometheus paged {abs(at_s - own_s):.1f} s {'later' if at_s > own_s else 'before'}."


def _gone(run: Watched) -> str:
    return f"{percent(run.moments[-1].spent, 1)} of a month's budget is gone."


def _unseen(run: Watched) -> str:
    """What only the callers know."""
    far = next((one for one in run.incidents if one.name == FAR), None)
    if far is None:
        return ""
    turns = run.turns_in(far)
    late = sum(not one.is_good for one in turns)
    bad, total = run.counted_in(far)
    return (
        f" Behind the slow network {late} of {len(turns)} turns were late; the server counted"
        f" {bad:.0f} bad of {total:.0f}."
    )


def _paged_in(run: Watched, incident: Incident) -> bool:
    return any(
        Severity.PAGE in one.told
        for one in run.moments
        if incident.from_s <= one.at_s <= incident.until_s
    )


def _real(seconds: float, run: Watched) -> str:
    return f"{seconds * run.plan.compression / _MINUTE_S:.0f} minutes"


def _name(svg: Svg, text: str, y: float) -> None:
    svg.text((_LEFT - 40, y), text, role=FAINT, size_px=theme.SMALL_PX)


def _values(
    svg: Svg,
    up: Scale,
    values: Sequence[float],
    told: Callable[[float], str],
    *,
    is_log: bool = False,
) -> None:
    for value in values:
        y = up.px(math.log10(value) if is_log else value)
        svg.grid((_LEFT, y), (_RIGHT, y), is_zero=value == (1.0 if is_log else 0.0))
        where = (_LEFT - 7, y + 4)
        svg.text(where, told(value), role=FAINT, size_px=theme.SMALL_PX, anchor="end")


def _level(svg: Svg, up: Scale, value: float, told: str, label: str) -> None:
    y = up.px(value)
    svg.ground(_LEFT, up.high_px, _RIGHT, y)
    svg.rule((_LEFT, y), (_RIGHT, y), BUDGET, theme.BUDGET_WIDTH_PX, theme.BUDGET_DASH_PX)
    words = f"{label} {told} ms: last sound → final"
    svg.text((_RIGHT, up.high_px - 18), words, role=BUDGET, size_px=theme.SMALL_PX, anchor="end")


def _turn_at(turn: TurnSeen, across: Scale) -> Point:
    return across.px(turn.at_s), _turns_up().px(min(turn.final_delay_s, _MOST_TURN_S))


def _runs(moments: Sequence[Moment], window: str, across: Scale) -> list[list[Point]]:
    """Rates over time; where nothing happened in the window the line breaks off."""
    runs: list[list[Point]] = [[]]
    for one in moments:
        rate = one.burn.get(window)
        if rate is None:
            runs.append([])
            continue
        shown = math.log10(min(max(rate, _LEAST_RATE), _MOST_RATE))
        runs[-1].append((across.px(one.at_s), _rates_up().px(shown)))
    return [_thinned(stairs(run)) for run in runs if run]


def _thinned(points: Sequence[Point]) -> list[Point]:
    """Without what lies level between its neighbours: a line of hundreds of readings is large."""
    return [
        point
        for at, point in enumerate(points)
        if not 0 < at < len(points) - 1
        or abs(point[1] - points[at - 1][1]) > _LEVEL_PX
        or abs(point[1] - points[at + 1][1]) > _LEVEL_PX
    ]


def _told(
    moments: Sequence[Moment], across: Scale, *, by_prometheus: bool, y: float
) -> list[list[Point]]:
    runs: list[list[Point]] = [[]]
    for one in moments:
        told = one.told_by_prometheus or frozenset() if by_prometheus else one.told
        if Severity.PAGE in told:
            runs[-1].append((across.px(one.at_s), y))
        elif runs[-1]:
            runs.append([])
    return [[run[0], run[-1]] for run in runs if len(run) > 1]


def burn_ends(plan: Plan, moments: Sequence[Moment], end_s: float) -> tuple[float, ...]:
    """Where the scales of time and of the budget end."""
    return _across(plan, end_s).high, _spent_up(moments).high


def _across(plan: Plan, end_s: float) -> Scale:
    last_s = max(plan.seconds, end_s)
    return Scale(0, _STEP_S * math.ceil(last_s / _STEP_S - 1e-9), _LEFT, _RIGHT)


def _turns_up() -> Scale:
    return Scale(0, _MOST_TURN_S, _TURNS_BOTTOM, _TURNS_TOP)


def _rates_up() -> Scale:
    low, high = math.log10(_LEAST_RATE), math.log10(_MOST_RATE)
    return Scale(low, high, _BURN_BOTTOM, _BURN_TOP)


def _spent_up(moments: Sequence[Moment]) -> Scale:
    most = max([1.0, *(100 * one.spent for one in moments)])
    high = next((step for step in _SPENT_STEPS if step >= most), _SPENT_STEPS[-1])
    return Scale(0, high, _SPENT_BOTTOM, _SPENT_TOP)
