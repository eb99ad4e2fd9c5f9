"""Where streams are when each policy has placed them: a dot a server, a row a policy."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from lab_kit.core.table import Table
from lab_kit.core.units import percent
from lab_kit.measure.guess import Guess
from lab_kit.scale.cluster import Placed
from lab_kit.show.draw import theme
from lab_kit.show.draw.axes import axis_below
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.guesses import guess_name
from lab_kit.show.draw.inks import FAINT
from lab_kit.show.draw.limits import FLAG_PX, limit_upright
from lab_kit.show.draw.scale import Scale
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict

_LEFT, _RIGHT = 126, 640
_ROW_PX, _MOST_STACK_PX, _RADIUS_PX = 44, 30, 2.4


def placements(found: Sequence[Placed], late_from: int, guess: Guess | None = None) -> None:
    """Draw how many streams each server held at the busiest moment.

    Args:
        late_from: streams on one server from which on p95 of its final delay is beyond 300 ms.
        guess: the policy that refuses most.
    """
    words = "" if guess is None else guess.against(_worst(found).placement)
    told = placements_verdict(found, late_from)
    said = "" if guess is None else guess.choice
    drawing = draw_placements(found, late_from, said)
    show_drawing(
        drawing, tabulate_placements(found, late_from), Verdict(told.told, told.sign, words)
    )


def placements_verdict(found: Sequence[Placed], late_from: int) -> Verdict:
    """Who refuses least and most, and whose callers share a server that is late."""
    best, worst = _best(found), _worst(found)
    if worst.refused == best.refused:
        return Verdict("No policy refused more than another; more load would tell.", Sign.UNSAID)
    told = f"{best.placement} refused {percent(best.refused_share, 2)} of the calls,"
    told += f" {worst.placement} {percent(worst.refused_share, 2)}."
    late = max(found, key=lambda one: one.share_beyond(late_from - 1))
    share = late.share_beyond(late_from - 1)
    if share:
        told += f" Under {late.placement} {percent(share)} of the streams were on a late server."
    return Verdict(told, Sign.NONE)


def draw_placements(found: Sequence[Placed], late_from: int, said: str = "") -> Svg:
    """The picture."""
    top = FLAG_PX + 8.0
    bottom = top + _ROW_PX * len(found)
    servers = len(found[0].places)
    most = max([late_from + 1, *(int(one.open_streams.max(initial=0)) for one in found)])
    svg = Svg(
        bottom + 40,
        "How evenly does each policy fill the servers?",
        "For each policy a dot a server, over the streams that it holds at the busiest moment.",
        [f"{servers} servers", f"{found[0].offered:,} calls", "simulated"],
    )
    across = Scale(0, most + 1, _LEFT, _RIGHT)
    axis_below(svg, across, top, bottom, "streams on a server")
    right = svg.width_px - theme.MARGIN_PX
    svg.text((right, bottom + 16), "refused", role=FAINT, anchor="end", size_px=theme.SMALL_PX)
    limit = f"{late_from} streams: p95 beyond 300 ms"
    limit_upright(svg, across.px(late_from - 0.5), top, bottom, _RIGHT, limit)
    for row, one in enumerate(found):
        base = top + _ROW_PX * (row + 1) - 8
        where = (theme.MARGIN_PX, base - 8)
        svg.text(where, one.placement)
        if one.placement == said:
            guess_name(svg, one.placement, where)
        svg.points(_dots(one, across, base), theme.COMPUTE, _RADIUS_PX)
        told = percent(one.refused_share, 2)
        svg.text((right, base - 8), told, anchor="end", bold=True)
    return svg


def tabulate_placements(found: Sequence[Placed], late_from: int) -> Table:
    """A row a policy."""
    rows = [
        (
            one.placement,
            percent(one.refused_share, 2),
            f"{one.fullest_to_mean:.2f}",
            str(int(one.open_streams.max(initial=0))),
            percent(one.share_beyond(late_from - 1), 1),
        )
        for one in found
    ]
    head = ("", "refused", "fullest / mean", "most on one", f"streams beside {late_from - 1} more")
    return Table("policy", head, rows)


def _dots(one: Placed, across: Scale, base: float) -> list[tuple[float, float]]:
    """Stacked where servers hold the same."""
    if not len(one.open_streams):
        return []
    moment = one.open_streams[int(one.open_streams.sum(axis=1).argmax())]
    counts = Counter(np.asarray(moment).tolist())
    step = min(2 * _RADIUS_PX + 0.4, _MOST_STACK_PX / max(counts.values()))
    return [
        (across.px(streams), base - _RADIUS_PX - step * n)
        for streams, servers in sorted(counts.items())
        for n in range(servers)
    ]


def _best(found: Sequence[Placed]) -> Placed:
    return min(found, key=lambda one: one.refused_share)


def _worst(found: Sequence[Placed]) -> Placed:
    return max(found, key=lambda one: one.refused_share)
