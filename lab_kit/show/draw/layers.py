"""Marks that a picture draws once and a moving plot again and again, in the units of the card.

A live plot is the still picture's frame with marks over it: both get the same layers, so that no
mark moves when the still one takes the moving one's place.
"""

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from lab_kit.show.draw import theme
from lab_kit.show.draw.inks import BUDGET, LIGHT
from lab_kit.show.draw.room import Box, Point, text_box
from lab_kit.show.draw.svg import Svg

RIGHT = ((9.0, 4.0), (9.0, -9.0), (9.0, 17.0))
"""Where words begin, seen from their mark: at its right, or a little higher or lower."""
ABOVE = ((-5.0, -8.0),)
"""In a row above an edge where no mark lies."""
_MARK_PX, _GAP_PX = 5, 4
"""What a mark takes in each direction, and what is free between words."""


class Layer(Protocol):
    """Marks of one kind."""

    def draw(self, svg: Svg) -> None:
        """Put them into a picture."""
        ...

    def trace(self) -> dict[str, Any]:
        """The same as a trace of plotly's, on axes that count the card's units."""
        ...


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines through points, each with its own beginning."""

    runs: Sequence[Sequence[Point]]
    color: str
    width_px: float = 1.5

    def draw(self, svg: Svg) -> None:
        """Put them into a picture."""
        for run in self.runs:
            svg.polyline(run, self.color, self.width_px)

    def trace(self) -> dict[str, Any]:
        """A gap of plotly's is a point that has no place."""
        gap: tuple[None, None] = None, None
        points = [point for run in self.runs for point in (*run, gap)]
        look = {"color": self.color, "width": self.width_px}
        return {"mode": "lines", "line": look, **_placed(points)}


@dataclass(frozen=True, slots=True)
class Area:
    """What lies between a line and its base, faintly."""

    where: Sequence[Point]
    base: float
    color: str

    def draw(self, svg: Svg) -> None:
        """Put it into a picture."""
        svg.filled(self.where, self.base, self.color)

    def trace(self) -> dict[str, Any]:
        """A closed line without width."""
        ends = [(x, self.base) for x, _ in (*self.where[:1], *self.where[-1:])]
        corners = [*ends[:1], *self.where, *ends[1:]]
        look = {"fill": "toself", "fillcolor": self.color, "opacity": 0.15}
        return {"mode": "lines", "line": {"width": 0}, **look, **_placed(corners)}


@dataclass(frozen=True, slots=True)
class Dots:
    """A disc at each point; a hollow one was only expected."""

    where: Sequence[Point]
    color: str
    radius_px: float = 3.3
    opacity: float = 1
    is_hollow: bool = False

    def draw(self, svg: Svg) -> None:
        """Put them into a picture."""
        svg.points(self.where, self.color, self.radius_px, self.opacity, is_hollow=self.is_hollow)

    def trace(self) -> dict[str, Any]:
        """Plotly counts a mark's size across; the inside of a hollow one is paper."""
        look: dict[str, Any] = {
            "color": theme.PAPER if self.is_hollow else self.color,
            "size": 2 * self.radius_px,
            "opacity": self.opacity,
        }
        if self.is_hollow:
            look["line"] = {"color": self.color, "width": 2}
        return {"mode": "markers", "marker": look, **_placed(self.where)}


@dataclass(frozen=True, slots=True)
class Triangles:
    """What lies beyond the limit, in the ink of ``role``; hollow for what never came."""

    where: Sequence[Point]
    role: str = BUDGET
    is_hollow: bool = False

    def draw(self, svg: Svg) -> None:
        """Put them into a picture."""
        svg.triangles(self.where, self.role, is_hollow=self.is_hollow)

    def trace(self) -> dict[str, Any]:
        """The inside of a hollow one is paper."""
        ink = LIGHT[self.role]
        look = {"color": ink, "line": {"color": ink, "width": 0}}
        if self.is_hollow:
            look = {"color": theme.PAPER, "line": {"color": ink, "width": 1.8}}
        mark = {"symbol": "triangle-up", "size": 9, **look}
        return {"mode": "markers", "marker": mark, **_placed(self.where)}


@dataclass(frozen=True, slots=True)
class Crosses:
    """What was refused or closed."""

    where: Sequence[Point]

    def draw(self, svg: Svg) -> None:
        """Put them into a picture."""
        svg.crosses(self.where)

    def trace(self) -> dict[str, Any]:
        """Two lines and nothing within."""
        look = {"symbol": "x-thin", "size": 8, "line": {"color": theme.INK, "width": 2}}
        return {"mode": "markers", "marker": look, **_placed(self.where)}


@dataclass(frozen=True, slots=True)
class Words:
    """Values beside their marks, in the ink of ``role``."""

    told: Sequence[tuple[Point, str]]
    role: str

    def draw(self, svg: Svg) -> None:
        """Put them into a picture."""
        for where, text in self.told:
            svg.text(where, text, role=self.role, size_px=theme.SMALL_PX, bold=True)

    def trace(self) -> dict[str, Any]:
        """Plotly places a text by its middle, not by its base line."""
        middles = [(x, y - 0.36 * theme.SMALL_PX) for (x, y), _ in self.told]
        font = {"color": LIGHT[self.role], "size": theme.SMALL_PX, "weight": 600}
        look = {"textposition": "middle right", "textfont": font}
        text = [text for _, text in self.told]
        return {"mode": "text", "text": text, **look, **_placed(middles)}


def beside(
    svg: Svg, marks: Iterable[tuple[Point, str]], places: Sequence[Point] = RIGHT
) -> list[tuple[Point, str]]:
    """Where each mark's words have room; a mark without words, or without room for them, has none.

    Marks come in the order of time, and none asks what comes after it: while a plot moves, words
    stay where they are.

    Args:
        svg: the frame, which stays as it is.
        places: where they may begin, seen from their mark.
    """
    room = copy.deepcopy(svg.room)
    found = []
    for (x, y), text in marks:
        room.boxes.append(Box(x - _MARK_PX, y - _MARK_PX, x + _MARK_PX, y + _MARK_PX))
        for where in ((x + right, y + down) for right, down in places):
            box = text_box(where, text, theme.SMALL_PX, bold=True)
            is_inside = box.right <= svg.width_px - theme.MARGIN_PX / 2
            if text and is_inside and room.is_free(box):
                room.boxes.append(box.wider(_GAP_PX))
                found.append((where, text))
                break
    return found


def _placed(where: Iterable[tuple[float | None, float | None]]) -> dict[str, Any]:
    points = list(where)
    place = {"x": [x for x, _ in points], "y": [y for _, y in points]}
    return {"type": "scatter", "cliponaxis": False, **place}
