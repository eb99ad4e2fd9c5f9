"""Invoices that were made with a mistake: the same events, prices and plans, and one is too high.

It is for readers to find. Nothing of it is used elsewhere.
"""

from collections.abc import Iterable

from lab_kit.experiments.metering.traffic import NOVEMBER, by_request, gathered
from lab_kit.metering.billing import invoiced
from lab_kit.metering.event import UsageEvent
from lab_kit.metering.invoice import Invoice
from lab_kit.metering.period import Period
from lab_kit.metering.plans import Account
from lab_kit.metering.prices import PriceBooks
from lab_kit.metering.rating import RequestUsage


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
