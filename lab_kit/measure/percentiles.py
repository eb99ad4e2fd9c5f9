"""Percentiles by nearest rank: always a value that was observed, never one in between."""

import math
from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` of ``values`` do not exceed.

    Args:
        share: in (0, 1], such as 0.95.

    Raises:
        ValueError: no values, or a share outside (0, 1].
    """
    if not values:
        raise ValueError("no values: a percentile needs at least one")
    if not 0 < share <= 1:
        raise ValueError(f"share {share} is outside (0, 1]; p95 is 0.95")
    return sorted(values)[math.ceil(share * len(values) - 1e-9) - 1]


def can_show(samples: int, share: float, confidence: float = 0.95) -> bool:
    """Whether ``samples`` without one miss prove that ``share`` of all would meet a bound.

    59 samples prove a p95 at 95 %, 299 a p99. Below that a percentile is an indication.

    Source: the chance of no miss in n tries is share^n; MLPerf's early stopping rests on it.
    """
    return share**samples <= 1 - confidence


def percentile_interval(
    values: Sequence[float], share: float, confidence: float = 0.95
) -> tuple[float, float]:
    """Where the percentile of all that could have been observed lies, two of those that were.

    Where too few values lie on one side, the interval ends with the outermost.

    Raises:
        ValueError: no values, or a share outside (0, 1).

    Source: order statistics bound a quantile whatever the distribution, as the number of values
    below it is binomial; David and Nagaraja, *Order Statistics*, 2003, section 7.1.
    """
    if not values or not 0 < share < 1:
        raise ValueError(f"{len(values)} values and share {share}; pass some, and one in (0, 1)")
    ranked, count, tail = sorted(values), len(values), (1 - confidence) / 2
    below, reached = 0.0, []
    for rank in range(count + 1):
        below += math.exp(_log_binomial(count, rank, share))
        reached.append(below)
    low = sum(1 for chance in reached if chance <= tail)
    high = next((rank for rank, chance in enumerate(reached) if chance >= 1 - tail), count)
    return ranked[max(0, min(low, count) - 1)], ranked[min(high, count - 1)]


def _log_binomial(count: int, rank: int, share: float) -> float:
    """Of the chance of just so many: the number itself overflows beyond a thousand."""
    ways = math.lgamma(count + 1) - math.lgamma(rank + 1) - math.lgamma(count - rank + 1)
    return ways + rank * math.log(share) + (count - rank) * math.log1p(-share)
