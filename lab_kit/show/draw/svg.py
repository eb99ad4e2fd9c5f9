"""A small SVG writer: bars, points, lines and text on a ground that is legible on any page.

Saved notebooks, HTML exports and code hosts show SVG, and nothing else that can be drawn
without a browser. A drawing brings its own background, light or dark as the page prefers, so no
text ever stands on a color that it was not made for. This module knows no speech.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from xml.etree import ElementTree

from lab_kit.show.draw import shapes, theme
from lab_kit.show.draw.inks import BUDGET, FAINT, INK, LIGHT, style
from lab_kit.show.draw.room import Box, Point, Room, text_box

_CLOUD = 24
"""More points than this are one path: hundreds of circles would make the file large."""
_LINE_ROOM_PX = 6
"""No word comes nearer to a limit."""


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A filled rectangle of a frame."""

    left: float
    top: float
    width: float
    height: float
    color: str


class Svg:
    """One picture, built from the back to the front.

    Zero is where the plot's room begins; `card.render` lays the title and the verdict above it, and
    what the run was like beneath.

    Attributes:
        title: the question that the picture answers.
        drawn: what is to be seen, for who cannot see it.
        notes: what the run was like, beneath the plot.
        room: what is already taken.
        has_limit: whether the 300 ms line is in it.
        lines: of verdict and of notes, for which the card has room in any case.
    """

    def __init__(
        self,
        height_px: float,
        title: str,
        drawn: str,
        notes: Sequence[str] = (),
        width_px: float = theme.WIDTH_PX,
        lines: tuple[int, int] = (0, 0),
    ) -> None:
        self.width_px = width_px
        self.lines = lines
        self.height_px = height_px
        self.title, self.drawn, self.notes = title, drawn, tuple(notes)
        self.room = Room()
        self.has_limit = False
        self._hatched: set[str] = set()
        self._colors: set[str] = set()
        self._root = ElementTree.Element(
            "svg",
            {"xmlns": "http://www.w3.org/2000/svg", "font-family": theme.FONT, "role": "img"},
        )
        self._add("title", {}, title)
        self._told = self._add("desc", {}, drawn)
        self._rules = self._add("style", {})
        self._defs = self._add("defs", {})
        self._paper = self._add("rect", {"class": "lk-paper", "rx": "8", "fill": theme.PAPER})
        self._ground = self._add("g", {})

    def ground(self, left: float, top: float, right: float, bottom: float) -> None:
        """Tint what lies beyond a limit, beneath all that is drawn."""
        box = shapes.box(left, top, right - left, bottom - top)
        ElementTree.SubElement(
            self._ground, "rect", {**box, "class": "lk-over", "fill": theme.OVER}
        )

    def band(self, left: float, top: float, width: float, height: float, opacity: float) -> None:
        """A grey ground behind part of a plot."""
        look = {**self._fill(theme.NEUTRAL), "fill-opacity": shapes.number(opacity)}
        ElementTree.SubElement(
            self._ground, "rect", {**shapes.box(left, top, width, height), **look}
        )

    def strip(self, x: float, top: float, bottom: float) -> None:
        """Paper for an upright limit to lie on, or it would drown in a dark bar."""
        box = shapes.box(x - 2, top, 4, bottom - top)
        self._add("rect", {**box, "fill-opacity": "0.75", "class": "lk-strip", "fill": theme.PAPER})

    def bar(
        self, left: float, top: float, width: float, height: float, color: str, title: str
    ) -> None:
        """A filled bar; ``title`` is what a browser shows on hovering."""
        self._take(left, top, left + width, top + height)
        self._titled("rect", {**shapes.box(left, top, width, height), **self._fill(color)}, title)

    def hatched_bar(
        self, left: float, top: float, width: float, height: float, color: str, title: str
    ) -> None:
        """A bar in diagonal stripes: work that ran but is not part of the sum."""
        self._hatch(color)
        self._take(left, top, left + width, top + height)
        box = {**shapes.box(left, top, width, height), "fill": f"url(#{shapes.hatch_id(color)})"}
        self._titled("rect", {**box, **self._stroke(color), "stroke-width": "0.8"}, title)

    def frames(
        self, pictures: Sequence[Sequence[Rectangle]], still: int, loop_s: float, held: int
    ) -> None:
        """Pictures that follow each other for ever; ``still`` is seen where nothing moves.

        Args:
            held: as long as so many others ``still`` stays.
        """
        count = len(pictures)
        begins = [n + (held - 1) * (n > still) for n in range(count + 1)]
        times = [begin / begins[-1] for begin in begins]
        for index, rectangles in enumerate(pictures):
            group = self._add("g", {"visibility": "visible" if index == still else "hidden"})
            shown = [("visible", times[index]), ("hidden", times[index + 1])]
            states = shown if index == 0 else [("hidden", 0.0), *shown]
            states = states[:-1] if index == count - 1 else states
            timing = {
                "attributeName": "visibility",
                "calcMode": "discrete",
                "dur": f"{shapes.number(loop_s)}s",
                "repeatCount": "indefinite",
                "values": ";".join(state for state, _ in states),
                "keyTimes": ";".join(shapes.number(at) for _, at in states),
            }
            if count > 1:
                ElementTree.SubElement(group, "animate", timing)
            for r in rectangles:
                box = {**shapes.box(r.left, r.top, r.width, r.height), **self._fill(r.color)}
                ElementTree.SubElement(group, "rect", box)

    def points(
        self,
        where: Iterable[Point],
        color: str,
        radius_px: float = 3,
        opacity: float = 1,
        *,
        is_hollow: bool = False,
    ) -> None:
        """A disc at each point; a hollow one is uncertain."""
        look = self._fill(color)
        if is_hollow:
            outline = self._stroke(color)
            look = {**outline, "class": f"lk-strip {outline['class']}", "fill": theme.PAPER}
            look["stroke-width"] = "2"
        places = list(where)
        for x, y in places:
            self._take(x - radius_px, y - radius_px, x + radius_px, y + radius_px)
        if len(places) > _CLOUD and not is_hollow:
            self._cloud(places, color, radius_px, opacity)
            return
        for x, y in places:
            self._add(
                "circle",
                {
                    "cx": shapes.number(x),
                    "cy": shapes.number(y),
                    "r": shapes.number(radius_px),
                    **look,
                    "fill-opacity": shapes.number(opacity),
                },
            )

    def diamonds(
        self,
        where: Iterable[Point],
        role: str = INK,
        radius_px: float = 6,
        *,
        is_hollow: bool = False,
    ) -> None:
        """A diamond at each point, in the ink of ``role``; a guess is hollow, an outcome filled."""
        r = radius_px
        for x, y in where:
            self._take(x - r, y - r, x + r, y + r)
            points = shapes.pairs([(x, y - r), (x + r, y), (x, y + r), (x - r, y)])
            look = shapes.outline(role) if is_hollow else shapes.ink(role)
            self._add("polygon", {"points": points, **look})

    def triangles(
        self,
        where: Iterable[Point],
        role: str = BUDGET,
        radius_px: float = 4.5,
        *,
        is_hollow: bool = False,
    ) -> None:
        """A mark that lies beyond the limit, in the limit's ink; hollow for what never came."""
        r, marks = radius_px, list(where)
        look = shapes.outline(role) if is_hollow else shapes.ink(role)
        for x, y in marks:
            self._take(x - r, y - r, x + r, y + r)
        if len(marks) > _CLOUD:
            side = f"l{shapes.number(r)},{shapes.number(1.75 * r)}h{shapes.number(-2 * r)}z"
            each = (f"M{x:.1f},{y - r:.1f}{side}" for x, y in marks)
            self._add("path", {"d": "".join(each), **look})
            return
        for x, y in marks:
            corners = [(x, y - r), (x + r, y + 0.75 * r), (x - r, y + 0.75 * r)]
            self._add("polygon", {"points": shapes.pairs(corners), **look})

    def ring(self, where: Point, radius_px: float) -> None:
        """A circle that is hollow."""
        place = {
            "cx": shapes.number(where[0]),
            "cy": shapes.number(where[1]),
            "r": shapes.number(radius_px),
        }
        look = {"class": f"{FAINT}-line", "stroke": LIGHT[FAINT], "stroke-width": "1.6"}
        self._add("circle", {**place, **look, "fill": "none"})

    def crosses(self, where: Iterable[Point], radius_px: float = 4) -> None:
        """What was refused or closed."""
        r = radius_px
        for x, y in where:
            self.rule((x - r, y - r), (x + r, y + r), INK, 2)
            self.rule((x - r, y + r), (x + r, y - r), INK, 2)

    def polyline(self, where: Sequence[Point], color: str, width_px: float = 2) -> None:
        """A line through the points; draws nothing through fewer than two."""
        self.room.lines += list(pairwise(where))
        if len(where) > 1:
            self._add(
                "polyline",
                {
                    "points": " ".join(f"{x:.1f},{y:.1f}" for x, y in where),
                    "fill": "none",
                    **self._stroke(color),
                    "stroke-width": shapes.number(width_px),
                    "stroke-linejoin": "round",
                },
            )

    def filled(self, where: Sequence[Point], base: float, color: str) -> None:
        """What lies between a line and its base, faintly."""
        if len(where) > 1:
            corners = [(where[0][0], base), *where, (where[-1][0], base)]
            look = {**self._fill(color), "fill-opacity": "0.15"}
            self._add("polygon", {"points": shapes.pairs(corners), **look})

    def rule(
        self, start: Point, end: Point, role: str, width_px: float = 1, dash_px: str = ""
    ) -> None:
        """A straight line in the ink of ``role``."""
        if role == BUDGET:
            (left, right), (top, bottom) = sorted((start[0], end[0])), sorted((start[1], end[1]))
            self.room.boxes.append(Box(left, top, right, bottom).wider(_LINE_ROOM_PX))
        else:
            self.room.lines.append((start, end))
        ends = shapes.ends(start, end)
        dash = {"stroke-dasharray": dash_px} if dash_px else {}
        look = {
            "class": f"{role}-line",
            "stroke": LIGHT[role],
            "stroke-width": shapes.number(width_px),
        }
        self._add("line", {**ends, **look, **dash})

    def text(
        self,
        where: Point,
        text: str,
        *,
        role: str = INK,
        size_px: float = theme.LABEL_PX,
        anchor: str = "start",
        bold: bool = False,
        color: str | None = None,
    ) -> None:
        """A line of text, with a halo of the card's color unless it stands on a ``color``."""
        x, y = where
        taken = text_box(where, text, size_px, anchor, bold=bold)
        self.room.boxes.append(taken)
        self.room.words.append(taken)
        shape = {
            "x": shapes.number(x),
            "y": shapes.number(y),
            "font-size": shapes.number(size_px),
            "text-anchor": anchor,
            "font-weight": "600" if bold else "400",
        }
        halo = {"stroke": theme.PAPER, "stroke-width": "3.5", "paint-order": "stroke"}
        ink = {**shapes.ink(role), **halo, "class": f"{role} lk-halo"}
        if color:
            ink = {"fill": color, "class": f"lk-on-{color.lstrip('#')}"}
        self._add("text", {**shape, **ink}, text)

    def grid(self, start: Point, end: Point, *, is_zero: bool = False) -> None:
        """A line of the grid; that of an axis' zero is stronger."""
        name, color = ("lk-axis", theme.AXIS) if is_zero else ("lk-grid", theme.GRID)
        self._add("line", {**shapes.ends(start, end), "class": name, "stroke": color})

    def render(self, told: str = "", above_px: float = 0, below_px: float = 0) -> str:
        """The picture as XML, with so much of the card above and beneath the plot's room."""
        height = above_px + self.height_px + below_px
        box = shapes.box(0.5, 0.5 - above_px, self.width_px - 1, height - 1)
        self._paper.attrib.update({**box, "stroke": theme.GRID})
        self._root.attrib["width"] = shapes.number(self.width_px)
        self._root.attrib["height"] = shapes.number(height)
        shown = (0, -above_px, self.width_px, height)
        self._root.attrib["viewBox"] = " ".join(map(shapes.number, shown))
        self._told.text = told or self.drawn
        self._rules.text = style(sorted(self._colors))
        return ElementTree.tostring(self._root, encoding="unicode")

    def _cloud(self, where: Sequence[Point], color: str, radius_px: float, opacity: float) -> None:
        look = {
            **self._stroke(color),
            "stroke-width": shapes.number(2 * radius_px),
            "stroke-linecap": "round",
            "stroke-opacity": shapes.number(opacity),
        }
        dots = "".join(f"M{x:.1f},{y:.1f}h0" for x, y in where)
        self._add("path", {"d": dots, **look})

    def _take(self, left: float, top: float, right: float, bottom: float) -> None:
        self.room.boxes.append(Box(left, top, right, bottom))

    def _fill(self, color: str) -> dict[str, str]:
        self._colors.add(color)
        return {"fill": color, "class": f"lk-fill-{color.lstrip('#')}"}

    def _stroke(self, color: str) -> dict[str, str]:
        self._colors.add(color)
        return {"stroke": color, "class": f"lk-stroke-{color.lstrip('#')}"}

    def _hatch(self, color: str) -> None:
        if color in self._hatched:
            return
        self._hatched.add(color)
        pattern = ElementTree.SubElement(
            self._defs,
            "pattern",
            {
                "id": shapes.hatch_id(color),
                "width": "5",
                "height": "5",
                "patternUnits": "userSpaceOnUse",
                "patternTransform": "rotate(45)",
            },
        )
        stripe = {**shapes.box(0, 0, 2, 5), **self._fill(color), "fill-opacity": "0.8"}
        ElementTree.SubElement(pattern, "rect", stripe)

    def _titled(self, tag: str, attributes: dict[str, str], title: str) -> None:
        ElementTree.SubElement(self._add(tag, attributes), "title").text = title

    def _add(self, tag: str, attributes: dict[str, str], text: str = "") -> ElementTree.Element:
        element = ElementTree.SubElement(self._root, tag, attributes)
        element.text = text or None
        return element
