"""The nodes of every region: ordered, started, ready, sent away, paid for.

A node that is sent away takes no new stream and is paid for until its streams have ended.
"""

from collections import deque

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]


class Fleet:
    """Nodes as counts, one a region.

    Args:
        ready: at first.
        cold_s: from the order of a node to the first stream on it.
        drain_s: that a node is paid for after it was sent away.

    Attributes:
        ready: nodes that take streams: (regions,) int64.
        starting, draining: nodes that do not yet, or no more, and are paid for.
    """

    def __init__(self, ready: Counts, cold_s: float, drain_s: float) -> None:
        self.ready = ready.copy()
        self.starting = np.zeros_like(ready)
        self.draining = np.zeros_like(ready)
        self._cold_s, self._drain_s = cold_s, drain_s
        self._orders: deque[tuple[float, Counts]] = deque()
        self._leaving: deque[tuple[float, Counts]] = deque()

    @property
    def paid(self) -> Counts:
        """Nodes that are paid for."""
        return self.ready + self.starting + self.draining

    def tick(self, at_s: float) -> None:
        """Those become ready whose time has come, and those are gone whose streams have ended."""
        while self._orders and self._orders[0][0] <= at_s:
            nodes = self._orders.popleft()[1]
            self.starting -= nodes
            self.ready += nodes
        while self._leaving and self._leaving[0][0] <= at_s:
            self.draining -= self._leaving.popleft()[1]

    def want(self, wanted: Counts, needed: Counts, at_s: float) -> None:
        """Order what is missing; send away what is too much, as far as streams need it not.

        A start that was ordered is not taken back.
        """
        missing = wanted - self.ready - self.starting
        up, down = np.maximum(missing, 0), np.maximum(-missing, 0)
        if up.any():
            self.starting += up
            self._orders.append((at_s + self._cold_s, up))
        self.send_away(np.minimum(down, np.maximum(self.ready - needed, 0)), at_s)

    def send_away(self, nodes: Counts, at_s: float) -> None:
        """Take them out of the choice."""
        if nodes.any():
            self.ready -= nodes
            self.draining += nodes
            self._leaving.append((at_s + self._drain_s, nodes))

    def reclaim(self, nodes: Counts, at_s: float, notice_s: float) -> None:
        """Their owner wants them back, and says so a while before."""
        self.ready -= nodes
        self.draining += nodes
        self._leaving.append((at_s + notice_s, nodes.copy()))

    def lose(self, region: int) -> None:
        """Everything there is gone at once, what was starting included."""
        for queue in (self._orders, self._leaving):
            for _, nodes in queue:
                nodes[region] = 0
        for counts in (self.ready, self.starting, self.draining):
            counts[region] = 0
