"""Goodput: what was done in time, out of what was asked for.

A request that was refused, or never answered, counts as asked for and not done in time; otherwise
a server could shine by turning people away. It is given as infinitely late.

Source: Zhong et al., "DistServe", OSDI 2024, arXiv:2401.09670, section 3.
"""

from collections.abc import Sequence


def slo_attainment(delays_s: Sequence[float], limit_s: float) -> float:
    """The share of requests that met the limit.

    Raises:
        ValueError: no requests, so no share.
    """
    if not delays_s:
        raise ValueError("no requests: a share needs at least one")
    return sum(delay_s <= limit_s for delay_s in delays_s) / len(delays_s)


def goodput_per_s(delays_s: Sequence[float], limit_s: float, offered_s: float) -> float:
    """Requests per second that met the limit.

    Args:
        offered_s: how long requests were being offered.
    """
    return sum(delay_s <= limit_s for delay_s in delays_s) / offered_s
