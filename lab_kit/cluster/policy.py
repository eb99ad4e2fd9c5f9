"""How many replicas: enough for the open streams, and for those that come while more start."""

import math

HEADROOM = 1.3
"""Of the places that are taken: what comes while a replica starts needs some, too."""


def replicas_for(streams: float, places: float, least: int, most: int) -> int:
    """Replicas of ``places`` each that hold the streams with `HEADROOM`, from least to most."""
    return max(least, min(most, math.ceil(streams * HEADROOM / places)))
