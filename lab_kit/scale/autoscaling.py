"""How many nodes a region wants: policies that see numbers, asked every few seconds.

Up is fast in all of them and down is slow, because a node too many costs cents and a node too few
costs callers. What differs is what they look at.
"""

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

LOOK_S = 15.0
"""How often a policy is asked; Kubernetes' HorizontalPodAutoscaler is, too (its sync period)."""
DOWN_WINDOW_S = 300.0
"""Over which the highest wish is kept before nodes go; that autoscaler's default."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a policy sees of one region.

    Attributes:
        region: its name.
        at_s: of the day, in UTC.
        streams: open there.
        home: of its own callers, wherever they are open.
        ready, starting: nodes.
        places: streams that a node holds.
        usual: streams that yesterday had at the moment when a node ordered now is ready.
        day_peak: the most that yesterday had.
    """

    region: str
    at_s: float
    streams: int
    home: int
    ready: int
    starting: int
    places: int
    usual: float
    day_peak: float

    @property
    def wish(self) -> int:
        """Streams that there should be room for: who was sent elsewhere would rather be here."""
        return max(self.streams, self.home)

    @property
    def busy(self) -> float:
        """Share of the ready places that is taken, or would be; above 1 where they are too few."""
        return self.wish / max(1, self.ready * self.places)


class Autoscaler(Protocol):
    """A policy; one serves one region for a day."""

    def wanted(self, seen: Seen) -> int:
        """Nodes that there should be, ready and starting."""
        ...


@dataclass(frozen=True, slots=True)
class Fixed:
    """As many as yesterday's peak wanted, and some more, all day."""

    spare: float = 0.05

    def wanted(self, seen: Seen) -> int:
        """See `Autoscaler`."""
        return math.ceil(seen.day_peak * (1 + self.spare) / seen.places)


@dataclass(slots=True)
class Step:
    """A few more when it is busier than one limit, a few less when it is calmer than another.

    Attributes:
        pause_s: after a step, so that it shows before the next.
    """

    up_at: float = 0.8
    down_at: float = 0.5
    by: float = 0.1
    pause_s: float = 120.0
    _until_s: float = field(default=0.0, init=False)

    def wanted(self, seen: Seen) -> int:
        """See `Autoscaler`."""
        there = seen.ready + seen.starting
        if seen.at_s < self._until_s or self.down_at <= seen.busy <= self.up_at:
            return there
        self._until_s = seen.at_s + self.pause_s
        step = max(1, math.ceil(there * self.by))
        return there + step if seen.busy > self.up_at else max(1, there - step)


@dataclass(slots=True)
class TargetTracking:
    """As many as keep a share of the places taken; fewer only after a while of needing fewer.

    Attributes:
        target: share of the places that should be taken.
        window_s: over which the highest wish is kept.
    """

    target: float = 0.7
    window_s: float = DOWN_WINDOW_S
    _wishes: deque[tuple[float, int]] = field(default_factory=deque, init=False)

    def wanted(self, seen: Seen) -> int:
        """See `Autoscaler`."""
        return self._highest(seen.at_s, math.ceil(seen.wish / (seen.places * self.target)))

    def _highest(self, at_s: float, wish: int) -> int:
        """Of the window; a ready wish that a later one exceeds is forgotten."""
        while self._wishes and self._wishes[-1][1] <= wish:
            self._wishes.pop()
        self._wishes.append((at_s, wish))
        while self._wishes[0][0] <= at_s - self.window_s:
            self._wishes.popleft()
        return self._wishes[0][1]


@dataclass(slots=True)
class Predictive:
    """The same, of today or of yesterday at the moment when a node ordered now is ready."""

    target: float = 0.85
    window_s: float = DOWN_WINDOW_S
    _tracking: TargetTracking = field(init=False)

    def __post_init__(self) -> None:
        self._tracking = TargetTracking(self.target, self.window_s)

    def wanted(self, seen: Seen) -> int:
        """See `Autoscaler`."""
        ahead = math.ceil(seen.usual / (seen.places * self.target))
        return max(self._tracking.wanted(seen), ahead)
