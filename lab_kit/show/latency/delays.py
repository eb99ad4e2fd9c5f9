"""Delays of many utterances: one point each against the 300 ms line, and their percentiles.

Each row is another interval, so each says from when until when it runs. The 300 ms line crosses
all of them; what it means for each is the reader's business.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lab_kit.core.call_record import StreamCall
from lab_kit.core.units import BUDGET_S, ms
from lab_kit.measure.calls import freshness_s, rtf, utterance_delays
from lab_kit.measure.percentiles import percentile
from lab_kit.show.draw import theme
from lab_kit.show.draw.display import columns, show_drawing
from lab_kit.show.draw.figures import NEVER, late, percentile_ms, standing
from lab_kit.show.draw.svg import BUDGET, FAINT, INK, PREDICTION, Scale, Svg

_LEFT_PX = 206
_RIGHT_PX = theme.WIDTH_PX - 84
_ROW_PX = 58
_TOP_PX = 92
_LANES = 5
"""Neighbouring points of a row are drawn on different heights, so that none hides another."""


@dataclass(frozen=True, slots=True)
class Row:
    """One metric of all utterances.

    Attributes:
        interval: from when until when.
        samples: independent observations in it: the utterances, however often one was sampled.
    """

    name: str
    interval: str
    delays_s: list[float]
    samples: int


def delays(calls: StreamCall | Sequence[StreamCall], prediction_ms: float | None = None) -> None:
    """Draw the delays of every utterance, and list their percentiles, freshness and RTF.

    Args:
        prediction_ms: what the reader expected as the median `final_delay_s`.

    Raises:
        ValueError: no utterance whose times are known.
    """
    several = [calls] if isinstance(calls, StreamCall) else list(calls)
    show_drawing(draw_delays(several, prediction_ms), tabulate(several, prediction_ms))


def delay_rows(calls: Sequence[StreamCall]) -> list[Row]:
    """The metrics of all utterances of all calls.

    Raises:
        ValueError: no utterance whose times are known.
    """
    seen = [one for call in calls for one in utterance_delays(call)]
    if not seen:
        raise ValueError(
            "no utterance with known times in these calls; delays count from when words were "
            "spoken, so stream clips from the dataset"
        )
    ages = [age for call in calls for age in freshness_s(call)]
    count = len(seen)
    first = late([one.first_result_s for one in seen])
    right = late([one.first_word_s for one in seen])
    final = late([one.final_delay_s for one in seen])
    return [
        Row("first_result_s", "speech begins → first text", first, count),
        Row("first_word_s", "speech begins → first right word", right, count),
        Row("final_delay_s", "speaker stops → last final", final, count),
        Row("freshness_s", "age of the newest result's audio", ages, count),
    ]


def draw_delays(calls: Sequence[StreamCall], prediction_ms: float | None = None) -> str:
    """The picture as SVG: a row of points a metric, p50 and p95 marked, the 300 ms line across."""
    rows = delay_rows(calls)
    bottom = _TOP_PX + _ROW_PX * len(rows)
    svg = Svg(bottom + 48, "Delays of every utterance")
    scale = Scale(0, _highest_ms(rows, prediction_ms) * 1.06, _LEFT_PX, _RIGHT_PX)
    devices = " / ".join(dict.fromkeys(call.device for call in calls))
    count = f"{rows[0].samples} utterance{'s' if rows[0].samples != 1 else ''}"
    svg.text((22, 28), "How long people wait", size_px=theme.TITLE_PX, bold=True)
    svg.text((22, 46), f"{count} · {devices}", role=FAINT)
    svg.axis_below(scale, _TOP_PX, bottom, "milliseconds; | is p50 and ‖ is p95 of the row")
    line = f"{ms(BUDGET_S):.0f} ms, counted from where each row begins"
    svg.budget_upright(scale.px(ms(BUDGET_S)), _TOP_PX, bottom, line)
    for index, row in enumerate(rows):
        _row(svg, row, scale, _TOP_PX + _ROW_PX * index)
    if prediction_ms is not None:
        _prediction(svg, scale.px(prediction_ms), _TOP_PX + 2 * _ROW_PX, prediction_ms)
    return svg.render()


def tabulate(calls: Sequence[StreamCall], prediction_ms: float | None = None) -> str:
    """Percentiles of every metric, the share within 300 ms, and the RTF of each call."""
    rows = delay_rows(calls)
    lines = [("metric", "from → to", "p50 ms", "p95 ms", "within 300 ms", "")]
    lines += [_line(row) for row in rows]
    rtfs = [rtf(call) for call in calls]
    notes = [
        f"n = {rows[0].samples}; indicative: too few to prove a p95 (59 without a miss would)"
        if standing(rows[0].samples)
        else f"n = {rows[0].samples}",
        f"rtf  p50 {percentile(rtfs, 0.5):.2f}, highest {max(rtfs):.2f} (device time of the "
        "results per second of audio; below 1 keeps up)",
        *dict.fromkeys(call.device for call in calls),
    ]
    if prediction_ms is not None:
        median = percentile_ms(rows[2].delays_s, 0.5)
        notes.append(f"predicted {prediction_ms:.0f} ms as p50 of final_delay_s; it was {median}")
    return "\n".join([columns(lines, left=2), "", *notes])


def _line(row: Row) -> tuple[str, str, str, str, str, str]:
    within = sum(delay <= BUDGET_S for delay in row.delays_s)
    p50, p95 = (percentile_ms(row.delays_s, share) for share in (0.5, 0.95))
    share = f"{within} of {len(row.delays_s)}"
    return row.name, row.interval, p50, p95, share, standing(row.samples)


def _highest_ms(rows: Sequence[Row], prediction_ms: float | None) -> float:
    came = [ms(delay) for row in rows for delay in row.delays_s if delay != NEVER]
    return max(ms(BUDGET_S) * 1.2, prediction_ms or 0, *came)


def _row(svg: Svg, row: Row, scale: Scale, top: float) -> None:
    middle = top + _ROW_PX / 2
    svg.text((22, middle - 1), row.name, bold=True)
    svg.text((22, middle + 14), row.interval, role=FAINT, size_px=theme.SMALL_PX)
    many = len(row.delays_s) > 2 * row.samples
    came = [delay for delay in row.delays_s if delay != NEVER]
    where = [(scale.px(ms(d)), middle + 5 * (n % _LANES - 2)) for n, d in enumerate(came)]
    svg.points(where, theme.FRESHNESS_COLOR, 2.5 if many else 4, 0.35 if many else 0.75)
    never = len(row.delays_s) - len(came)
    for share, marks in ((0.5, (0,)), (0.95, (-1.5, 1.5))):
        _mark(svg, row, scale, share, marks, top)
    if never:
        svg.text((_RIGHT_PX + 6, middle + 4), f"{never} never", role=BUDGET, bold=True)


def _mark(
    svg: Svg, row: Row, scale: Scale, share: float, offsets: Sequence[float], top: float
) -> None:
    """A percentile as a line, or two close ones, across the row."""
    if not row.delays_s or (value := percentile(row.delays_s, share)) == NEVER:
        return
    for offset in offsets:
        x = scale.px(ms(value)) + offset
        svg.rule((x, top + 8), (x, top + _ROW_PX - 8), INK, 1.5)


def _prediction(svg: Svg, x: float, top: float, prediction_ms: float) -> None:
    svg.rule((x, top + 4), (x, top + _ROW_PX - 4), PREDICTION, 1.5, "2 3")
    svg.diamonds([(x, top + 6)], PREDICTION, 5)
    label = f"predicted {prediction_ms:.0f} ms"
    svg.text((x + 9, top + 10), label, role=PREDICTION, size_px=theme.SMALL_PX, bold=True)
