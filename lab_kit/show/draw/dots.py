"""Delays as dots on a base line, and their percentiles beneath it."""

from collections.abc import Sequence

from lab_kit.core.units import ms
from lab_kit.measure.percentiles import percentile
from lab_kit.show.draw import theme
from lab_kit.show.draw.figures import NEVER, marked_shares, percentile_told, standing
from lab_kit.show.draw.inks import BUDGET, INK
from lab_kit.show.draw.labels import Place, put
from lab_kit.show.draw.room import Point
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg

STACK_PX, DOT_PX = 56, 3.3
POINTERS_PX = 40
"""What percentiles need beneath a base line."""
_STEP_PX = 7


def stacked(values_ms: Sequence[float], scale: Scale, base: float) -> list[Point]:
    """Dots on a base line: how many lie on one another is how many there were."""
    heights: dict[int, int] = {}
    cells = [round(scale.px(value) / _STEP_PX) for value in values_ms]
    most = max((cells.count(cell) for cell in set(cells)), default=1)
    step = min(_STEP_PX, (STACK_PX - 2 * DOT_PX) / most)
    where: list[Point] = []
    for cell in cells:
        where.append((cell * _STEP_PX, base - DOT_PX - 1 - step * heights.get(cell, 0)))
        heights[cell] = heights.get(cell, 0) + 1
    return where


def marks_of(delays_s: Sequence[float], samples: int) -> list[str]:
    """The percentiles that are marked, each with its value and how sure it is."""
    told = []
    for share in marked_shares(samples):
        note = f" {standing(samples, share)}" if share > 0.5 else ""
        told.append(f"p{share * 100:g} {percentile_told(delays_s, share)}{note}".rstrip())
    return told


def pointers(svg: Svg, delays_s: Sequence[float], samples: int, scale: Scale, base: float) -> None:
    """Percentiles beneath the base line, and how many never came behind it."""
    if not delays_s:
        return
    for share, told in zip(marked_shares(samples), marks_of(delays_s, samples), strict=False):
        value = percentile(delays_s, share)
        if value == NEVER:
            continue
        x = scale.px(ms(value))
        svg.rule((x, base + 2), (x, base + 10), INK, 1.5)
        rows = (base + 14, base + 28)
        places = [
            Place((x + side * 6, y), anchor)
            for y in rows
            for side, anchor in ((1, "start"), (-1, "end"))
        ]
        put(svg, told, places, size_px=theme.SMALL_PX, bold=True)
    never = list(delays_s).count(NEVER)
    if never:
        where = (scale.high_px + 8, base - 4)
        svg.text(where, f"△ {never} never", role=BUDGET, bold=True)
