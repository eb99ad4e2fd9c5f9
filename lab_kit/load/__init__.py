"""Load and its surroundings: callers in turn or at once, distance on the wire, busy cores.

It sees the client only, so it can load any server the client can talk to.
"""

from lab_kit.load.distance import far_away
from lab_kit.load.turns import Turns, at_once, in_turn, neighbours
from lab_kit.load.utilisation import Busy, watch

__all__ = ["Busy", "Turns", "at_once", "far_away", "in_turn", "neighbours", "watch"]
