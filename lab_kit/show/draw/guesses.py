"""A reader's guess, hollow, beside what came out, filled; the bar between them is the error."""

from collections.abc import Callable

from lab_kit.show.draw import theme
from lab_kit.show.draw.inks import FAINT, INK
from lab_kit.show.draw.labels import SAID, Place, put
from lab_kit.show.draw.room import Point, text_box
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg

LANE_PX = 40
"""What `guess_lane` needs beneath a bar."""
_OFF_PX = 11
_BEFORE_PX, _SMALL_PX = 9, 5
"""From a name to the diamond before it, and half of that one's width."""
_BASE_PX = 14
"""From the lane's line to its end; the words have their room above it, too."""


def guess_lane(svg: Svg, scale: Scale, bottom: float, guess: float, outcome: float) -> None:
    """Guess and outcome in ms on one line beneath the bar that they are about.

    Beyond the axis a guess stands at its end with an arrow.
    """
    y = bottom - _BASE_PX
    label = _label(f"{guess:,.0f} ms")
    if guess > scale.high:
        label, guess = f"{label} →", scale.high
    at, came = scale.px(guess), scale.px(outcome)
    svg.rule((at, y), (came, y), INK, 1.5)
    svg.diamonds([(came, y)])
    svg.diamonds([(at, y)], is_hollow=True)
    side = 1 if at >= came else -1
    put(svg, label, _around(at, y, side), role=FAINT)
    put(svg, f"measured {outcome:,.0f} ms", _around(came, y, -side), bold=True)


def guess_point(
    svg: Svg,
    x: float,
    up: Scale,
    guess: float,
    told: Callable[[float], str],
    outcome: float | None = None,
) -> None:
    """A guess beside an upright axis at ``x``, and what came out if it is known.

    Beyond the axis it stands at its end with an arrow.

    Args:
        told: a value in words, with its unit.
    """
    label = _label(told(guess))
    if guess > up.high:
        label, guess = f"{label} ↑", up.high
    y = up.px(guess)
    if outcome is not None:
        svg.rule((x, y), (x, up.px(outcome)), INK, 1.5)
        svg.diamonds([(x, up.px(outcome))])
    svg.diamonds([(x, y)], is_hollow=True)
    put(svg, label, _around(x, y, 1), role=INK, bold=True)
    if outcome is not None:
        put(svg, f"measured {told(outcome)}", _around(x, up.px(outcome), -1), bold=True)


def guess_name(svg: Svg, name: str, name_at: Point, anchor: str = "start") -> None:
    """A guess that is the name of a row: its diamond before it; the verdict has the words."""
    x, y = name_at
    left = text_box((x, y), name, theme.LABEL_PX, anchor).left
    svg.diamonds([(left - _BEFORE_PX, y - 4)], radius_px=_SMALL_PX, is_hollow=True)


def guess_part(svg: Svg, x: float, top: float, bottom: float, name: str) -> None:
    """A guess that is a part of a bar, on a leader in the lane beneath, like `guess_lane`.

    Called when the parts have their names; a name beneath its bar is on the way.
    """
    y = bottom - _BASE_PX
    below = [box.bottom + 2 for box in svg.room.words if box.is_crossed((x, top), (x, y))]
    svg.rule((x, max([top, *below])), (x, y - _OFF_PX / 2), FAINT, 1)
    svg.diamonds([(x, y)], is_hollow=True)
    for told in (f"{SAID} {name}", name):
        if put(svg, told, _around(x, y, 1)) is not None:
            return


def _label(told: str) -> str:
    """The words beside a guess; the same in every picture."""
    return f"your guess: {told}"


def _around(x: float, y: float, side: int) -> list[Place]:
    """Where words about a diamond may stand, the preferred side first."""
    anchors = {1: "start", -1: "end"}
    return [
        *(Place((x + way * _OFF_PX, y + 4), anchors[way]) for way in (side, -side)),
        *(Place((x, y + step), anchors[way]) for step in (-10, 20) for way in (-side, side)),
        *(
            Place((x + way * _OFF_PX, y + step), anchors[way])
            for step in (34, -26, 48, -40)
            for way in (side, -side)
        ),
    ]
