"""How much compute a caller may use: a rate at which it comes back, and a burst.

The generic cell rate algorithm with costs that are known only afterwards: an estimate is reserved
before the work, the measured cost takes its place after it [Source: ITU-T I.371, 2004, for the
algorithm; settling is ours]. A request a minute of sound long costs sixty times one of a second, so
requests are not what is counted.

Picture a tank that drains at the allowed rate and holds one burst. Every reservation is poured on
top. When the work turns out cheaper, only what has not drained yet can be taken out again: what has
drained made room that others may have used since. To give all of it back would let a caller spend
the same second twice. What costs more than was reserved is poured in without asking, and has to
drain before anything else is let in.

Then in no stretch of time is more reserved, as it was settled afterwards, than the rate times its
length and one burst. A reservation that is never settled, because its owner is gone, stays.
Values only: moments are given, in seconds on any clock that does not go backwards.
"""

import math
from dataclasses import dataclass

from lab_kit.core.errors import InvalidParameter

_ROUNDING_S = 1e-6
"""Of sums in floating point, after months: who waited exactly as long as told is let in."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a caller may use.

    Attributes:
        per_min_s: compute-seconds that come back in a minute.
        burst_s: compute-seconds that may be used at once.

    Raises:
        InvalidParameter: one of them is not above 0, or is endless.
    """

    per_min_s: float
    burst_s: float

    def __post_init__(self) -> None:
        for name, value in (("per_min_s", self.per_min_s), ("burst_s", self.burst_s)):
            if not 0 < value < math.inf:
                raise InvalidParameter(f"{name} of {value:g}", "a number above 0", "change it")

    @property
    def per_s(self) -> float:
        """Compute-seconds that come back in a second."""
        return self.per_min_s / 60


class Budget:
    """What one caller has left.

    Args:
        now_s: when it begins, with all of its burst.
    """

    def __init__(self, allowance: Allowance, now_s: float) -> None:
        self._allowance = allowance
        # all three in compute-seconds since the beginning: what may have drained, the tank's
        # surface, and where each open reservation ends beneath it
        self._drained = self._poured = 0.0
        self._ends: dict[int, tuple[float, float]] = {}
        self._at_s = now_s
        self._numbers = 0

    @property
    def allowance(self) -> Allowance:
        """What it is made of."""
        return self._allowance

    def change(self, allowance: Allowance, now_s: float) -> None:
        """From now on it is another; what was used stays used."""
        self._drain(now_s)
        self._allowance = allowance

    def left_s(self, now_s: float) -> float:
        """Compute-seconds that could be reserved now; below 0 where more was used than reserved."""
        return self._allowance.burst_s - max(0.0, self._poured - self._drained_at(now_s))

    def wait_s(self, cost_s: float, now_s: float) -> float:
        """How long until that much could be reserved, if nothing else is meanwhile; 0.0 for now,
        infinite for more than one burst."""
        if cost_s > self._allowance.burst_s:
            return math.inf
        missing_s = cost_s - self.left_s(now_s)
        return max(0.0, missing_s / self._allowance.per_s) if missing_s > _ROUNDING_S else 0.0

    def reserve(self, cost_s: float, now_s: float) -> int:
        """Reserve that much, and give the reservation's number.

        Raises:
            ValueError: it does not fit now, see `wait_s`, or is less than nothing.
        """
        if cost_s < 0 or self.wait_s(cost_s, now_s) > 0:
            raise ValueError(f"{cost_s} compute-seconds do not fit")
        self._drain(now_s)
        self._pour(cost_s)
        self._numbers += 1
        self._ends[self._numbers] = cost_s, self._poured
        return self._numbers

    def settle(self, number: int, cost_s: float, now_s: float) -> None:
        """Let a reservation be what it was: it cost ``cost_s``, less or more.

        Raises:
            KeyError: there is no such reservation, or it was settled.
        """
        self._drain(now_s)
        reserved_s, end = self._ends.pop(number)
        if cost_s > reserved_s:
            self._pour(cost_s - reserved_s)
            return
        back_s = min(reserved_s - cost_s, max(0.0, end - self._drained))
        self._poured -= back_s
        # what lies above it sinks
        for other, (cost, above) in self._ends.items():
            if other > number:
                self._ends[other] = cost, above - back_s

    def charge(self, cost_s: float, now_s: float) -> None:
        """So much was used without a reservation."""
        self._drain(now_s)
        self._pour(cost_s)

    def _drain(self, now_s: float) -> None:
        self._drained = self._drained_at(now_s)
        self._at_s = max(self._at_s, now_s)

    def _drained_at(self, now_s: float) -> float:
        return self._drained + max(0.0, now_s - self._at_s) * self._allowance.per_s

    def _pour(self, cost_s: float) -> None:
        self._poured = max(self._poured, self._drained) + cost_s
