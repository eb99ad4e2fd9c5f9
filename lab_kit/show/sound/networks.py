"""Buffers at the end of a network: how late each packet came, how late each buffer played it."""

from collections.abc import Mapping, Sequence

from lab_kit.core.table import Table
from lab_kit.core.units import BUDGET_S, ms, percent
from lab_kit.experiments.sound import NetworkReport
from lab_kit.experiments.sound.networks import FRAME_S, PlayedAudio
from lab_kit.measure.guess import Guess
from lab_kit.measure.percentiles import percentile
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below, axis_left
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.figures import percentile_ms
from lab_kit.show.draw.labels import name_ends
from lab_kit.show.draw.limits import whole_budget_level
from lab_kit.show.draw.room import Point
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Verdict

_LEFT_PX, _RIGHT_PX, _TOP_PX, _BOTTOM_PX = 64, theme.WIDTH_PX - 140, 26, 250


def buffers(
    calls: Mapping[str, PlayedAudio],
    reports: Sequence[NetworkReport],
    guess: Guess | None = None,
) -> None:
    """Draw one call through each buffer, and list what many calls lost and how they read.

    Args:
        calls: one recording by the buffer's name, all on the same network.
        guess: what the reader expected as the last buffer's median delay, in ms.

    Raises:
        ValueError: no call.
    """
    if not calls:
        raise ValueError("no call to draw")
    against = ""
    if guess is not None:
        median_ms = ms(percentile(reports[-1].delays_s, 0.5))
        against = f"delay of {reports[-1].buffer}: {guess.against(median_ms)}"
    verdict = Verdict(buffer_verdict(reports), guess=against)
    show_drawing(draw_buffers(calls), tabulate_buffers(reports), verdict)


def buffer_verdict(reports: Sequence[NetworkReport]) -> str:
    """Which buffer delayed least and which filled least, and whether one did both."""
    quickest = min(reports, key=lambda r: percentile(r.delays_s, 0.5))
    fullest = min(reports, key=lambda r: r.concealed)
    if quickest is fullest:
        return f"{quickest.buffer} delayed least and had the fewest frames to fill."
    return (
        f"Least delay: {quickest.buffer}, with {quickest.concealed} frames to fill. "
        f"Fewest to fill: {fullest.buffer}, {fullest.concealed}, for "
        f"{ms(percentile(fullest.delays_s, 0.5)):,.0f} ms of delay in the median."
    )


def draw_buffers(calls: Mapping[str, PlayedAudio]) -> Svg:
    """The picture: a dot a packet, a line a buffer; a dot above its line came too late.

    A buffer's delay is a part of what has a limit, so nothing here is compared with it.
    """
    svg = Svg(
        _BOTTOM_PX + 40,
        "What does it cost to hide the network?",
        f"A dot for each packet by its lateness, and the delay of {', '.join(calls)}.",
        ["● a packet's lateness; above a line it came too late for that buffer"],
    )
    lateness_s = next(iter(calls.values())).lateness_s
    delays_s = [call.report.delays_s for call in calls.values()]
    seconds = max(len(lateness_s), *(len(each) for each in delays_s)) * FRAME_S
    highest = max(ms(BUDGET_S) * 1.15, *(ms(d) for each in delays_s for d in each))
    across = Scale(0, seconds, _LEFT_PX, _RIGHT_PX)
    up = Scale(0, highest, _BOTTOM_PX, _TOP_PX)
    axis_below(svg, across, _TOP_PX, _BOTTOM_PX, "seconds of the call")
    axis_left(svg, up, _LEFT_PX, _RIGHT_PX, "ms later than the fastest packet")
    dots = [(across.px(n * FRAME_S), up.px(min(ms(s), highest))) for n, s in enumerate(lateness_s)]
    svg.points(dots, theme.NEUTRAL, 2)
    ends: dict[str, Point] = {}
    colors = dict(zip(calls, theme.series_colors(len(calls)), strict=True))
    for (name, color), each in zip(colors.items(), delays_s, strict=True):
        line = [(across.px(n * FRAME_S), up.px(ms(d))) for n, d in enumerate(each)]
        svg.polyline(line, color)
        ends |= {name: line[-1]} if line else {}
    whole_budget_level(svg, up, _LEFT_PX, _RIGHT_PX)
    name_ends(svg, ends, colors)
    return svg


def tabulate_buffers(reports: Sequence[NetworkReport]) -> Table:
    """One line a buffer."""
    head = ("buffer", "frames", "lost", "late", "concealed", "inserted", "left out")
    rows = []
    for r in reports:
        counts = (r.frames, r.lost, r.late, r.concealed, r.inserted, r.left_out)
        rows.append(
            (
                r.buffer,
                *map(str, counts),
                percentile_ms(r.delays_s, 0.5),
                percentile_ms(r.delays_s, 0.95),
                percent(r.wer, 1),
            )
        )
    return Table("buffer", (*head, "delay p50 ms", "p95 ms", "WER"), rows)
