"""Words beside marks: names stand on the thing, where there is room, or on a leader."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lab_kit.show.draw import theme
from lab_kit.show.draw.inks import FAINT, INK
from lab_kit.show.draw.room import Box, Point, text_box
from lab_kit.show.draw.svg import Svg

SAID = "you said"
"""The words beside a guess that is a name, which follows them."""
_NEAR_PX = 9
_GUESS_PX, _DIAMOND_PX = 15, 5
"""What a guess's diamond needs beside its words, and half of its width."""
_STEPS_PX = (0, -15, 15, -30, 30, -45, 45, -60, 60)
_FAR_PX = 12
"""A name that stands farther off has a leader to its mark."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where words may stand."""

    where: Point
    anchor: str = "start"


def put(
    svg: Svg,
    text: str,
    places: Iterable[Place],
    *,
    role: str = INK,
    size_px: float = theme.LABEL_PX,
    bold: bool = False,
    least_px: float = theme.MARGIN_PX / 2,
    is_guess: bool = False,
) -> Place | None:
    """Write a text at the first place where it covers nothing; None where there is none.

    Args:
        least_px: how far to the left it may begin.
        is_guess: a hollow diamond stands at the place, and the text beside it.
    """
    for place in places:
        (x, y), anchor = place.where, place.anchor
        side = {"start": 1, "middle": 0, "end": -1}[anchor] if is_guess else 0
        where = (x + side * _GUESS_PX, y)
        words = text_box(where, text, size_px, anchor, bold=bold)
        box = Box(min(words.left, x), words.top, max(words.right, x), words.bottom)
        fits = box.left >= least_px and box.right <= svg.width_px - theme.MARGIN_PX / 2
        fits = fits and box.top >= 0 and box.bottom <= svg.height_px
        if fits and svg.room.is_free(box):
            svg.text(where, text, role=role, size_px=size_px, anchor=anchor, bold=bold)
            if is_guess:
                at = (x + side * _DIAMOND_PX, y - 4)
                svg.diamonds([at], radius_px=_DIAMOND_PX, is_hollow=True)
            return place
    return None


def name_mark(
    svg: Svg,
    at: Point,
    name: str,
    *,
    role: str = INK,
    bold: bool = True,
    is_guess: bool = False,
) -> bool:
    """Write a name beside a mark, on a leader where others are in the way; whether there was room.

    The right of the mark is tried first, as a line ends there.

    Args:
        is_guess: see `put`.
    """
    x, y = at
    places = [
        Place((x + side * _NEAR_PX, y + 4 + step), "start" if side > 0 else "end")
        for step in _STEPS_PX
        for side in (1, -1)
    ]
    places = [place for place in places if svg.room.is_clear(at, _leader_end(place))]
    if not is_guess:
        places += [Place((x, y + step), "middle") for step in (-_NEAR_PX, 18)]
    taken = put(svg, name, places, role=role, bold=bold, is_guess=is_guess)
    if taken is None:
        return False
    end = _leader_end(taken)
    if abs(end[1] - y) > _FAR_PX and taken.anchor != "middle":
        svg.rule(at, end, FAINT, 1)
    return True


def _leader_end(place: Place) -> Point:
    x, y = place.where
    return x, y - 4


def name_ends(
    svg: Svg, ends: Mapping[str, Point], colors: Mapping[str, str], said: str = ""
) -> None:
    """Name each line at its end; what has no room there stands in a legend on top.

    Args:
        said: the name that a reader guessed; it has the first choice of places.
    """
    named = {said} if said in ends and _name_guess(svg, ends[said], said) else set()
    named |= {name for name in ends if name != said and name_mark(svg, ends[name], name)}
    unnamed = [name for name in colors if name not in named]
    if unnamed:
        legend(svg, [(name, colors[name]) for name in unnamed], 12, svg.width_px / 2)


def _name_guess(svg: Svg, at: Point, name: str) -> bool:
    """A name with a guess's diamond, in as many words as there is room for."""
    return any(name_mark(svg, at, told, is_guess=True) for told in (f"{SAID} {name}", name))


def legend(svg: Svg, named: Iterable[tuple[str, str]], y: float, left: float) -> float:
    """A disc and a name for each (name, color), in a row; returns where the row ends."""
    for name, color in named:
        svg.points([(left + 5, y - 4)], color, radius_px=5)
        svg.text((left + 15, y), name, role=FAINT)
        left = text_box((left + 15, y), name, theme.LABEL_PX).right + 16
    return left
