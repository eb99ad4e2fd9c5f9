"""Who calls when, and for how long: planned before the first call is made.

Calls arrive openly, as people do who do not know of each other; inside a call somebody speaks,
thinks, speaks again; chunks follow the clock. Offered load in streams is arrivals per second times
the length of a call (Little's law).

A closed plan is here for contrast: its callers call again only when they have been served, so they
ask least when the server is worst.
"""

from dataclasses import dataclass
from typing import Protocol

from lab_kit.core.errors import InvalidParameter
from lab_kit.experiments.load.arrivals import Arrivals

STAGGER_S = 3.0
"""Callers of one step come within this, evenly: in phase they would all want a final at once."""
SHORTEST_S = 2.0
"""Nobody says a sentence in less."""


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """One call: when it is due, from the plan's beginning, and how long it lasts."""

    at_s: float
    seconds: float


class CallPlan(Protocol):
    """A plan of calls."""

    @property
    def seconds(self) -> float:
        """Length of the plan."""
        ...

    def calls(self) -> tuple[PlannedCall, ...]:
        """Every call in the order in which they are due."""
        ...


@dataclass(frozen=True, slots=True)
class OpenCalls:
    """Calls of ``call_s`` that arrive as ``arrivals`` says; the last ones run past its end."""

    arrivals: Arrivals
    call_s: float

    def __post_init__(self) -> None:
        _check("calls", self.call_s)

    @property
    def seconds(self) -> float:
        """See `CallPlan`."""
        return self.arrivals.seconds

    @property
    def offered_streams(self) -> float:
        """Streams that would be open at a time, on average, if all were served."""
        return self.arrivals.rate_per_s * self.call_s

    def calls(self) -> tuple[PlannedCall, ...]:
        """See `CallPlan`."""
        return tuple(PlannedCall(at_s, self.call_s) for at_s in self.arrivals.times_s())


@dataclass(frozen=True, slots=True)
class Stairs:
    """``streams[0]`` callers, after ``step_s`` as many more as make ``streams[1]``, and so on.

    Everybody stays until the end, so a single step is a plateau.
    """

    streams: tuple[int, ...]
    step_s: float

    def __post_init__(self) -> None:
        _check("steps", self.step_s)
        if not self.streams or list(self.streams) != sorted({0, *self.streams})[1:]:
            raise InvalidParameter(
                f"{self.streams} streams", "numbers above 0 that rise", "put them in order"
            )

    @property
    def seconds(self) -> float:
        """See `CallPlan`."""
        return self.step_s * len(self.streams)

    def calls(self) -> tuple[PlannedCall, ...]:
        """See `CallPlan`."""
        planned, there = [], 0
        for step, streams in enumerate(self.streams):
            gap_s = min(STAGGER_S, self.step_s / 2) / (streams - there)
            for n in range(streams - there):
                at_s = step * self.step_s + n * gap_s
                planned.append(PlannedCall(at_s, self.seconds - at_s))
            there = streams
        return tuple(planned)


@dataclass(frozen=True, slots=True)
class ClosedCalls:
    """``callers`` who each make one call of ``call_s`` after the other until ``seconds`` are over.

    ``calls`` is what they would make if every call took as long as it should.
    """

    callers: int
    call_s: float
    seconds: float

    def __post_init__(self) -> None:
        _check("calls", self.call_s)
        if self.callers < 1 or self.seconds < self.call_s:
            raise InvalidParameter(
                f"{self.callers} callers for {self.seconds} s",
                f"at least 1, for at least one call of {self.call_s} s",
                "pass callers of at least 1 and seconds of at least call_s",
            )

    def calls(self) -> tuple[PlannedCall, ...]:
        """See `CallPlan`."""
        gap_s = min(STAGGER_S, self.call_s / 2) / self.callers
        rounds = int(self.seconds // self.call_s)
        made = [
            PlannedCall(n * gap_s + turn * self.call_s, self.call_s)
            for turn in range(rounds)
            for n in range(self.callers)
        ]
        return tuple(made)


def _check(what: str, seconds: float) -> None:
    if not seconds >= SHORTEST_S:
        raise InvalidParameter(
            f"{what} of {seconds} s",
            f"at least {SHORTEST_S:.0f} s",
            f"make the {what} last {SHORTEST_S:.0f} s or more",
        )
