"""Which callers' work costs far more than others': a look that counting requests does not give.

A key that was stolen, or a client that asks for the same again and again, stays below any limit on
requests if each of them is expensive. Compared is what one piece of work costs, with the median of
all callers, so that one who floods the server does not move what it is compared with.
"""

from collections.abc import Hashable, Mapping
from statistics import median
from typing import TypeVar

LEAST_WORKS = 20
"""Of a caller, and of others together; a few say nothing."""
LEAST_CALLERS = 3
TIMES = 10.0
"""So many times the median: a minute of sound against the usual six seconds."""
_Caller = TypeVar("_Caller", bound=Hashable)


def costly(spent: Mapping[_Caller, tuple[int, float]]) -> frozenset[_Caller]:
    """Who they are.

    Args:
        spent: of each caller, pieces of work and compute-seconds for them together.
    """
    costs = {who: cost_s / n for who, (n, cost_s) in spent.items() if n >= LEAST_WORKS}
    if len(costs) < LEAST_CALLERS:
        return frozenset()
    usual_s = median(costs.values())
    return frozenset(who for who, cost_s in costs.items() if cost_s > TIMES * usual_s)
