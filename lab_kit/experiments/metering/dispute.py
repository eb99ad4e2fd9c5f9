"""Four customers who dispute a line: what each says, and three counts of what was so."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from lab_kit.core.table import Table
from lab_kit.experiments.metering.bill import PRICES
from lab_kit.experiments.metering.traffic import by_request, made_events
from lab_kit.metering.event import Quantities, UsageEvent
from lab_kit.metering.prices import SECOND
from lab_kit.metering.rating import RequestUsage, rated, total
from lab_kit.metering.reconciliation import Heard, Mark, from_events, from_marks

_TENANT = "dictation"
SIDES = ("customer", "inference log", "ledger")


@dataclass(frozen=True, slots=True)
class Claim:
    """What one customer says of one stream.

    Attributes:
        owed_us: the sound that has to be credited.
        why: that is so.
    """

    name: str
    said: str
    why: str
    customer: tuple[Heard, ...]
    log: tuple[Heard, ...]
    ledger: tuple[UsageEvent, ...]

    @property
    def counts_us(self) -> dict[str, int]:
        """The sound of the stream in each count."""
        given = (self.customer, self.log, from_events(self.ledger))
        return {
            side: sum(one.amount_us for one in heard)
            for side, heard in zip(SIDES, given, strict=True)
        }

    @property
    def owed_us(self) -> int:
        """The ledger's beyond what the server sent."""
        counts = self.counts_us
        return counts["ledger"] - counts["inference log"]


@dataclass(frozen=True, slots=True)
class Dispute:
    """All claims of a month."""

    claims: tuple[Claim, ...]

    def evidence(self, name: str) -> Table:
        """The pieces of a claim's stream in each count.

        Raises:
            KeyError: there is no such claim.
        """
        claim = {one.name: one for one in self.claims}[name]
        given = (claim.customer, claim.log, tuple(from_events(claim.ledger)))
        untils = sorted({one.until_us for heard in given for one in heard})
        rows = [
            (f"{until_us / SECOND:.3f}", *(_pieces(heard, until_us) for heard in given))
            for until_us in untils
        ]
        sums = ", ".join(f"{side} {us / SECOND:.3f} s" for side, us in claim.counts_us.items())
        head = ("until s", *(f"{side}, s" for side in SIDES))
        return Table("piece of sound", head, rows, (f"In all: {sums}.",))

    def amount(self, credited_us: dict[str, int]) -> Decimal:
        """By how much the line becomes less, if so much sound is credited."""
        before = [_request(one.ledger, 0) for one in self.claims]
        after = [_request(one.ledger, credited_us[one.name]) for one in self.claims]
        return total(rated(before, PRICES)) - total(rated(after, PRICES))


def dispute() -> Dispute:
    """Four claims about streams of a month that is made up."""
    events = [one for one in made_events(3_000, seed=13) if one.used.tenant == _TENANT]
    requests = by_request(events)[_TENANT]
    whole = [one.stream for one in requests if one.amount.billed_us > 40 * SECOND][:4]
    a, b, c, d = (sorted(_of(events, one), key=lambda each: each.until_us) for one in whole)
    larger = replace(a[1], amount=a[1].amount + Quantities(billed_us=12 * SECOND))
    again = replace(c[2], id=f"{c[2].id}-again", source="lab_kit/proxy")
    return Dispute(
        (
            _claim(
                "A",
                "You billed far more of this call than I have heard of.",
                "customer and log agree, and a quantity in the ledger is another one",
                a,
                [a[0], larger, *a[2:]],
            ),
            _claim(
                "B",
                "My program has half of this call. I will not pay for the other half.",
                "log and ledger agree: it was sent, and the customer's program stopped counting",
                b,
                b,
                heard=b[: len(b) // 2],
            ),
            _claim(
                "C",
                "A part of this call is billed twice.",
                "customer and log agree, and the ledger has a piece under two names",
                c,
                [*c[:3], again, *c[3:]],
            ),
            _claim(
                "D",
                "I called again because the line broke. The first call should be free.",
                "all three agree: what was told in the first call was told",
                d,
                d,
            ),
        )
    )


def _claim(
    name: str,
    said: str,
    why: str,
    sent: Sequence[UsageEvent],
    ledger: Sequence[UsageEvent],
    heard: Sequence[UsageEvent] | None = None,
) -> Claim:
    customer = _marks(sent if heard is None else heard)
    return Claim(name, said, why, customer, _marks(sent), tuple(ledger))


def _marks(events: Sequence[UsageEvent]) -> tuple[Heard, ...]:
    marks = [Mark(one.used.stream, _TENANT, one.time_us, one.until_us) for one in events]
    return tuple(from_marks(marks))


def _pieces(heard: Sequence[Heard], until_us: int) -> str:
    """All that end there, in the order in which they came."""
    lengths = [f"{one.amount_us / SECOND:.3f}" for one in heard if one.until_us == until_us]
    return " + ".join(lengths) or "-"


def _of(events: Sequence[UsageEvent], stream: str) -> list[UsageEvent]:
    return [one for one in events if one.used.stream == stream]


def _request(events: Sequence[UsageEvent], credited_us: int) -> RequestUsage:
    first = events[0]
    amount = sum((one.amount for one in events), Quantities())
    less = replace(amount, billed_us=amount.billed_us - credited_us)
    return RequestUsage(first.used.stream, first.time_us, first.used.kind, first.used.model, less)
