"""Invoices that are issued from a ledger, on both databases: once, from what was there."""

import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from usage_made import made_usage

from lab_kit.core.errors import InvalidParameter
from lab_kit.database.postgres import PostgresStore
from lab_kit.database.sqlite import SqliteStore
from lab_kit.database.tables import Tables
from lab_kit.ledger.forms import FORMS
from lab_kit.ledger.ledger import Batch, Ledger, open_ledger
from lab_kit.metering.event import UsageEvent, values_of
from lab_kit.metering.invoice import read_credit_note, read_invoice
from lab_kit.metering.period import Period
from lab_kit.metering.plans import Account, Plan
from lab_kit.metering.prices import (
    MINUTE,
    SECOND,
    Measure,
    Price,
    PriceBook,
    PriceBooks,
    Tier,
    flat,
)

NOVEMBER, DECEMBER = Period.month("2023-11"), Period.month("2023-12")
PRICES = (
    Price(
        "sound",
        Measure.BILLED,
        MINUTE,
        (Tier(0, Decimal("0.60")), Tier(MINUTE, Decimal("0.30"))),
        SECOND,
        15 * SECOND,
    ),
    Price("redaction", Measure.BILLED, MINUTE, flat("0.12"), feature="redact"),
)
BOOKS = PriceBooks([PriceBook("lab", "USD", 0, PRICES)])
ACCOUNT = Account("tenant-0", "USD", (Plan("team", 0, fee=Decimal(30)),))
EVENTS = made_usage(streams=20, each=10)


@pytest.fixture
def ledger(tmp_path: Path, database_url: str | None) -> Iterator[Ledger]:
    made = open_ledger(database_url or str(tmp_path / "ledger.sqlite"))
    yield made
    made.close()


def take(ledger: Ledger, events: list[UsageEvent]) -> None:
    ledger.take(Batch("a.jsonl", 0, [values_of(one) for one in events]))


def issued(ledger: Ledger, events: list[UsageEvent]) -> bytes:
    take(ledger, events)
    ledger.close_period(NOVEMBER)
    return ledger.issue(ACCOUNT, NOVEMBER, BOOKS)


def test_an_invoice_is_issued_once(ledger: Ledger) -> None:
    document = issued(ledger, EVENTS)
    take(ledger, [UsageEvent("b", e.id, e.time_us, e.used, e.amount) for e in EVENTS])
    other_prices = PriceBooks([PriceBook("lab", "USD", 0, PRICES[:1])])
    assert ledger.issue(ACCOUNT, NOVEMBER, other_prices) == document
    (one,) = ledger.invoices("tenant-0")
    assert (one.document, one.invoice) == (document, read_invoice(document))
    assert ledger.invoice(one.invoice.number) == one.invoice
    assert ledger.invoices("tenant-1") == []


def test_duplicates_and_orders_leave_the_same_invoice(ledger: Ledger, tmp_path: Path) -> None:
    document = issued(ledger, EVENTS)
    for seed in range(3):
        other = open_ledger(str(tmp_path / f"{seed}"))
        again = [*EVENTS, *random.Random(seed).sample(EVENTS, 60)]
        random.Random(seed).shuffle(again)
        for start in range(0, len(again), 37):
            take(other, again[start : start + 37])
        assert issued(other, []) == document
        other.close()


def test_a_period_that_is_open_is_not_invoiced(ledger: Ledger) -> None:
    take(ledger, EVENTS)
    with pytest.raises(InvalidParameter, match="which is open"):
        ledger.issue(ACCOUNT, NOVEMBER, BOOKS)


def test_what_comes_late_is_charged_once_and_leads_to_its_events(ledger: Ledger) -> None:
    mine = [one for one in EVENTS if one.used.tenant == "tenant-0"]
    late = mine[7::9]
    november = read_invoice(issued(ledger, [one for one in EVENTS if one not in late]))
    take(ledger, late)
    ledger.close_period(DECEMBER)
    december = read_invoice(ledger.issue(ACCOUNT, DECEMBER, BOOKS))
    adjusted = [one for one in december.lines if one.is_adjustment]
    assert sum(one.quantity for one in adjusted if one.name == "sound") == sum(
        one.amount.billed_us for one in late
    )
    whole_us = sum(one.amount.billed_us for one in mine)
    assert november.line(2).quantity + adjusted[0].quantity == whole_us
    line, requests = ledger.requests_behind(december.number, adjusted[0].number, BOOKS)
    assert line == adjusted[0]
    assert {one.stream for one, _ in requests} == {one.used.stream for one in late}
    assert sum(units for _, units in requests) == line.units
    events = [event for one, _ in requests for event in ledger.events(one.stream)]
    assert set(late) <= set(events)
    with pytest.raises(InvalidParameter, match="nothing late"):
        ledger.issue_again(ACCOUNT, DECEMBER, BOOKS)


def test_lines_lead_to_what_they_count(ledger: Ledger) -> None:
    invoice = read_invoice(issued(ledger, EVENTS))
    for number in (2, 3):
        line, requests = ledger.requests_behind(invoice.number, number, BOOKS)
        assert sum(units for _, units in requests) == line.units
        assert sum(one.amount.billed_us for one, _ in requests) == line.quantity
    take(ledger, [UsageEvent("b", e.id, e.time_us, e.used, e.amount) for e in EVENTS])
    assert ledger.requests_behind(invoice.number, 3, BOOKS) == (line, requests)


def test_a_further_invoice_has_what_came_late_alone(ledger: Ledger) -> None:
    with pytest.raises(InvalidParameter, match="issue its first"):
        ledger.issue_again(ACCOUNT, NOVEMBER, BOOKS)
    issued(ledger, EVENTS[: len(EVENTS) // 2])
    take(ledger, EVENTS)
    again = read_invoice(ledger.issue_again(ACCOUNT, NOVEMBER, BOOKS))
    assert again.number.endswith("-2")
    assert all(one.is_adjustment for one in again.lines)
    line, requests = ledger.requests_behind(again.number, 1, BOOKS)
    assert sum(units for _, units in requests) == line.units
    ledger.close_period(DECEMBER)
    december = read_invoice(ledger.issue(ACCOUNT, DECEMBER, BOOKS))
    assert [one.name for one in december.lines] == ["team"]


def test_credit_notes_are_added_and_change_nothing(ledger: Ledger) -> None:
    invoice = read_invoice(issued(ledger, EVENTS))
    amount = invoice.line(2).amount
    note = read_credit_note(ledger.credit(invoice.number, 2, amount, "a test"))
    assert ledger.credit_notes(invoice.number) == [note]
    assert ledger.invoice(invoice.number) == invoice
    with pytest.raises(InvalidParameter, match="that are left"):
        ledger.credit(invoice.number, 2, Decimal("0.01"), "again")
    with pytest.raises(InvalidParameter, match="the invoice nobody-1"):
        ledger.credit("nobody-1", 2, amount, "a test")


def test_a_ledger_of_before_has_its_events_and_can_issue(
    tmp_path: Path, database_url: str | None
) -> None:
    file = tmp_path / "ledger.sqlite"
    where = database_url or str(file)
    store = (
        SqliteStore(lambda: file, is_shared=True)
        if database_url is None
        else PostgresStore(database_url, is_shared=True)
    )
    old = Ledger(Tables(store, FORMS[:1]))
    take(old, EVENTS)
    old.close()
    new = open_ledger(where)
    new.close_period(NOVEMBER)
    invoice = read_invoice(new.issue(ACCOUNT, NOVEMBER, BOOKS))
    mine_us = sum(e.amount.billed_us for e in EVENTS if e.used.tenant == "tenant-0")
    assert invoice.line(2).quantity == mine_us
    new.close()
