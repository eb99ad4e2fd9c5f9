"""A period that is billed from its sound on: calls, their events, a ledger, and an invoice.

The prices are a hundred times those that people ask for: a minute of sound is to be seen on an
invoice whose smallest amount is a cent. The events of one call are held back until the period has
been closed, as by a server whose shipper was away.
"""

import asyncio
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from lab_kit.core.errors import ServerFailed
from lab_kit.core.table import Table
from lab_kit.datasets import Clip
from lab_kit.experiments.metering.chain import Chain
from lab_kit.experiments.metering.counting import Told, call
from lab_kit.experiments.metering.one_stream import written
from lab_kit.ledger.ledger import Ledger, open_ledger
from lab_kit.ledger.shipping import SOURCE_FILE, Shipper
from lab_kit.metering.event import UsageEvent, cloud_event
from lab_kit.metering.invoice import CreditNote, Invoice, InvoiceLine, read_credit_note
from lab_kit.metering.period import Period
from lab_kit.metering.plans import Account
from lab_kit.metering.prices import MINUTE, SECOND, Measure, Price, PriceBook, PriceBooks, flat
from lab_kit.metering.rating import RequestUsage
from lab_kit.metering.reconciliation import Mark, read_marks

TENANT = "anybody"
"""Who calls without a key."""
PRICES = PriceBooks(
    [
        PriceBook(
            "classroom",
            "USD",
            0,
            (
                Price("live sound", Measure.BILLED, MINUTE, flat("0.60"), SECOND, 5 * SECOND),
                Price(
                    "interim results",
                    Measure.BILLED,
                    MINUTE,
                    flat("0.15"),
                    SECOND,
                    feature="interim_results",
                ),
            ),
        )
    ]
)
_REACH_S = 10.0
_SPEED = 4.0
_LEDGER = "ledger.sqlite"


@dataclass(frozen=True, slots=True)
class Unfolded:
    """A line of an invoice, led back to one request and its sound.

    Attributes:
        requests: that the line counts, each with its units, the largest first.
        clip: the sound of the first of them, or of the one that was asked for.
        events: of that one.
    """

    invoice: Invoice
    line: InvoiceLine
    requests: tuple[tuple[RequestUsage, int], ...]
    stream: str
    clip: Clip
    events: tuple[UsageEvent, ...]


@dataclass(slots=True)
class Bill:
    """A period of a ledger, its invoices, and who was told what.

    Attributes:
        period: from the first event to the last.
        told: by the callers' own count.
        log: by the server's inference log.
        clips: what each stream said.
        late: events that were held back.
    """

    ledger: Ledger
    period: Period
    told: tuple[Mark, ...]
    log: tuple[Mark, ...]
    clips: dict[str, Clip]
    late: tuple[UsageEvent, ...]
    _folder: Path
    _kept: tempfile.TemporaryDirectory[str] = field(repr=False)

    @property
    def where(self) -> str:
        """The ledger's file."""
        return str(self._folder / _LEDGER)

    def close(self) -> Invoice:
        """Close the period, and issue its invoice; a second time changes nothing."""
        self.ledger.close_period(self.period)
        self.ledger.issue(Account(TENANT, PRICES.currency), self.period, PRICES)
        return self.ledger.invoices(TENANT)[0].invoice

    def bring_late(self) -> Invoice:
        """Ship what was held back, and issue what it comes to: a further invoice."""
        if self._ship("late", self.late):
            self.ledger.issue_again(Account(TENANT, PRICES.currency), self.period, PRICES)
        return self.ledger.invoices(TENANT)[-1].invoice

    def credit(self, line: int, amount: str, reason: str) -> CreditNote:
        """Issue a credit note for a line of the first invoice.

        Asked again with the same line, amount and reason, it is the same note.

        Raises:
            InvalidParameter: so much is not left of it.
        """
        number = self.ledger.invoices(TENANT)[0].invoice.number
        for note in self.ledger.credit_notes(number):
            if (note.line, note.amount, note.reason) == (line, Decimal(amount), reason):
                return note
        return read_credit_note(self.ledger.credit(number, line, Decimal(amount), reason))

    def unfold(self, line: int = 1, request: int = 1) -> Unfolded:
        """Lead a line of the first invoice back to a request, its events and its sound.

        Args:
            request: which one, the one with most units first.

        Raises:
            InvalidParameter: there is no such line.
            IndexError: the line counts fewer requests.
        """
        invoice = self.ledger.invoices(TENANT)[0].invoice
        found, requests = self.ledger.requests_behind(invoice.number, line, PRICES)
        ordered = sorted(requests, key=lambda one: (-one[1], one[0].stream))
        stream = ordered[request - 1][0].stream
        events = tuple(self.ledger.events(stream))
        return Unfolded(invoice, found, tuple(ordered), stream, self.clips[stream], events)

    def events(self) -> list[UsageEvent]:
        """All that the ledger has of the period."""
        return self.ledger.sound_events(self.period)

    async def ship_first(self, events: Sequence[UsageEvent], source: str) -> None:
        """Ship all but what is late, and say until when all is there.

        Raises:
            ServerFailed: the ledger does not reach the period's end.
        """
        self._ship("first", events, source)
        deadline = time.monotonic() + _REACH_S
        while self.ledger.reached_us() < self.period.until_us:
            if time.monotonic() > deadline:
                raise ServerFailed("a ledger behind its period", "all of it", "run it again")
            await asyncio.sleep(0.1)
            self._ship("first", (), source)

    def _ship(self, name: str, events: Sequence[UsageEvent], source: str = "") -> int:
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        if source:
            (folder / SOURCE_FILE).write_text(source)
        if events:
            lines = b"".join(cloud_event(one) + b"\n" for one in events)
            (folder / f"{name}.jsonl").write_bytes(lines)
        shipper = Shipper(folder, self.ledger)
        try:
            return shipper.ship()
        finally:
            shipper.close()


async def billed(clips: Sequence[Clip]) -> Bill:
    """Have each clip called in, four times as fast as speech, and ship all but the last one's.

    Raises:
        ServerFailed: the server does not start.
    """
    kept = tempfile.TemporaryDirectory(prefix="lab-bill-")
    folder = Path(kept.name)
    log = folder / "sent.jsonl"
    chain = Chain(folder, more=("--inference-log", str(log)))
    await asyncio.to_thread(chain.start_server)
    told = Told()
    said: dict[str, Clip] = {}
    try:
        for clip in clips:
            assert chain.address is not None
            before = set(told.until_us)
            await call(chain.address, clip.pcm16, told, speed=_SPEED)
            (stream,) = told.until_us.keys() - before
            said[stream] = clip
    finally:
        await asyncio.to_thread(chain.stop_server)
    events = written(chain.usage)
    late = list(said)[-1]
    period = Period(events[0].time_us, events[-1].time_us + 1)
    bill = Bill(
        open_ledger(str(folder / _LEDGER)),
        period,
        tuple(told.marks),
        tuple(read_marks(log.read_bytes().splitlines())),
        said,
        tuple(one for one in events if one.used.stream == late),
        folder,
        kept,
    )
    first = [one for one in events if one.used.stream != late]
    await bill.ship_first(first, events[0].source)
    return bill


def invoice_table(*invoices: Invoice) -> Table:
    """A row for each line."""
    rows = [
        (
            f"{one.number.rpartition('-')[2]}.{line.number}",
            line.name + (", late" if line.is_adjustment else ""),
            str(line.requests),
            f"{line.quantity / SECOND:,.3f}",
            f"{line.units / SECOND:,.0f}",
            f"{line.amount} {one.currency}",
        )
        for one in invoices
        for line in one.lines
    ]
    notes = [f"Invoice {one.number}: {one.total} {one.currency}." for one in invoices]
    head = ("", "for", "requests", "used s", "priced s", "amount")
    return Table("line of an invoice", head, rows, notes, left=2)
