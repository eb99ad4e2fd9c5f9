"""How much room words need, and where a picture still has some.

A picture is laid out where no browser can be asked, so widths are estimated, generously: from
DejaVu Sans, the widest of the faces that pages choose.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

Point = tuple[float, float]

_NARROW, _WIDE = "ijlft.,:;'|!()[]/ -I", "mwMW%@→←↑↓±≤≥×●◆◇▲✕△"
_NARROW_PX, _WIDE_PX, _CAPITAL_PX, _OTHER_PX = 0.36, 0.9, 0.71, 0.62
"""Widths in font sizes; DejaVu Sans has ``t`` 0.39, ``w`` 0.82, ``m`` 0.97, ``C`` 0.7."""
_BOLD_FACTOR = 1.13
_BEFORE_UNIT = re.compile(r"(?<=\d) (?=(?:ms|s|kHz|kbit/s|cores)\b|%)|(?<=±) (?=\d)")
_ABOVE, _BELOW = 0.76, 0.22
"""What letters take above and below their line, in font sizes."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of a picture; ``top`` is the smaller y."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: "Box") -> bool:
        """Whether the two have an area in common."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )

    def is_crossed(self, start: Point, end: Point) -> bool:
        """Whether a straight line runs through it."""
        (x, y), (to_x, to_y) = start, end
        first, last = 0.0, 1.0
        for origin, way, low, high in (
            (x, to_x - x, self.left, self.right),
            (y, to_y - y, self.top, self.bottom),
        ):
            if way == 0:
                if not low < origin < high:
                    return False
                continue
            near, far = sorted(((low - origin) / way, (high - origin) / way))
            first, last = max(first, near), min(last, far)
        return first < last

    def wider(self, by_px: float) -> "Box":
        """The box with a margin."""
        return Box(self.left - by_px, self.top - by_px, self.right + by_px, self.bottom + by_px)


@dataclass(slots=True)
class Room:
    """What a picture has already been given.

    Attributes:
        boxes: of everything that covers an area, words included.
        words: those of words alone, which no leader may cross.
    """

    boxes: list[Box] = field(default_factory=list)
    words: list[Box] = field(default_factory=list)
    lines: list[tuple[Point, Point]] = field(default_factory=list)

    def is_free(self, box: Box) -> bool:
        """Whether nothing that was drawn lies in it."""
        return not any(map(box.meets, self.boxes)) and not any(
            box.is_crossed(*line) for line in self.lines
        )

    def is_clear(self, start: Point, end: Point) -> bool:
        """Whether a line between the two crosses no word."""
        return not any(box.is_crossed(start, end) for box in self.words)


def text_width_px(text: str, size_px: float, *, bold: bool = False) -> float:
    """About how wide ``text`` comes out; enough to decide whether it fits."""
    em = sum(
        _NARROW_PX
        if letter in _NARROW
        else _WIDE_PX
        if letter in _WIDE
        else _CAPITAL_PX
        if letter.isupper()
        else _OTHER_PX
        for letter in text
    )
    return em * size_px * (_BOLD_FACTOR if bold else 1)


def text_box(
    where: Point, text: str, size_px: float, anchor: str = "start", *, bold: bool = False
) -> Box:
    """What a line of text takes whose ``anchor`` is at ``where``."""
    x, y = where
    width = text_width_px(text, size_px, bold=bold)
    left = x - width * {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor]
    return Box(left, y - _ABOVE * size_px, left + width, y + _BELOW * size_px)


def shortened(text: str, room_px: float, size_px: float, *, bold: bool = False) -> str:
    """The text, or as much of its beginning as fits, with an ellipsis."""
    if text_width_px(text, size_px, bold=bold) <= room_px:
        return text
    kept = text
    while kept and text_width_px(f"{kept}…", size_px, bold=bold) > room_px:
        kept = kept[:-1]
    return f"{kept.rstrip()}…"


def lines_of(text: str, room_px: float, size_px: float) -> list[str]:
    """The text in lines that fit; a new line stays one, and a number stays with its unit."""
    lines: list[str] = []
    for paragraph in _BEFORE_UNIT.sub("\u00a0", text).splitlines():
        lines += _filled(paragraph.split(" "), room_px, size_px)
    return lines


def _filled(words: Sequence[str], room_px: float, size_px: float) -> Iterator[str]:
    line = ""
    for word in words:
        longer = f"{line} {word}".lstrip()
        if line and text_width_px(longer, size_px) > room_px:
            yield line
            longer = word
        line = longer
    if line:
        yield line
