"""A small SVG writer: bars, points, lines and text on a card that is legible on any page.

Saved notebooks, HTML exports and code hosts show SVG, and nothing else that can be drawn
without a browser. The card brings its own background, light or dark as the page prefers, so no
text ever stands on a color that it was not made for. This module knows no speech.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from lab_kit.show.draw import theme

Point = tuple[float, float]

INK = "lk-ink"
FAINT = "lk-faint"
BUDGET = "lk-budget"

_LIGHT = {
    INK: theme.INK,
    FAINT: theme.FAINT_INK,
    BUDGET: theme.BUDGET_COLOR,
}
_DARK = {
    INK: theme.INK_ON_DARK,
    FAINT: theme.FAINT_INK_ON_DARK,
    BUDGET: theme.BUDGET_COLOR_ON_DARK,
}
_CHAR_WIDTH = 0.56
"""Mean width of a character of the sans-serif faces, in font sizes; a little generous."""


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear map from values to pixels."""

    low: float
    high: float
    low_px: float
    high_px: float

    def px(self, value: float) -> float:
        """Where ``value`` is drawn."""
        share = (value - self.low) / (self.high - self.low)
        return self.low_px + share * (self.high_px - self.low_px)

    def ticks(self, most: int = 8) -> list[float]:
        """At most ``most`` + 1 round values, evenly spaced over the scale."""
        step = _round_step((self.high - self.low) / most)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [index * step for index in range(first, last + 1)]


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A filled rectangle of a frame."""

    left: float
    top: float
    width: float
    height: float
    color: str


def text_width_px(text: str, size_px: float) -> float:
    """About how wide ``text`` comes out; enough to decide whether it fits."""
    return len(text) * size_px * _CHAR_WIDTH


def guess_label(told: str) -> str:
    """The words beside a guess; the same in every picture."""
    return f"your guess: {told}"


class Svg:
    """One picture, built from the back to the front."""

    def __init__(self, height_px: float, title: str, width_px: float = theme.WIDTH_PX) -> None:
        self.width_px = width_px
        self.height_px = height_px
        self._hatched: set[str] = set()
        self._colors: set[str] = set()
        self._root = ElementTree.Element(
            "svg",
            {
                "xmlns": "http://www.w3.org/2000/svg",
                "width": _number(width_px),
                "height": _number(height_px),
                "viewBox": f"0 0 {_number(width_px)} {_number(height_px)}",
                "font-family": theme.FONT,
                "role": "img",
            },
        )
        self._add("title", {}, title)
        self._rules = self._add("style", {})
        self._defs = self._add("defs", {})
        self._add(
            "rect",
            {
                "class": "lk-paper",
                "x": "0.5",
                "y": "0.5",
                "width": _number(width_px - 1),
                "height": _number(height_px - 1),
                "rx": "6",
                "fill": theme.PAPER,
                "stroke": theme.GRID,
            },
        )

    def bar(
        self, left: float, top: float, width: float, height: float, color: str, title: str
    ) -> None:
        """A filled bar; ``title`` is what a browser shows on hovering."""
        self._titled("rect", {**_box(left, top, width, height), **self._fill(color)}, title)

    def hatched_bar(
        self, left: float, top: float, width: float, height: float, color: str, title: str
    ) -> None:
        """A bar in diagonal stripes: work that ran but is not part of the sum."""
        self._hatch(color)
        box = {**_box(left, top, width, height), "fill": f"url(#{_hatch_id(color)})"}
        self._titled("rect", {**box, **self._stroke(color), "stroke-width": "0.8"}, title)

    def frames(self, pictures: Sequence[Sequence[Rectangle]], still: int, loop_s: float) -> None:
        """Pictures that follow each other for ever; ``still`` is seen where nothing moves."""
        count = len(pictures)
        for index, rectangles in enumerate(pictures):
            group = self._add("g", {"visibility": "visible" if index == still else "hidden"})
            shown = [("visible", index / count), ("hidden", (index + 1) / count)]
            states = shown if index == 0 else [("hidden", 0.0), *shown]
            states = states[:-1] if index == count - 1 else states
            timing = {
                "attributeName": "visibility",
                "calcMode": "discrete",
                "dur": f"{_number(loop_s)}s",
                "repeatCount": "indefinite",
                "values": ";".join(state for state, _ in states),
                "keyTimes": ";".join(_number(at) for _, at in states),
            }
            if count > 1:
                ElementTree.SubElement(group, "animate", timing)
            for r in rectangles:
                box = {**_box(r.left, r.top, r.width, r.height), **self._fill(r.color)}
                ElementTree.SubElement(group, "rect", box)

    def points(
        self, where: Iterable[Point], color: str, radius_px: float = 3, opacity: float = 1
    ) -> None:
        """A disc at each point."""
        for x, y in where:
            self._add(
                "circle",
                {
                    "cx": _number(x),
                    "cy": _number(y),
                    "r": _number(radius_px),
                    **self._fill(color),
                    "fill-opacity": _number(opacity),
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
            points = _pairs([(x, y - r), (x + r, y), (x, y + r), (x - r, y)])
            if is_hollow:
                outline = {"stroke": _LIGHT[role], "stroke-width": "1.8", "fill": theme.PAPER}
                look = {"class": f"{role}-line lk-strip", **outline}
            else:
                look = _ink(role)
            self._add("polygon", {"points": points, **look})

    def polyline(self, where: Sequence[Point], color: str, width_px: float = 1.5) -> None:
        """A line through the points; draws nothing through fewer than two."""
        if len(where) > 1:
            self._add(
                "polyline",
                {
                    "points": _pairs(where),
                    "fill": "none",
                    **self._stroke(color),
                    "stroke-width": _number(width_px),
                    "stroke-linejoin": "round",
                },
            )

    def rule(
        self, start: Point, end: Point, role: str, width_px: float = 1, dash_px: str = ""
    ) -> None:
        """A straight line in the ink of ``role``."""
        (x1, y1), (x2, y2) = start, end
        ends = {"x1": _number(x1), "y1": _number(y1), "x2": _number(x2), "y2": _number(y2)}
        dash = {"stroke-dasharray": dash_px} if dash_px else {}
        look = {"class": f"{role}-line", "stroke": _LIGHT[role], "stroke-width": _number(width_px)}
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
        shape = {
            "x": _number(x),
            "y": _number(y),
            "font-size": _number(size_px),
            "text-anchor": anchor,
            "font-weight": "600" if bold else "400",
        }
        halo = {"stroke": theme.PAPER, "stroke-width": "3", "paint-order": "stroke"}
        ink = {**_ink(role), **halo, "class": f"{role} lk-halo"}
        if color:
            ink = {"fill": color, "class": f"lk-on-{color.lstrip('#')}"}
        self._add("text", {**shape, **ink}, text)

    def budget_upright(self, x: float, top: float, bottom: float, label: str) -> None:
        """The 300 ms line across a horizontal axis of time, labelled at its top.

        It lies on a strip of the card's color, or it would drown in a dark bar.
        """
        strip = {**_box(x - 2, top, 4, bottom - top), "fill-opacity": "0.75"}
        self._add("rect", {**strip, "class": "lk-strip", "fill": theme.PAPER})
        self.rule((x, top), (x, bottom), BUDGET, theme.BUDGET_WIDTH_PX, theme.BUDGET_DASH_PX)
        half = text_width_px(label, theme.LABEL_PX) / 2
        middle = min(max(x, half + 12), self.width_px - half - 12)
        self.text((middle, top - 6), label, role=BUDGET, anchor="middle", bold=True)

    def budget_level(self, y: float, left: float, right: float, label_y: float, label: str) -> None:
        """The 300 ms line across an upright axis of time; its words are a legend at ``label_y``.

        Beside the line they would cover the very points that lie near it.
        """
        self.rule((left, y), (right, y), BUDGET, theme.BUDGET_WIDTH_PX, theme.BUDGET_DASH_PX)
        self.text((right, label_y), label, role=BUDGET, anchor="end", bold=True)
        end = right - text_width_px(label, theme.LABEL_PX) * 1.05 - 8
        sample = (end - 28, label_y - 4), (end, label_y - 4)
        self.rule(*sample, BUDGET, theme.BUDGET_WIDTH_PX, theme.BUDGET_DASH_PX)

    def guess_upright(
        self, scale: Scale, guess: float, top: float, bottom: float, away_from: float
    ) -> None:
        """A reader's guess in ms across a horizontal axis, its words above ``top``.

        Beyond the axis it stands at its end with an arrow. The words go to the side where
        ``away_from``, the value of another line, is not, if they fit there.
        """
        label = guess_label(f"{guess:,.0f} ms")
        if guess > scale.high:
            label, guess, away_from = f"{label} →", scale.high, math.inf
        x = scale.px(guess)
        width = text_width_px(label, theme.LABEL_PX) + 24
        fits_left, fits_right = x - width > 0, x + width < self.width_px
        left = fits_left and (guess < away_from or not fits_right)
        self.rule((x, top), (x, bottom), INK, 1.5)
        self.diamonds([(x, top + 2)], radius_px=5, is_hollow=True)
        where, anchor = (x - 10, "end") if left else (x + 10, "start")
        self.text((where, top + 6), label, anchor=anchor, bold=True)

    def guess_point(self, x: float, up: Scale, guess: float, told: str) -> None:
        """A reader's guess beside an upright axis at ``x``; at its end with an arrow if beyond."""
        label = guess_label(told)
        if guess > up.high:
            label, guess = f"{label} ↑", up.high
        y = up.px(guess)
        self.diamonds([(x, y)], is_hollow=True)
        left = x + text_width_px(label, theme.LABEL_PX) + 20 > self.width_px
        where, anchor = (x - 10, "end") if left else (x + 10, "start")
        self.text((where, y + 4), label, anchor=anchor, bold=True)

    def legend(self, named: Iterable[tuple[str, str]], y: float, left: float = 22) -> float:
        """A disc and a name for each (name, color), in a row; returns where the row ends."""
        for name, color in named:
            self.points([(left + 5, y - 4)], color, radius_px=5)
            self.text((left + 15, y), name, role=FAINT)
            left += 34 + 7 * len(name)
        return left

    def axis_below(self, scale: Scale, top: float, bottom: float, name: str) -> None:
        """Grid lines from ``top`` to ``bottom`` with their values beneath, and the axis' name."""
        for value in scale.ticks():
            x = scale.px(value)
            self._grid((x, top), (x, bottom))
            self.text(
                (x, bottom + 16), f"{value:g}", role=FAINT, size_px=theme.SMALL_PX, anchor="middle"
            )
        middle = (scale.low_px + scale.high_px) / 2
        self.text((middle, bottom + 34), name, role=FAINT, size_px=theme.SMALL_PX, anchor="middle")

    def axis_left(self, scale: Scale, left: float, right: float, name: str) -> None:
        """Grid lines from ``left`` to ``right`` with their values before, the name on top."""
        for value in scale.ticks(5):
            y = scale.px(value)
            self._grid((left, y), (right, y))
            self.text(
                (left - 6, y + 4), f"{value:g}", role=FAINT, size_px=theme.SMALL_PX, anchor="end"
            )
        top = min(scale.low_px, scale.high_px)
        self.text((left - 6, top - 12), name, role=FAINT, size_px=theme.SMALL_PX, anchor="end")

    def render(self) -> str:
        """The picture as XML."""
        self._rules.text = _style(sorted(self._colors))
        return ElementTree.tostring(self._root, encoding="unicode")

    def _grid(self, start: Point, end: Point) -> None:
        (x1, y1), (x2, y2) = start, end
        ends = {"x1": _number(x1), "y1": _number(y1), "x2": _number(x2), "y2": _number(y2)}
        self._add("line", {**ends, "class": "lk-grid", "stroke": theme.GRID})

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
                "id": _hatch_id(color),
                "width": "5",
                "height": "5",
                "patternUnits": "userSpaceOnUse",
                "patternTransform": "rotate(45)",
            },
        )
        stripe = {**_box(0, 0, 2, 5), **self._fill(color), "fill-opacity": "0.8"}
        ElementTree.SubElement(pattern, "rect", stripe)

    def _titled(self, tag: str, attributes: dict[str, str], title: str) -> None:
        ElementTree.SubElement(self._add(tag, attributes), "title").text = title

    def _add(self, tag: str, attributes: dict[str, str], text: str = "") -> ElementTree.Element:
        element = ElementTree.SubElement(self._root, tag, attributes)
        element.text = text or None
        return element


def _style(colors: Iterable[str]) -> str:
    """Rules for a page that prefers dark; without them the attributes' light colors hold."""
    inks = [
        f".{role}{{fill:{color}}}.{role}-line{{stroke:{color}}}" for role, color in _DARK.items()
    ]
    for color in colors:
        dark, name = theme.ON_DARK[color], color.lstrip("#")
        inks.append(f".lk-fill-{name}{{fill:{dark}}}.lk-stroke-{name}{{stroke:{dark}}}")
    on_marks = f".lk-on-ffffff{{fill:{theme.INK}}}"
    paper = (
        f".lk-paper{{fill:{theme.PAPER_ON_DARK};stroke:{theme.GRID_ON_DARK}}}"
        f".lk-strip{{fill:{theme.PAPER_ON_DARK}}}"
        f".lk-halo{{stroke:{theme.PAPER_ON_DARK}}}.lk-grid{{stroke:{theme.GRID_ON_DARK}}}"
    )
    return f"@media (prefers-color-scheme:dark){{{paper}{on_marks}{''.join(inks)}}}"


def _ink(role: str) -> dict[str, str]:
    return {"class": role, "fill": _LIGHT[role]}


def _box(left: float, top: float, width: float, height: float) -> dict[str, str]:
    corner = {"x": _number(left), "y": _number(top)}
    return {**corner, "width": _number(width), "height": _number(height)}


def _pairs(points: Iterable[Point]) -> str:
    return " ".join(f"{_number(x)},{_number(y)}" for x, y in points)


def _number(value: float) -> str:
    """Three decimals at most, so that widths still add up and the file stays small."""
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _hatch_id(color: str) -> str:
    return f"lk-hatch-{color.lstrip('#')}"


def _round_step(step: float) -> float:
    """The next larger of 1, 2, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * (1 - 1e-9))
