"""Invoices: their lines, what comes late, credits, credit notes, and documents that stay."""

import random
from dataclasses import replace
from decimal import Decimal

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab_kit.core.errors import InvalidParameter
from lab_kit.metering.billing import charges, invoiced, requests_behind
from lab_kit.metering.event import Quantities
from lab_kit.metering.invoice import (
    Invoice,
    LineKind,
    credit_note,
    credit_note_document,
    invoice_document,
    read_credit_note,
    read_invoice,
)
from lab_kit.metering.period import DAY_US, Period
from lab_kit.metering.plans import Account, Credit, Plan
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
from lab_kit.metering.rating import RequestUsage

OCTOBER, NOVEMBER, DECEMBER = map(Period.month, ("2026-10", "2026-11", "2026-12"))
SOUND = Price(
    "sound",
    Measure.BILLED,
    MINUTE,
    (Tier(0, Decimal("0.60")), Tier(10 * MINUTE, Decimal("0.30"))),
    block=SECOND,
    minimum=15 * SECOND,
)
REDACTION = Price("redaction", Measure.BILLED, MINUTE, flat("0.12"), feature="redact")
BOOKS = PriceBooks(
    [
        PriceBook("lab", "USD", 0, (SOUND, REDACTION)),
        PriceBook("lab", "USD", DECEMBER.from_us, (SOUND,)),
    ]
)
PLAN = Plan("team", 0, fee=Decimal(30), commitment=Decimal(20), included=(("sound", MINUTE),))
ACME = Account("acme", "USD", (PLAN,))


def request(name: str, seconds: float, period: Period = NOVEMBER, **more: object) -> RequestUsage:
    amount = Quantities(billed_us=int(seconds * SECOND))
    return RequestUsage(name, period.from_us, "stream", "m", amount, **more)  # type: ignore[arg-type]


USAGE = [request("a", 600), request("b", 4), request("c", 600, features=("redact",))]


def first(account: Account = ACME, usage: list[RequestUsage] = USAGE) -> Invoice:
    return invoiced(account, NOVEMBER, {NOVEMBER: usage}, BOOKS)


def told(invoice: Invoice) -> list[str]:
    return [
        f"{'late ' if one.is_adjustment else ''}{one.kind} {one.name} {one.amount}"
        for one in invoice.lines
    ]


def test_an_invoice_has_fees_usage_and_what_a_commitment_lacks() -> None:
    invoice = first()
    assert told(invoice) == [
        "fee team 30.00",
        "usage sound 8.48",
        "usage redaction 1.20",
        "shortfall team 10.32",
    ]
    assert (invoice.number, invoice.total) == ("acme-20261101-20261201-1", Decimal("50.00"))
    sound = invoice.line(2)
    assert (sound.requests, sound.quantity, sound.units) == (3, 1_204 * SECOND, 1_215 * SECOND)
    assert [(one.units // SECOND, str(one.amount)) for one in sound.shares] == [
        (60, "0"),
        (615, "0.30"),
        (540, "0.60"),
    ]


def test_a_fee_is_a_share_by_days() -> None:
    begun = replace(PLAN, from_us=NOVEMBER.from_us + 20 * DAY_US + 5)
    fee = first(Account("acme", "USD", (begun,))).line(1)
    assert (fee.amount, fee.days, fee.of_days) == (Decimal("10.00"), 10, 30)


def test_a_document_is_read_as_it_was_written() -> None:
    invoice = first()
    document = invoice_document(invoice)
    assert read_invoice(document) == invoice
    assert orjson.loads(document)["total"] == "50.00"
    assert document == invoice_document(first(usage=list(reversed(USAGE))))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"total":"50.00"', b'"total":"49.00"'),
        (b'"amount":"8.48"', b'"amount":"8.47"'),
        (b'"currency":"USD",', b""),
        (b'"units":1215000000', b'"units":"x"'),
        (b'"rounding":"ROUND_HALF_UP"', b'"rounding":"ROUND_DEAR"'),
        (b"{", b"["),
    ],
)
def test_a_document_that_was_changed_is_refused(old: bytes, new: bytes) -> None:
    document = invoice_document(first())
    assert old in document
    with pytest.raises(InvalidParameter, match="a document"):
        read_invoice(document.replace(old, new, 1))


def test_what_comes_late_is_charged_by_the_next_invoice_and_only_once() -> None:
    november = first()
    late = [*USAGE, request("d", 900)]
    usage = {NOVEMBER: late, DECEMBER: [request("e", 60, DECEMBER)]}
    december = invoiced(ACME, DECEMBER, usage, BOOKS, [november])
    assert told(december) == [
        "fee team 30.00",
        "usage sound 0.00",
        "shortfall team 20.00",
        "late usage sound 4.50",
        "late shortfall team -4.50",
    ]
    late_line = december.line(4)
    assert (late_line.period, late_line.requests) == (NOVEMBER, 1)
    assert [(one.units // SECOND, str(one.amount)) for one in late_line.shares] == [(900, "0.30")]
    january = Period.month("2027-01")
    usage |= {january: []}
    assert "late" not in str(told(invoiced(ACME, january, usage, BOOKS, [november, december])))


def test_a_tenant_that_has_left_gets_what_came_late_on_a_further_invoice() -> None:
    usage = {NOVEMBER: [*USAGE, request("d", 3_600)]}
    again = invoiced(ACME, NOVEMBER, usage, BOOKS, [first()])
    assert again.number == "acme-20261101-20261201-2"
    assert told(again) == ["late usage sound 18.00", "late shortfall team -10.32"]


@st.composite
def some_usage(draw: st.DrawFn) -> list[RequestUsage]:
    seconds = draw(st.lists(st.integers(0, 2_000), max_size=12))
    features = st.sampled_from([(), ("redact",)])
    return [request(f"{n:02}", s, features=draw(features)) for n, s in enumerate(seconds)]


@settings(max_examples=300, deadline=None)
@given(some_usage(), st.integers(0, 12), st.integers(0, 12))
def test_late_or_not_all_of_a_period_is_charged_in_the_end(
    usage: list[RequestUsage], one: int, two: int
) -> None:
    """Whatever comes when, the lines for a period add up to those of an invoice that had it all."""
    parts = sorted((min(one, len(usage)), min(two, len(usage))))
    issued: list[Invoice] = []
    for period, there in zip(
        (NOVEMBER, DECEMBER, Period.month("2027-01")), (*parts, len(usage)), strict=True
    ):
        of = {invoice.period: [] for invoice in issued} | {period: []}
        issued.append(invoiced(ACME, period, of | {NOVEMBER: usage[:there]}, BOOKS, issued))
    charged: dict[tuple[str, str, int], list[int | Decimal]] = {}
    for invoice in issued:
        for line in invoice.lines:
            if line.period == NOVEMBER:
                so_far = charged.setdefault(line.what, [Decimal(0), 0, 0, 0])
                numbers = (line.amount, line.requests, line.quantity, line.units)
                charged[line.what] = [a + b for a, b in zip(so_far, numbers, strict=True)]
    whole = charges(ACME, NOVEMBER, usage, BOOKS)
    expected = {
        line.what: [line.amount, line.requests, line.quantity, line.units] for line in whole
    }
    assert {what: n for what, n in charged.items() if any(n)} == {
        what: n for what, n in expected.items() if any(n)
    }


@settings(max_examples=200, deadline=None)
@given(some_usage(), st.integers(0, 99))
def test_an_invoice_does_not_depend_on_order(usage: list[RequestUsage], seed: int) -> None:
    again = list(usage)
    random.Random(seed).shuffle(again)
    assert invoice_document(first(usage=again)) == invoice_document(first(usage=usage))


def test_credits_pay_what_they_have_left() -> None:
    given_ = Credit("welcome", Decimal(70), 0, DECEMBER.until_us)
    account = Account("acme", "USD", (PLAN,), (given_,))
    november = first(account)
    assert (told(november)[-1], november.total) == ("credit welcome -50.00", Decimal("0.00"))
    usage = {NOVEMBER: USAGE, DECEMBER: []}
    december = invoiced(account, DECEMBER, usage, BOOKS, [november])
    assert (told(december)[-1], december.total) == ("credit welcome -20.00", Decimal("30.00"))
    january = Period.month("2027-01")
    later = invoiced(account, january, usage | {january: []}, BOOKS, [november, december])
    assert later.total == Decimal("50.00")


def test_a_credit_note_refers_to_a_line_and_is_a_document_of_its_own() -> None:
    invoice = first()
    before = invoice_document(invoice)
    one = credit_note(invoice, 2, Decimal("8.00"), "counted twice", [])
    two = credit_note(invoice, 2, Decimal("0.48"), "the rest", [one])
    assert [one.number, two.number] == [f"{invoice.number}-C1", f"{invoice.number}-C2"]
    assert read_credit_note(credit_note_document(one)) == one
    assert invoice_document(invoice) == before
    with pytest.raises(InvalidParameter, match=r"at most the 0\.00 that are left"):
        credit_note(invoice, 2, Decimal("0.01"), "more", [one, two])


@pytest.mark.parametrize(
    ("line", "amount"), [(2, "9.00"), (2, "0"), (2, "-1"), (2, "0.001"), (9, "1.00"), (5, "1.00")]
)
def test_no_more_is_credited_than_was_charged(line: int, amount: str) -> None:
    given_ = Credit("welcome", Decimal(70), 0, DECEMBER.until_us)
    invoice = first(Account("acme", "USD", (PLAN,), (given_,)))
    assert invoice.line(5).kind is LineKind.CREDIT
    with pytest.raises(InvalidParameter):
        credit_note(invoice, line, Decimal(amount), "no", [])


def test_a_line_leads_to_its_requests() -> None:
    invoice = first()
    found = requests_behind(invoice.line(2), BOOKS, USAGE)
    assert [(one.stream, units // SECOND) for one, units in found] == [
        ("a", 600),
        ("b", 15),
        ("c", 600),
    ]
    (redacted,) = requests_behind(invoice.line(3), BOOKS, USAGE)
    assert redacted[0].stream == "c"
    with pytest.raises(InvalidParameter, match="a line for usage"):
        requests_behind(invoice.line(1), BOOKS, USAGE)


def test_a_line_is_not_explained_by_other_prices_or_usage() -> None:
    invoice = first()
    blocks = replace(SOUND, block=15 * SECOND)
    other = PriceBooks([PriceBook("lab", "USD", 0, (blocks, REDACTION))])
    for books, usage in ((other, [*USAGE[:1], request("b", 16), USAGE[2]]), (BOOKS, USAGE[:2])):
        with pytest.raises(InvalidParameter, match="that the invoice was made with"):
            requests_behind(invoice.line(2), books, usage)


def test_an_adjustment_leads_to_what_has_changed() -> None:
    november = first()
    late = [replace(USAGE[0], amount=Quantities(billed_us=660 * SECOND)), *USAGE[1:]]
    late.append(request("d", 3))
    december = invoiced(ACME, DECEMBER, {NOVEMBER: late, DECEMBER: []}, BOOKS, [november])
    line = next(one for one in december.lines if one.is_adjustment and one.name == "sound")
    found = requests_behind(line, BOOKS, late, USAGE)
    assert [(one.stream, units // SECOND) for one, units in found] == [("a", 60), ("d", 15)]
    assert sum(units for _, units in found) == line.units


def test_a_request_that_turns_out_to_have_begun_under_an_earlier_book_changes_both_lines() -> None:
    later = PriceBook("lab", "USD", NOVEMBER.from_us, (SOUND, REDACTION))
    books = PriceBooks([*BOOKS.books, later])
    before = [request("a", 60), request("b", 60)]
    now = [replace(before[0], first_us=NOVEMBER.from_us - 1), before[1]]
    november = invoiced(ACME, NOVEMBER, {NOVEMBER: before}, books)
    december = invoiced(ACME, DECEMBER, {NOVEMBER: now, DECEMBER: []}, books, [november])
    moved = {line.from_us: line for line in december.lines if line.kind is LineKind.USAGE}
    for from_us, sign in ((0, 1), (NOVEMBER.from_us, -1)):
        ((changed, units),) = requests_behind(moved[from_us], books, now, before)
        assert (changed.stream, units) == ("a", sign * 60 * SECOND)


def test_usage_that_is_not_given_is_not_taken_for_none() -> None:
    with pytest.raises(InvalidParameter, match="no usage of"):
        invoiced(ACME, DECEMBER, {DECEMBER: []}, BOOKS, [first()])


def test_prices_in_another_currency_are_refused() -> None:
    with pytest.raises(InvalidParameter, match="prices in USD"):
        invoiced(Account("acme", "EUR"), NOVEMBER, {NOVEMBER: []}, BOOKS)


def test_included_units_of_a_price_that_there_is_not_are_refused() -> None:
    misspelled = replace(PLAN, included=(("sounds", MINUTE),))
    with pytest.raises(InvalidParameter, match="included units of sounds"):
        first(Account("acme", "USD", (misspelled,)))
