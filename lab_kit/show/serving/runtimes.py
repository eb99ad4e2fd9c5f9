"""The same weights in several runtimes: size, time and words in one row, so that none is alone."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from lab_kit.measure.calls import INFERENCE, NETWORK_OUT, QUEUE_WAIT
from lab_kit.show.draw import theme
from lab_kit.show.draw.display import columns, show_drawing
from lab_kit.show.draw.svg import FAINT, Svg

if TYPE_CHECKING:  # the runtimes bring PyTorch along, which a drawing can do without
    from lab_kit.experiments.runtimes import RuntimeFigures, RuntimeReport

    _Value = Callable[[RuntimeFigures], float]
    _Text = Callable[[RuntimeFigures], str]

_NAME_PX, _BAR_PX, _GAP_PX = 22, 120, 62
_LEFT_PX = 206
_TOP_PX, _ROW_PX, _HEIGHT_PX = 84, 30, 16


def runtimes(reports: "Sequence[RuntimeReport]") -> None:
    """Draw what each runtime weighs, takes and gets wrong, and list all that was measured.

    Raises:
        ValueError: none of them ran.
    """
    if not any(report.figures for report in reports):
        raise ValueError("no runtime ran; see why in each report's why_not")
    show_drawing(draw_runtimes(reports), tabulate_runtimes(reports), fastest_verdict(reports))


def fastest(reports: "Sequence[RuntimeReport]") -> "RuntimeReport":
    """The runtime with the lowest median time a clip.

    Raises:
        ValueError: none of them ran.
    """
    ran = [report for report in reports if report.figures]
    if not ran:
        raise ValueError("no runtime ran; see why in each report's why_not")
    return min(ran, key=_p50_ms)


def fastest_verdict(reports: "Sequence[RuntimeReport]") -> str:
    """Which was fastest and by how much, in a sentence."""
    first = fastest(reports)
    others = sorted((r for r in reports if r.figures and r is not first), key=_p50_ms)
    told = f"Fastest here: {first.name}, {_p50_ms(first):.0f} ms a clip"
    times = [f"{report.name} took {_p50_ms(report) / _p50_ms(first):.1f}x" for report in others]
    return f"{told}; {', '.join(times)}." if times else f"{told}; nothing else ran."


def _p50_ms(report: "RuntimeReport") -> float:
    return report.figures.clip_ms_p50 if report.figures else math.inf


def draw_runtimes(reports: "Sequence[RuntimeReport]") -> str:
    """The picture as SVG; only those that ran are in it."""
    ran = [(report.name, report.figures) for report in reports if report.figures is not None]
    svg = Svg(_TOP_PX + _ROW_PX * len(ran) + 16, "Size, time and errors of each runtime")
    svg.text((_NAME_PX, 28), "The same weights", size_px=theme.TITLE_PX, bold=True)
    for row, (name, _) in enumerate(ran):
        svg.text((_NAME_PX, _TOP_PX + row * _ROW_PX + 13), name)
    for column, (title, stage, value, told) in enumerate(_MEASURES):
        left = _LEFT_PX + column * (_BAR_PX + _GAP_PX)
        svg.text((left, _TOP_PX - 14), title, role=FAINT)
        most = max(value(figures) for _, figures in ran) or 1.0
        for row, (name, figures) in enumerate(ran):
            top = _TOP_PX + row * _ROW_PX
            width = max(_BAR_PX * value(figures) / most, 1.0)
            label = told(figures)
            color = theme.STAGE_COLORS[stage]
            svg.bar(left, top, width, _HEIGHT_PX, color, f"{name}: {label}")
            svg.text((left + width + 6, top + 13), label, size_px=theme.SMALL_PX)
    return svg.render()


def tabulate_runtimes(reports: "Sequence[RuntimeReport]") -> str:
    """One line a runtime; beneath, what is done to the weights, where, and why some did not run."""
    head = ("runtime", "MB", "prepare s", "load s", "p50 ms", "p95 ms", "tokens/s")
    rows: list[tuple[str, ...]] = [(*head, "WER real", "synth.", "drift", "agrees")]
    rows += [_row(report.name, report.figures) for report in reports if report.figures]
    devices = dict.fromkeys(report.device for report in reports if report.figures)
    how = [f"{report.name}: {report.why_not or report.how}" for report in reports]
    return "\n".join([columns(rows), "", *devices, *how])


def _row(name: str, f: "RuntimeFigures") -> tuple[str, ...]:
    return (
        name,
        f"{f.size_bytes / 1e6:.0f}",
        f"{f.prepare_s:.1f}",
        f"{f.load_s:.2f}",
        f"{f.clip_ms_p50:.0f}",
        f"{f.clip_ms_p95:.0f}",
        f"{f.tokens_per_s:.0f}",
        _percent(f.wer_real),
        _percent(f.wer_synthesized),
        f"{f.largest_score_difference:.2g}",
        f"{f.agrees:.0%}",
    )


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


_MEASURES: "tuple[tuple[str, str, _Value, _Text], ...]" = (
    ("size, MB", QUEUE_WAIT, lambda f: f.size_bytes, lambda f: f"{f.size_bytes / 1e6:.0f}"),
    ("a clip, p50 ms", INFERENCE, lambda f: f.clip_ms_p50, lambda f: f"{f.clip_ms_p50:.0f}"),
    (
        "errors a word, real",
        NETWORK_OUT,
        lambda f: f.wer_real or 0.0,
        lambda f: _percent(f.wer_real),
    ),
)
"""What is drawn: its title, its color, its figure, and how that is told."""
