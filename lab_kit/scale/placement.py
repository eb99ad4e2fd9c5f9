"""Which server a new stream goes to. A stream stays there, so the choice is made once.

A policy sees how many streams each server was last known to hold; who knows late, knows wrongly.
"""

import bisect
import hashlib
import math
from collections.abc import Sequence
from random import Random
from typing import Protocol

POINTS = 64
"""Of each server on the hash ring: with so many the arcs differ by about an eighth (one over the
root of their number)."""
BOUND = 1.25
"""Most streams of a server, in parts of the average, under bounded hashing."""


class Placement(Protocol):
    """A policy."""

    @property
    def name(self) -> str:
        """As a plot names it."""
        ...

    def choose(self, caller: int, known: Sequence[int], places: Sequence[int]) -> int:
        """The server for a new stream.

        Args:
            caller: who asks; a policy that keeps callers together goes by it.
            known: streams that each server was last known to hold.
            places: streams that each can hold.
        """
        ...


class RoundRobin:
    """One after the other, whoever is how full."""

    name = "round robin"

    def __init__(self) -> None:
        self._next = 0

    def choose(self, caller: int, known: Sequence[int], places: Sequence[int]) -> int:
        """See `Placement`."""
        self._next += 1
        return (self._next - 1) % len(known)


class Least:
    """The one with the fewest streams; of several the first."""

    name = "least"

    def choose(self, caller: int, known: Sequence[int], places: Sequence[int]) -> int:
        """See `Placement`."""
        return min(range(len(known)), key=known.__getitem__)


class PowerOfTwo:
    """The emptier of two drawn by lot.

    Source: Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", IEEE Transactions
    on Parallel and Distributed Systems 12(10), 2001.
    """

    name = "power of two"

    def __init__(self, seed: int = 0) -> None:
        self._chance = Random(seed)

    def choose(self, caller: int, known: Sequence[int], places: Sequence[int]) -> int:
        """See `Placement`."""
        count = len(known)
        one, other = int(self._chance.random() * count), int(self._chance.random() * count)
        return one if known[one] <= known[other] else other


class Headroom:
    """The one with the most free places, which differs from `Least` where servers differ."""

    name = "headroom"

    def choose(self, caller: int, known: Sequence[int], places: Sequence[int]) -> int:
        """See `Placement`."""
        return max(range(len(known)), key=lambda server: places[server] - known[server])


class Hash:
    """The caller's own server, so that what is cached for one is used again."""

    name = "hash"

    def __init__(self) -> None:
        self._ring = _Ring()

    def choose(self, caller: int, known: Sequence[int], places: Sequence[int]) -> int:
        """See `Placement`."""
        return self._ring.servers_from(caller, len(known))[0]


class BoundedHash:
    """The caller's own server, or the next on the ring that is not far above the average.

    Source: Mirrokni, Thorup, Zadimoghaddam, "Consistent Hashing with Bounded Loads",
    arXiv:1608.01350; `hash-balance-factor` in HAProxy.
    """

    name = "bounded hash"

    def __init__(self, bound: float = BOUND) -> None:
        self._ring = _Ring()
        self._bound = bound

    def choose(self, caller: int, known: Sequence[int], places: Sequence[int]) -> int:
        """See `Placement`."""
        most = math.ceil(self._bound * (sum(known) + 1) / len(known))
        ring = self._ring.servers_from(caller, len(known))
        return next((server for server in ring if known[server] < most), ring[0])


def every_placement(seed: int = 0) -> tuple[Placement, ...]:
    """One of each, new."""
    return (RoundRobin(), Least(), PowerOfTwo(seed), Hash(), BoundedHash(), Headroom())


class _Ring:
    """Consistent hashing: a server has points on a ring, a caller the next one's server."""

    def __init__(self) -> None:
        self._points: list[tuple[int, int]] = []
        self._servers = 0
        self._known: dict[int, list[int]] = {}

    def servers_from(self, caller: int, servers: int) -> list[int]:
        """Every server, in the order in which the caller meets them."""
        if servers != self._servers:
            self._servers, self._known = servers, {}
            self._points = sorted(
                (_hash(f"server {server}/{point}"), server)
                for server in range(servers)
                for point in range(POINTS)
            )
        if caller not in self._known:
            start = bisect.bisect(self._points, (_hash(f"caller {caller}"), 0))
            turned = self._points[start:] + self._points[:start]
            self._known[caller] = list(dict.fromkeys(server for _, server in turned))
        return self._known[caller]


def _hash(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest())
