"""The same stream cut into chunks of several lengths: waiting against headers."""

from collections.abc import Mapping
from dataclasses import replace

from lab_kit.core.call_record import StreamCall
from lab_kit.core.table import Table
from lab_kit.core.units import BUDGET_S, ms, percent
from lab_kit.experiments.sound import WEBSOCKET
from lab_kit.measure.accuracy import word_error_rate
from lab_kit.measure.calls import transcript, utterance_delays
from lab_kit.measure.guess import Guess
from lab_kit.measure.percentiles import percentile
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below, axis_left
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.figures import NEVER, delay_told, late, percentile_ms
from lab_kit.show.draw.guesses import guess_point
from lab_kit.show.draw.limits import limit_level
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict

_LEFT_PX, _WIDE_PX, _GAP_PX = 64, 300, 84
_TOP_PX, _BOTTOM_PX = 46, 270
_BYTES_PER_S = 32_000
_ROOM_FOR_GUESS = 1.3
"""A guess that is farther out than this stands at the edge."""


def chunks(calls: Mapping[float, StreamCall], text: str, guess: Guess | None = None) -> None:
    """Draw first result and final by the length of chunks, and list what the headers add.

    Args:
        calls: the stream of PCM16 at 16 kHz by its chunk's length in seconds.
        text: what is truly said.
        guess: what the reader expected as the median `first_result_s` with the longest chunks,
            in ms.
    """
    verdict = chunks_verdict(calls)
    if guess is not None:
        came = guess.against(ms(_first_s(calls[max(calls)])))
        verdict = replace(verdict, guess=f"first text, longest chunks: {came}")
    drawing = draw_chunks(calls, None if guess is None else guess.number)
    show_drawing(drawing, tabulate_chunks(calls, text), verdict)


def chunks_verdict(calls: Mapping[float, StreamCall]) -> Verdict:
    """Up to which chunk finals are within 300 ms, and what first texts take, in a sentence."""
    finals = {s: percentile(_finals_s(call), 0.5) for s, call in calls.items()}
    inside = [s for s, delay_s in finals.items() if delay_s <= BUDGET_S]
    small, large = min(calls), max(calls)
    first = ", ".join(
        f"{delay_told(_first_s(calls[s]))} with chunks of {ms(s):g} ms"
        for s in dict.fromkeys((small, large))
    )
    if len(inside) == len(finals):
        told = f"Finals come within {ms(BUDGET_S):.0f} ms with every chunk"
    elif inside:
        told = f"Finals come within {ms(BUDGET_S):.0f} ms with chunks up to {ms(max(inside)):g} ms"
    else:
        told = f"With no chunk finals come within {ms(BUDGET_S):.0f} ms"
    sign = Sign.INSIDE if len(inside) == len(finals) else Sign.OVER
    return Verdict(f"{told}. First text: {first} (medians).", sign)


def draw_chunks(calls: Mapping[float, StreamCall], guess_ms: float | None = None) -> Svg:
    """The picture: every utterance's delays above the chunk's length, a plot each interval."""
    seen = [u for call in calls.values() for u in utterance_delays(call)]
    svg = Svg(
        _BOTTOM_PX + 40,
        "How long do chunks keep people waiting?",
        "A dot for each utterance above the length of its chunks: first text, and last final.",
        [f"{len(seen)} utterances", *dict.fromkeys(call.device for call in calls.values())],
    )
    came = [d for u in seen for d in (u.first_result_s, u.final_delay_s) if d is not None]
    most = ms(max([BUDGET_S * 1.3, *came]))
    highest = max(most, min(guess_ms or 0, most * _ROOM_FOR_GUESS))
    up = Scale(0, highest * 1.05, _BOTTOM_PX, _TOP_PX)
    first, final = (_LEFT_PX + n * (_WIDE_PX + _GAP_PX) for n in range(2))
    right = final + _WIDE_PX
    across = _plot(svg, calls, "speech begins → first text", first, up)
    _plot(svg, calls, "speaker stops → last final", final, up)
    line = theme.limit_label("speaker stops", "last final")
    limit_level(svg, up.px(ms(BUDGET_S)), final, right, _TOP_PX, line)
    if guess_ms is not None:
        outcome = ms(_first_s(calls[max(calls)]))
        came_ms = None if outcome == ms(NEVER) else outcome
        guess_point(
            svg, across.px(ms(max(calls))), up, guess_ms, lambda value: f"{value:,.0f} ms", came_ms
        )
    return svg


def _plot(
    svg: Svg, calls: Mapping[float, StreamCall], interval: str, left: float, up: Scale
) -> Scale:
    """One interval's dots."""
    across = Scale(0, ms(max(calls)) * 1.06, left, left + _WIDE_PX)
    svg.text((left, 10), interval, bold=True)
    axis_below(svg, across, _TOP_PX, _BOTTOM_PX, "chunk: ms of sound in one message")
    axis_left(svg, up, left, left + _WIDE_PX, "ms")
    is_first = interval.endswith("first text")
    dots = []
    for chunk_s, call in calls.items():
        for u in utterance_delays(call):
            delay_s = u.first_result_s if is_first else u.final_delay_s
            if delay_s is not None:
                dots.append((across.px(ms(chunk_s)), up.px(ms(delay_s))))
    svg.points(dots, theme.COMPUTE, 4, 0.75)
    return across


def _first_s(call: StreamCall) -> float:
    return percentile(late([one.first_result_s for one in utterance_delays(call)]), 0.5)


def _finals_s(call: StreamCall) -> list[float]:
    return late([one.final_delay_s for one in utterance_delays(call)])


def tabulate_chunks(calls: Mapping[float, StreamCall], text: str) -> Table:
    """One line a length."""
    head = ("chunk ms", "messages/s", "bytes", "headers", "kbit/s in all")
    rows = []
    for chunk_s, call in calls.items():
        seen = utterance_delays(call)
        payload = _BYTES_PER_S * chunk_s
        whole = WEBSOCKET.message_bytes(payload)
        rows.append(
            (
                f"{ms(chunk_s):g}",
                f"{1 / chunk_s:.0f}",
                f"{payload:,.0f}",
                percent(whole / payload - 1, 1),
                f"{8 * whole / chunk_s / 1e3:.0f}",
                percentile_ms(late([u.first_result_s for u in seen]), 0.5),
                percentile_ms(late([u.final_delay_s for u in seen]), 0.5),
                percent(word_error_rate(text, transcript(call)), 1),
            )
        )
    notes = ("", f"headers: of {WEBSOCKET.name}, as a share of the sound's bytes")
    return Table("length of chunks", (*head, "first p50 ms", "final p50 ms", "WER"), rows, notes)
