"""The same stream cut into chunks of several lengths: waiting against headers."""

from collections.abc import Mapping

from lab_kit.core.call_record import StreamCall
from lab_kit.core.units import BUDGET_S, ms
from lab_kit.experiments.sound import WEBSOCKET
from lab_kit.measure.accuracy import word_error_rate
from lab_kit.measure.calls import INFERENCE, NETWORK_OUT, transcript, utterance_delays
from lab_kit.measure.guess import Guess
from lab_kit.measure.percentiles import percentile
from lab_kit.show.draw import theme
from lab_kit.show.draw.display import columns, show_drawing
from lab_kit.show.draw.figures import late, percentile_ms
from lab_kit.show.draw.svg import Scale, Svg

_LEFT_PX, _RIGHT_PX, _TOP_PX, _BOTTOM_PX = 84, theme.WIDTH_PX - 30, 96, 320
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
    told = ""
    if guess is not None:
        first = late([one.first_result_s for one in utterance_delays(calls[max(calls)])])
        told = f"first text, longest chunks: {guess.against(ms(percentile(first, 0.5)))}"
    drawing = draw_chunks(calls, None if guess is None else guess.number)
    show_drawing(drawing, tabulate_chunks(calls, text), told)


def draw_chunks(calls: Mapping[float, StreamCall], guess_ms: float | None = None) -> str:
    """The picture as SVG: every utterance's delays above the chunk's length."""
    svg = Svg(_BOTTOM_PX + 52, "Delays by the length of chunks")
    svg.text((22, 28), "How long chunks keep people waiting", size_px=theme.TITLE_PX, bold=True)
    delays = {s: utterance_delays(call) for s, call in calls.items()}
    came = [
        d for each in delays.values() for u in each for d in (u.first_result_s, u.final_delay_s)
    ]
    most = max(BUDGET_S * 1.2, *(delay for delay in came if delay is not None))
    across = Scale(0, ms(max(calls)) * 1.06, _LEFT_PX, _RIGHT_PX)
    highest = max(ms(most), min(guess_ms or 0, ms(most) * _ROOM_FOR_GUESS))
    up = Scale(0, highest * 1.05, _BOTTOM_PX, _TOP_PX)
    svg.axis_below(across, _TOP_PX, _BOTTOM_PX, "chunk, ms of sound in one message")
    svg.axis_left(up, _LEFT_PX, _RIGHT_PX, "ms")
    svg.budget_level(up.px(ms(BUDGET_S)), _LEFT_PX, _RIGHT_PX, 46, f"{ms(BUDGET_S):.0f} ms")
    for stage, name in ((INFERENCE, "first_result_s"), (NETWORK_OUT, "final_delay_s")):
        dots = [(s, getattr(u, name)) for s, each in delays.items() for u in each]
        where = [(across.px(ms(s)), up.px(ms(d))) for s, d in dots if d is not None]
        svg.points(where, theme.STAGE_COLORS[stage], 5, 0.75)
    named = [("speech begins → first text", theme.STAGE_COLORS[INFERENCE])]
    svg.legend([*named, ("speaker stops → last final", theme.STAGE_COLORS[NETWORK_OUT])], 64)
    if guess_ms is not None:
        svg.guess_point(across.px(ms(max(calls))), up, guess_ms, f"{guess_ms:,.0f} ms")
    return svg.render()


def tabulate_chunks(calls: Mapping[float, StreamCall], text: str) -> str:
    """One line a length."""
    head = ("chunk ms", "messages/s", "bytes", "headers", "kbit/s in all")
    rows: list[tuple[str, ...]] = [(*head, "first p50 ms", "final p50 ms", "WER")]
    for chunk_s, call in calls.items():
        seen = utterance_delays(call)
        payload = _BYTES_PER_S * chunk_s
        whole = WEBSOCKET.message_bytes(payload)
        rows.append(
            (
                f"{ms(chunk_s):g}",
                f"{1 / chunk_s:.0f}",
                f"{payload:,.0f}",
                f"{whole / payload - 1:.1%}",
                f"{8 * whole / chunk_s / 1e3:.0f}",
                percentile_ms(late([u.first_result_s for u in seen]), 0.5),
                percentile_ms(late([u.final_delay_s for u in seen]), 0.5),
                f"{word_error_rate(text, transcript(call)):.1%}",
            )
        )
    return columns(rows) + f"\n\nheaders: of {WEBSOCKET.name}, as a share of the sound's bytes"
