"""Strips beneath a plot over time: what else went on meanwhile, on the same seconds."""

from collections.abc import Sequence

from lab_kit.show.draw import theme
from lab_kit.show.draw.inks import FAINT
from lab_kit.show.draw.room import Point
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg

LEFT_PX, RIGHT_PX = 64, theme.WIDTH_PX - theme.MARGIN_PX
STRIP_PX = 78
"""The height of a strip with its name."""
_NAME_PX = 30


def strip(
    svg: Svg, across: Scale, top: float, name: str, most: float, line: Sequence[Point]
) -> None:
    """Draw a line of values over seconds on a scale from 0 to ``most``, half way named too."""
    up = Scale(0, most, top + STRIP_PX, top + _NAME_PX + 6)
    where = (LEFT_PX + 5, top + _NAME_PX - 7)
    svg.text(where, name, role=FAINT, size_px=theme.SMALL_PX)
    for value in (0.0, most / 2, most):
        y = up.px(value)
        svg.grid((LEFT_PX, y), (RIGHT_PX, y), is_zero=value == 0)
        told = f"{value:.2g}" if value < 10 else f"{value:.0f}"
        svg.text((LEFT_PX - 7, y + 4), told, role=FAINT, size_px=theme.SMALL_PX, anchor="end")
    drawn = [(across.px(at_s), up.px(value)) for at_s, value in line]
    svg.filled(drawn, up.px(0), theme.QUEUE)
    svg.polyline(drawn, theme.QUEUE, 1.5)
