"""Axes: a grid across the values only, from zero where they begin there, and always named."""

from lab_kit.show.draw import theme
from lab_kit.show.draw.inks import FAINT
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg

_NAME_PX = 40
"""An upright axis' name begins so far before it, above its values."""


def axis_below(svg: Svg, scale: Scale, top: float, bottom: float, name: str) -> None:
    """Grid lines from ``top`` to ``bottom`` with their values beneath, and the axis' name."""
    for value in scale.ticks(6):
        x = scale.px(value)
        svg.grid((x, top), (x, bottom), is_zero=value == 0)
        svg.text(
            (x, bottom + 16), f"{value:,g}", anchor="middle", role=FAINT, size_px=theme.SMALL_PX
        )
    svg.text((scale.high_px, bottom + 32), name, anchor="end", role=FAINT, size_px=theme.SMALL_PX)


def axis_left(
    svg: Svg, scale: Scale, left: float, right: float, name: str, name_y: float | None = None
) -> None:
    """Grid lines from ``left`` to ``right`` with their values before, the name on top.

    Args:
        name_y: the name's base line, where it does not stand right above the axis.
    """
    for value in scale.ticks(5):
        y = scale.px(value)
        svg.grid((left, y), (right, y), is_zero=value == 0)
        svg.text((left - 7, y + 4), f"{value:,g}", anchor="end", role=FAINT, size_px=theme.SMALL_PX)
    top = min(scale.low_px, scale.high_px)
    where = (left - _NAME_PX, top - 12 if name_y is None else name_y)
    svg.text(where, name, role=FAINT, size_px=theme.SMALL_PX)
