"""The same weights in several runtimes: size, time and words in one row, so that none is alone."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lab_kit.core.table import Table
from lab_kit.core.units import percent
from lab_kit.measure.guess import Guess
from lab_kit.show.draw.bars import Quantity, compare_bars, height_of
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Verdict

if TYPE_CHECKING:  # the runtimes bring PyTorch along, which a drawing can do without
    from lab_kit.experiments.runtimes import RuntimeFigures, RuntimeReport

_NAMES_PX = 170


def runtimes(reports: "Sequence[RuntimeReport]", guess: Guess | None = None) -> None:
    """Draw what each runtime weighs, takes and gets wrong, and list all that was measured.

    Args:
        guess: the runtime that the reader expected to be the fastest.

    Raises:
        ValueError: none of them ran.
    """
    if not any(report.figures for report in reports):
        raise ValueError("no runtime ran; see why in each report's why_not")
    against = "" if guess is None else guess.against(fastest(reports).name)
    verdict = Verdict(fastest_verdict(reports), guess=against)
    drawing = draw_runtimes(reports, "" if guess is None else guess.choice)
    show_drawing(drawing, tabulate_runtimes(reports), verdict)


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
    told = f"Fastest here: {first.name}, {_p50_ms(first):,.0f} ms a clip"
    times = [f"{report.name} took {_p50_ms(report) / _p50_ms(first):.1f}x" for report in others]
    return f"{told}; {', '.join(times)}." if times else f"{told}; nothing else ran."


def _p50_ms(report: "RuntimeReport") -> float:
    return report.figures.clip_ms_p50 if report.figures else math.inf


def draw_runtimes(reports: "Sequence[RuntimeReport]", said: str = "") -> Svg:
    """The picture; only those that ran are in it, and the fastest stands out.

    Args:
        said: the runtime that the reader guessed.
    """
    ran = [(report.name, report.figures) for report in reports if report.figures is not None]
    names, figures = [name for name, _ in ran], [figures for _, figures in ran]
    sizes = [each.size_bytes / 1e6 for each in figures]
    times_ms = [each.clip_ms_p50 for each in figures]
    wrong = [None if each.wer_real is None else 100 * each.wer_real for each in figures]
    quantities = [
        Quantity("a clip, p50 ms", times_ms, [f"{time:,.0f}" for time in times_ms]),
        Quantity("size, MB", sizes, [f"{size:.0f}" for size in sizes]),
        Quantity("words wrong, real clips", wrong, [_percent(each.wer_real) for each in figures]),
    ]
    devices = dict.fromkeys(report.device for report in reports if report.figures)
    svg = Svg(
        height_of(len(ran), quantities),
        "What do the same weights cost in each runtime?",
        "For each runtime bars for its time, its size and its wrong words.",
        list(devices),
    )
    compare_bars(svg, names, quantities, _NAMES_PX, names.index(fastest(reports).name), said)
    return svg


def tabulate_runtimes(reports: "Sequence[RuntimeReport]") -> Table:
    """One line a runtime; beneath, what is done to the weights, where, and why some did not run."""
    head = ("runtime", "MB", "prepare s", "load s", "p50 ms", "p95 ms", "tokens/s")
    rows = [_row(report.name, report.figures) for report in reports if report.figures]
    devices = dict.fromkeys(report.device for report in reports if report.figures)
    how = [f"{report.name}: {report.why_not or report.how}" for report in reports]
    quality = ("WER real", "synth.", "drift", "agrees")
    return Table("runtime", (*head, *quality), rows, ["", *devices, *how])


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
        percent(f.agrees),
    )


def _percent(share: float | None) -> str:
    return "-" if share is None else percent(share, 1)
