"""When it was the generator of a load that was measured, and not the server."""

LATE_S = 0.02
"""Sending later than this (p99): less than a tenth of what is measured, and more than a timer's
own unrest."""
BUSY_CORES = 0.8
"""Of the one core that the generator has: beyond it, it is late sooner or later."""


def was_bottleneck(lateness_s: float, cores: float) -> bool:
    """Whether it was too late or too busy for the figures to be the server's."""
    return lateness_s > LATE_S or cores > BUSY_CORES
