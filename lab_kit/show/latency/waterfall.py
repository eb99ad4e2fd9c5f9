"""Waterfalls: one bar a result, cut into the stages in which its time went.

The stages of a bar are consecutive and the numbers beneath are differences of rounded borders,
so bar and table add up to the total exactly. Work that ran while the caller waited for
something else anyway is hatched beneath the bar: it is real, and it is not in the sum.
"""

import math
from collections.abc import Sequence

from lab_kit.core.call_record import RequestCall, Spoken, StageSpan, StreamCall, Waterfall
from lab_kit.core.units import BUDGET_S, ms
from lab_kit.measure.calls import final_waterfall, request_waterfall, utterance_delays
from lab_kit.measure.guess import Guess
from lab_kit.show.draw import theme
from lab_kit.show.draw.display import columns, show_drawing
from lab_kit.show.draw.svg import FAINT, INK, Scale, Svg, text_width_px

Drawable = StreamCall | RequestCall | Waterfall

_MARGIN_PX = 22
_LABEL_COLUMN_PX = 176
_BAR_PX = 30
_HIDDEN_PX = 9
_ROW_PX = 68
_LEGEND_ROW_PX = 20
_ROOM_FOR_TOTAL = 1.16
"""The axis ends this far beyond the longest bar, so that its total fits behind it."""
_ROOM_FOR_GUESS = 1.5
"""A guess that is farther out than this stands at the edge."""


def waterfall(call: Drawable, spoken: Spoken | None = None, guess: Guess | None = None) -> None:
    """Draw where the time of one result went, and list it.

    Args:
        spoken: which utterance of a stream; by default the last one that got a final.
        guess: what the reader expected as the total, in ms; drawn beside what came out.

    Raises:
        ValueError: the stream has no utterance with a final.
    """
    ready = as_waterfall(call, spoken)
    drawing = draw_waterfalls([ready], [ready.title], _number(guess))
    told = f"{waterfall_verdict(ready)}{_against(guess, ready)}"
    show_drawing(drawing, tabulate(ready), told)


def waterfalls(
    calls: Sequence[Drawable],
    labels: Sequence[str] | None = None,
    guess: Guess | None = None,
) -> None:
    """Draw several results under each other on one scale, and list them side by side.

    Args:
        labels: a name for each; by default what was streamed.
        guess: what the reader expected as the last one's total, in ms.

    Raises:
        ValueError: nothing to draw, not one label each, or a stream without any final.
    """
    ready = [as_waterfall(call) for call in calls]
    names = list(labels) if labels is not None else [one.title for one in ready]
    drawing = draw_waterfalls(ready, names, _number(guess))
    lines = [f"{name}: {waterfall_verdict(one)}" for one, name in zip(ready, names, strict=True)]
    show_drawing(drawing, compare(ready, names), "\n".join(lines) + _against(guess, ready[-1]))


def waterfall_verdict(one: Waterfall) -> str:
    """The total against 300 ms, and its longest stage, in a sentence."""
    total = _total_ms(one)
    left = ms(BUDGET_S) - total
    word = "left of" if left >= 0 else "over"
    longest = max(one.stages, key=lambda stage: stage.length_s)
    return (
        f"{total:.0f} ms after {one.zero}: {abs(left):.0f} ms {word} the {ms(BUDGET_S):.0f} ms. "
        f"The longest stage is {longest.name}, {longest.length_s / one.total_s:.0%}."
    )


def as_waterfall(call: Drawable, spoken: Spoken | None = None) -> Waterfall:
    """The waterfall of whatever can have one.

    Raises:
        ValueError: a stream without any final, or of which nobody knows what was said.
    """
    if isinstance(call, Waterfall):
        return call
    if isinstance(call, RequestCall):
        return request_waterfall(call)
    return final_waterfall(call, spoken if spoken is not None else _last_heard(call))


def draw_waterfalls(
    drawn: Sequence[Waterfall], labels: Sequence[str], guess_ms: float | None = None
) -> str:
    """The picture as SVG; one bar each, on one scale, with the 300 ms line across.

    Raises:
        ValueError: nothing to draw, or not one label each.
    """
    if not drawn or len(drawn) != len(labels):
        raise ValueError(f"{len(drawn)} waterfalls and {len(labels)} labels; one label each")
    single = len(drawn) == 1
    legend = _legend_rows(_legend_entries(drawn))
    lanes = 38 if guess_ms is not None else 22
    top = 62 + _LEGEND_ROW_PX * len(legend) + lanes
    bottom = top + _ROW_PX * len(drawn) - (8 if single else 0)
    svg = Svg(bottom + 48, f"Where the time went: {', '.join(labels)}")
    scale = _scale(drawn, guess_ms, _MARGIN_PX if single else _LABEL_COLUMN_PX)
    _heading(svg, drawn, labels)
    _legend(svg, legend)
    svg.axis_below(scale, top, bottom, f"milliseconds after {_zero(drawn)}")
    for index, (one, label) in enumerate(zip(drawn, labels, strict=True)):
        row_top = top + _ROW_PX * index + 12
        if not single:
            _row_label(svg, one, label, row_top)
        _bar(svg, one, scale, row_top)
    label_top = top - (16 if guess_ms is not None else 0)
    svg.budget_upright(scale.px(ms(BUDGET_S)), label_top, bottom, theme.budget_label(_zero(drawn)))
    if guess_ms is not None:
        svg.guess_upright(scale, guess_ms, top - 4, bottom, away_from=ms(BUDGET_S))
    _totals(svg, drawn, scale, top)
    return svg.render()


def tabulate(one: Waterfall) -> str:
    """The stages with their milliseconds and shares, which add up to the last line."""
    total = _total_ms(one)
    rows = [("stage", "ms", "share")]
    shares = _differences([(stage.name, 100 * ms(stage.end_s) / total) for stage in one.stages])
    for (name, length), (_, share) in zip(_lengths_ms(one), shares, strict=True):
        rows.append((name, f"{length:.1f}", f"{share:.1f} %"))
    rows.append(("total", f"{total:.1f}", "100.0 %"))
    notes = [f"{one.title}; 0 ms is when {one.zero}; {one.device}; {_clock(one)}"]
    notes += [_hidden_note(stage) for stage in one.hidden]
    return "\n".join([columns(rows), "", *notes])


def compare(several: Sequence[Waterfall], labels: Sequence[str]) -> str:
    """One column of milliseconds each; every column adds up to its last line."""
    names = [name for name in theme.STAGE_COLORS if any(name in _names(one) for one in several)]
    rows = [["stage (ms)", *labels]]
    for name in names:
        lengths = [dict(_lengths_ms(one)).get(name) for one in several]
        rows.append([name, *("-" if length is None else f"{length:.1f}" for length in lengths)])
    rows.append(["total", *(f"{_total_ms(one):.1f}" for one in several)])
    rows.append(["clock, ±", *(f"{ms(one.clock_error_s):.1f}" for one in several)])
    notes = [f"0 ms is when {zero}" for zero in dict.fromkeys(one.zero for one in several)]
    notes += list(dict.fromkeys(one.device for one in several))
    for one, label in zip(several, labels, strict=True):
        notes += [f"{label}: {_hidden_note(stage)}" for stage in one.hidden]
    return "\n".join([columns(rows), "", *notes])


def _last_heard(call: StreamCall) -> Spoken:
    heard = [d.spoken for d in utterance_delays(call) if d.final_delay_s is not None]
    if not heard:
        raise ValueError(
            f"'{call.name}' has no utterance with a known end and a final, so there is no interval "
            "to cut into stages; stream a clip, whose words and times are known"
        )
    return heard[-1]


def _scale(drawn: Sequence[Waterfall], guess_ms: float | None, left_px: float) -> Scale:
    longest = max(ms(BUDGET_S), *(ms(one.total_s) for one in drawn))
    high = max(longest * _ROOM_FOR_TOTAL, min(guess_ms or 0, longest * _ROOM_FOR_GUESS))
    earliest = min(0.0, *(ms(s.start_s) for one in drawn for s in (*one.stages, *one.hidden)))
    return Scale(earliest, high, left_px, theme.WIDTH_PX - _MARGIN_PX)


def _heading(svg: Svg, drawn: Sequence[Waterfall], labels: Sequence[str]) -> None:
    name = f": {labels[0]}" if len(drawn) == 1 else ""
    svg.text((_MARGIN_PX, 28), f"Where the time went{name}", size_px=theme.TITLE_PX, bold=True)
    told = list(dict.fromkeys(one.device for one in drawn))
    if len(drawn) == 1:
        told.append(_clock(drawn[0]))
    svg.text((_MARGIN_PX, 46), " · ".join(told), role=FAINT)


def _legend_entries(drawn: Sequence[Waterfall]) -> list[tuple[str, str]]:
    """Stage and its words; with the milliseconds where there is one bar to read them from."""
    if len(drawn) == 1:
        return [(name, f"{name} {length:.1f} ms") for name, length in _lengths_ms(drawn[0])]
    used = {name for one in drawn for name in _names(one)}
    return [(name, name) for name in theme.STAGE_COLORS if name in used]


def _legend_rows(entries: list[tuple[str, str]]) -> list[list[tuple[str, str, float]]]:
    """Entries with their left edges, in as few rows as fit, about as many in each."""
    widths = [28 + text_width_px(words, theme.SMALL_PX) for _, words in entries]
    count = math.ceil(sum(widths) / (theme.WIDTH_PX - _MARGIN_PX))
    each = math.ceil(len(entries) / count)
    rows: list[list[tuple[str, str, float]]] = []
    for index, (stage, words) in enumerate(entries):
        if index % each == 0:
            rows.append([])
        left = _MARGIN_PX + sum(widths[index - index % each : index])
        rows[-1].append((stage, words, left))
    return rows


def _legend(svg: Svg, rows: list[list[tuple[str, str, float]]]) -> None:
    for index, row in enumerate(rows):
        base = 70 + _LEGEND_ROW_PX * index
        for stage, words, left in row:
            svg.bar(left, base - 10, 12, 12, theme.STAGE_COLORS[stage], stage)
            svg.text((left + 17, base), words, size_px=theme.SMALL_PX)


def _row_label(svg: Svg, one: Waterfall, label: str, top: float) -> None:
    most = int((_LABEL_COLUMN_PX - _MARGIN_PX - 10) / text_width_px("x", theme.LABEL_PX))
    short = label if len(label) <= most else label[: most - 1] + "…"
    svg.text((_MARGIN_PX, top + 19), short, bold=True)
    svg.text((_MARGIN_PX, top + 34), _clock(one), role=FAINT)


def _bar(svg: Svg, one: Waterfall, scale: Scale, top: float) -> None:
    for stage in one.stages:
        left, width = _span_px(stage, scale)
        told = f"{stage.name}: {ms(stage.length_s):.1f} ms"
        svg.bar(left, top, width, _BAR_PX, theme.STAGE_COLORS[stage.name], told)
        middle = _label_middle(stage.name, left, left + width, scale.px(ms(BUDGET_S)))
        if middle is not None:
            color = theme.STAGE_TEXT_COLORS[stage.name]
            svg.text((middle, top + 19), stage.name, anchor="middle", color=color)
    for stage in one.hidden:
        _hidden_bar(svg, stage, scale, top + _BAR_PX + 3)


def _label_middle(name: str, left: float, right: float, line: float) -> float | None:
    """Where a name fits into its bar without the 300 ms line through it; None if nowhere."""
    needed = text_width_px(name, theme.LABEL_PX) + 10
    parts = [(left, right)] if not left < line < right else [(left, line), (line, right)]
    middle = (left + right) / 2
    if abs(middle - line) > needed / 2 and right - left > needed:
        return middle
    start, end = max(parts, key=lambda part: part[1] - part[0])
    return (start + end) / 2 if end - start > needed else None


def _hidden_bar(svg: Svg, stage: StageSpan, scale: Scale, top: float) -> None:
    """The bar, named on whichever side has room; the left, away from the 300 ms line, if both."""
    left, width = _span_px(stage, scale)
    color = theme.STAGE_COLORS[stage.name]
    svg.hatched_bar(left, top, width, _HIDDEN_PX, color, _hidden_note(stage))
    told = f"{stage.name} meanwhile: {ms(stage.length_s):.0f} ms"
    fits_left = left - text_width_px(told, theme.SMALL_PX) - 6 > scale.low_px
    where, anchor = (left - 6, "end") if fits_left else (left + width + 6, "start")
    svg.text((where, top + 9), told, role=FAINT, size_px=theme.SMALL_PX, anchor=anchor)


def _totals(svg: Svg, drawn: Sequence[Waterfall], scale: Scale, top: float) -> None:
    for index, one in enumerate(drawn):
        where = (scale.px(ms(one.total_s)) + 7, top + _ROW_PX * index + 12 + 19)
        svg.text(where, f"{_total_ms(one):.1f} ms", role=INK, size_px=13, bold=True)


def _span_px(stage: StageSpan, scale: Scale) -> tuple[float, float]:
    """Left edge and width; a border may lie before the last one by the clock's error."""
    left = scale.px(ms(stage.start_s))
    return left, max(0.0, scale.px(ms(stage.end_s)) - left)


def _lengths_ms(one: Waterfall) -> list[tuple[str, float]]:
    return _differences([(stage.name, ms(stage.end_s)) for stage in one.stages])


def _differences(ends: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """Lengths between rounded borders, so that what is shown adds up to what is shown."""
    lengths, before = [], 0.0
    for name, end in ends:
        lengths.append((name, round(round(end, 1) - before, 1)))
        before = round(end, 1)
    return lengths


def _total_ms(one: Waterfall) -> float:
    return round(ms(one.total_s), 1)


def _names(one: Waterfall) -> list[str]:
    return [stage.name for stage in one.stages]


def _clock(one: Waterfall) -> str:
    return f"± {ms(one.clock_error_s):.1f} ms clock"


def _zero(drawn: Sequence[Waterfall]) -> str:
    return " / ".join(dict.fromkeys(one.zero for one in drawn))


def _hidden_note(stage: StageSpan) -> str:
    return (
        f"{stage.name} ran from {ms(stage.start_s):.1f} to {ms(stage.end_s):.1f} ms meanwhile; "
        "the caller did not wait for it"
    )


def _number(guess: Guess | None) -> float | None:
    return None if guess is None else guess.number


def _against(guess: Guess | None, one: Waterfall) -> str:
    return "" if guess is None else f"\n{guess.against(_total_ms(one))}"
