"""Three counts of one period's sound, and what becomes visible when one of them is changed."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from lab_kit.core.errors import InvalidParameter
from lab_kit.core.table import Table
from lab_kit.experiments.metering.bill import Bill
from lab_kit.metering.event import Quantities, UsageEvent
from lab_kit.metering.period import HOUR_US
from lab_kit.metering.prices import SECOND
from lab_kit.metering.reconciliation import (
    Reconciliation,
    Side,
    from_events,
    from_marks,
    reconcile,
)

Events = Sequence[UsageEvent]


def _of_one_stream(change: Callable[[Events], Events]) -> Callable[[Events], Events]:
    """A change to the events of one stream, and to no others'."""

    def changed(events: Events) -> Events:
        streams = sorted({one.used.stream for one in events})
        chosen = random.Random(len(events)).choice(streams)
        mine = [one for one in events if one.used.stream == chosen]
        return [*(one for one in events if one.used.stream != chosen), *change(mine)]

    return changed


def _with_a_second_more(event: UsageEvent) -> UsageEvent:
    return replace(event, amount=event.amount + Quantities(billed_us=SECOND))


SABOTAGE: dict[str, Callable[[Events], Events]] = {
    "nothing": lambda events: events,
    "lose an event": _of_one_stream(lambda mine: mine[1:]),
    "count one twice": _of_one_stream(lambda mine: [*mine, mine[0]]),
    "add a second": _of_one_stream(lambda mine: [_with_a_second_more(mine[0]), *mine[1:]]),
    "lose the end": _of_one_stream(lambda mine: mine[:-1]),
    "lose a stream": _of_one_stream(lambda mine: ()),
    "charge another": _of_one_stream(
        lambda mine: [replace(one, used=replace(one.used, tenant="acme")) for one in mine]
    ),
    "move an hour": _of_one_stream(
        lambda mine: [replace(mine[0], time_us=mine[0].time_us + HOUR_US), *mine[1:]]
    ),
}
"""What a reader may do to the ledger's events, always those of one stream."""


def compared(bill: Bill, sabotage: str = "nothing") -> Reconciliation:
    """Callers, inference log and ledger, the ledger's events changed before.

    Raises:
        InvalidParameter: a change that is not known.
    """
    if sabotage not in SABOTAGE:
        raise InvalidParameter(f"{sabotage!r}", f"one of {', '.join(SABOTAGE)}", "choose one")
    events = SABOTAGE[sabotage](bill.events())
    return reconcile(from_marks(bill.told), from_marks(bill.log), from_events(events))


def compared_table(found: Reconciliation, changed: Reconciliation | None = None) -> Table:
    """A row for each tenant and hour, and beneath what explains a difference.

    Args:
        changed: the same, after somebody had changed the ledger.
    """
    rows, notes = _rows(found, ""), _notes(found)
    if changed is not None:
        rows += _rows(changed, ", changed")
        notes = [f"As it was: {' '.join(notes)}", f"Changed: {' '.join(_notes(changed))}"]
    head = ("", *(f"{side} µs" for side in Side), "apart µs", "unexplained µs")
    return Table("tenant and hour", head, rows, notes)


def _rows(found: Reconciliation, what: str) -> list[tuple[str, ...]]:
    return [
        (
            f"{row.tenant}{what}",
            *(f"{row.counts_us[side]:,}" for side in Side),
            f"{max(row.counts_us.values()) - min(row.counts_us.values()):,}",
            f"{row.unexplained_us:,}",
        )
        for row in found.rows
    ]


def _notes(found: Reconciliation) -> list[str]:
    notes = [
        f"{one.side}: {one.cause} (stream …{one.stream[-6:]}), {one.total_us:+,} µs."
        for one in found.findings
    ]
    return notes or ["No count differs from another."]
