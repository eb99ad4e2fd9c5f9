"""What is wrong with a card, read from its XML: words outside, over others, or at a limit."""

from itertools import combinations
from xml.etree import ElementTree

from lab_kit.show.draw import theme
from lab_kit.show.draw.room import Box, Point, text_box

SVG = "{http://www.w3.org/2000/svg}"
LIMIT_ROOM_PX = 6
EDGE_PX = 4


def faults(svg: str) -> list[str]:
    """One line each; the widths of words are the estimate that the drawing uses."""
    card = ElementTree.fromstring(svg)
    left, top, width, height = map(float, card.attrib["viewBox"].split())
    inside = Box(left, top, left + width, top + height).wider(-EDGE_PX)
    words = [(text.text or "", _box(text)) for text in card.iter(f"{SVG}text") if text.text]
    limits = [_line(line) for line in card.iter(f"{SVG}line") if _is_limit(line)]
    found = [f"outside the card: {told!r}" for told, box in words if not _holds(inside, box)]
    found += [
        f"one over the other: {one!r} and {other!r}"
        for (one, box), (other, other_box) in combinations(words, 2)
        if box.meets(other_box)
    ]
    found += [
        f"at a limit: {told!r}"
        for told, box in words
        for line in limits
        if box.meets(line.wider(LIMIT_ROOM_PX))
    ]
    return found


def texts(svg: str) -> list[str]:
    """All words of a card, from top to bottom as they were written."""
    return [text.text or "" for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def words_at(svg: str) -> dict[str, Point]:
    """Where each text begins or ends."""
    found = ElementTree.fromstring(svg).iter(f"{SVG}text")
    return {text.text or "": (float(text.attrib["x"]), float(text.attrib["y"])) for text in found}


def guess_marks(svg: str) -> list[Point]:
    """The middle of each hollow diamond."""
    marks = []
    for diamond in ElementTree.fromstring(svg).iter(f"{SVG}polygon"):
        if diamond.get("fill") == theme.PAPER:
            (x, _), (_, y), *_ = (
                tuple(map(float, corner.split(","))) for corner in diamond.attrib["points"].split()
            )
            marks.append((x, y))
    return marks


def _box(text: ElementTree.Element) -> Box:
    at = float(text.attrib["x"]), float(text.attrib["y"])
    bold = text.attrib["font-weight"] == "600"
    size = float(text.attrib["font-size"])
    return text_box(at, text.text or "", size, text.attrib["text-anchor"], bold=bold)


def _is_limit(line: ElementTree.Element) -> bool:
    return "budget" in line.get("class", "")


def _line(line: ElementTree.Element) -> Box:
    x1, x2 = sorted(float(line.attrib[name]) for name in ("x1", "x2"))
    y1, y2 = sorted(float(line.attrib[name]) for name in ("y1", "y2"))
    return Box(x1, y1, x2, y2)


def _holds(outer: Box, inner: Box) -> bool:
    return (
        outer.left <= inner.left
        and inner.right <= outer.right
        and outer.top <= inner.top
        and inner.bottom <= outer.bottom
    )
