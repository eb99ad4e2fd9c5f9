"""Strips beneath a plot over time: what else went on meanwhile, on the same seconds."""

from collections.abc import Sequence

from lab_kit.show.draw import theme
from lab_kit.show.draw.inks import FAINT
from lab_kit.show.draw.layers import Area, Layer, Lines
from lab_kit.show.draw.room import Point
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg

LEFT_PX, RIGHT_PX = 64, theme.WIDTH_PX - theme.MARGIN_PX
STRIP_PX = 78
"""The height of a strip with its name."""
_NAME_PX = 30


def strip_scale(top: float, most: float) -> Scale:
    """The upright scale from 0 to ``most`` of a strip that begins at ``top``."""
    return Scale(0, most, top + STRIP_PX, top + _NAME_PX + 6)


def strip_frame(svg: Svg, up: Scale, name: str) -> None:
    """A strip's name, and its scale, half way named too."""
    where = (LEFT_PX + 5, up.high_px - 13)
    svg.text(where, name, role=FAINT, size_px=theme.SMALL_PX)
    decimals = 0 if up.high >= 4 else 1 if up.high >= 1 else 2
    for value in (0.0, up.high / 2, up.high):
        y = up.px(value)
        svg.grid((LEFT_PX, y), (RIGHT_PX, y), is_zero=value == 0)
        told = f"{value:.{decimals}f}" if value else "0"
        svg.text((LEFT_PX - 7, y + 4), told, role=FAINT, size_px=theme.SMALL_PX, anchor="end")


def strip_layers(across: Scale, up: Scale, line: Sequence[Point]) -> list[Layer]:
    """A line of values over seconds, and what lies beneath it; beyond the scales it is cut off."""
    inside = [(at_s, value) for at_s, value in line if at_s <= across.high]
    if len(inside) < len(line):
        inside += [(across.high, value) for _, value in inside[-1:]]
    drawn = [(across.px(at_s), up.px(min(value, up.high))) for at_s, value in inside]
    return [Area(drawn, up.px(0), theme.QUEUE), Lines([drawn], theme.QUEUE)]
