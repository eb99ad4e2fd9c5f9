"""Requests of who waits for answers: what they time, and what somebody waited who came on time."""

from lab_kit.core.table import Table
from lab_kit.core.units import ms
from lab_kit.experiments.objectives.omission import Omission, omitted
from lab_kit.measure.guess import Guess
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below, axis_left
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.labels import legend
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict

_LEFT, _RIGHT = 64, theme.WIDTH_PX - theme.MARGIN_PX
_TOP, _BOTTOM = 44, 190
_SHARES = (0.5, 0.9, 0.95, 0.99)


def omission(found: Omission, guess: Guess | None = None) -> None:
    """Draw each request twice: timed from its send, and from when it was due.

    Args:
        guess: of the 95th percentile from when each was due, in ms.
    """
    words = "" if guess is None else guess.against(ms(found.was_s(0.95)))
    told = omission_verdict(found)
    table = tabulate_omission(found)
    show_drawing(draw_omission(found), table, Verdict(told.told, told.sign, words))


def omission_verdict(found: Omission) -> Verdict:
    """What the 95th percentile says, and what it leaves out."""
    said, was = ms(found.said_s(0.95)), ms(found.was_s(0.95))
    late = omitted(found.asked)
    return Verdict(
        f"p95 {said:,.0f} ms from the send, {was:,.0f} ms from when each was due. {late} of"
        f" {len(found.asked)} requests left after the next one should have: they waited for the"
        " server, and nobody timed that.",
        Sign.NONE,
    )


def draw_omission(found: Omission) -> Svg:
    """The picture."""
    svg = Svg(
        _BOTTOM + 40,
        "One request at a time: whose waiting is timed?",
        "For each request two dots over its due time: its time from the send, and from when it was"
        " due.",
        [f"{len(found.asked)} requests", f"the server stood still for {found.stall_s:g} s once"],
    )
    across = Scale(0, max(one.due_s for one in found.asked) * 1.02, _LEFT, _RIGHT)
    most_ms = max(ms(max(one.from_due_s, one.from_send_s)) for one in found.asked)
    up = Scale(0, most_ms * 1.05, _BOTTOM, _TOP)
    axis_below(svg, across, _TOP, _BOTTOM, "seconds: when the request was due")
    axis_left(svg, up, _LEFT, _RIGHT, "ms", _TOP - 8)
    due = [(across.px(one.due_s), up.px(ms(one.from_due_s))) for one in found.asked]
    sent = [(across.px(one.due_s), up.px(ms(one.from_send_s))) for one in found.asked]
    svg.points(due, theme.COMPUTE, 4)
    svg.points(sent, theme.QUEUE, 2.2)
    named = [("from when it was due", theme.COMPUTE), ("from the send", theme.QUEUE)]
    legend(svg, named, 14, 200)
    return svg


def tabulate_omission(found: Omission) -> Table:
    """One line a percentile."""
    rows = [
        (f"p{100 * share:g}", f"{ms(found.said_s(share)):,.0f}", f"{ms(found.was_s(share)):,.0f}")
        for share in _SHARES
    ]
    return Table("percentile", ("", "from the send, ms", "from when it was due, ms"), rows)
