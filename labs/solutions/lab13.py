"""Lab 13's answers.

13.1: add, then forget; and ask before each row whether there is one of its source and id. Who is
killed between the two adds nothing the next time, and forgets then.

13.2: each request is rounded up by itself; channels count where the price says so; a feature is
charged beside the sound, of those who asked for it; the amount is rounded once.

13.3: two counts against one. What was told was told, whether the call broke or not.

13.4: blocks are a request's. Rounding up each event adds half a second to each of them.
"""

import math
from decimal import Decimal
from typing import Any

from lab_kit.experiments.metering import Dispute, Overcharged
from lab_kit.experiments.metering.delivery import Journal, Rows


def ship(journal: Journal, rows: Rows) -> None:
    """13.1."""
    for event in journal.waiting():
        name = (event["source"], event["id"])
        if not rows.has(name):
            rows.add(name, event)
        journal.forget(1)


# 13.2
stack = {"live sound": "1.40", "recorded sound": "2.13", "redaction": "1.23"}


def settled(claims: Dispute) -> dict[str, Any]:
    """13.3."""
    credits: dict[str, Any] = {"A": 0.0, "B": 0.0, "C": 0.0, "D": 0.0}
    seconds = 0
    for claim in claims.claims:
        counts = claim.counts_us
        if counts["customer"] == counts["inference log"]:
            credits[claim.name] = (counts["ledger"] - counts["inference log"]) / 1e6
        now, due = (math.ceil(counts[side] / 1e6) for side in ("ledger", "inference log"))
        seconds += now - due
    return {**credits, "amount": f"{Decimal(seconds) * Decimal('0.60') / 60:.2f}"}


def found(sent: Overcharged) -> dict[str, str]:
    """13.4."""
    requests = sent.events_s["dictation"].values()
    seconds = sum(math.ceil(round(sum(one), 6)) for one in requests)
    owed = Decimal(seconds) / 60 * Decimal("0.0060")
    return {"tenant": "dictation", "cause": "blocks of events", "owed": f"{owed:.2f}"}
