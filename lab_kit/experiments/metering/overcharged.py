"""Invoices that were made with a mistake: the same events, prices and plans, and one is too high.

It is for readers to find. Nothing of it is used elsewhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from lab_kit.core.table import Table
from lab_kit.experiments.metering.traffic import NOVEMBER, by_request, gathered, made_events
from lab_kit.metering.billing import invoiced
from lab_kit.metering.event import UsageEvent
from lab_kit.metering.invoice import Invoice
from lab_kit.metering.period import Period
from lab_kit.metering.plans import Account
from lab_kit.metering.prices import SECOND, PriceBooks
from lab_kit.metering.rating import RequestUsage
from lab_kit.metering.schemes import HOUSE

CAUSES = (
    "blocks of events",
    "channels counted twice",
    "events counted twice",
    "tiers begun anew",
    "amounts rounded up",
)
"""What may be wrong with an invoice that is too high."""
_EVENTS = 20_000


@dataclass(frozen=True, slots=True)
class Overcharged:
    """A month's invoices as they were sent, and the events that they count.

    Attributes:
        events_s: of each tenant's live streams, by name, the seconds that each event bills.
        too_high: the tenant whose invoice is.
        owed: by that tenant, in all.
    """

    invoices: dict[str, Invoice]
    events_s: dict[str, dict[str, list[float]]]
    too_high: str
    owed: Decimal

    @property
    def table(self) -> Table:
        """A row for each line of each invoice, but for spoken text."""
        rows = [
            (
                tenant,
                line.name,
                f"{line.requests:,}",
                f"{line.quantity / SECOND:,.0f}",
                f"{line.units / SECOND:,.0f}",
                f"{line.amount}",
            )
            for tenant, invoice in self.invoices.items()
            for line in invoice.lines
            if "sound" in line.measure
        ]
        head = ("sent to", "for", "requests", "used s", "priced s", "USD")
        return Table("line", head, rows, left=2)


def overcharged() -> Overcharged:
    """A month in which one invoice is 36 % too high: always the same one, to the cent."""
    made = list(made_events(_EVENTS))
    sent, right = wrong_invoices(made, HOUSE.books), right_invoices(made, HOUSE.books)
    found: dict[str, dict[str, list[float]]] = {}
    for event in made:
        if event.used.kind == "stream":
            streams = found.setdefault(event.used.tenant, {})
            streams.setdefault(event.used.stream, []).append(event.amount.billed_us / SECOND)
    (tenant,) = [one for one in sent if sent[one].total != right[one].total]
    return Overcharged(sent, found, tenant, right[tenant].total)


def right_invoices(
    events: Iterable[UsageEvent], books: PriceBooks, period: Period = NOVEMBER
) -> dict[str, Invoice]:
    """What each tenant owes for some events of one period."""
    return _invoices(by_request(events), books, period)


def wrong_invoices(
    events: Iterable[UsageEvent], books: PriceBooks, period: Period = NOVEMBER
) -> dict[str, Invoice]:
    """What each was sent: blocks and minimums are those of events, and not of requests."""
    return _invoices(gathered((event, event.id) for event in events), books, period)


def _invoices(
    usage: dict[str, list[RequestUsage]], books: PriceBooks, period: Period
) -> dict[str, Invoice]:
    return {
        tenant: invoiced(Account(tenant, books.currency), period, {period: requests}, books)
        for tenant, requests in usage.items()
    }
