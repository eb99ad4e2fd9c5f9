"""Delays of many utterances: one point each, and their percentiles.

Each row is another interval, so each says from when until when it runs. The limit of 300 ms is the
final delay's, and crosses that row only.
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
from lab_kit.show.draw.svg import BUDGET, FAINT, INK, Scale, Svg

_LEFT_PX = 206
_RIGHT_PX = theme.WIDTH_PX - 84
_ROW_PX = 58
_TOP_PX = 92
FINAL = 0
"""The row of the final delay: the one that has a limit."""
_ENOUGH_FOR_P95 = 20
"""With fewer, a line at the 95th percentile is a line at the latest point."""
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


def delays(calls: StreamCall | Sequence[StreamCall]) -> None:
    """Draw the delays of every utterance, and list their percentiles, freshness and RTF.

    Raises:
        ValueError: no utterance whose times are known.
    """
    several = [calls] if isinstance(calls, StreamCall) else list(calls)
    show_drawing(draw_delays(several), tabulate(several), delay_verdict(delay_rows(several)))


def delay_verdict(rows: Sequence[Row]) -> str:
    """How many finals were within 300 ms, in a sentence."""
    finals = rows[FINAL].delays_s
    within = sum(delay <= BUDGET_S for delay in finals)
    return (
        f"{within} of {len(finals)} finals came within {ms(BUDGET_S):.0f} ms of the speaker's end; "
        f"p50 {percentile_ms(finals, 0.5)} ms, p95 {percentile_ms(finals, 0.95)} ms"
        f"{' (too few to prove it)' if standing(rows[FINAL].samples) else ''}."
    )


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
        Row("final_delay_s", "speaker stops → last final", final, count),
        Row("first_result_s", "speech begins → first text", first, count),
        Row("first_word_s", "speech begins → first right word", right, count),
        Row("freshness_s", "age of the newest result's audio", ages, count),
    ]


def draw_delays(calls: Sequence[StreamCall]) -> str:
    """The picture as SVG: a row of points a metric, with p50, and p95 where there are enough."""
    rows = delay_rows(calls)
    bottom = _TOP_PX + _ROW_PX * len(rows)
    svg = Svg(bottom + 48, "Delays of every utterance")
    scale = Scale(0, _highest_ms(rows) * 1.06, _LEFT_PX, _RIGHT_PX)
    devices = " / ".join(dict.fromkeys(call.device for call in calls))
    count = f"{rows[0].samples} utterance{'s' if rows[0].samples != 1 else ''}"
    svg.text((22, 28), "How long people wait", size_px=theme.TITLE_PX, bold=True)
    svg.text((22, 46), f"{count} · {devices}", role=FAINT)
    svg.axis_below(scale, _TOP_PX, bottom, "milliseconds; | is p50 and ‖ is p95 of the row")
    line = f"limit {ms(BUDGET_S):.0f} ms: speaker stops → last final"
    svg.budget_upright(scale.px(ms(BUDGET_S)), _TOP_PX, _TOP_PX + _ROW_PX - 4, line)
    for index, row in enumerate(rows):
        _row(svg, row, scale, _TOP_PX + _ROW_PX * index)
    return svg.render()


def tabulate(calls: Sequence[StreamCall]) -> str:
    """Percentiles of every metric, the share within 300 ms, and the RTF of each call."""
    rows = delay_rows(calls)
    lines = [("metric", "from → to", "p50 ms", "p95 ms", "within 300 ms", "")]
    lines += [_line(row, has_limit=index == FINAL) for index, row in enumerate(rows)]
    rtfs = [rtf(call) for call in calls]
    notes = [
        f"n = {rows[0].samples}; indicative: too few to prove a p95 (59 without a miss would)"
        if standing(rows[0].samples)
        else f"n = {rows[0].samples}",
        f"rtf  p50 {percentile(rtfs, 0.5):.2f}, highest {max(rtfs):.2f} (device time of the "
        "results per second of audio; below 1 keeps up)",
        *dict.fromkeys(call.device for call in calls),
    ]
    return "\n".join([columns(lines, left=2), "", *notes])


def _line(row: Row, *, has_limit: bool) -> tuple[str, str, str, str, str, str]:
    within = sum(delay <= BUDGET_S for delay in row.delays_s)
    p50, p95 = (percentile_ms(row.delays_s, share) for share in (0.5, 0.95))
    share = f"{within} of {len(row.delays_s)}" if has_limit else "-"
    return row.name, row.interval, p50, p95, share, standing(row.samples)


def _highest_ms(rows: Sequence[Row]) -> float:
    came = [ms(delay) for row in rows for delay in row.delays_s if delay != NEVER]
    return max([ms(BUDGET_S) * 1.2, *came])


def _row(svg: Svg, row: Row, scale: Scale, top: float) -> None:
    middle = top + _ROW_PX / 2
    svg.text((22, middle - 1), row.name, bold=True)
    svg.text((22, middle + 14), row.interval, role=FAINT, size_px=theme.SMALL_PX)
    many = len(row.delays_s) > 2 * row.samples
    came = [delay for delay in row.delays_s if delay != NEVER]
    where = [(scale.px(ms(d)), middle + 5 * (n % _LANES - 2)) for n, d in enumerate(came)]
    svg.points(where, theme.FRESHNESS_COLOR, 2.5 if many else 4, 0.6 if many else 0.9)
    never = len(row.delays_s) - len(came)
    _mark(svg, row, scale, 0.5, (0,), top)
    if row.samples >= _ENOUGH_FOR_P95:
        _mark(svg, row, scale, 0.95, (-1.5, 1.5), top)
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
