"""What an objective's alerts are, as a table; and the rules of all objectives, as they are kept."""

from lab_kit.core.table import Table
from lab_kit.core.units import percent
from lab_kit.experiments.objectives.shipped import objectives
from lab_kit.slo.burn import ALERTS
from lab_kit.slo.objective import Objective
from lab_kit.slo.rules import rtf_group, write_rules


def alerts_table(objective: Objective) -> Table:
    """Each alert: how bad it has to be, over which windows, and what is gone by then."""
    rows = [
        (
            one.severity.value,
            f"{one.rate:g}x",
            one.long.name,
            one.short.name,
            percent(one.rate * objective.budget, 1),
            percent(one.spends),
        )
        for one in ALERTS
    ]
    head = ("who is told", "burn rate", "long", "short", "bad events", "of the budget gone")
    return Table("alert", head, rows, (f"{objective.description}",))


def rules_text(compression: float = 1.0) -> str:
    """The rules of all shipped objectives, and of the RTF that alerts."""
    return write_rules(tuple(objectives().values()), compression, [rtf_group(compression)])
