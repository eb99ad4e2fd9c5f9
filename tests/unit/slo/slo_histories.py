"""Made histories of two counters, a reading a minute, and who has to be told at their ends."""

from collections.abc import Sequence
from dataclasses import dataclass

from lab_kit.slo.burn import Count

HOUR = 60
DAY = 24 * HOUR
PER_MINUTE = 100
PAGE, TICKET, UNSEEN, LOW = "page", "ticket", "unseen", "low"


@dataclass(frozen=True)
class Phase:
    """So many minutes with so many bad events of a hundred each; ``restarts`` as it begins."""

    minutes: int
    bad: int
    events: int = PER_MINUTE
    restarts: bool = False


@dataclass(frozen=True)
class History:
    """Phases one after the other.

    Attributes:
        told: who is told at the end.
    """

    name: str
    phases: tuple[Phase, ...]
    told: frozenset[str]

    @property
    def counts(self) -> Sequence[Count]:
        good = total = 0.0
        found = [Count(0.0, good, total)]
        for phase in self.phases:
            if phase.restarts:
                good = total = 0.0
            for _ in range(phase.minutes):
                good += phase.events - phase.bad
                total += phase.events
                found.append(Count(60.0 * len(found), good, total))
        return found


def told(*who: str) -> frozenset[str]:
    return frozenset(who)


QUIET = Phase(12 * HOUR, 0)
HISTORIES = (
    History("healthy", (QUIET,), told()),
    # 14.4 times 1 % over an hour is reached after 43.2 minutes of 20 %
    History("fast burn, not yet", (QUIET, Phase(42, 20)), told(TICKET, LOW)),
    History("fast burn", (QUIET, Phase(48, 20)), told(PAGE, TICKET, LOW)),
    History("fast burn, over for 6 minutes", (QUIET, Phase(48, 20), Phase(6, 0)), told(TICKET)),
    # 8 % is under 14.4 %, and over 6 % over six hours
    History("steady burn", (Phase(DAY, 0), Phase(6 * HOUR, 8)), told(PAGE, TICKET)),
    History("slow burn", (Phase(DAY, 2),), told(TICKET)),
    History("within the budget", (Phase(DAY, 1, events=200),), told()),
    History("blip", (Phase(DAY, 0), Phase(3, 100), Phase(3, 0)), told()),
    History("no traffic", (QUIET, Phase(2 * HOUR, 0, events=0)), told(UNSEEN)),
    History("restart", (QUIET, Phase(30, 0, restarts=True)), told()),
    History(
        "fast burn with a restart",
        (QUIET, Phase(24, 20), Phase(24, 20, restarts=True)),
        told(PAGE, TICKET, LOW),
    ),
    # a reset is no loss: good and all begin again together
    History("restarts every hour", tuple(Phase(60, 0, restarts=True) for _ in range(9)), told()),
)
"""Lengths are multiples of six minutes, at which the rules are evaluated."""
