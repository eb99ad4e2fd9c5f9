"""Lab 14's answers.

14.1: as many as the highest wish of five minutes needs at 85 % of the places. A node that goes a
moment too early is paid for with a cold start; places that are kept free all night are paid for,
too.

14.2: those who are pinned can go to one region alone, and come there all at once. It has the room;
the others are near enough that their own spare places do.
"""

import math
from typing import Any

from lab_kit.experiments.scale import Seen


def wanted(seen: Seen, kept: dict[str, Any]) -> int:
    """14.1."""
    wish = math.ceil(seen.wish / (seen.places * 0.85))
    recent = [one for one in kept.get("recent", []) if one[0] > seen.at_s - 300]
    kept["recent"] = [*recent, (seen.at_s, wish)]
    return max(nodes for _, nodes in kept["recent"])


# 14.2
plan = {"target": 0.85, "targets": {"North Europe": 0.4}, "spill_ms": 100}
