"""Connections that are lost while somebody speaks: what of that each client has in the end."""

from collections.abc import Sequence

from lab_kit.core.table import Table
from lab_kit.experiments.streams.lost_lines import LostLine
from lab_kit.measure.guess import Guess
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.inks import FAINT
from lab_kit.show.draw.labels import Place, put
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict

_LEFT_PX, _RIGHT_PX = 160, theme.WIDTH_PX - theme.MARGIN_PX - 20
_TOP_PX, _LANE_PX, _BAR_PX = 56, 74, 18
_MOST_WORDS = 9
"""Named of those that are missing; the table has all."""


def lost_lines(each: Sequence[LostLine], guess: Guess | None = None) -> None:
    """Draw what of the speech is in each client's finals, and list what is not.

    Args:
        guess: the words that the client that begins anew has lost.
    """
    first = each[0] if each else None
    words = "" if guess is None or first is None else guess.against(float(len(first.missing)))
    verdict = Verdict(lost_verdict(each), Sign.NONE, words)
    show_drawing(draw_lost(each), tabulate_lost(each), verdict)


def lost_verdict(each: Sequence[LostLine]) -> str:
    """What each has lost and sent again, in a sentence."""
    if not each:
        return "No client was run."
    return " ".join(f"{one.listener.value.capitalize()}: {_told(one)}." for one in each)


def draw_lost(each: Sequence[LostLine]) -> Svg:
    """The picture."""
    bottom = _TOP_PX + len(each) * _LANE_PX
    svg = Svg(
        bottom + 36,
        "The connection is lost again and again: what is in the transcript?",
        "A bar for the speech, and for each client one for what its finals cover.",
        ["✕ connection lost", "empty: was said, and is in no final"],
    )
    end_s = max(
        [end for one in each for _, end in one.spoken_s]
        + [cut for one in each for cut in one.cuts_s]
        + [1.0]
    )
    across = Scale(0, end_s * 1.03, _LEFT_PX, _RIGHT_PX)
    axis_below(svg, across, _TOP_PX - 36, bottom, "seconds of the speech")
    if each:
        svg.text((_LEFT_PX - 8, _TOP_PX - 18), "spoken", anchor="end", role=FAINT)
        _spans(svg, each[0].spoken_s, across, _TOP_PX - 30, theme.NEUTRAL)
    for number, one in enumerate(each):
        _lane(svg, one, across, _TOP_PX + number * _LANE_PX)
    return svg


def tabulate_lost(each: Sequence[LostLine]) -> Table:
    """One line a client."""
    head = ("client", "lost lines", "sent again s", "missing words", "extra words", "text")
    rows = [
        (
            one.listener.value,
            str(len(one.cuts_s)),
            f"{one.again_s:.1f}",
            str(len(one.missing)),
            str(len(one.extra)),
            one.text,
        )
        for one in each
    ]
    return Table("client", head, rows, left=1)


def _lane(svg: Svg, one: LostLine, across: Scale, top: float) -> None:
    svg.text((theme.MARGIN_PX, top + 16), one.listener.value, bold=True)
    for begin_s, end_s in one.spoken_s:
        left, right = across.px(begin_s), across.px(end_s)
        svg.band(left, top + 2, right - left, _BAR_PX, 0.18)
    finals = [(told.start_s, told.end_s) for told in one.told if told.is_final and told.text]
    _spans(svg, finals, across, top + 2, theme.COMPUTE)
    svg.crosses([(across.px(cut), top + 32) for cut in one.cuts_s])
    missing = " ".join(one.missing[:_MOST_WORDS])
    more = f" … {len(one.missing)} words" if len(one.missing) > _MOST_WORDS else ""
    said = f"missing: {missing}{more}" if missing else "nothing is missing"
    put(svg, said, [Place((_LEFT_PX, top + 54))], role=FAINT, size_px=theme.SMALL_PX)


def _spans(
    svg: Svg, spans: Sequence[tuple[float, float]], across: Scale, top: float, color: str
) -> None:
    for begin_s, end_s in spans:
        left, right = across.px(begin_s), across.px(max(begin_s, end_s))
        svg.bar(left, top, max(1.0, right - left - 1), _BAR_PX, color, f"{begin_s:.1f} s")


def _told(one: LostLine) -> str:
    words = len(one.missing)
    lost = "no word lost" if not words else f"{words} word{'s' * (words > 1)} lost"
    extra = f", {len(one.extra)} that were not said" if one.extra else ""
    again = f", {one.again_s:.1f} s sent again" if one.again_s > 0.05 else ""
    return lost + extra + again
