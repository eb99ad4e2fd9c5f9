"""A transcript that grows, shrinks and settles: what each result shows, and what it takes back."""

from collections.abc import Sequence

from lab_kit.core.table import Table
from lab_kit.experiments.streams.captured import read_back
from lab_kit.measure.guess import Guess
from lab_kit.measure.revisions import Revision, Shown, taken_back_share
from lab_kit.measure.revisions import revisions as compared
from lab_kit.protocol.judge.capture import Capture
from lab_kit.protocol.judge.seen import Result
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below, axis_left
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.labels import legend
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict

_LEFT_PX, _RIGHT_PX = 64, theme.WIDTH_PX - theme.MARGIN_PX - 10
_TOP_PX, _PLOT_PX = 44, 220
_FINAL_PX, _MOST_PX, _LEAST_PX = 9.0, 6.0, 2.0
"""Widths of a final and of an interim."""


def revisions(capture: Capture, guess: Guess | None = None) -> None:
    """Draw each result of a recorded stream as a column of its characters, and list them.

    Args:
        guess: the share of shown characters that is taken back, in percent.
    """
    found = compared(shown_in(capture))
    share = 100 * taken_back_share(found)
    words = "" if guess is None else guess.against(share)
    verdict = Verdict(revisions_verdict(found), Sign.NONE, words)
    show_drawing(draw_revisions(found), tabulate_revisions(found), verdict)


def shown_in(capture: Capture) -> list[Shown]:
    """Every result with text; a dialect without segments counts finals."""
    at_s = {number: line.at_ms / 1e3 for number, line in enumerate(capture.lines, 2)}
    shown, finals = [], 0
    for one in read_back(capture):
        result = one.what
        if isinstance(result, Result) and (result.text or result.is_final):
            segment = result.segment or str(finals)
            stable = result.stable_chars or 0
            shown.append(Shown(at_s[one.line], segment, result.text, result.is_final, stable))
            finals += result.is_final
    return shown


def revisions_verdict(found: Sequence[Revision]) -> str:
    """How much was taken back, and how often."""
    if not found:
        return "No result had any text."
    share, times = taken_back_share(found), sum(one.taken_back > 0 for one in found)
    new = sum(one.new_chars for one in found)
    return (
        f"{100 * share:.0f} % of the {new} characters shown as new were taken back,"
        f" by {times} of {len(found)} results."
    )


def draw_revisions(found: Sequence[Revision]) -> Svg:
    """The picture."""
    most = max([one.chars for one in found] + [10])
    least = max([one.taken_back for one in found] + [5])
    svg = Svg(
        _TOP_PX + _PLOT_PX + 40,
        "How much of what is shown is taken back?",
        "A column for each result: upwards what it shows, downwards what it takes back.",
        ["wide column: final", "stable: what two passes in a row agree on"],
    )
    end_s = max([one.shown.at_s for one in found] + [1.0])
    across = Scale(0, end_s * 1.03, _LEFT_PX, _RIGHT_PX)
    up = Scale(-least * 1.1, most * 1.05, _TOP_PX + _PLOT_PX, _TOP_PX)
    axis_left(svg, up, _LEFT_PX, _RIGHT_PX, "characters", name_y=_TOP_PX - 26)
    axis_below(svg, across, _TOP_PX, _TOP_PX + _PLOT_PX, "seconds since the connection was begun")
    named = [
        ("settled or stable", theme.COMPUTE),
        ("may still change", theme.NETWORK),
        ("taken back", theme.QUEUE),
    ]
    legend(svg, named, _TOP_PX - 14, _LEFT_PX + 90)
    width = max(_LEAST_PX, min(_MOST_PX, 0.6 * (_RIGHT_PX - _LEFT_PX) / max(1, len(found))))
    for one in found:
        _column(svg, one, across.px(one.shown.at_s), up, width)
    return svg


def _column(svg: Svg, one: Revision, x: float, up: Scale, width: float) -> None:
    wide = _FINAL_PX if one.shown.is_final else width
    left, zero = x - wide / 2, up.px(0)
    stable, whole = up.px(one.stable_chars), up.px(one.chars)
    title = one.shown.text
    if one.stable_chars:
        svg.bar(left, stable, wide, zero - stable, theme.COMPUTE, title)
    if one.chars > one.stable_chars:
        svg.bar(left, whole, wide, stable - whole, theme.NETWORK, title)
    if one.taken_back:
        svg.bar(left, zero, wide, up.px(-one.taken_back) - zero, theme.QUEUE, "taken back")


def tabulate_revisions(found: Sequence[Revision]) -> Table:
    """One line a result."""
    head = ("s", "segment", "kind", "shown", "stable", "taken back", "text")
    rows = [
        (
            f"{one.shown.at_s:.2f}",
            one.shown.segment,
            "final" if one.shown.is_final else "interim",
            str(one.chars),
            str(one.stable_chars),
            str(one.taken_back) if one.taken_back else "",
            one.shown.text,
        )
        for one in found
    ]
    return Table("result", head, rows, left=0)
