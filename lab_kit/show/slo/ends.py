"""One run at both ends: each final delay at its caller, and the server's histogram of the same."""

import math
from collections import Counter
from itertools import pairwise

from lab_kit.core.units import BUDGET_S, ms, percent
from lab_kit.experiments.objectives.both_ends import BothEnds
from lab_kit.measure.guess import Guess
from lab_kit.measure.percentiles import percentile
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.figures import delay_told, void_told
from lab_kit.show.draw.inks import FAINT
from lab_kit.show.draw.limits import FLAG_PX, limit_upright
from lab_kit.show.draw.room import Point
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict, within
from lab_kit.slo.histogram import quantile

_LEFT, _RIGHT = 110, theme.WIDTH_PX - theme.MARGIN_PX
_DOTS_PX, _BARS_PX, _GAP_PX = 74, 74, 14
_STEP_PX = 7
_METRIC = "lab_final_delay_seconds"


def both_ends(both: BothEnds, guess: Guess | None = None) -> None:
    """Draw final delays at both ends, and list every indicator.

    Args:
        guess: of the 95th percentile at the callers, in ms.
    """
    told = ends_verdict(both)
    finals = both.load.final_delays_s
    words = ""
    if guess is not None and finals:
        is_void = both.load.generator_was_bottleneck
        words = guess.against(ms(percentile(finals, 0.95)), is_void=is_void)
    show_drawing(draw_ends(both), both.table, Verdict(told.told, told.sign, words))


def ends_verdict(both: BothEnds) -> Verdict:
    """What the two ends say of the same finals."""
    load = both.load
    if load.generator_was_bottleneck:
        return Verdict(void_told(load.lateness_s, load.generator_cores), Sign.UNSAID)
    buckets = both.buckets(_METRIC)
    if not load.turns or not buckets.get(math.inf):
        return Verdict("No final was counted at both ends: speak for longer.", Sign.UNSAID)
    p95_s = load.final_delay_s(0.95)
    server_s = quantile(buckets, 0.95)
    known, counted = len(load.turns), round(buckets[math.inf])
    good = sum(delay_s <= BUDGET_S for delay_s in load.final_delays_s) / known
    return Verdict(
        f"p95 {delay_told(p95_s)} at the callers, about {ms(server_s):,.0f} ms by the server's"
        f" histogram. {percent(good)} of {known} turns within {ms(BUDGET_S):.0f} ms; the server"
        f" counted {counted} finals.",
        within(p95_s, BUDGET_S),
    )


def draw_ends(both: BothEnds) -> Svg:
    """Dots above, the buckets beneath, on one axis."""
    came = [ms(one) for one in both.load.final_delays_s if math.isfinite(one)]
    buckets = both.buckets(_METRIC)
    top = FLAG_PX + 6
    base, bottom = top + _DOTS_PX, top + _DOTS_PX + _GAP_PX + _BARS_PX
    never = len(both.load.turns) - len(came)
    svg = Svg(
        bottom + 40,
        "The same finals: what do callers see, and what does the server count?",
        "Above a dot for each turn at its caller; beneath the server's histogram.",
        [
            f"{len(both.load.turns)} turns of {len(both.load.calls)} callers",
            f"{never} turns without a final" if never else "",
            f"device: {both.load.calls[0].call.device}" if both.load.calls else "",
        ],
    )
    high = max([ms(BUDGET_S) * 1.5, *(1.05 * one for one in came)])
    across = Scale(0, high, _LEFT, _RIGHT)
    axis_below(svg, across, FLAG_PX, bottom, "milliseconds: last sound → final")
    svg.grid((_LEFT, base), (_RIGHT, base), is_zero=True)
    svg.points(_stacked(came, across, base), theme.COMPUTE, 3)
    for words, y in (("callers", base - 4), ("server", bottom - 4)):
        svg.text((theme.MARGIN_PX, y), f"at the {words}", role=FAINT)
    _bars(svg, buckets, across, bottom)
    line = theme.limit_label("last sound", "final")
    limit_upright(svg, across.px(ms(BUDGET_S)), FLAG_PX, bottom, _RIGHT, line)
    return svg


def _stacked(values_ms: list[float], across: Scale, base: float) -> list[Point]:
    """Where each dot lies: on those that are as long, as far as there is room."""
    heights: Counter[int] = Counter()
    placed = []
    for value in sorted(values_ms):
        column = round(across.px(value) / _STEP_PX)
        y = base - 4 - min(_STEP_PX * heights[column], _DOTS_PX - 8)
        placed.append((across.px(value), y))
        heights[column] += 1
    return placed


def _bars(svg: Svg, buckets: dict[float, float], across: Scale, bottom: float) -> None:
    """A bar from edge to edge; its area is how many lay there."""
    edges = [0.0, *(edge for edge in sorted(buckets) if math.isfinite(edge))]
    density = [
        (low, high, (buckets[high] - buckets.get(low, 0.0)) / (high - low))
        for low, high in pairwise(edges)
        if ms(low) < across.high
    ]
    most = max((each for _, _, each in density), default=0.0)
    for low, high, each in density:
        if each <= 0:
            continue
        left, right = across.px(ms(low)), across.px(min(ms(high), across.high))
        height = max(1.0, _BARS_PX * each / most)
        name = f"{ms(low):g} to {ms(high):g} ms"
        svg.bar(left + 0.5, bottom - height, right - left - 1, height, theme.NEUTRAL, name)
