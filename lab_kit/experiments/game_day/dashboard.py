"""What somebody on call can see, and the signs in it: pure, from what was counted.

A dashboard looks back over `OVER_S`. It knows nothing of what was broken.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from lab_kit.core.table import Table
from lab_kit.core.units import ms, percent
from lab_kit.experiments.game_day.faults import Fault
from lab_kit.measure.percentiles import percentile

OVER_S = 5.0
"""A handful of calls of each caller."""
WORSE_WER = 0.02
"""A canary whose word error rate is so much above production's is rolled back; the book behind this
course has this figure, and that of the delays."""
WORSE_P95_S = 0.05
LEAST_WORDS = 10
"""Of a version, before its word error rate says anything."""
MEMORY_SHARE = 0.9
DRIFT_S = 0.12
"""Of the median: far beyond what calls differ by, and far below what an objective notices."""
LATE_S = 0.8
"""Of the objective ``final-delay``."""


class Ending(StrEnum):
    """How an attempt to call ended."""

    SERVED = "served"
    REFUSED = "refused"
    CUT = "cut"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class CallSeen:
    """One attempt of a caller whose words are known.

    Attributes:
        began_s, at_s: when it began and ended, in seconds of the day.
        stream: the server's name for it; empty if there was none.
        version: that answered; empty if none did.
        final_delay_s: infinite if no final came.
        errors, words: of what was heard, against what was said.
    """

    began_s: float
    at_s: float
    ending: Ending
    stream: str = ""
    version: str = ""
    final_delay_s: float = math.inf
    errors: int = 0
    words: int = 0

    @property
    def is_good(self) -> bool:
        """Whether its final came in time."""
        return self.final_delay_s <= LATE_S


@dataclass(frozen=True, slots=True)
class Gauges:
    """What is looked at rather than counted.

    Attributes:
        is_ready: whether the server answers that it is.
        starts_s: when the server was started, each time.
        memory_share: of what all processes together may have.
        largest: processes by name, with their bytes.
        off_s: sound in the ledger beyond what callers were told, of streams that ended lately;
            negative where some is missing.
    """

    is_ready: bool = True
    starts_s: tuple[float, ...] = ()
    memory_share: float = 0.0
    largest: dict[str, int] = field(default_factory=dict)
    off_s: float = 0.0


@dataclass(frozen=True, slots=True)
class VersionSeen:
    """What the callers of a version heard."""

    version: str
    words: int
    word_error_rate: float
    p95_s: float


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A look at the service.

    Attributes:
        calls: attempts that ended within the last `OVER_S`.
        usual_s: the median of final delays before anything broke.
        is_paging: whether the budget of final delays burns fast enough for a page.
    """

    at_s: float
    callers: int
    calls: tuple[CallSeen, ...]
    gauges: Gauges
    usual_s: float
    is_paging: bool

    @property
    def attempts_per_s(self) -> float:
        """That ended, a second."""
        return len(self.calls) / OVER_S

    def ended(self, ending: Ending) -> int:
        """Attempts that ended so."""
        return sum(one.ending is ending for one in self.calls)

    def final_delay_s(self, share: float) -> float | None:
        """A percentile of the calls that had a final; None if there were none."""
        known = [one.final_delay_s for one in self.calls if math.isfinite(one.final_delay_s)]
        return percentile(known, share) if known else None

    @property
    def versions(self) -> list[VersionSeen]:
        """Those that answered, in order."""
        names = sorted({one.version for one in self.calls if one.version and one.words})
        return [self._version(name) for name in names]

    @property
    def lately_started(self) -> int:
        """Starts of the server within the last `OVER_S`."""
        return sum(self.at_s - OVER_S < at_s <= self.at_s for at_s in self.gauges.starts_s)

    def shows(self, fault: Fault) -> bool:
        """Whether the sign of a fault is there, as its runbook words it."""
        return {
            Fault.BAD_VERSION: _has_bad_version,
            Fault.CASCADE: _has_cascade,
            Fault.MEMORY: _has_no_memory,
            Fault.STARTS: _starts_again_and_again,
            Fault.BILLING: _has_discrepancy,
            Fault.DRIFT: _has_drifted,
        }[fault](self)

    @property
    def table(self) -> Table:
        """A row for each figure."""
        median_s, p95_s = (self.final_delay_s(share) for share in (0.5, 0.95))
        rows = [
            ("attempts to call, a second", f"{self.attempts_per_s:.1f}"),
            *((f"of them {one}", str(self.ended(one))) for one in Ending),
            ("final delay p50, ms (before)", f"{_ms(median_s)} ({_ms(self.usual_s)})"),
            ("final delay p95, ms", _ms(p95_s)),
            *(
                (f"version {one.version}: wrong words, p95", _version_cell(one))
                for one in self.versions
            ),
            ("server ready", "yes" if self.gauges.is_ready else "no"),
            ("starts of it lately", str(self.lately_started)),
            ("memory of what is allowed", percent(self.gauges.memory_share)),
            *(
                (f"memory of {name}, MiB", f"{size / 2**20:,.0f}")
                for name, size in self.gauges.largest.items()
            ),
            ("billed beyond what was told, s", f"{self.gauges.off_s:+.3f}"),
            ("page", "yes" if self.is_paging else "no"),
        ]
        note = f"Looks back over {OVER_S:g} s, from {self.at_s:.1f} s of the day."
        return Table("figure", ("", "now"), rows, (note,))

    def _version(self, name: str) -> VersionSeen:
        mine = [one for one in self.calls if one.version == name and one.words]
        words = sum(one.words for one in mine)
        delays_s = [one.final_delay_s for one in mine]
        return VersionSeen(
            name, words, sum(one.errors for one in mine) / words, percentile(delays_s, 0.95)
        )


def usual_delay_s(calls: Sequence[CallSeen]) -> float:
    """The median of the final delays of calls that had one; 0 if none had."""
    known = [one.final_delay_s for one in calls if math.isfinite(one.final_delay_s)]
    return percentile(known, 0.5) if known else 0.0


def _has_bad_version(seen: Dashboard) -> bool:
    """The newest version against the one that answers beside it."""
    known = [one for one in seen.versions if one.words >= LEAST_WORDS]
    if len(known) < 2:
        return False
    *_, production, canary = sorted(known, key=lambda one: int(one.version))
    return canary.word_error_rate > production.word_error_rate + WORSE_WER


def _has_cascade(seen: Dashboard) -> bool:
    """As many lines are lost, or calls refused, as there are callers, and the server is well."""
    return (
        seen.ended(Ending.CUT) + seen.ended(Ending.REFUSED) >= seen.callers
        and seen.gauges.is_ready
        and not seen.lately_started
    )


def _has_no_memory(seen: Dashboard) -> bool:
    return seen.gauges.memory_share > MEMORY_SHARE


def _starts_again_and_again(seen: Dashboard) -> bool:
    return seen.lately_started > 1


def _has_discrepancy(seen: Dashboard) -> bool:
    """Any: counts are compared to the microsecond."""
    return abs(seen.gauges.off_s) > 1e-6


def _has_drifted(seen: Dashboard) -> bool:
    median_s = seen.final_delay_s(0.5)
    return median_s is not None and median_s > seen.usual_s + DRIFT_S


def _ms(seconds: float | None) -> str:
    return "-" if seconds is None else f"{ms(seconds):,.0f}"


def _version_cell(one: VersionSeen) -> str:
    return f"{percent(one.word_error_rate)} of {one.words}, {_ms(one.p95_s)} ms"
