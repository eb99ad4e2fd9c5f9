"""Requests and cores over time: who was served when, and how much of the machine worked."""

from collections.abc import Sequence

from lab_kit.core.table import Table
from lab_kit.core.units import percent
from lab_kit.experiments.load import ClosedLoopRun
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.figures import percentile_ms
from lab_kit.show.draw.inks import FAINT
from lab_kit.show.draw.room import shortened
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Verdict

_LEFT_PX = 170
_RIGHT_PX = theme.WIDTH_PX - theme.MARGIN_PX
_TOP_PX = 6
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
    verdict = Verdict(turns_verdict(runs, labels))
    show_drawing(draw_turns(runs, labels), tabulate(runs, labels), verdict)


def turns_verdict(runs: Sequence[ClosedLoopRun], labels: Sequence[str]) -> str:
    """What got done with how much of the cores, run by run, in a sentence."""
    told = [
        f"{label}: {run.audio_per_s:.0f} s of audio a second with"
        f" {percent(run.busy.share)} of the cores"
        for run, label in zip(runs, labels, strict=True)
    ]
    return f"{'; '.join(told)}."


def draw_turns(runs: Sequence[ClosedLoopRun], labels: Sequence[str]) -> Svg:
    """The picture, all runs on one time axis."""
    heights = [_CORES_PX + _LANE_PX * len(run.calls) + _GAP_PX for run in runs]
    bottom = _TOP_PX + sum(heights) - _GAP_PX + 8
    svg = Svg(
        bottom + 40,
        "Do the cores have work while requests wait?",
        "For each run the busy cores over time, and beneath them a bar for each request.",
        [runs[0].calls[0].device],
    )
    longest_s = max(run.wall_s for run in runs)
    scale = Scale(0, longest_s * 1.02, _LEFT_PX, _RIGHT_PX)
    axis_below(svg, scale, _TOP_PX, bottom, "seconds since the first request")
    top = float(_TOP_PX)
    for run, label, height in zip(runs, labels, heights, strict=True):
        _run(svg, run, label, scale, top)
        top += height
    return svg


def tabulate(runs: Sequence[ClosedLoopRun], labels: Sequence[str]) -> Table:
    """One line a run: how long it took, what it got done, how much of the machine it used."""
    head = ("run", "requests", "took s", "audio s per s", "cores used", "p50 ms", "slowest ms")
    rows = []
    for run, label in zip(runs, labels, strict=True):
        waits_s = [call.total_s for call in run.calls]
        rows.append(
            (
                label,
                str(len(run.calls)),
                f"{run.wall_s:.2f}",
                f"{run.audio_per_s:.0f}",
                f"{percent(run.busy.share)} of {run.busy.available}",
                percentile_ms(waits_s, 0.5),
                percentile_ms(waits_s, 1.0),
            )
        )
    return Table("run", head, rows)


def _run(svg: Svg, run: ClosedLoopRun, label: str, scale: Scale, top: float) -> None:
    svg.text(
        (theme.MARGIN_PX, top + 16), shortened(label, 118, theme.LABEL_PX, bold=True), bold=True
    )
    svg.text((theme.MARGIN_PX, top + 32), "busy cores", role=FAINT)
    lanes = top + _CORES_PX + 9
    svg.text((theme.MARGIN_PX, lanes), "requests,", role=FAINT)
    svg.text((theme.MARGIN_PX, lanes + 15), "sent → answered", role=FAINT)
    cores = Scale(0, run.busy.available, top + _CORES_PX - 6, top + 4)
    for count in (0, run.busy.available):
        y = cores.px(count)
        svg.rule((_LEFT_PX, y), (_RIGHT_PX, y), FAINT, 0.5)
        svg.text(
            (_LEFT_PX - 7, y + 4), f"{count}", role=FAINT, size_px=theme.SMALL_PX, anchor="end"
        )
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
        svg.bar(scale.px(left), y, width, _LANE_PX - 2, color, f"{(right - left) * 1e3:,.0f} ms")
