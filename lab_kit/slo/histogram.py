"""What a histogram can tell: shares at its edges exactly, a percentile only between two of them.

The estimate is the one of Prometheus' ``histogram_quantile``: within a bucket values are taken to
lie evenly.
"""

import math
from collections.abc import Mapping
from itertools import pairwise


def share_within(buckets: Mapping[float, float], edge: float) -> float:
    """The share of values up to an edge.

    Args:
        buckets: how many values were at most each edge; the last edge is infinite.

    Raises:
        KeyError: there is no such edge, so the histogram cannot know.
        ValueError: there are no values.
    """
    if not buckets or buckets[math.inf] <= 0:
        raise ValueError("no values: a share needs at least one")
    return buckets[edge] / buckets[math.inf]


def quantile(buckets: Mapping[float, float], share: float) -> float:
    """The estimate of a percentile; the last finite edge where it lies beyond.

    Args:
        buckets: how many values were at most each edge; the last edge is infinite.

    Raises:
        ValueError: there are no values.
    """
    edges = sorted(buckets)
    if not edges or buckets[edges[-1]] <= 0:
        raise ValueError("no values: a percentile needs at least one")
    wanted = share * buckets[edges[-1]]
    for low, high in pairwise([0.0, *edges]):
        below = buckets.get(low, 0.0)
        if buckets[high] >= wanted:
            if math.isinf(high):
                return low
            inside = buckets[high] - below
            return low + (high - low) * ((wanted - below) / inside if inside else 1.0)
    return edges[-2]
