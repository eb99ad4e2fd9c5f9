"""Codecs in one picture: what each takes on the wire, adds to the delay and costs in words."""

from collections.abc import Sequence

from lab_kit.core.table import Table
from lab_kit.core.units import BUDGET_S, ms, percent
from lab_kit.experiments.sound import RTP, WEBSOCKET, CodecReport
from lab_kit.measure.guess import Guess
from lab_kit.show.draw.bars import Quantity, compare_bars, height_of
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Verdict

_NAMES_PX = 186
_KEEPS_WORDS = 0.05
"""A codec whose word error rate is at most this much above the best one's keeps the words."""


def codecs(reports: Sequence[CodecReport], guess: Guess | None = None) -> None:
    """Draw bits, delay and words of each codec, and list all that was measured.

    Args:
        guess: what the reader expected as the least that keeps the words, in kbit/s.
    """
    against = guess.against(_kbit(least_that_keeps_words(reports))) if guess is not None else ""
    verdict = Verdict(least_verdict(reports), guess=against)
    show_drawing(draw_codecs(reports), tabulate_codecs(reports), verdict)


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


def draw_codecs(reports: Sequence[CodecReport]) -> Svg:
    """The picture: a row a codec, three columns of bars."""
    kbits = [_kbit(report) for report in reports]
    delays_ms = [ms(report.added_delay_s) for report in reports]
    wrong = [100 * report.wer_in_noise for report in reports]
    quantities = [
        Quantity("kbit/s of sound", kbits, [f"{kbit:.0f}" for kbit in kbits]),
        Quantity("added delay, ms", delays_ms, [f"{delay:.1f}" for delay in delays_ms]),
        Quantity("words wrong in noise, %", wrong, [f"{share:.1f}" for share in wrong]),
    ]
    svg = Svg(
        height_of(len(reports), quantities),
        "How many bits does a recognizer need?",
        "For each codec bars for its bits, its delay and its wrong words in noise.",
        [f"all of the limit would be {ms(BUDGET_S):.0f} ms of delay"],
    )
    names = [report.codec.name for report in reports]
    chosen = reports.index(least_that_keeps_words(reports))
    compare_bars(svg, names, quantities, _NAMES_PX, chosen)
    return svg


def tabulate_codecs(reports: Sequence[CodecReport]) -> Table:
    """One line a codec; kbit/s with headers are for one message a frame."""
    head = ("codec", "frame ms", "kbit/s", "in WebSocket", "in RTP", "encode", "decode")
    rows = []
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
                percent(r.wer, 1),
                percent(r.wer_in_noise, 1),
            )
        )
    notes = (
        "",
        "encode, decode: ms of CPU for a second of sound, resampling included",
        "delay: one frame, lookahead and filters; the wire's own comes on top",
    )
    return Table("codec", (*head, "delay ms", "WER", "in noise"), rows, notes)


def _kbit(report: CodecReport) -> float:
    return report.bytes_per_s * 8 / 1e3
