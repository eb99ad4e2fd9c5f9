"""Whether a new version of a model may take the old one's place: the difference, group by group."""

from collections.abc import Sequence

from lab_kit.core.table import Table
from lab_kit.measure.guess import Guess
from lab_kit.measure.version_gate import LEAST_CLIPS, Decision, Difference, Gate, decide, points
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.inks import FAINT
from lab_kit.show.draw.limits import FLAG_PX, limit_upright
from lab_kit.show.draw.room import shortened
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict

_NAMES_PX, _FIGURES_PX, _ROW_PX = 150, 128, 30
_TOP_PX = FLAG_PX + 14
_LEAST_POINTS = 0.5
"""Half the width of an axis on which nothing differs."""
_SIGNS = {Gate.SHIP: Sign.INSIDE, Gate.HOLD: Sign.OVER, Gate.ASK: Sign.UNSAID}


def gate(found: Sequence[Difference], allowance: float, guess: Guess | None = None) -> None:
    """Draw the difference of each group with its interval, and what the gate says.

    Args:
        found: as `measure.version_gate.differences` gives them.
        allowance: what the new version may hear wrong more, in errors a word.
        guess: ship, hold or ask, as the reader expected.

    Raises:
        ValueError: nothing was compared.
    """
    decision = decide(found, allowance)
    words = "" if guess is None else guess.against(decision.gate.value)
    verdict = gate_verdict(decision)
    told = Verdict(verdict.told, verdict.sign, words)
    show_drawing(draw_gate(found, allowance), tabulate_gate(found), told)


def gate_verdict(decision: Decision) -> Verdict:
    """What is done with the new version, and why."""
    return Verdict(f"{decision.gate.value.capitalize()}: {decision.reason}.", _SIGNS[decision.gate])


def draw_gate(found: Sequence[Difference], allowance: float) -> Svg:
    """The picture.

    Raises:
        ValueError: nothing was compared.
    """
    if not found:
        raise ValueError("nothing was compared, so there is nothing to draw")
    bottom = _TOP_PX + _ROW_PX * len(found)
    svg = Svg(
        bottom + 40,
        "May the new version take the old one's place?",
        "For each group of clips the difference of the two word error rates, with its interval.",
        _notes(found),
    )
    left, right = theme.MARGIN_PX + _NAMES_PX, svg.width_px - theme.MARGIN_PX - _FIGURES_PX
    across = _scale(found, allowance, left, right)
    name = "word errors in 100 words, new less old: further right is worse"
    axis_below(svg, across, _TOP_PX, bottom, name)
    told = f"allowed {points(allowance)}: word errors in 100, new less old"
    limit_upright(svg, across.px(100 * allowance), _TOP_PX, bottom, right, told)
    svg.has_limit = False  # this one is the reader's own, and has no source
    figures = svg.width_px - theme.MARGIN_PX
    under = (figures, bottom + 16)
    svg.text(under, "in 100, old → new", role=FAINT, size_px=theme.SMALL_PX, anchor="end")
    for row, one in enumerate(found):
        y = _TOP_PX + _ROW_PX * row + _ROW_PX / 2
        _row(svg, one, across, y, is_whole=row == 0)
        rates = f"{100 * one.old:.1f} → {100 * one.new:.1f}"
        svg.text((figures, y + 4), rates, anchor="end", bold=row == 0)
    return svg


def _row(svg: Svg, one: Difference, across: Scale, y: float, *, is_whole: bool) -> None:
    color = theme.COMPUTE if is_whole else theme.NEUTRAL
    short = shortened(one.group, _NAMES_PX - 12, theme.LABEL_PX, bold=is_whole)
    svg.text((theme.MARGIN_PX, y + 4), short, bold=is_whole)
    if one.low is not None and one.high is not None:
        low, high = across.px(100 * one.low), across.px(100 * one.high)
        svg.polyline([(low, y), (high, y)], color)
        for end in (low, high):
            svg.polyline([(end, y - 5), (end, y + 5)], color)
    at = across.px(100 * one.difference), y
    svg.points([at], color, 5 if is_whole else 4, is_hollow=one.low is None)


def _scale(found: Sequence[Difference], allowance: float, left: float, right: float) -> Scale:
    """From the lowest end to the highest, with no difference and the allowance on it."""
    ends = [0.0, allowance]
    for one in found:
        ends += [one.difference, *(end for end in (one.low, one.high) if end is not None)]
    low, high = 100 * min(ends), 100 * max(ends)
    room = max(0.08 * (high - low), _LEAST_POINTS / 4)
    return Scale(low - room, high + room, left, right)


def _notes(found: Sequence[Difference]) -> list[str]:
    whole = found[0]
    notes = [
        f"{whole.clips} clips, {whole.words:,} words",
        f"{100 * whole.confidence:g} % intervals",
    ]
    if len(found) > 1:
        notes[-1] += ", the groups' together as well"
    if any(one.low is None for one in found):
        notes.append(f"○ fewer than {LEAST_CLIPS} clips, no interval")
    return notes


def tabulate_gate(found: Sequence[Difference]) -> Table:
    """One line a group."""
    head = ("group", "clips", "words", "old %", "new %", "difference", "from", "to")
    rows = [
        (
            one.group,
            f"{one.clips}",
            f"{one.words:,}",
            f"{100 * one.old:.1f}",
            f"{100 * one.new:.1f}",
            f"{100 * one.difference:+.2f}",
            _end(one.low),
            _end(one.high),
        )
        for one in found
    ]
    changed = f"{found[0].changed} of {found[0].clips} clips got another number of errors."
    return Table("group", head, rows, [changed])


def _end(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:+.2f}"
