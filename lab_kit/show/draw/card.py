"""The floors of every picture: the question, what came out, the plot, what the run was like."""

import copy

from lab_kit.show.draw import theme
from lab_kit.show.draw.inks import FAINT, PAPER
from lab_kit.show.draw.room import lines_of
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict

_TITLE_PX, _VERDICT_PX, _LINE_PX = 32, 56, 19
"""Base lines of title and verdict from the card's top, and from one line to the next."""
_SIGN_ROOM_PX = 20
_NOTE_LINE_PX = 15


def render(drawing: Svg, verdict: Verdict) -> str:
    """The whole card as XML; the drawing itself stays as it was."""
    svg = copy.deepcopy(drawing)
    room = svg.width_px - 2 * theme.MARGIN_PX
    indent = theme.MARGIN_PX + (_SIGN_ROOM_PX if verdict.sign is not Sign.NONE else 0)
    told = lines_of(verdict.told, svg.width_px - theme.MARGIN_PX - indent, theme.VERDICT_PX)
    guess = lines_of(verdict.guess, room - _SIGN_ROOM_PX, theme.VALUE_PX)
    count = max(len(told) + len(guess), svg.lines[0])
    above = 14 + (_VERDICT_PX + _LINE_PX * (count - 1) if count else _TITLE_PX)
    title = (theme.MARGIN_PX, _TITLE_PX - above)
    svg.text(title, svg.title, size_px=theme.TITLE_PX, bold=True)
    base = float(_VERDICT_PX - above)
    if told:
        _sign(svg, verdict.sign, base)
    for line in told:
        svg.text((indent, base), line, size_px=theme.VERDICT_PX)
        base += _LINE_PX
    if guess:
        svg.diamonds([(theme.MARGIN_PX + 7, base - 4)], radius_px=5, is_hollow=True)
    for line in guess:
        svg.text((theme.MARGIN_PX + _SIGN_ROOM_PX, base), line, size_px=theme.VALUE_PX)
        base += _LINE_PX
    return svg.render(words(drawing, verdict), above, _notes(svg, room))


def words(drawing: Svg, verdict: Verdict) -> str:
    """The picture for who cannot see it: what came out, then what is drawn."""
    return " ".join([*verdict.text.split("\n"), f"{drawing.title} {drawing.drawn}"]).strip()


def _sign(svg: Svg, sign: Sign, base: float) -> None:
    """✓ inside, ▲ over, ⊖ cannot be said: a form each, beside the words that say the same."""
    left, middle = theme.MARGIN_PX, base - 5
    if sign is Sign.INSIDE:
        corners = [(left + 1, middle), (left + 5, middle + 4.5), (left + 13, middle - 6)]
        svg.polyline(corners, theme.NETWORK, 2.6)
    elif sign is Sign.OVER:
        svg.triangles([(left + 7, middle + 1)], radius_px=7.5)
        svg.rule((left + 7, middle - 2), (left + 7, middle + 2.5), PAPER, 1.8)
    elif sign is Sign.UNSAID:
        svg.ring((left + 7, middle), 6)
        svg.rule((left + 4, middle), (left + 10, middle), FAINT, 1.8)


def _notes(svg: Svg, room: float) -> float:
    """Write what the run was like; the room that it takes."""
    lines = lines_of(" · ".join(note for note in svg.notes if note), room, theme.SMALL_PX)
    for index, line in enumerate(lines):
        where = (theme.MARGIN_PX, svg.height_px + 18 + _NOTE_LINE_PX * index)
        svg.text(where, line, role=FAINT, size_px=theme.SMALL_PX)
    count = max(len(lines), svg.lines[1])
    return 14 + _NOTE_LINE_PX * count + 3 if count else 12
