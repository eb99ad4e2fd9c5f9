"""What work will cost, from what such work has cost: compute-seconds for each unit of it."""

_HALF = 600.0
"""After so many units more, what was learned before counts half: ten minutes of sound."""
_BELIEF = 60.0
"""Units that the first guess counts as, until something is learned."""


class Estimate:
    """Learns by a ratio of sums, so that long work counts more than short.

    Args:
        first: compute-seconds for each unit, before anything is learned.
    """

    def __init__(self, first: float) -> None:
        self._units, self._cost_s = _BELIEF, _BELIEF * first

    def cost_s(self, units: float) -> float:
        """What that many units will cost, as far as is known."""
        return units * self._cost_s / self._units

    def learn(self, units: float, cost_s: float) -> None:
        """So many units have cost that."""
        if units > 0:
            kept = 0.5 ** (units / _HALF)
            self._units = kept * self._units + units
            self._cost_s = kept * self._cost_s + cost_s
