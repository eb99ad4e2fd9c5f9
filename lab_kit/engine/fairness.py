"""Whose turn it is: weighted fair queuing over the priority classes, as arithmetic.

Every class has a virtual time that advances by the device time it got, divided by its weight; the
one whose next pass would *end* earliest in virtual time goes next. So a busy class of weight 16
gets sixteen times what one of weight 1 gets, a class that asks for little is served at once, and
none waits for ever. A class that had nothing to do cannot save that up: it joins at the present.

A pass's length is known when it is over. Until then the class is charged what its passes took
lately, so that a second worker does not take the same class's turn again.

Source: Demers, Keshav, Shenker, "Analysis and Simulation of a Fair Queueing Algorithm", SIGCOMM
1989; the virtual time of Goyal, Vin, Cheng, "Start-time Fair Queuing", SIGCOMM 1996.
"""

from collections.abc import Iterable, Mapping

from lab_kit.core.events import PriorityClass

WEIGHTS: Mapping[PriorityClass, int] = {
    PriorityClass.INTERACTIVE: 16,
    PriorityClass.STANDARD: 4,
    PriorityClass.BATCH: 1,
}
"""While all of them want more than there is, one pass in twenty or so is batch work: enough to
finish, too little to be felt in a p95 of those who speak."""
_MEMORY = 8
"""Passes over which the expected length of the next is averaged."""


class FairShares:
    """What each class has had, in virtual time.

    Args:
        weights: each class's share where all are busy, against the others'.
    """

    def __init__(self, weights: Mapping[PriorityClass, int] = WEIGHTS) -> None:
        self._weights = weights
        self._virtual_ns = dict.fromkeys(weights, 0.0)
        self._expected_ns = dict.fromkeys(weights, 0.0)
        self._now_ns = 0.0

    def join(self, joining: PriorityClass) -> None:
        """A class that had nothing to do has something."""
        self._virtual_ns[joining] = max(self._virtual_ns[joining], self._now_ns)

    def order(self, classes: Iterable[PriorityClass]) -> list[PriorityClass]:
        """The classes in the order of their turns; where that is a tie, the more urgent first."""
        urgency = tuple(PriorityClass)
        return sorted(classes, key=lambda one: (self._end_ns(one), urgency.index(one)))

    def begin(self, chosen: PriorityClass) -> float:
        """A pass of that class begins; returns what it is charged until it is over."""
        charged_ns = self._expected_ns[chosen]
        self._now_ns = max(self._now_ns, self._virtual_ns[chosen])
        self._virtual_ns[chosen] += charged_ns / self._weights[chosen]
        return charged_ns

    def end(self, chosen: PriorityClass, charged_ns: float, spent_ns: int) -> None:
        """The pass took ``spent_ns``."""
        self._virtual_ns[chosen] += (spent_ns - charged_ns) / self._weights[chosen]
        known_ns = self._expected_ns[chosen] or spent_ns
        self._expected_ns[chosen] = known_ns + (spent_ns - known_ns) / _MEMORY

    def _end_ns(self, one: PriorityClass) -> float:
        return self._virtual_ns[one] + self._expected_ns[one] / self._weights[one]
