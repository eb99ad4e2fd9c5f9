"""Delays of many utterances: one dot each, stacked, and their percentiles.

Each interval has its own plot, so each says from when until when it runs. The limit of 300 ms is
the final delay's, which has a card of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lab_kit.core.call_record import StreamCall
from lab_kit.core.table import Table
from lab_kit.core.units import BUDGET_S, ms
from lab_kit.measure.calls import freshness_s, rtf, utterance_delays
from lab_kit.measure.percentiles import percentile
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below
from lab_kit.show.draw.display import show_drawing, show_picture
from lab_kit.show.draw.dots import DOT_PX, POINTERS_PX, STACK_PX, marks_of, pointers, stacked
from lab_kit.show.draw.figures import (
    NEVER,
    late,
    percentile_ms,
    percentile_told,
    standing,
)
from lab_kit.show.draw.limits import FLAG_PX, limit_upright
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict

_RIGHT_PX = theme.WIDTH_PX - theme.MARGIN_PX
_NEVER_PX = 80
"""Room behind the axis for what never came."""
_HEAD_PX, _TOP_PX = 16, 8
FINAL = 0
"""The row of the final delay: the one that has a limit."""


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
    rows = delay_rows(several)
    finals = rows[FINAL].delays_s
    sign = Sign.INSIDE if max(finals) <= BUDGET_S else Sign.OVER
    show_picture(draw_delays(several), Verdict(delay_verdict(rows), sign))
    show_drawing(draw_other_delays(several), tabulate(several), Verdict(others_verdict(rows)))


def delay_verdict(rows: Sequence[Row]) -> str:
    """How many finals were within 300 ms, in a sentence."""
    finals = rows[FINAL].delays_s
    inside = sum(delay <= BUDGET_S for delay in finals)
    return (
        f"{inside} of {len(finals)} finals came within {ms(BUDGET_S):.0f} ms of the speaker's end; "
        f"{', '.join(marks_of(rows[FINAL].delays_s, rows[FINAL].samples))}."
    )


def others_verdict(rows: Sequence[Row]) -> str:
    """The medians of what has no limit, in a sentence."""
    first, right, age = (percentile_told(row.delays_s, 0.5) for row in rows[FINAL + 1 :])
    return (
        f"Medians: speech begins → first text {first}, → first right word {right}; "
        f"age of the newest result {age}."
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


def draw_delays(calls: Sequence[StreamCall]) -> Svg:
    """The final delay of every utterance: a dot each, a triangle beyond the limit."""
    row = delay_rows(calls)[FINAL]
    base = FLAG_PX + 6 + STACK_PX
    bottom = base + POINTERS_PX
    svg = Svg(
        bottom + 38,
        "How long after the speaker stops is the final text there?",
        "A dot for each utterance by its final delay.",
        [*_conditions(calls, row), "● one utterance", "▲ one beyond the limit"],
    )
    came = [ms(delay) for delay in row.delays_s if delay != NEVER]
    high = max([ms(BUDGET_S) * 1.7, *(delay * 1.06 for delay in came)])
    scale = Scale(0, high, theme.MARGIN_PX, _RIGHT_PX - (_NEVER_PX if NEVER in row.delays_s else 0))
    axis_below(svg, scale, FLAG_PX, bottom, f"milliseconds: {row.interval}")
    svg.grid((scale.low_px, base), (scale.high_px, base), is_zero=True)
    dots = stacked(came, scale, base)
    is_late = [delay > ms(BUDGET_S) for delay in came]
    inside = [at for at, late_one in zip(dots, is_late, strict=True) if not late_one]
    svg.points(inside, theme.COMPUTE, DOT_PX)
    svg.triangles(at for at, late_one in zip(dots, is_late, strict=True) if late_one)
    line = theme.limit_label("speaker stops", "last final")
    limit_upright(svg, scale.px(ms(BUDGET_S)), FLAG_PX, bottom, scale.high_px, line)
    pointers(svg, row.delays_s, row.samples, scale, base)
    return svg


def draw_other_delays(calls: Sequence[StreamCall]) -> Svg:
    """The intervals that have no limit, each on the same scale in a plot of its own."""
    rows = delay_rows(calls)[FINAL + 1 :]
    height = _HEAD_PX + STACK_PX + POINTERS_PX
    bottom = _TOP_PX + height * len(rows)
    svg = Svg(
        bottom + 38,
        "When does text appear, and how old is it?",
        f"A dot for each utterance: {'; '.join(row.interval for row in rows)}.",
        _conditions(calls, rows[0]),
    )
    came = [ms(delay) for row in rows for delay in row.delays_s if delay != NEVER]
    has_never = any(NEVER in row.delays_s for row in rows)
    right = _RIGHT_PX - (_NEVER_PX if has_never else 0)
    scale = Scale(0, max([100.0, *came]) * 1.06, theme.MARGIN_PX, right)
    axis_below(svg, scale, 4, bottom, "milliseconds")
    for index, row in enumerate(rows):
        base = _TOP_PX + height * index + _HEAD_PX + STACK_PX
        svg.text((theme.MARGIN_PX + 6, base - STACK_PX - 2), row.interval, size_px=theme.VALUE_PX)
        svg.grid((scale.low_px, base), (scale.high_px, base), is_zero=True)
        seen = [ms(delay) for delay in row.delays_s if delay != NEVER]
        svg.points(stacked(seen, scale, base), theme.FRESHNESS_COLOR, DOT_PX)
        pointers(svg, row.delays_s, row.samples, scale, base)
    return svg


def tabulate(calls: Sequence[StreamCall]) -> Table:
    """Percentiles of every metric, the share within 300 ms, and the RTF of each call."""
    rows = delay_rows(calls)
    head = ("metric", "from → to", "p50 ms", "p95 ms", "within 300 ms", "")
    lines = [_line(row, has_limit=index == FINAL) for index, row in enumerate(rows)]
    rtfs = [rtf(call) for call in calls]
    notes = [
        f"n = {rows[0].samples}; indicative: too few to prove a p95 (59 without a miss would)"
        if standing(rows[0].samples)
        else f"n = {rows[0].samples}",
        f"rtf  p50 {percentile(rtfs, 0.5):.2f}, highest {max(rtfs):.2f} (device time of the "
        "results per second of audio; below 1 keeps up)",
        *dict.fromkeys(call.device for call in calls),
    ]
    return Table("metric", head, lines, ["", *notes], left=2)


def _line(row: Row, *, has_limit: bool) -> tuple[str, str, str, str, str, str]:
    within = sum(delay <= BUDGET_S for delay in row.delays_s)
    p50, p95 = (percentile_ms(row.delays_s, share) for share in (0.5, 0.95))
    share = f"{within} of {len(row.delays_s)}" if has_limit else "-"
    return row.name, row.interval, p50, p95, share, standing(row.samples)


def _conditions(calls: Sequence[StreamCall], row: Row) -> list[str]:
    count = f"{row.samples} utterance{'s' if row.samples != 1 else ''}"
    return [count, *dict.fromkeys(call.device for call in calls)]
