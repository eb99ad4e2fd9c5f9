"""Lab 13's exercises: events that count once, a stack of features priced, a dispute, a bug."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from lab_kit.course.exercises.exercise import Exercise
from lab_kit.course.outcome import Outcome, not_yet, passed
from lab_kit.experiments.metering.delivery import Event, Ship, Shipped, TooLong, event, shipped
from lab_kit.experiments.metering.dispute import Claim, Dispute
from lab_kit.experiments.metering.overcharged import CAUSES, Overcharged
from lab_kit.experiments.metering.stack import PRICED, stack_amounts, stack_mistakes

# -- 13.1 ----------------------------------------------------------------------------------------

_TODO = "write ship"


@dataclass(frozen=True, slots=True)
class _Case:
    """Events that one mistake counts wrongly."""

    events: tuple[Event, ...]
    rule: str

    @property
    def due_us(self) -> int:
        """What they bill, each once."""
        once = {(one["source"], one["id"]): one["billed_us"] for one in self.events}
        return sum(once.values())


_A = event("lab_kit/one", "s1:0", 2_000_000)
_B = event("lab_kit/one", "s1:1", 1_500_000)
_CASES = (
    _Case((_A, _B), "every event is billed"),
    _Case((_A, _B, _A), "an event that comes twice counts once"),
    _Case((_A, event("lab_kit/two", "s1:0", 700_000)), "an id is one source's: two may have it"),
    _Case(
        (_A, event("lab_kit/one", "s1:1", 2_000_000)),
        "two events may hold the same amount: what an event says is no name for it",
    ),
)


def judge_ship(answer: Any, _: object) -> Outcome:
    """13.1: a way of shipping, killed at each of its calls, before and after it takes effect."""
    if not callable(answer):
        return not_yet(f"{answer!r:.60}", "a function", _TODO)
    kills = 0
    try:
        for case in _CASES:
            whole = shipped(answer, case.events, None, is_after=False)
            wrong = _whole_wrong(case, whole)
            if wrong is not None:
                return wrong
        for case in _CASES:
            found = _killed_wrong(answer, case)
            if isinstance(found, Outcome):
                return found
            kills += found
    except TooLong as error:
        return not_yet(str(error), "a run that ends", "a loop in ship")
    return passed(
        f"Killed {kills} times, once at each call, before and after it took effect: each event was"
        " billed once.",
        "It is sent at least once and counted once: exactly once in effect.",
    )


def _whole_wrong(case: _Case, whole: Shipped) -> Outcome | None:
    """Without anybody killed."""
    if whole.calls == 0:
        return not_yet("no answer yet", _TODO, "the cell above")
    if whole.billed_us != case.due_us:
        seen = f"{whole.billed_us:,} µs billed, nobody was killed"
        return not_yet(seen, f"{case.due_us:,} µs: {case.rule}", f"events {_named(case.events)}")
    if whole.left:
        return not_yet(
            f"{whole.left} events that wait for ever",
            "a journal that forgets what is billed",
            "journal.forget was not called, or for fewer",
        )
    return None


def _killed_wrong(ship: Ship, case: _Case) -> Outcome | int:
    """Killed at each call; how often that was."""
    calls = shipped(ship, case.events, None, is_after=False).calls
    for at in range(calls):
        for is_after in (False, True):
            found = shipped(ship, case.events, at, is_after=is_after)
            moment = f"killed {'after' if is_after else 'before'} call {at + 1} took effect"
            if found.billed_us < case.due_us:
                seen = f"{case.due_us - found.billed_us:,} µs lost: {moment}"
                what = "the journal forgets only what is billed already"
                return not_yet(seen, what, f"events {_named(case.events)}")
            if found.billed_us > case.due_us:
                seen = f"{found.billed_us - case.due_us:,} µs twice: {moment}"
                what = "before each row is added, whether there is one of its name"
                return not_yet(seen, what, f"events {_named(case.events)}")
            if found.left:
                return not_yet(
                    f"{found.left} events that wait for ever: {moment}",
                    "a journal that forgets what is billed",
                    "journal.forget after a restart",
                )
    return 2 * calls


def _named(events: Sequence[Event]) -> str:
    return ", ".join(f"{one['source']} {one['id']}" for one in events)


# -- 13.2 ----------------------------------------------------------------------------------------


def judge_stack(answer: Any, _: object) -> Outcome:
    """13.2: what each of three prices comes to, held against the rules and against mistakes."""
    if not isinstance(answer, Mapping) or set(answer) != set(PRICED):
        return not_yet(f"{answer!r:.60}", f"a dict with {list(PRICED)}", "the table above")
    right = stack_amounts()
    for name in PRICED:
        amount = _amount(answer[name])
        if amount is None:
            seen = f"{name}: {answer[name]!r:.40}"
            return not_yet(seen, 'an amount as text, such as "1.40"', "floats are not exact")
        if amount != right[name]:
            return _stack_wrong(name, amount, right)
    whole = sum(right.values(), Decimal(0))
    return passed(
        f"{whole} USD in all: {', '.join(f'{name} {right[name]}' for name in PRICED)}.",
        "Three prices, each with its own rule for what it counts.",
    )


def _stack_wrong(name: str, amount: Decimal, right: Mapping[str, Decimal]) -> Outcome:
    if amount == sum(right.values(), Decimal(0)):
        return not_yet(f"{name}: {amount}", "each price's own amount, not the sum of all", name)
    for mistake in stack_mistakes():
        if amount == mistake.amounts[name] != right[name]:
            return not_yet(f"{name}: {amount}", mistake.what, "the prices above")
    if -amount.as_tuple().exponent > 2:  # type: ignore[operator]
        return not_yet(f"{name}: {amount}", "an amount that can be paid, in cents", name)
    return not_yet(f"{name}: {amount}", "units, times the price, once rounded", "the two tables")


# -- 13.3 ----------------------------------------------------------------------------------------

_NEAR_S = 0.0005


def judge_dispute(answer: Any, measured: object) -> Outcome:
    """13.3: seconds to credit for each claim, and what the line becomes less by."""
    if not isinstance(measured, Dispute):
        return not_yet("no dispute", "the four claims", 'check("13.3", settled, claims)')
    names = [one.name for one in measured.claims]
    if not isinstance(answer, Mapping) or set(answer) != {*names, "amount"}:
        return not_yet(f"{answer!r:.60}", f"a dict with {[*names, 'amount']}", "the claims above")
    for claim in measured.claims:
        wrong = _claim_wrong(claim, answer[claim.name])
        if wrong is not None:
            return wrong
    due = measured.amount({one.name: one.owed_us for one in measured.claims})
    amount = _amount(answer["amount"])
    if amount is None:
        return not_yet(f"amount {answer['amount']!r:.40}", 'text, such as "0.10"', "no float")
    if amount != due:
        seen = f"amount {amount}"
        return not_yet(
            seen,
            "the line as it is less the line as it should be, each rounded to cents",
            "whole seconds of each request, at 0.60 USD a minute",
        )
    return passed(
        f"A credit note over {due} USD; nothing in the ledger was changed.",
        *(f"{one.name}: {one.why}." for one in measured.claims),
    )


def _claim_wrong(claim: Claim, given: Any) -> Outcome | None:
    if not isinstance(given, int | float) or isinstance(given, bool):
        return not_yet(f"{claim.name}: {given!r:.40}", "seconds to credit, 0 for none", claim.said)
    owed_s = claim.owed_us / 1e6
    if abs(given - owed_s) <= _NEAR_S:
        return None
    seen, where = f"{claim.name}: {given:g} s", f'claims.evidence("{claim.name}")'
    counts_s = {side: us / 1e6 for side, us in claim.counts_us.items()}
    if owed_s == 0 and abs(given - (counts_s["ledger"] - counts_s["customer"])) <= _NEAR_S:
        return not_yet(seen, "what two of the three counts agree about", where)
    if owed_s == 0:
        return not_yet(seen, f"no credit: {claim.why}", where)
    if given == 0:
        return not_yet(seen, "a credit: the ledger stands alone against two counts", where)
    if abs(given - counts_s["ledger"]) <= _NEAR_S:
        return not_yet(seen, "what is too much, not the whole call", where)
    return not_yet(seen, "the ledger's seconds beyond what was sent, to a thousandth", where)


# -- 13.4 ----------------------------------------------------------------------------------------

_ASKED = {"tenant", "cause", "owed"}


def judge_overcharged(answer: Any, measured: object) -> Outcome:
    """13.4: whose invoice is too high, by what, and what is owed."""
    if not isinstance(measured, Overcharged):
        return not_yet("no invoices", "a month of them", 'check("13.4", found, sent)')
    if not isinstance(answer, Mapping) or set(answer) != _ASKED:
        return not_yet(f"{answer!r:.60}", f"a dict with {sorted(_ASKED)}", "sent.table")
    if answer["tenant"] not in measured.invoices:
        return not_yet(f"tenant {answer['tenant']!r:.40}", "one who was sent one", "sent.table")
    if answer["tenant"] != measured.too_high:
        seen = f"tenant {answer['tenant']}"
        return not_yet(
            seen,
            "the one whose priced seconds no rule of the price explains",
            "channels are priced each, and each request is rounded up to whole seconds",
        )
    if answer["cause"] not in CAUSES:
        return not_yet(f"cause {answer['cause']!r:.40}", f"one of {CAUSES}", "sent.events_s")
    if answer["cause"] != CAUSES[0]:
        seen = f"cause {answer['cause']!r}"
        return not_yet(seen, "a cause by which the priced seconds come out", "sent.events_s")
    sent = measured.invoices[measured.too_high].total
    amount = _amount(answer["owed"])
    if amount is None:
        return not_yet(f"owed {answer['owed']!r:.40}", 'text, such as "1.00"', "no float")
    if amount == sent:
        return not_yet(f"owed {amount}", "what should have been sent", "requests, not events")
    if amount != measured.owed:
        seen = f"owed {amount}"
        return not_yet(seen, "each request rounded up to whole seconds, 0.0060 USD a minute", seen)
    more = sent / measured.owed - 1
    return passed(
        f"{measured.too_high} was sent {sent} and owes {measured.owed}: {100 * more:.0f} % more.",
        "Each event was rounded up to a second, and its events hold between one and two.",
    )


def _amount(given: Any) -> Decimal | None:
    if not isinstance(given, str | Decimal):
        return None
    try:
        return Decimal(given)
    except InvalidOperation:
        return None


EXERCISES = (
    Exercise(
        "13.1",
        "Ship events so that each counts once",
        judge_ship,
        (
            "You may be killed between any two calls. Which of the two may then be done twice"
            " without harm: adding a row, or forgetting an event?",
            "Add first, forget last. Before you add, ask whether there is a row of that name; and"
            " by what is an event known, if two servers write?",
            "for event in journal.waiting(): name = (event['source'], event['id']); if not"
            " rows.has(name): rows.add(name, event); then journal.forget(1).",
        ),
    ),
    Exercise(
        "13.2",
        "Price a stack of features",
        judge_stack,
        (
            "Of which requests does each price count, and what of each of them?",
            "Round each request up to whole seconds first. Live sound counts each channel;"
            " redaction counts a request's seconds once, and only of those who asked for it.",
            "Live: (5 s × 2 channels × 1,000 + 2 s × 2,000) / 60 × 0.0060. Recorded: 64 s × 500 /"
            " 3,600 × 0.24. Redaction: (5 s × 1,000 + 64 s × 500) / 60 × 0.0020.",
        ),
    ),
    Exercise(
        "13.3",
        "Settle a dispute",
        judge_dispute,
        (
            "There are three counts, and none is made of another. Who stands alone?",
            "Where customer and log agree against the ledger, credit what the ledger has more."
            " Where log and ledger agree, it was sent. A call that was told is a call.",
            "B and D: 0. A and C: the ledger's sum less the log's, from claims.evidence. The"
            " amount: whole seconds of A and C now less those due, at 0.01 USD each.",
        ),
    ),
    Exercise(
        "13.4",
        "Find the bug that made one invoice too high",
        judge_overcharged,
        (
            "Which tenant's priced seconds are far above those used, and is there a rule of the"
            " price that says so?",
            "Two channels explain one of them, and short requests another. For the third, round"
            " each of its events up to a whole second, and add.",
            "blocks of events. Owed: the sum over sent.events_s['dictation'].values() of"
            " math.ceil(sum(seconds)), / 60 × 0.0060, rounded to cents.",
        ),
    ),
)
