"""The most that was ever open at once, counted at each change: what a sampled gauge cannot know.

A gauge is read every few seconds; a stream that came and went in between was never there. Here
every change is heard, and the largest number of the last window is kept, whoever reads when.
"""

import math
from collections import deque


class Peak:
    """The largest count of a window that ends now, in slices, so that memory is bounded.

    Args:
        window_s: what is looked back over; as long as whoever reads may leave between two reads.
        slices: that the window is kept in; the oldest counts as a whole, so up to one slice more
            than the window is looked back over.
    """

    def __init__(self, window_s: float, slices: int = 60) -> None:
        self._slice_s = window_s / slices
        self._kept: deque[tuple[int, int]] = deque(maxlen=slices + 1)
        self._slices = slices
        self._count = 0

    def changed(self, count: int, now_s: float) -> None:
        """So many are open from now on."""
        self._forget(now_s)
        # within a slice the larger of before and after counts: before held at its beginning
        at, most = math.floor(now_s / self._slice_s), max(count, self._count)
        if self._kept and self._kept[-1][0] == at:
            most = max(most, self._kept.pop()[1])
        self._kept.append((at, most))
        self._count = count

    def read(self, now_s: float) -> int:
        """The largest count of the window that ends now."""
        self._forget(now_s)
        return max([self._count, *(most for _, most in self._kept)])

    def _forget(self, now_s: float) -> None:
        oldest = math.floor(now_s / self._slice_s) - self._slices
        while self._kept and self._kept[0][0] < oldest:
            self._kept.popleft()
