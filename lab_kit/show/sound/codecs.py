"""Codecs in one picture: what each takes on the wire, adds to the delay and costs in words."""

from collections.abc import Sequence

from lab_kit.core.units import BUDGET_S, ms
from lab_kit.experiments.sound import RTP, WEBSOCKET, CodecReport
from lab_kit.measure.calls import INFERENCE, NETWORK_OUT, QUEUE_WAIT
from lab_kit.measure.guess import Guess
from lab_kit.show.draw import theme
from lab_kit.show.draw.display import columns, show_drawing
from lab_kit.show.draw.svg import FAINT, Scale, Svg

_LEFT_PX, _BAR_PX, _GAP_PX = 178, 122, 66
_TOP_PX, _ROW_PX, _HEIGHT_PX = 104, 26, 14


_KEEPS_WORDS = 0.05
"""A codec whose word error rate is at most this much above the best one's keeps the words."""


def codecs(reports: Sequence[CodecReport], guess: Guess | None = None) -> None:
    """Draw bits, delay and words of each codec, and list all that was measured.

    Args:
        guess: what the reader expected as the least that keeps the words, in kbit/s.
    """
    told = least_verdict(reports)
    if guess is not None:
        told += f" {guess.against(_kbit(least_that_keeps_words(reports)))}"
    show_drawing(draw_codecs(reports), tabulate_codecs(reports), told)


def least_that_keeps_words(reports: Sequence[CodecReport]) -> CodecReport:
    """Of the codecs that lose few words more than the best one in noise, the smallest."""
    best = min(report.wer_in_noise for report in reports)
    enough = [report for report in reports if report.wer_in_noise <= best + _KEEPS_WORDS]
    return min(enough, key=_kbit)


def least_verdict(reports: Sequence[CodecReport]) -> str:
    """Which codec kept the words with the fewest bits, in a sentence."""
    least = least_that_keeps_words(reports)
    return (
        f"Fewest bits with at most {100 * _KEEPS_WORDS:.0f} points more words wrong in noise than "
        f"the best: {least.codec.name}, {_kbit(least):.0f} kbit/s."
    )


def draw_codecs(reports: Sequence[CodecReport]) -> str:
    """The picture as SVG: a row a codec, three columns of bars."""
    bottom = _TOP_PX + _ROW_PX * len(reports)
    svg = Svg(bottom + 14, "Bits, delay and errors of each codec")
    svg.text((22, 28), "What writing sound down costs", size_px=theme.TITLE_PX, bold=True)
    for row, report in enumerate(reports):
        svg.text((22, _TOP_PX + row * _ROW_PX + 12), report.codec.name, size_px=theme.SMALL_PX)
    most = max(_kbit(report) for report in reports)
    _column(
        svg,
        0,
        "kbit/s of sound",
        most,
        [(_kbit(r), f"{_kbit(r):.0f}") for r in reports],
        NETWORK_OUT,
    )
    delays = [(ms(r.added_delay_s), f"{ms(r.added_delay_s):.1f}") for r in reports]
    _column(svg, 1, "added delay, ms", ms(BUDGET_S), delays, QUEUE_WAIT)
    wrong = [(r.wer_in_noise, f"{r.wer_in_noise:.1%}") for r in reports]
    worst = max(0.01, *(r.wer_in_noise for r in reports))
    _column(svg, 2, "word errors, in noise", worst, wrong, INFERENCE)
    line = _left(1) + _BAR_PX
    svg.budget_upright(line, _TOP_PX - 6, bottom - 6, f"{ms(BUDGET_S):.0f} ms, the whole budget")
    return svg.render()


def tabulate_codecs(reports: Sequence[CodecReport]) -> str:
    """One line a codec; kbit/s with headers are for one message a frame."""
    head = ("codec", "frame ms", "kbit/s", "in WebSocket", "in RTP", "encode", "decode")
    rows: list[tuple[str, ...]] = [(*head, "delay ms", "WER", "in noise")]
    for r in reports:
        wires = (wire.bytes_per_s(r.bytes_per_s, r.frame_s) * 8 / 1e3 for wire in (WEBSOCKET, RTP))
        rows.append(
            (
                r.codec.name,
                f"{ms(r.frame_s):g}",
                f"{_kbit(r):.1f}",
                *(f"{kbit:.1f}" for kbit in wires),
                f"{r.encode_ms_per_s:.1f}",
                f"{r.decode_ms_per_s:.1f}",
                f"{ms(r.added_delay_s):.1f}",
                f"{r.wer:.1%}",
                f"{r.wer_in_noise:.1%}",
            )
        )
    return columns(rows) + (
        "\n\nencode, decode: ms of CPU for a second of sound, resampling included"
        "\ndelay: one frame, lookahead and filters; the wire's own comes on top"
    )


def _kbit(report: CodecReport) -> float:
    return report.bytes_per_s * 8 / 1e3


def _left(column: int) -> float:
    return _LEFT_PX + column * (_BAR_PX + _GAP_PX)


def _column(
    svg: Svg, column: int, title: str, most: float, bars: Sequence[tuple[float, str]], stage: str
) -> None:
    scale = Scale(0, most, 0, _BAR_PX)
    svg.text((_left(column), 60), title, role=FAINT)
    for row, (value, label) in enumerate(bars):
        top = _TOP_PX + row * _ROW_PX
        width = max(1.0, min(scale.px(value), _BAR_PX))
        svg.bar(_left(column), top, width, _HEIGHT_PX, theme.STAGE_COLORS[stage], label)
        svg.text((_left(column) + width + 6, top + 12), label, size_px=theme.SMALL_PX)
