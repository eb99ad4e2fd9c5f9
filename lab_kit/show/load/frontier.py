"""Throughput against latency: what each way of serving gets done, and how long callers wait for it.

One line a name, one point an offered rate. Further right is more work done, further up is a longer
wait; the best is right and low, and where a line turns upwards its server is full. Latencies count
from the intended send, so nobody looks fast by being asked less often.
"""

import math
from collections.abc import Mapping, Sequence

from lab_kit.core.units import BUDGET_S, ms
from lab_kit.experiments.load import OpenLoopRun, lowest_at_highest
from lab_kit.measure.percentiles import percentile
from lab_kit.show.draw import theme
from lab_kit.show.draw.display import columns, show_drawing
from lab_kit.show.draw.figures import percentile_ms, standing
from lab_kit.show.draw.svg import Point, Scale, Svg

ZERO = "the intended send"
_LEFT_PX, _RIGHT_PX = 84, theme.WIDTH_PX - 30
_TOP_PX, _BOTTOM_PX = 96, 340
_FULL_FACTOR = 2.0
"""A line whose end is this much higher than its beginning turned up."""
HIGHEST_MS = 2_000.0
"""Beyond it nobody waits; what lies higher is drawn at the edge, and the table says how high."""


def frontier(runs: Mapping[str, Sequence[OpenLoopRun]], share: float = 0.95) -> None:
    """Draw each name's throughput against its latency, and list both.

    Args:
        runs: for each way of serving, what was offered to it, in rising order of rate.
        share: which percentile of latency.
    """
    table = tabulate_frontier(runs, share)
    show_drawing(draw_frontier(runs, share), table, frontier_verdict(runs, share))


def frontier_verdict(runs: Mapping[str, Sequence[OpenLoopRun]], share: float = 0.95) -> str:
    """Who waited least at the highest rate, and whether anybody was full at all."""
    best = lowest_at_highest(runs, share)
    named = f"p{share * 100:g}"
    waits = {name: _wait_ms(each[-1], share) for name, each in runs.items()}
    others = ", ".join(f"{name} {_told_ms(wait)}" for name, wait in waits.items() if name != best)
    told = f"At the highest rate {best} has the lowest {named}: {_told_ms(waits[best])}"
    told += f"; {others}." if others else "."
    full = [name for name, each in runs.items() if _turned_up(each, share)]
    if not full:
        return (
            f"{told} No line turned up: nobody was full at these rates, so they do not tell who "
            "breaks first. Offer more."
        )
    never = [name for name in runs if name not in full]
    told += f" Full by then: {', '.join(full)}"
    return f"{told}; not yet: {', '.join(never)}." if never else f"{told}."


def draw_frontier(runs: Mapping[str, Sequence[OpenLoopRun]], share: float = 0.95) -> str:
    """The picture as SVG."""
    svg = Svg(_BOTTOM_PX + 52, f"Throughput against latency: {', '.join(runs)}")
    waits_ms = [min(_wait_ms(o, share), HIGHEST_MS) for each in runs.values() for o in each]
    most = max(o.audio_s_per_s for each in runs.values() for o in each)
    across = Scale(0, most * 1.12 or 1.0, _LEFT_PX, _RIGHT_PX)
    highest = max(ms(BUDGET_S) * 1.5, max(waits_ms) * 1.08)
    up = Scale(0, highest, _BOTTOM_PX, _TOP_PX)
    svg.text((22, 28), "Work done against waiting", size_px=theme.TITLE_PX, bold=True)
    svg.axis_below(across, _TOP_PX, _BOTTOM_PX, "throughput: seconds of audio answered per second")
    svg.axis_left(up, _LEFT_PX, _RIGHT_PX, f"p{share * 100:g} ms")
    label = theme.budget_label(ZERO)
    svg.budget_level(up.px(ms(BUDGET_S)), _LEFT_PX, _RIGHT_PX, 46, label)
    for color, each in zip(theme.series_colors(len(runs)), runs.values(), strict=True):
        where = [_place(o, share, across, up) for o in each]
        svg.polyline(where, color)
        svg.points(where, color, radius_px=5)
    svg.legend(zip(runs, theme.series_colors(len(runs)), strict=True), 64)
    return svg.render()


def tabulate_frontier(runs: Mapping[str, Sequence[OpenLoopRun]], share: float = 0.95) -> str:
    """One line a point; where the generator was the bottleneck, the last column names it."""
    head = (
        "served by",
        "offered/s",
        "answered/s",
        "audio s/s",
        "p50 ms",
        f"p{share * 100:g} ms",
    )
    rows = [(*head, "unanswered", "")]
    for name, each in runs.items():
        for offered in each:
            waits_s = [r.latency_s for r in offered.counted]
            notes = [standing(len(waits_s), share)]
            notes += ["generator"] * offered.generator_was_bottleneck
            rows.append(
                (
                    name,
                    f"{offered.offered_per_s:.1f}",
                    f"{offered.answered_per_s:.1f}",
                    f"{offered.audio_s_per_s:.1f}",
                    percentile_ms(waits_s, 0.5),
                    percentile_ms(waits_s, share),
                    str(offered.refused + offered.failed),
                    ", ".join(note for note in notes if note),
                )
            )
    return columns(rows)


def _wait_ms(offered: OpenLoopRun, share: float) -> float:
    return ms(percentile([r.latency_s for r in offered.counted], share))


def _turned_up(each: Sequence[OpenLoopRun], share: float) -> bool:
    """Whether waiting grew so much from the lowest rate to the highest that a queue explains it."""
    return _wait_ms(each[-1], share) > _FULL_FACTOR * _wait_ms(each[0], share)


def _told_ms(wait_ms: float) -> str:
    return "never" if math.isinf(wait_ms) else f"{wait_ms:.0f} ms"


def _place(offered: OpenLoopRun, share: float, across: Scale, up: Scale) -> Point:
    wait_ms = _wait_ms(offered, share)
    level = up.high if math.isinf(wait_ms) else min(wait_ms, up.high)
    return across.px(offered.audio_s_per_s), up.px(level)
