"""What is said of finals while more of them come."""

from collections.abc import Sequence

from lab_kit.core.units import BUDGET_S, ms
from lab_kit.show.draw.figures import percentile_told, standing
from lab_kit.show.live.state import Point

LAST_S = 10.0
"""The percentile of what runs is of so many seconds."""


def so_far(points: Sequence[Point], reached_s: float, kind: str) -> str:
    """How long it has run, and how many were within 300 ms.

    Args:
        kind: what the points are, such as ``finals``.
    """
    inside = sum(point.delay_s <= BUDGET_S for point in points)
    minutes, seconds = divmod(int(reached_s), 60)
    told = f"{minutes}:{seconds:02d} running; {inside} of {len(points)} {kind}"
    return f"{told} within {ms(BUDGET_S):.0f} ms"


def lately(points: Sequence[Point], reached_s: float) -> str:
    """The p95 of what came lately, with its window and how many that are."""
    delays_s = [point.delay_s for point in points if point.at_s >= reached_s - LAST_S]
    note = f", {standing(len(delays_s))}" if delays_s and standing(len(delays_s)) else ""
    told = f"p95 of the last {LAST_S:.0f} s, n = {len(delays_s)}{note}"
    return f"{told}: {percentile_told(delays_s, 0.95)}"
