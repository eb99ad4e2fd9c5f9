"""The usage of several servers in one ledger, and an invoice for each tenant."""

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from lab_kit.core.errors import ServerFailed
from lab_kit.experiments.metering.one_stream import USAGE, written
from lab_kit.ledger.ledger import open_ledger
from lab_kit.ledger.shipping import SOURCE_FILE, Shipper
from lab_kit.metering.invoice import Invoice, read_invoice
from lab_kit.metering.period import Period
from lab_kit.metering.plans import Account
from lab_kit.metering.prices import MINUTE, SECOND, Measure, Price, PriceBook, PriceBooks, flat

PLANS = {"starter": "0.90", "scale": "0.60"}
"""USD a minute of each plan: a hundred times what people ask for, to be seen on a bill."""


def invoiced(states: Sequence[Path], plans: Mapping[str, str]) -> dict[str, Invoice]:
    """An invoice for each tenant, of all that servers have written down until now.

    Args:
        states: the folders of servers' state.
        plans: each tenant's, one of `PLANS`.

    Raises:
        ServerFailed: nothing was used yet.
    """
    folders = [state / USAGE for state in states]
    times_us = [event.time_us for folder in folders for event in written(folder)]
    if not times_us:
        raise ServerFailed("no usage", "some", "have somebody call, and ask again")
    period = Period(min(times_us), max(times_us) + 1)
    with (
        tempfile.TemporaryDirectory(prefix="lab-invoices-") as kept,
        closing(open_ledger(str(Path(kept) / "ledger.sqlite"))) as ledger,
    ):
        for folder in folders:
            with closing(Shipper(folder, ledger)) as shipper:
                shipper.ship()
        sources = [(folder / SOURCE_FILE).read_text() for folder in folders]
        ledger.close_period(period, without=sources)
        return {
            tenant: read_invoice(ledger.issue(Account(tenant, "USD"), period, _book(plan)))
            for tenant, plan in plans.items()
        }


def _book(plan: str) -> PriceBooks:
    price = Price("sound", Measure.BILLED, MINUTE, flat(PLANS[plan]), SECOND)
    return PriceBooks([PriceBook(plan, "USD", 0, (price,))])
