"""Lab 13's exercises: starter refused, plausible mistakes refused by name, solutions accepted."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from solutions import lab13 as solved

from lab_kit.course.checking import judge
from lab_kit.course.exercises import EXERCISES
from lab_kit.course.outcome import Outcome, Verdict
from lab_kit.experiments import metering
from lab_kit.experiments.metering.delivery import Journal, Rows


def judged(exercise: str, answer: object, measured: object = None) -> Outcome:
    return judge(EXERCISES[exercise], answer, measured)


def told(outcome: Outcome) -> str:
    return "\n".join(outcome.reasons)


# --- 13.1


def all_at_once(journal: Journal, rows: Rows) -> None:
    events = journal.waiting()
    for event in events:
        if not rows.has((event["source"], event["id"])):
            rows.add((event["source"], event["id"]), event)
    journal.forget(len(events))


@pytest.mark.parametrize("ship", [solved.ship, all_at_once])
def test_ways_that_count_once_are_accepted(ship: Callable[[Journal, Rows], None]) -> None:
    outcome = judged("13.1", ship)
    assert outcome.verdict is Verdict.PASS, told(outcome)
    assert "exactly once in effect" in told(outcome)


def forget_first(journal: Journal, rows: Rows) -> None:
    for event in journal.waiting():
        journal.forget(1)
        name = (event["source"], event["id"])
        if not rows.has(name):
            rows.add(name, event)


def never_ask(journal: Journal, rows: Rows) -> None:
    for event in journal.waiting():
        rows.add((event["source"], event["id"]), event)
        journal.forget(1)


def in_memory(journal: Journal, rows: Rows) -> None:
    seen = set()
    for event in journal.waiting():
        name = (event["source"], event["id"])
        if name not in seen:
            rows.add(name, event)
            seen.add(name)
        journal.forget(1)


def by_id(journal: Journal, rows: Rows) -> None:
    for event in journal.waiting():
        if not rows.has(event["id"]):
            rows.add(event["id"], event)
        journal.forget(1)


def by_content(journal: Journal, rows: Rows) -> None:
    for event in journal.waiting():
        name = (event["source"], event["tenant"], event["billed_us"])
        if not rows.has(name):
            rows.add(name, event)
        journal.forget(1)


def never_forget(journal: Journal, rows: Rows) -> None:
    for event in journal.waiting():
        name = (event["source"], event["id"])
        if not rows.has(name):
            rows.add(name, event)


def for_ever(journal: Journal, rows: Rows) -> None:
    while journal.waiting():
        pass


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (forget_first, "µs lost: killed"),
        (never_ask, "an event that comes twice counts once"),
        (in_memory, "µs twice: killed"),
        (by_id, "an id is one source's"),
        (by_content, "no name for it"),
        (never_forget, "wait for ever"),
        (for_ever, "a run that ends"),
        (lambda journal, rows: ..., "write ship"),
        (7, "a function"),
    ],
)
def test_a_wrong_way_of_shipping_is_refused_by_its_mistake(answer: Any, reason: str) -> None:
    outcome = judged("13.1", answer)
    assert outcome.verdict is Verdict.NOT_YET
    assert reason in told(outcome)


def test_a_way_that_raises_is_an_error() -> None:
    def broken(journal: Journal, rows: Rows) -> None:
        journal.waiting()[0]["no such field"]

    assert judged("13.1", broken).verdict is Verdict.ERROR


# --- 13.2


def test_a_priced_stack_is_accepted() -> None:
    outcome = judged("13.2", solved.stack)
    assert outcome.verdict is Verdict.PASS, told(outcome)
    assert "4.76 USD in all" in told(outcome)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"live sound": "1.10"}, "rounded up"),
        ({"live sound": "0.90"}, "each channel counts"),
        ({"live sound": "0.00"}, "rounded once"),
        ({"live sound": "4.76"}, "not the sum of all"),
        ({"live sound": 1.40}, "as text"),
        ({"live sound": "much"}, "as text"),
        ({"recorded sound": "2.12"}, "rounded up"),
        ({"recorded sound": "2.1333"}, "in cents"),
        ({"redaction": "1.40"}, "however many channels"),
        ({"redaction": "1.37"}, "only who asks for it"),
        ({"redaction": "9.99"}, "once rounded"),
        ({"more": "1"}, "a dict with"),
    ],
)
def test_a_wrong_price_is_refused_by_its_mistake(changed: dict[str, Any], reason: str) -> None:
    outcome = judged("13.2", {**solved.stack, **changed})
    assert outcome.verdict is Verdict.NOT_YET
    assert reason in told(outcome)


# --- 13.3

CLAIMS = metering.dispute()
SECONDS = {
    one.name: {side: us / 1e6 for side, us in one.counts_us.items()} for one in CLAIMS.claims
}


def test_a_settled_dispute_is_accepted() -> None:
    outcome = judged("13.3", solved.settled(CLAIMS), CLAIMS)
    assert outcome.verdict is Verdict.PASS, told(outcome)
    assert "A credit note over 0.13 USD" in told(outcome)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"A": 0}, "the ledger stands alone"),
        ({"A": SECONDS["A"]["ledger"]}, "not the whole call"),
        ({"A": 11.0}, "to a thousandth"),
        ({"B": SECONDS["B"]["ledger"] - SECONDS["B"]["customer"]}, "two of the three counts agree"),
        ({"C": 0}, "the ledger stands alone"),
        ({"D": SECONDS["D"]["ledger"]}, "what was told in the first call was told"),
        ({"D": "nothing"}, "seconds to credit"),
        ({"amount": "0.14"}, "each rounded to cents"),
        ({"amount": 0.13}, "text, such as"),
        ({"E": 0}, "a dict with"),
    ],
)
def test_a_wrong_credit_is_refused_by_its_mistake(changed: dict[str, Any], reason: str) -> None:
    outcome = judged("13.3", {**solved.settled(CLAIMS), **changed}, CLAIMS)
    assert outcome.verdict is Verdict.NOT_YET
    assert reason in told(outcome)


def test_the_lab_says_what_the_customers_say() -> None:
    lab = Path(__file__).parents[3] / "labs/13_usage_metering_and_billing.ipynb"
    text = lab.read_text("utf-8")
    assert all(f"| {one.name} | {one.said} |" in text for one in CLAIMS.claims)


def test_evidence_shows_what_was_done_to_the_ledger() -> None:
    rows = {name: CLAIMS.evidence(name).rows for name in "ABCD"}
    assert len([row for row in rows["A"] if row[1] == row[2] != row[3]]) == 1
    assert any(row[1] == "-" for row in rows["B"])
    assert len([row for row in rows["C"] if " + " in row[3]]) == 1
    assert all(row[1] == row[2] == row[3] for row in rows["D"])
    a = SECONDS["A"]
    assert (
        f"log {a['inference log']:.3f} s, ledger {a['ledger']:.3f} s" in CLAIMS.evidence("A").text
    )


# --- 13.4


@cache
def sent() -> metering.Overcharged:
    return metering.overcharged()


def test_the_bug_is_found() -> None:
    outcome = judged("13.4", solved.found(sent()), sent())
    assert outcome.verdict is Verdict.PASS, told(outcome)
    assert "dictation was sent 1.76 and owes 1.29: 36 % more." in told(outcome)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"tenant": "calls"}, "no rule of the price explains"),
        ({"tenant": "nobody"}, "one who was sent one"),
        ({"cause": "events counted twice"}, "come out"),
        ({"cause": "a bug"}, "one of"),
        ({"owed": "0.01"}, "each request rounded up"),
        ({"owed": 1.2}, "text, such as"),
        ({"more": 1}, "a dict with"),
    ],
)
def test_a_wrong_finding_of_the_bug_is_refused(changed: dict[str, Any], reason: str) -> None:
    outcome = judged("13.4", {**solved.found(sent()), **changed}, sent())
    assert outcome.verdict is Verdict.NOT_YET
    assert reason in told(outcome)


def test_what_was_sent_is_not_what_is_owed() -> None:
    total = str(sent().invoices["dictation"].total)
    outcome = judged("13.4", {**solved.found(sent()), "owed": total}, sent())
    assert "requests, not events" in told(outcome)


@pytest.mark.parametrize("exercise", ["13.3", "13.4"])
def test_no_measurement_of_lab_13_is_asked_for(exercise: str) -> None:
    outcome = judged(exercise, {"A": 0}, None)
    assert outcome.verdict is Verdict.NOT_YET
    assert f'check("{exercise}"' in told(outcome)
