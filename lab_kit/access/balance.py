"""So much that may be used and does not come back by itself: a month's sound, or what was paid for.

What work will use is reserved before, and what it did use takes its place afterwards, so that any
number of callers at once cannot use more than there is. A reservation that was too small takes the
rest from what is free; what even that does not cover nobody pays, and is told. Whole units only.
"""

from lab_kit.core.errors import InvalidParameter


class Balance:
    """One caller's.

    Args:
        left: units that are there.

    Attributes:
        left: units that were not used; never below 0.
        unpaid: units that were used beyond.
    """

    def __init__(self, left: int) -> None:
        self.left = max(0, left)
        self.unpaid = 0
        self._reserved: dict[int, int] = {}
        self._numbers = 0

    @property
    def free(self) -> int:
        """Units that could be reserved now."""
        return max(0, self.left - sum(self._reserved.values()))

    def reserve(self, units: int) -> int:
        """Reserve so many, and give the reservation's number.

        Raises:
            ValueError: so many are not free.
        """
        if not 0 <= units <= self.free:
            raise ValueError(f"{units} of {self.free} that are free")
        self._numbers += 1
        self._reserved[self._numbers] = units
        return self._numbers

    def settle(self, number: int, used: int) -> None:
        """Let a reservation be what it was.

        Raises:
            KeyError: there is no such reservation, or it was settled.
        """
        del self._reserved[number]
        paid = min(used, self.free)  # its own units are free again
        self.left -= paid
        self.unpaid += used - paid

    def add(self, units: int) -> None:
        """So many more are there.

        Raises:
            InvalidParameter: fewer than none.
        """
        if units < 0:
            raise InvalidParameter(f"{units} units more", "0 or more", "take nothing back this way")
        self.left += units
