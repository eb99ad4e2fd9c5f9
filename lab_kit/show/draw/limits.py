"""The 300 ms line: on paper, with its interval as a flag, the ground beyond it tinted."""

from lab_kit.core.units import BUDGET_S, ms
from lab_kit.show.draw import theme
from lab_kit.show.draw.inks import BUDGET, FAINT
from lab_kit.show.draw.labels import Place, put
from lab_kit.show.draw.room import text_width_px
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg

FLAG_PX = 32
"""What an upright limit needs above its plot: two lines of words."""
_LEADING_PX, _GAP_PX, _STEP_PX = 12.5, 8, 24


def limit_upright(svg: Svg, x: float, top: float, bottom: float, right: float, label: str) -> None:
    """The limit across a horizontal axis; what lies to its right, until ``right``, is beyond it.

    Its flag stands above the plot, beyond the line where there is room, else on top of it.
    """
    svg.has_limit = True
    svg.ground(x, top, right, bottom)
    interval = label.split(": ", 1)[1]
    is_one_line = _fits_at(svg, x + _GAP_PX, label)
    lines = [label] if is_one_line else [label.removesuffix(f" {interval}"), interval]
    is_beyond = _fits_at(svg, x + _GAP_PX, lines[-1])
    place = (x + _GAP_PX, top - 3) if is_beyond else (svg.width_px - theme.MARGIN_PX, top - 10)
    start = top - 3 - _LEADING_PX * len(lines) if is_beyond else top - 1
    svg.strip(x, start, bottom)
    svg.rule((x, start), (x, bottom), BUDGET, theme.BUDGET_WIDTH_PX, theme.BUDGET_DASH_PX)
    for index, line in enumerate(reversed(lines)):
        where = (place[0], place[1] - _LEADING_PX * index)
        svg.text(where, line, role=BUDGET, anchor="start" if is_beyond else "end", bold=True)


def _fits_at(svg: Svg, left: float, words: str) -> bool:
    right = left + text_width_px(words, theme.LABEL_PX, bold=True)
    return right <= svg.width_px - theme.MARGIN_PX / 2


def limit_level(svg: Svg, y: float, left: float, right: float, top: float, label: str) -> None:
    """The limit across an upright axis; what lies above it, until ``top``, is beyond it.

    Called when the marks are there, so that its flag covers none of them.
    """
    _level(svg, y, left, right, top)
    rows = [row for row in (y - 9.5, y - 24, y - 39) if row - theme.LABEL_PX > top]
    last = int(right - 6 - text_width_px(label, theme.LABEL_PX, bold=True))
    starts = range(int(left + 6), last, _STEP_PX)
    places = [Place((float(start), row)) for row in rows for start in starts]
    if put(svg, label, places, role=BUDGET, bold=True) is None:
        _above(svg, right, top, label)


def limit_level_of_frame(
    svg: Svg, y: float, left: float, right: float, top: float, label: str
) -> None:
    """The same where marks are yet to come: the flag stands above the plot, where none will be."""
    _level(svg, y, left, right, top)
    _above(svg, right, top, label)


def _level(svg: Svg, y: float, left: float, right: float, top: float) -> None:
    svg.has_limit = True
    svg.ground(left, top, right, y)
    svg.rule((left, y), (right, y), BUDGET, theme.BUDGET_WIDTH_PX, theme.BUDGET_DASH_PX)


def whole_budget_level(svg: Svg, up: Scale, left: float, right: float) -> None:
    """All of the 300 ms as a dotted reference, for what is only a part of them and has no limit.

    Called when the marks are there.
    """
    y = up.px(ms(BUDGET_S))
    svg.rule((left, y), (right, y), FAINT, 1, "2 4")
    told = f"{ms(BUDGET_S):.0f} ms: all there is from voice to voice"
    places = [Place((left + 6, y - 6)), Place((right - 6, y - 6), "end")]
    put(svg, told, places, role=FAINT, size_px=theme.SMALL_PX)


def _above(svg: Svg, right: float, top: float, label: str) -> None:
    """The words over the plot, with a piece of the line."""
    x, y = right - text_width_px(label, theme.LABEL_PX, bold=True), top - 12
    svg.text((x, y), label, role=BUDGET, bold=True)
    ends = (x - 36, y - 4), (x - 8, y - 4)
    svg.rule(*ends, BUDGET, theme.BUDGET_WIDTH_PX, theme.BUDGET_DASH_PX)
