"""Streams whose keys were revoked: how long each went on, a row for each wire."""

from collections.abc import Sequence
from statistics import median

from lab_kit.core.table import Table
from lab_kit.core.units import ms
from lab_kit.experiments.access.revoking import GOAL_S, Revoked
from lab_kit.measure.guess import Guess
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.inks import FAINT
from lab_kit.show.draw.limits import FLAG_PX, limit_upright
from lab_kit.show.draw.room import shortened
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Verdict, within

_NAMES_PX, _FIGURES_PX, _ROW_PX, _TOP_PX = 214, 96, 28, FLAG_PX + 14
_ROOM = 1.3
"""Beyond the goal, so that it has room for its words."""


def revocations(found: Sequence[Revoked], guess: Guess | None = None) -> None:
    """Draw them.

    Args:
        guess: in ms, of the stream that went on for longest.

    Raises:
        ValueError: there are none.
    """
    longest_ms = ms(max(one.took_s for one in found))
    verdict = revocations_verdict(found)
    words = "" if guess is None else guess.against(longest_ms)
    table = tabulate_revocations(found)
    show_drawing(draw_revocations(found), table, Verdict(verdict.told, verdict.sign, words))


def revocations_verdict(found: Sequence[Revoked]) -> Verdict:
    """Whether every stream ended within the goal, and the one that did so last.

    Raises:
        ValueError: there are none.
    """
    last = max(found, key=lambda one: one.took_s)
    inside = sum(one.took_s <= GOAL_S for one in found)
    told = (
        f"{inside} of {len(found)} streams ended within {ms(GOAL_S):,.0f} ms; the last, over"
        f" {last.wire}, after {ms(last.took_s):,.0f} ms."
    )
    return Verdict(told, within(last.took_s, GOAL_S))


def draw_revocations(found: Sequence[Revoked]) -> Svg:
    """The picture."""
    wires = _wires(found)
    bottom = _TOP_PX + _ROW_PX * len(wires)
    svg = Svg(
        bottom + 40,
        "A key is revoked: how long does its stream go on?",
        "For each wire a dot for each stream, and the median.",
        [f"{len(found)} streams, each with a key of its own", "measured at the client"],
    )
    left, right = theme.MARGIN_PX + _NAMES_PX, svg.width_px - theme.MARGIN_PX - _FIGURES_PX
    most_ms = ms(max(GOAL_S, *(one.took_s for one in found)))
    across = Scale(0, _ROOM * most_ms, left, right)
    axis_below(svg, across, _TOP_PX, bottom, "ms from the operator's request to the stream's end")
    label = f"goal {ms(GOAL_S):,.0f} ms: the key is revoked → the stream has ended"
    limit_upright(svg, across.px(ms(GOAL_S)), _TOP_PX, bottom, right, label)
    svg.has_limit = False  # this one is the lab's own
    figures = svg.width_px - theme.MARGIN_PX
    under = figures, bottom + 16
    svg.text(under, "median, ms", role=FAINT, size_px=theme.SMALL_PX, anchor="end")
    for row, wire in enumerate(wires):
        y = _TOP_PX + _ROW_PX * (row + 0.5)
        took_ms = [ms(one.took_s) for one in found if one.wire == wire]
        svg.text((theme.MARGIN_PX, y + 4), shortened(wire, _NAMES_PX - 10, theme.LABEL_PX))
        svg.points([(across.px(one), y) for one in took_ms], theme.COMPUTE, 4, 0.75)
        svg.text((figures, y + 4), f"{median(took_ms):,.0f}", anchor="end", bold=True)
    return svg


def tabulate_revocations(found: Sequence[Revoked]) -> Table:
    """One line a wire."""
    rows = []
    for wire in _wires(found):
        took_ms = [ms(one.took_s) for one in found if one.wire == wire]
        told = next(one.told for one in found if one.wire == wire)
        figures = (min(took_ms), median(took_ms), max(took_ms))
        rows.append((wire, str(len(took_ms)), *(f"{one:,.0f}" for one in figures), told[:90]))
    head = ("wire", "n", "least ms", "median ms", "most ms", "what the first was told")
    return Table("wire", head, rows)


def _wires(found: Sequence[Revoked]) -> list[str]:
    return list(dict.fromkeys(one.wire for one in found))
