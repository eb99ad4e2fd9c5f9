"""When requests arrive, planned before the first is made.

An open loop's arrivals know nothing of its answers. That is how people behave who do not know of
each other, and the only way to see what happens when more come than can be served.
"""

import random
from dataclasses import dataclass
from typing import Protocol

from lab_kit.core.errors import InvalidParameter


class Arrivals(Protocol):
    """A plan."""

    @property
    def rate_per_s(self) -> float:
        """Arrivals per second, on average."""
        ...

    @property
    def seconds(self) -> float:
        """Length of the plan."""
        ...

    def times_s(self) -> tuple[float, ...]:
        """When each request is due, from the plan's beginning, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Constant:
    """One arrival every 1 / ``rate_per_s``: what a timer does, and people never do."""

    rate_per_s: float
    seconds: float

    def __post_init__(self) -> None:
        _check(self.rate_per_s, self.seconds)

    def times_s(self) -> tuple[float, ...]:
        """See `Arrivals`."""
        count = int(self.rate_per_s * self.seconds + 1e-9)
        return tuple(n / self.rate_per_s for n in range(count))


@dataclass(frozen=True, slots=True)
class Poisson:
    """Independent arrivals: gaps are exponential, so some come in bunches.

    The same seed gives the same pattern, stretched, at every rate: what differs between two
    rates is then the rate.
    """

    rate_per_s: float
    seconds: float
    seed: int

    def __post_init__(self) -> None:
        _check(self.rate_per_s, self.seconds)

    def times_s(self) -> tuple[float, ...]:
        """See `Arrivals`."""
        source, times, at_s = random.Random(self.seed), [], 0.0
        while (at_s := at_s + source.expovariate(1.0) / self.rate_per_s) < self.seconds:
            times.append(at_s)
        return tuple(times)


def _check(rate_per_s: float, seconds: float) -> None:
    if not (rate_per_s > 0 and seconds > 0):
        raise InvalidParameter(
            f"{rate_per_s} arrivals per second for {seconds} s",
            "both more than 0",
            "pass rate_per_s and seconds above 0",
        )
