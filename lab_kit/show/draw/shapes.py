"""Attributes of SVG's shapes, as short as they can be written."""

from collections.abc import Iterable

from lab_kit.show.draw import theme
from lab_kit.show.draw.inks import LIGHT
from lab_kit.show.draw.room import Point


def ink(role: str) -> dict[str, str]:
    """Filled with the ink of a role."""
    return {"class": role, "fill": LIGHT[role]}


def outline(role: str) -> dict[str, str]:
    """Paper within a line in the ink of a role: what is hollow."""
    look = {"stroke": LIGHT[role], "stroke-width": "1.8", "fill": theme.PAPER}
    return {"class": f"{role}-line lk-strip", **look}


def box(left: float, top: float, width: float, height: float) -> dict[str, str]:
    """A rectangle's place and size."""
    corner = {"x": number(left), "y": number(top)}
    return {**corner, "width": number(width), "height": number(height)}


def ends(start: Point, end: Point) -> dict[str, str]:
    """A line's two ends."""
    (x1, y1), (x2, y2) = start, end
    return {"x1": number(x1), "y1": number(y1), "x2": number(x2), "y2": number(y2)}


def pairs(points: Iterable[Point]) -> str:
    """Points as a list of pairs."""
    return " ".join(f"{number(x)},{number(y)}" for x, y in points)


def number(value: float) -> str:
    """Three decimals at most, so that widths still add up and the file stays small."""
    return f"{value:.3f}".rstrip("0").rstrip(".")


def hatch_id(color: str) -> str:
    """The name of a color's stripes."""
    return f"lk-hatch-{color.lstrip('#')}"
