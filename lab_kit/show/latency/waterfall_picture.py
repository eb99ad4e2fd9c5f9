"""Waterfalls as a picture: every stage is named where it stands, on one scale with 300 ms.

Work that ran while the caller waited for something else anyway is striped, beneath the bar: it is
real, and it is not in the sum.
"""

from collections.abc import Sequence

from lab_kit.core.call_record import StageSpan, Waterfall
from lab_kit.core.units import BUDGET_S, ms
from lab_kit.measure.calls import NETWORK_BACK, NETWORK_OUT
from lab_kit.measure.guess import Answer
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below
from lab_kit.show.draw.guesses import LANE_PX, guess_lane, guess_part
from lab_kit.show.draw.inks import FAINT, INK, PAPER
from lab_kit.show.draw.labels import Place, put
from lab_kit.show.draw.limits import FLAG_PX, limit_upright
from lab_kit.show.draw.room import Box, shortened, text_width_px
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg

_NAMES_PX = 176
"""The column of the names, where there are several bars."""
_SINGLE_PX, _BAR_PX, _HIDDEN_PX = 34, 22, 9
_LEADER_PX = 20
_GAP_PX, _NEAR_PX = 8, 14
_LEGEND_GAP_PX, _STEP_PX = 12, 8
_UNREAD_MS = 300.0
"""Few networks take so long; a server that does not get round to reading may."""
_ROOM_FOR_TOTAL = 1.16
"""The axis ends this far beyond the longest bar, so that its total fits behind it."""
_FAR_OFF = 0.05
"""Clocks that may be off by more of a total than this are drawn with their error."""
_INTERVALS = {
    "the speaker stops": ("speaker stops", "last final"),
    "the request is sent": ("request sent", "answer"),
}


def draw_waterfalls(
    drawn: Sequence[Waterfall], labels: Sequence[str], guess: Answer | None = None
) -> Svg:
    """The picture; one bar each, on one scale, with the 300 ms line across.

    Args:
        guess: what was expected of the last one: its total in ms, or one of its stages.

    Raises:
        ValueError: nothing to draw, or not one label each.
    """
    if not drawn or len(drawn) != len(labels):
        raise ValueError(f"{len(drawn)} waterfalls and {len(labels)} labels; one label each")
    single = len(drawn) == 1
    bar_px = _SINGLE_PX if single else _BAR_PX
    tops = _row_tops(drawn, bar_px)
    last = drawn[-1]
    suspect = next((stage for stage in last.stages if stage.name == guess), None)
    has_lane = suspect is not None or isinstance(guess, float | int)
    bottom = tops.pop() + (LANE_PX if has_lane else 0)
    title = f"Where did the time of {'one' if single else 'each'} result go?"
    svg = Svg(bottom + 40, title, _seen(drawn, labels), _notes(drawn, labels))
    scale = _scale(drawn, theme.MARGIN_PX if single else _NAMES_PX)
    axis_below(svg, scale, FLAG_PX, bottom, f"milliseconds after {_zero(drawn)}")
    for one, label, top in zip(drawn, labels, tops, strict=True):
        if not single:
            _row_label(svg, one, label, top)
        _bars(svg, one, scale, top, bar_px)
    line_px = scale.px(ms(BUDGET_S))
    flag = " / ".join(dict.fromkeys(limit_of(one.zero) for one in drawn))
    limit_upright(svg, line_px, FLAG_PX, bottom, scale.high_px, flag)
    if isinstance(guess, float | int):
        guess_lane(svg, scale, bottom, guess, ms(last.total_s))
    named: set[str] = set()
    for one, top in zip(drawn, tops, strict=True):
        _total(svg, one, scale, top, bar_px)
        named |= _names(svg, one, scale, top, bar_px)
    _legend(svg, drawn, named)
    if suspect is not None:
        left, width = _span_px(suspect, scale)
        beneath = tops[-1] + bar_px + (_HIDDEN_PX + 4 if last.hidden else 0)
        guess_part(svg, left + width / 2, beneath, bottom, suspect.name)
    return svg


def limit_of(zero: str) -> str:
    """The words of the 300 ms line for results that count from ``zero``."""
    return theme.limit_label(*_INTERVALS.get(zero, (zero, "result")))


def told_total(one: Waterfall) -> str:
    """The total, rounded once, so that picture and sentences say the same."""
    return f"{ms(one.total_s):,.0f} ms"


def clock_note(one: Waterfall) -> str:
    """How far the network's border may be off, in words."""
    return f"± {ms(one.clock_error_s):.1f} ms clock"


def is_clock_far_off(one: Waterfall) -> bool:
    """Whether the clocks' error is so much of the total that it has to be seen."""
    return one.clock_error_s > _FAR_OFF * one.total_s


def _seen(drawn: Sequence[Waterfall], labels: Sequence[str]) -> str:
    totals = [f"{told_total(one)} ({name})" for one, name in zip(drawn, labels, strict=True)]
    return f"Bars cut into stages: {', '.join(totals)}."


def _notes(drawn: Sequence[Waterfall], labels: Sequence[str]) -> list[str]:
    notes = [labels[0]] if len(drawn) == 1 else []
    notes += dict.fromkeys(one.device for one in drawn)
    if len(drawn) == 1:
        notes.append(clock_note(drawn[0]))
    tiny = dict.fromkeys(stage.name for one in drawn for stage in one.stages if _is_tiny(stage))
    always = [name for name in tiny if all(map(_is_tiny, _all_of(name, drawn)))]
    notes += [f"under 1 ms: {', '.join(always)}"] if always else []
    if any(ms(stage.length_s) >= _UNREAD_MS for stage in _all_of(NETWORK_OUT, drawn)):
        notes.append(f"{NETWORK_OUT} ends when the server reads: what lies unread there is in it")
    return notes


def _all_of(name: str, drawn: Sequence[Waterfall]) -> list[StageSpan]:
    return [stage for one in drawn for stage in one.stages if stage.name == name]


def _is_tiny(stage: StageSpan) -> bool:
    return ms(stage.length_s) < 1


def _row_tops(drawn: Sequence[Waterfall], bar_px: float) -> list[float]:
    """Where each bar begins, and where the plot ends."""
    tops, y = [], float(FLAG_PX)
    for one in drawn:
        tops.append(y + _LEADER_PX)
        y += _LEADER_PX + bar_px + (_HIDDEN_PX + 5 if one.hidden else 0) + _LEADER_PX + _GAP_PX
    return [*tops, y]


def _scale(drawn: Sequence[Waterfall], left_px: float) -> Scale:
    """From zero to behind the longest bar, and to where the words of the limit end."""
    right_px = theme.WIDTH_PX - theme.MARGIN_PX
    words = max(text_width_px(limit_of(one.zero).split(": ", 1)[1], theme.LABEL_PX, bold=True)
                for one in drawn)  # fmt: skip
    flag_ends = ms(BUDGET_S) / (1 - (words + 12) / (right_px - left_px))
    longest = max(ms(one.total_s) for one in drawn)
    high = max(longest * _ROOM_FOR_TOTAL, flag_ends)
    earliest = min(0.0, *(ms(s.start_s) for one in drawn for s in (*one.stages, *one.hidden)))
    return Scale(earliest, high, left_px, right_px)


def _row_label(svg: Svg, one: Waterfall, label: str, top: float) -> None:
    room = _NAMES_PX - theme.MARGIN_PX - 10
    short = shortened(label, room, theme.VALUE_PX, bold=True)
    svg.text((theme.MARGIN_PX, top + 10), short, size_px=theme.VALUE_PX, bold=True)
    clock = clock_note(one)
    svg.text((theme.MARGIN_PX, top + 25), clock, role=FAINT, size_px=theme.SMALL_PX)


def _bars(svg: Svg, one: Waterfall, scale: Scale, top: float, bar_px: float) -> None:
    for stage in one.stages:
        left, width = _span_px(stage, scale)
        told = f"{stage.name}: {ms(stage.length_s):.1f} ms"
        svg.bar(left, top, width, bar_px, theme.STAGE_COLORS[stage.name], told)
    for stage in one.stages[1:]:
        x = scale.px(ms(stage.start_s))
        svg.rule((x, top), (x, top + bar_px), PAPER, 1)
    for stage in one.hidden:
        left, width = _span_px(stage, scale)
        color = theme.STAGE_COLORS[stage.name]
        told = f"{stage.name} meanwhile: {ms(stage.length_s):,.0f} ms"
        svg.hatched_bar(left, top + bar_px + 4, width, _HIDDEN_PX, color, told)
    if is_clock_far_off(one):
        _clock_whiskers(svg, one, scale, top + bar_px + 2)


def _clock_whiskers(svg: Svg, one: Waterfall, scale: Scale, y: float) -> None:
    """How far the borders between the network and the server may be off."""
    ends = [stage.end_s for stage in one.stages if stage.name == NETWORK_OUT]
    starts = [stage.start_s for stage in one.stages if stage.name == NETWORK_BACK]
    for border_s in (*ends, *starts):
        low = max(0.0, border_s - one.clock_error_s)
        high = min(one.total_s, border_s + one.clock_error_s)
        left, right = scale.px(ms(low)), scale.px(ms(high))
        svg.rule((left, y), (right, y), PAPER, 4)
        svg.rule((left, y), (right, y), INK, 1.5)
        for x in (left, right):
            svg.rule((x, y - 3), (x, y + 3), INK, 1.5)


def _total(svg: Svg, one: Waterfall, scale: Scale, top: float, bar_px: float) -> None:
    end, middle = scale.px(ms(one.total_s)), top + bar_px / 2 + 5
    line = scale.px(ms(BUDGET_S))
    places = [Place((end + 9, middle))]
    if 0 <= line - end < _NEAR_PX:
        places.append(Place((line + 9, middle)))
    places += [Place((end, top - 6), "end"), Place((end, top + bar_px + 17), "end")]
    put(svg, told_total(one), places, size_px=theme.TOTAL_PX, bold=True)


def _names(svg: Svg, one: Waterfall, scale: Scale, top: float, bar_px: float) -> set[str]:
    """Name the stages of a bar; those that were."""
    named: set[str] = set()
    for stage in one.hidden:
        _name_hidden(svg, stage, scale, top + bar_px + 4)
    leaders = []
    for stage in one.stages:
        if _is_tiny(stage):
            continue
        if _name_inside(svg, stage, scale, top + bar_px / 2 + 4.5):
            named.add(stage.name)
        else:
            leaders.append(stage)
    leaders.sort(key=lambda stage: -stage.length_s)  # the longest gets its place first
    for index, stage in enumerate(leaders):
        if _name_on_leader(svg, stage, scale, (top, top + bar_px), starts_below=index % 2 == 1):
            named.add(stage.name)
        else:  # the legend names it
            _figure_inside(svg, stage, scale, top + bar_px / 2 + 4.5)
    return named


def _told(stage: StageSpan) -> str:
    return f"{stage.name} {ms(stage.length_s):,.0f}"


def _name_inside(svg: Svg, stage: StageSpan, scale: Scale, y: float) -> bool:
    left, width = _span_px(stage, scale)
    size = theme.LABEL_PX
    needed = text_width_px(_told(stage), size, bold=True) + 12
    middle = _label_middle(needed, left, left + width, scale.px(ms(BUDGET_S)))
    if middle is None:
        return False
    color = theme.STAGE_TEXT_COLORS[stage.name]
    svg.text((middle, y), _told(stage), size_px=size, anchor="middle", color=color, bold=True)
    return True


def _figure_inside(svg: Svg, stage: StageSpan, scale: Scale, y: float) -> None:
    """A stage's milliseconds alone, where there is room for no more."""
    figure, (left, width) = f"{ms(stage.length_s):,.0f}", _span_px(stage, scale)
    needed = text_width_px(figure, theme.LABEL_PX, bold=True) + 6
    middle = _label_middle(needed, left, left + width, scale.px(ms(BUDGET_S)))
    if middle is not None:
        color = theme.STAGE_TEXT_COLORS[stage.name]
        svg.text((middle, y), figure, anchor="middle", color=color, bold=True)


def _label_middle(needed: float, left: float, right: float, line: float) -> float | None:
    """Where words fit into their bar without the 300 ms line through them; None if nowhere."""
    middle = (left + right) / 2
    if abs(middle - line) > needed / 2 and right - left > needed:
        return middle
    parts = [(left, right)] if not left < line < right else [(left, line), (line, right)]
    start, end = max(parts, key=lambda part: part[1] - part[0])
    return (start + end) / 2 if end - start > needed else None


def _name_on_leader(
    svg: Svg, stage: StageSpan, scale: Scale, bar: tuple[float, float], *, starts_below: bool
) -> bool:
    left, width = _span_px(stage, scale)
    x, (top, bottom) = left + width / 2, bar
    sides = [(top - 9, top, top - 5), (bottom + 17, bottom, bottom + 5)]
    for y, start, end in reversed(sides) if starts_below else sides:
        places = [Place((x, y), "middle"), Place((x - 3, y)), Place((x + 3, y), "end")]
        least_px = scale.low_px - 6
        if put(svg, _told(stage), places, size_px=theme.SMALL_PX, least_px=least_px):
            svg.rule((x, start), (x, end), FAINT, 1)
            return True
    return False


def _name_hidden(svg: Svg, stage: StageSpan, scale: Scale, top: float) -> None:
    left, width = _span_px(stage, scale)
    told = f"{stage.name} meanwhile: {ms(stage.length_s):,.0f} ms"
    middle = left + width / 2
    places = [
        Place((left + width + 7, top + 9)),
        Place((left - 7, top + 9), "end"),
        Place((middle, top + 24), "middle"),
    ]
    put(svg, told, places, role=FAINT, size_px=theme.SMALL_PX, least_px=scale.low_px)


def _legend(svg: Svg, drawn: Sequence[Waterfall], named: set[str]) -> None:
    """The stages that had no room for their names anywhere, in a row above the bars."""
    widths = {
        name: 15 + text_width_px(name, theme.SMALL_PX)
        for name in theme.STAGE_COLORS
        if name not in named and not all(map(_is_tiny, _all_of(name, drawn)))
    }
    row_px = sum(widths.values()) + _LEGEND_GAP_PX * (len(widths) - 1)
    starts = range(theme.MARGIN_PX, int(svg.width_px - theme.MARGIN_PX - row_px), _STEP_PX)
    whole = (x for x in starts if svg.room.is_free(Box(x, 0, x + row_px, 16)))
    x = float(next(whole, theme.MARGIN_PX))
    for name, width in widths.items():
        while not svg.room.is_free(Box(x, 0, x + width, 16)):
            x += _STEP_PX
        svg.bar(x, 3, 10, 10, theme.STAGE_COLORS[name], name)
        svg.text((x + 15, 12), name, role=FAINT, size_px=theme.SMALL_PX)
        x += width + _LEGEND_GAP_PX


def _span_px(stage: StageSpan, scale: Scale) -> tuple[float, float]:
    """Left edge and width; a border may lie before the last one by the clock's error."""
    left = scale.px(ms(stage.start_s))
    return left, max(0.0, scale.px(ms(stage.end_s)) - left)


def _zero(drawn: Sequence[Waterfall]) -> str:
    return " / ".join(dict.fromkeys(one.zero for one in drawn))
