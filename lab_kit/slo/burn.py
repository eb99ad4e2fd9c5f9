"""Burn rates over counts: how fast an error budget is spent, and when somebody has to know.

A burn rate of 1 spends the budget in exactly its period. Each alert looks over two windows: the
long one tells that it matters, the short one that it is still going on. Rates, windows and
severities are those of Beyer et al., "The Site Reliability Workbook", 2018, chapter 5, and its
ticket at 3 is sloth's.

The same arithmetic is in the rules that `lab_kit.slo.rules` writes for Prometheus.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from lab_kit.slo.objective import PERIOD_DAYS, Objective

MINUTE_S, HOUR_S, DAY_S = 60.0, 3_600.0, 86_400.0
PERIOD_S = PERIOD_DAYS * DAY_S


class Severity(StrEnum):
    """Who is told: somebody now, or somebody in working hours."""

    PAGE = "page"
    TICKET = "ticket"


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time that ends now."""

    name: str
    seconds: float


M5, M30 = Window("5m", 5 * MINUTE_S), Window("30m", 30 * MINUTE_S)
H1, H2, H6 = Window("1h", HOUR_S), Window("2h", 2 * HOUR_S), Window("6h", 6 * HOUR_S)
D1, D3, D30 = Window("1d", DAY_S), Window("3d", 3 * DAY_S), Window("30d", PERIOD_S)
WINDOWS = (M5, M30, H1, H2, H6, D1, D3, D30)
"""Each is recorded; the last is the budget's own."""


@dataclass(frozen=True, slots=True)
class BurnAlert:
    """Told when the budget burns faster than ``rate`` over both windows."""

    severity: Severity
    rate: float
    long: Window
    short: Window

    @property
    def spends(self) -> float:
        """The share of the period's budget that is gone after the long window at this rate."""
        return self.rate * self.long.seconds / PERIOD_S


ALERTS = (
    BurnAlert(Severity.PAGE, 14.4, H1, M5),
    BurnAlert(Severity.PAGE, 6.0, H6, M30),
    BurnAlert(Severity.TICKET, 3.0, D1, H2),
    BurnAlert(Severity.TICKET, 1.0, D3, H6),
)


@dataclass(frozen=True, slots=True)
class Count:
    """What two counters said at a moment; they only grow, but for a restart, which begins at 0."""

    at_s: float
    good: float
    total: float


def grown(counts: Sequence[Count], until_s: float, window_s: float) -> tuple[float, float]:
    """Good and all events between the first and the last count of a window that ends then.

    A count that is lower than the one before tells of a restart: what it says is new.
    """
    inside = [one for one in counts if until_s - window_s < one.at_s <= until_s]
    good = sum(_step(before.good, after.good) for before, after in pairwise(inside))
    total = sum(_step(before.total, after.total) for before, after in pairwise(inside))
    return good, total


def error_ratio(counts: Sequence[Count], until_s: float, window_s: float) -> float | None:
    """The share of bad events in a window; None where there were none at all."""
    good, total = grown(counts, until_s, window_s)
    return (total - good) / total if total > 0 else None


def burn_rate(
    objective: Objective, counts: Sequence[Count], until_s: float, window_s: float
) -> float | None:
    """How fast the budget was spent in a window; None where nothing happened in it."""
    ratio = error_ratio(counts, until_s, window_s)
    return None if ratio is None else ratio / objective.budget


def firing(
    objective: Objective, counts: Sequence[Count], at_s: float, compression: float = 1.0
) -> tuple[BurnAlert, ...]:
    """The alerts that fire at a moment.

    Args:
        compression: by which all windows are shorter than they are named.
    """

    def burns(window: Window, rate: float) -> bool:
        found = burn_rate(objective, counts, at_s, window.seconds / compression)
        return found is not None and found > rate

    return tuple(
        alert for alert in ALERTS if all(burns(w, alert.rate) for w in (alert.long, alert.short))
    )


def budget_spent(
    objective: Objective, counts: Sequence[Count], until_s: float, compression: float = 1.0
) -> float:
    """The share of the period's budget that is gone, if events go on to come as often; 0 or more.

    The period is far longer than anybody has counted, so its events are taken from their rate.
    """
    if len(counts) < 2:
        return 0.0
    counted_s = until_s - counts[0].at_s
    good, total = grown(counts, until_s, PERIOD_S)
    if total <= 0 or counted_s <= 0:
        return 0.0
    allowed = objective.budget * total / counted_s * PERIOD_S / compression
    return (total - good) / allowed


def _step(before: float, after: float) -> float:
    return after - before if after >= before else after
