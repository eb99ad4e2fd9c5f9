"""Buffers at the end of a network: how late each packet came, how late each buffer played it."""

from collections.abc import Mapping, Sequence

from lab_kit.core.units import BUDGET_S, ms
from lab_kit.experiments.sound import NetworkReport
from lab_kit.experiments.sound.networks import FRAME_S, PlayedAudio
from lab_kit.measure.guess import Guess
from lab_kit.measure.percentiles import percentile
from lab_kit.show.draw import theme
from lab_kit.show.draw.display import columns, show_drawing
from lab_kit.show.draw.figures import percentile_ms
from lab_kit.show.draw.svg import Scale, Svg

_LEFT_PX, _RIGHT_PX, _TOP_PX, _BOTTOM_PX = 84, theme.WIDTH_PX - 30, 96, 330


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
    told = buffer_verdict(reports)
    if guess is not None:
        median_ms = ms(percentile(reports[-1].delays_s, 0.5))
        told += f"\ndelay of {reports[-1].buffer}: {guess.against(median_ms)}"
    show_drawing(draw_buffers(calls), tabulate_buffers(reports), told)


def buffer_verdict(reports: Sequence[NetworkReport]) -> str:
    """Which buffer delayed least and which filled least, and whether one did both."""
    quickest = min(reports, key=lambda r: percentile(r.delays_s, 0.5))
    fullest = min(reports, key=lambda r: r.concealed)
    if quickest is fullest:
        return f"{quickest.buffer} delayed least and had the fewest frames to fill."
    return (
        f"Least delay: {quickest.buffer}, with {quickest.concealed} frames to fill. "
        f"Fewest to fill: {fullest.buffer}, {fullest.concealed}, for "
        f"{ms(percentile(fullest.delays_s, 0.5)):.0f} ms of delay in the median."
    )


def draw_buffers(calls: Mapping[str, PlayedAudio]) -> str:
    """The picture as SVG: a dot a packet, a line a buffer; a dot above its line came too late."""
    svg = Svg(_BOTTOM_PX + 52, f"Lateness of packets and delay of buffers: {', '.join(calls)}")
    svg.text((22, 28), "What the network does, and what it costs to hide it",
             size_px=theme.TITLE_PX, bold=True)  # fmt: skip
    lateness_s = next(iter(calls.values())).lateness_s
    delays_s = [call.report.delays_s for call in calls.values()]
    seconds = max(len(lateness_s), *(len(each) for each in delays_s)) * FRAME_S
    highest = max(ms(BUDGET_S) * 1.15, *(ms(d) for each in delays_s for d in each))
    across = Scale(0, seconds, _LEFT_PX, _RIGHT_PX)
    up = Scale(0, highest, _BOTTOM_PX, _TOP_PX)
    svg.axis_below(across, _TOP_PX, _BOTTOM_PX, "seconds of the call")
    svg.axis_left(up, _LEFT_PX, _RIGHT_PX, "ms later")
    label = f"{ms(BUDGET_S):.0f} ms: the whole budget"
    svg.budget_level(up.px(ms(BUDGET_S)), _LEFT_PX, _RIGHT_PX, 46, label)
    dots = [(across.px(n * FRAME_S), up.px(min(ms(s), highest))) for n, s in enumerate(lateness_s)]
    svg.points(dots, theme.FAINT_INK, 1.6, 0.6)
    for color, each in zip(theme.series_colors(len(calls)), delays_s, strict=True):
        svg.polyline([(across.px(n * FRAME_S), up.px(ms(d))) for n, d in enumerate(each)], color, 2)
    named = zip(calls, theme.series_colors(len(calls)), strict=True)
    svg.legend([("a packet's lateness", theme.FAINT_INK), *named], 64)
    return svg.render()


def tabulate_buffers(reports: Sequence[NetworkReport]) -> str:
    """One line a buffer."""
    head = ("buffer", "frames", "lost", "late", "concealed", "inserted", "left out")
    rows: list[tuple[str, ...]] = [(*head, "delay p50 ms", "p95 ms", "WER")]
    for r in reports:
        counts = (r.frames, r.lost, r.late, r.concealed, r.inserted, r.left_out)
        rows.append(
            (
                r.buffer,
                *map(str, counts),
                percentile_ms(r.delays_s, 0.5),
                percentile_ms(r.delays_s, 0.95),
                f"{r.wer:.1%}",
            )
        )
    return columns(rows)
