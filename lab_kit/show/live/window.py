"""The seconds that a live picture shows; the still one shows the same at the end."""

import math

WINDOW_S = 20.0
JUMP_S = 10.0
LONGEST_S = 60.0
"""A longer plan would have its marks too near to each other."""
_AFTER_S = 2.0
"""The last results come after the last sound."""


def shown_s(reached_s: float, planned_s: float | None) -> tuple[float, float]:
    """From when to when: to the planned end, or a window that jumps when it is full.

    Args:
        reached_s: the present moment of a run, or its end.
        planned_s: how long it is to be; None where nobody knows.
    """
    if planned_s is not None and planned_s <= LONGEST_S:
        return 0.0, end_s(reached_s, planned_s)
    start_s = JUMP_S * max(0, math.ceil((reached_s - WINDOW_S) / JUMP_S))
    return start_s, start_s + WINDOW_S


def end_s(reached_s: float, planned_s: float) -> float:
    """The end of an axis that holds all of a plan, and jumps for a run that takes longer."""
    planned_end_s = planned_s + _AFTER_S
    late_s = max(0.0, reached_s - planned_end_s)
    return planned_end_s + JUMP_S * math.ceil(late_s / JUMP_S)
