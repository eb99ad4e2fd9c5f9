"""A live load when it is over: every turn's final delay over time, and how many streams were open.

Beneath, where the server was asked, the level of its service. A turn that never got its final is a
diamond on the upper edge.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lab_kit.client import DegradationStatus
from lab_kit.core.units import BUDGET_S, ms
from lab_kit.experiments.load import CallEnding, LiveLoad
from lab_kit.measure.calls import INFERENCE, QUEUE_WAIT
from lab_kit.show.draw import theme
from lab_kit.show.draw.display import columns, show_drawing, show_picture
from lab_kit.show.draw.figures import percentile_ms, standing
from lab_kit.show.draw.svg import FAINT, Scale, Svg

HIGHEST_MS = 1_500.0
"""What is later is drawn on the edge; the table says how late."""
ZERO = "the speaker stops"
_LEFT_PX, _RIGHT_PX = 84, theme.WIDTH_PX - 30
_TOP_PX, _BOTTOM_PX = 84, 280
_STRIP_PX, _STRIP_GAP_PX = 46, 34


def load(
    run: LiveLoad,
    title: str = "Every turn of every caller",
    level: DegradationStatus | None = None,
) -> None:
    """Draw the turns of a load and the streams that were open, and list its figures.

    Args:
        level: what the operator was told afterwards; its steps are drawn beneath.
    """
    show_drawing(draw_load(run, title, level), tabulate_load([run]))


def loads(
    runs: Sequence[LiveLoad], labels: Sequence[str], level: DegradationStatus | None = None
) -> None:
    """Compare loads: a picture of each, and a column of figures for each.

    Args:
        level: see `load`; beneath the last picture.

    Raises:
        ValueError: not one label each.
    """
    table = tabulate_load(runs, labels)
    for run, label in zip(runs[:-1], labels, strict=False):
        show_picture(draw_load(run, label))
    show_drawing(draw_load(runs[-1], labels[-1], level), table)


def draw_load(run: LiveLoad, title: str, level: DegradationStatus | None = None) -> str:
    """The picture as SVG."""
    strips = [_open_streams(run), *([_levels(run, level)] if level is not None else [])]
    bottom = _BOTTOM_PX + (_STRIP_GAP_PX + _STRIP_PX) * len(strips)
    svg = Svg(bottom + 50, title)
    svg.text((22, 28), title, size_px=theme.TITLE_PX, bold=True)
    svg.text((22, 46), run.calls[0].call.device if run.calls else "", role=FAINT)
    last_s = max([run.plan.seconds, *(at_s for strip in strips for at_s, _ in strip.line)])
    across = Scale(0, last_s, _LEFT_PX, _RIGHT_PX)
    seen_ms = [ms(d) for d in run.final_delays_s if not math.isinf(d)]
    up = Scale(0, _highest_ms(seen_ms), _BOTTOM_PX, _TOP_PX)
    svg.axis_left(up, _LEFT_PX, _RIGHT_PX, "delay ms")
    for turn in run.turns:
        x = across.px(min((turn.ended_ns - run.began_ns) / 1e9, last_s))
        if math.isinf(turn.final_delay_s):
            svg.diamonds([(x, up.high_px)], radius_px=5)
        else:
            y = up.px(min(max(0.0, ms(turn.final_delay_s)), up.high))
            svg.points([(x, y)], theme.STAGE_COLORS[INFERENCE], radius_px=3, opacity=0.8)
    label = theme.budget_label(ZERO)
    svg.budget_level(up.px(ms(BUDGET_S)), _LEFT_PX, _RIGHT_PX, 64, label)
    top = float(_BOTTOM_PX + _STRIP_GAP_PX)
    for strip in strips:
        scale = Scale(0, strip.most, top + _STRIP_PX, top)
        svg.text((_LEFT_PX, top - 6), strip.name, role=FAINT, size_px=theme.SMALL_PX)
        line = [(across.px(t), scale.px(n)) for t, n in _steps(strip.line)]
        svg.polyline(line, theme.STAGE_COLORS[QUEUE_WAIT])
        top += _STRIP_PX + _STRIP_GAP_PX
    svg.axis_below(across, _TOP_PX, bottom, "seconds since the plan began")
    return svg.render()


def tabulate_load(runs: Sequence[LiveLoad], labels: Sequence[str] | None = None) -> str:
    """What was offered and what came of it, a column a run."""
    heads = labels or [""] * len(runs)
    table = [_column(run, head) for run, head in zip(runs, heads, strict=True)]
    names = [name for name, _ in table[0]]
    rows = [[name, *(column[i][1] for column in table)] for i, name in enumerate(names)]
    return columns(rows)


@dataclass(frozen=True, slots=True)
class _Strip:
    """A line beneath the picture that holds each value until the next."""

    name: str
    most: float
    line: Sequence[tuple[float, int]]


def _open_streams(run: LiveLoad) -> _Strip:
    most = run.peak_streams
    return _Strip(f"streams open, up to {most}", max(1, most), run.open_streams)


def _levels(run: LiveLoad, level: DegradationStatus) -> _Strip:
    """The steps that were made since the load began, on the client's clock."""
    clock = run.calls[0].call.clock
    placed = [
        ((clock.to_local(round(change.at_s * 1e9)) - run.began_ns) / 1e9, change)
        for change in level.changes
    ]
    seen = [(at_s, change) for at_s, change in placed if at_s >= 0]
    start = [(0.0, seen[0][1].before if seen else level.level)]
    line = [*start, *((at_s, change.after) for at_s, change in seen)]
    return _Strip("level of service: 0 full, 4 closing streams of low priority", 4, line)


def _column(run: LiveLoad, head: str) -> list[tuple[str, str]]:
    delays_s, first_s = run.final_delays_s, run.first_results_s
    wer = run.word_error_rate
    trouble = ", ".join(
        str(run.ended(e)) for e in (CallEnding.REFUSED, CallEnding.BROKEN, CallEnding.STALLED)
    )
    limits = f"{ms(run.limits.final_delay_s):.0f} and {ms(run.limits.first_result_s):.0f} ms"
    return [
        ("", head),
        ("calls attempted", str(len(run.calls))),
        ("refused, broken, stalled", trouble),
        ("most streams at once", str(run.peak_streams)),
        ("turns, without a final", f"{len(run.turns)}, {run.without_final}"),
        ("final delay p50 ms", percentile_ms(delays_s, 0.5)),
        (
            "final delay p95 ms",
            f"{percentile_ms(delays_s, 0.95)} {standing(len(delays_s))}".strip(),
        ),
        ("first result p95 ms", f"{percentile_ms(first_s, 0.95)} {standing(len(first_s))}".strip()),
        ("nothing new, p95 ms", percentile_ms(run.gaps_s, 0.95)),
        (f"good turns ({limits})", f"{run.good_share:.0%}"),
        ("goodput per min", f"{run.goodput_per_min:.0f}"),
        ("word error rate", "-" if wer is None else f"{wer:.1%}"),
        ("sent late, p99 ms", f"{ms(run.lateness_s):.0f}"),
        ("cores: generator, machine", f"{run.generator_cores:.2f}, {run.machine_cores:.2f}"),
        ("generator the bottleneck", "yes: void" if run.generator_was_bottleneck else "no"),
    ]


def _highest_ms(seen_ms: Sequence[float]) -> float:
    return min(HIGHEST_MS, max([ms(BUDGET_S) * 1.4, *(value * 1.05 for value in seen_ms)]))


def _steps(line: Sequence[tuple[float, int]]) -> list[tuple[float, int]]:
    """Corners of a line that holds each value until the next."""
    corners: list[tuple[float, int]] = []
    before = line[0][1] if line else 0
    for at_s, value in line:
        corners += [(at_s, before), (at_s, value)]
        before = value
    return corners
