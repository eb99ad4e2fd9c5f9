"""Things compared by several quantities: a row each, a column a quantity, every column from zero.

One row may be the case in question; the others are grey. A hue a quantity would only repeat its
column.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lab_kit.core.units import BUDGET_S, ms
from lab_kit.show.draw import theme
from lab_kit.show.draw.guesses import guess_name
from lab_kit.show.draw.inks import FAINT
from lab_kit.show.draw.labels import Place, put
from lab_kit.show.draw.limits import FLAG_PX, limit_upright
from lab_kit.show.draw.room import shortened
from lab_kit.show.draw.svg import Svg

_ROW_PX, _BAR_PX = 30, 18
_VALUE_ROOM_PX = 52
"""Room behind the longest bar for its value."""
_GAP_PX = 14


@dataclass(frozen=True, slots=True)
class Quantity:
    """One column.

    Attributes:
        head: its name and unit.
        values: one a row; None draws no bar.
        told: what stands beside each bar.
        most: what is as wide as the column; by default the largest value.
        limit: the words of the 300 ms line, if it limits this column, whose values then are in ms.
        wide: how many times as wide as the others.
    """

    head: str
    values: Sequence[float | None]
    told: Sequence[str]
    most: float | None = None
    limit: str = ""
    wide: float = 1.0


def height_of(rows: int, quantities: Sequence[Quantity]) -> float:
    """The room that a comparison needs."""
    return _top(quantities) + _ROW_PX * rows


def compare_bars(
    svg: Svg,
    names: Sequence[str],
    quantities: Sequence[Quantity],
    names_px: float,
    chosen: int | None = None,
    said: str = "",
) -> None:
    """Draw the columns.

    Args:
        names_px: the width of the rows' names.
        chosen: the row in question; without it all are drawn alike.
        said: the name that a reader guessed.
    """
    top = _top(quantities)
    for row, name in enumerate(names):
        short = shortened(name, names_px - 8, theme.LABEL_PX, bold=row == chosen)
        where = (theme.MARGIN_PX, top + row * _ROW_PX + 13)
        svg.text(where, short, bold=row == chosen)
        if name == said:
            guess_name(svg, short, where)
    left = theme.MARGIN_PX + names_px
    room = svg.width_px - theme.MARGIN_PX - left - _GAP_PX * (len(quantities) - 1)
    each = room / sum(quantity.wide for quantity in quantities)
    for quantity in quantities:
        width = each * quantity.wide
        _column(svg, quantity, left, width, top, chosen)
        left += width + _GAP_PX


def _top(quantities: Sequence[Quantity]) -> float:
    return 28 + (FLAG_PX if any(quantity.limit for quantity in quantities) else 0)


def _column(
    svg: Svg, quantity: Quantity, left: float, width: float, top: float, chosen: int | None
) -> None:
    svg.text((left, 12), quantity.head, role=FAINT)
    bottom = top + _ROW_PX * len(quantity.values) - 6
    bar_px = width - _VALUE_ROOM_PX
    most = quantity.most or max((v for v in quantity.values if v is not None), default=1.0) or 1.0
    ends = []
    for row, (value, told) in enumerate(zip(quantity.values, quantity.told, strict=True)):
        y = top + row * _ROW_PX
        length = max(bar_px * min((value or 0.0) / most, 1.0), 1.0)
        color = theme.COMPUTE if chosen in (None, row) else theme.NEUTRAL
        if value is not None:
            svg.bar(left, y, length, _BAR_PX, color, f"{quantity.head}: {told}")
        ends.append((left + length if value is not None else left, y))
    svg.grid((left, top - 6), (left, bottom), is_zero=True)
    line = left + bar_px * ms(BUDGET_S) / most
    if quantity.limit and most >= ms(BUDGET_S):
        limit_upright(svg, line, top - 4, bottom, left + width, quantity.limit)
    for (x, y), told in zip(ends, quantity.told, strict=True):
        places = [Place((at + 7, y + 13)) for at in (x, max(line + 2, x))]
        places.append(Place((line - 9, y + 13), "end"))
        put(svg, told, places, bold=True)
