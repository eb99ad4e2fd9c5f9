"""Requests and cores over time: who was served when, and how much of the machine worked."""

from collections.abc import Sequence

from lab_kit.experiments.load import ClosedLoopRun
from lab_kit.show.draw import theme
from lab_kit.show.draw.display import columns, show_drawing
from lab_kit.show.draw.figures import percentile_ms
from lab_kit.show.draw.svg import FAINT, Scale, Svg

_LEFT_PX = 150
_RIGHT_PX = theme.WIDTH_PX - 30
_TOP_PX = 64
_CORES_PX = 64
_LANE_PX = 9
_GAP_PX = 40


def turns(runs: Sequence[ClosedLoopRun], labels: Sequence[str]) -> None:
    """Draw each run: a bar a request, busy cores above them; and list throughput and waiting.

    Args:
        labels: a name for each run.

    Raises:
        ValueError: not one label each.
    """
    show_drawing(draw_turns(runs, labels), tabulate(runs, labels))


def draw_turns(runs: Sequence[ClosedLoopRun], labels: Sequence[str]) -> str:
    """The picture as SVG, all runs on one time axis."""
    heights = [_CORES_PX + _LANE_PX * len(run.calls) + _GAP_PX for run in runs]
    bottom = _TOP_PX + sum(heights) - _GAP_PX + 8
    svg = Svg(bottom + 46, "Requests and busy cores over time")
    longest_s = max(run.wall_s for run in runs)
    scale = Scale(0, longest_s * 1.02, _LEFT_PX, _RIGHT_PX)
    svg.text((22, 28), "Requests, and the cores they kept busy", size_px=theme.TITLE_PX, bold=True)
    svg.text((22, 46), runs[0].calls[0].device, role=FAINT)
    named = [("cores busy", theme.QUEUE), ("a request, from sent to answered", theme.COMPUTE)]
    svg.legend(named, 46, left=_RIGHT_PX - 330)
    svg.axis_below(scale, _TOP_PX, bottom, "seconds since the first request")
    top = float(_TOP_PX)
    for run, label, height in zip(runs, labels, heights, strict=True):
        _run(svg, run, label, scale, top)
        top += height
    return svg.render()


def tabulate(runs: Sequence[ClosedLoopRun], labels: Sequence[str]) -> str:
    """One line a run: how long it took, what it got done, how much of the machine it used."""
    rows = [("run", "requests", "took s", "audio s per s", "cores used", "p50 ms", "slowest ms")]
    for run, label in zip(runs, labels, strict=True):
        waits_s = [call.total_s for call in run.calls]
        rows.append(
            (
                label,
                str(len(run.calls)),
                f"{run.wall_s:.2f}",
                f"{run.audio_per_s:.0f}",
                f"{run.busy.share:.0%} of {run.busy.available}",
                percentile_ms(waits_s, 0.5),
                percentile_ms(waits_s, 1.0),
            )
        )
    return columns(rows)


def _run(svg: Svg, run: ClosedLoopRun, label: str, scale: Scale, top: float) -> None:
    svg.text((22, top + 16), label, bold=True)
    svg.text((22, top + 32), f"{run.busy.share:.0%} of {run.busy.available} cores", role=FAINT)
    cores = Scale(0, run.busy.available, top + _CORES_PX - 6, top + 4)
    for count in (0, run.busy.available):
        y = cores.px(count)
        svg.rule((_LEFT_PX, y), (_RIGHT_PX, y), FAINT, 0.5)
        told = f"{count} cores"
        svg.text((_LEFT_PX - 6, y + 4), told, role=FAINT, size_px=theme.SMALL_PX, anchor="end")
    # a step: each sample holds from the one before it
    steps = [(0.0, 0.0)]
    for time_s, busy in zip(run.busy.times_s, run.busy.cores, strict=True):
        level = min(busy, run.busy.available)
        steps += [(steps[-1][0], level), (time_s, level)]
    drawn = [(scale.px(min(t, scale.high)), cores.px(level)) for t, level in steps]
    svg.polyline(drawn, theme.QUEUE)
    zero_ns = min(call.sent_ns for call in run.calls)
    for lane, call in enumerate(run.calls):
        left, right = ((ns - zero_ns) / 1e9 for ns in (call.sent_ns, call.received_ns))
        y = top + _CORES_PX + lane * _LANE_PX
        width = scale.px(right) - scale.px(left)
        color = theme.COMPUTE
        svg.bar(scale.px(left), y, width, _LANE_PX - 2, color, f"{(right - left) * 1e3:.0f} ms")
