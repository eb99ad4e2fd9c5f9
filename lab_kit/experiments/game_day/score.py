"""What an incident took and what it cost: pure, from the times at which things were said and done.

All times run from the moment at which the fault was made, which only the scorer knows.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lab_kit.core.table import Table
from lab_kit.core.units import percent
from lab_kit.experiments.game_day.dashboard import CallSeen, Dashboard, Ending
from lab_kit.experiments.game_day.faults import RUNBOOKS, Action, Fault

HOLD_S = 3.0
"""A sign that has been away for so long is taken to be gone."""


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody took the fault for, and when."""

    at_s: float
    fault: Fault


@dataclass(frozen=True, slots=True)
class Done:
    """What somebody did, and when it had been done."""

    at_s: float
    action: Action


@dataclass(frozen=True)
class Incident:
    """One fault, from when it was made until it was over or time was up.

    Attributes:
        from_s, until_s: in seconds of the day.
        seen: every look at the dashboard meanwhile.
        calls: attempts that ended meanwhile.
        off_usd: charged beyond what was used, and not credited.
        budget_spent: of a month's budget of final delays.
    """

    fault: Fault
    from_s: float
    until_s: float
    said: tuple[Said, ...]
    done: tuple[Done, ...]
    seen: tuple[Dashboard, ...]
    calls: tuple[CallSeen, ...]
    off_usd: float
    budget_spent: float


@dataclass(frozen=True, slots=True)
class Score:
    """How it went; times in seconds from the fault, None where it did not happen.

    Attributes:
        detect_s: until somebody named the fault.
        contain_s: until its sign was gone, to stay away.
        resolve_s: until it was contained and mended.
        finals_lost: calls that were cut: something was said, and nothing came of it.
        turned_away: attempts that were refused, or found nobody.
        late: calls whose final came, and too late.
        wrong: things done that are not in the fault's runbook, and faults named that were not.
    """

    fault: Fault
    detect_s: float | None
    contain_s: float | None
    resolve_s: float | None
    finals_lost: int
    turned_away: int
    late: int
    off_usd: float
    budget_spent: float
    wrong: int


def score(incident: Incident) -> Score:
    """What an incident took and what it cost."""
    contain_s = _contained_s(incident)
    endings = Counter(one.ending for one in incident.calls)
    late = sum(one.ending is Ending.SERVED and not one.is_good for one in incident.calls)
    named = [one.at_s for one in incident.said if one.fault is incident.fault]
    return Score(
        incident.fault,
        named[0] - incident.from_s if named else None,
        None if contain_s is None else contain_s - incident.from_s,
        _resolved_s(incident, contain_s),
        endings[Ending.CUT],
        endings[Ending.REFUSED] + endings[Ending.UNREACHABLE],
        late,
        incident.off_usd,
        incident.budget_spent,
        _wrong(incident),
    )


def scores_table(scores: Sequence[Score]) -> Table:
    """A row for each incident."""
    rows = [
        (
            one.fault.value,
            *(_time(at_s) for at_s in (one.detect_s, one.contain_s, one.resolve_s)),
            str(one.finals_lost),
            str(one.turned_away),
            str(one.late),
            f"{one.off_usd:.2f}",
            percent(one.budget_spent, 2),
            str(one.wrong),
        )
        for one in scores
    ]
    head = (
        "",
        "detect s",
        "contain s",
        "resolve s",
        "lost",
        "away",
        "late",
        "off USD",
        "budget",
        "wrong",
    )
    note = "Lost: calls cut. Away: attempts turned away. Budget: of a month's final delays."
    return Table("incident", head, rows, (note,))


def _contained_s(incident: Incident) -> float | None:
    """When its sign was seen last, if it was gone for `HOLD_S` at the end."""
    signs_s = [one.at_s for one in incident.seen if one.shows(incident.fault)]
    contain = RUNBOOKS[incident.fault].contain
    acted_s = next((one.at_s for one in incident.done if one.action is contain), math.inf)
    gone_s = max([*signs_s, acted_s])
    return gone_s if incident.until_s - gone_s >= HOLD_S else None


def _resolved_s(incident: Incident, contain_s: float | None) -> float | None:
    if contain_s is None:
        return None
    mend = RUNBOOKS[incident.fault].mend
    if mend is None:
        return contain_s - incident.from_s
    mended = [one.at_s for one in incident.done if one.action is mend]
    return max(contain_s, mended[0]) - incident.from_s if mended else None


def _wrong(incident: Incident) -> int:
    runbook = RUNBOOKS[incident.fault]
    known = {runbook.contain, runbook.mend}
    named = sum(one.fault is not incident.fault for one in incident.said)
    return named + sum(one.action not in known for one in incident.done)


def _time(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.1f}"
