"""What lab 13 draws, by hand: the usual, nothing at all, too much, and what must not happen."""

from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from lab_kit.datasets import Clip, clip
from lab_kit.experiments.metering.bill import PRICES, Unfolded
from lab_kit.experiments.metering.killing import READ_S, Fault, Happened, Killed, Moment, Plan
from lab_kit.experiments.metering.margins import Margins, margins
from lab_kit.experiments.metering.one_stream import OneStream
from lab_kit.experiments.metering.prices import Bid, bids, live_requests, month
from lab_kit.ledger.ledger import Batch, open_ledger
from lab_kit.metering.event import Quantities, UsageEvent, Used, values_of
from lab_kit.metering.period import Period
from lab_kit.metering.plans import Account
from lab_kit.metering.reconciliation import Mark

SECOND = 1_000_000
BEGAN_US = 1_793_491_200_000_000
"""1 November 2026."""


def events_of(stream: str, *billed_us: int, submitted_us: int = 0) -> tuple[UsageEvent, ...]:
    """An event for each amount, and one for the end."""
    used = Used(stream, stream, "stream", "anybody", "", "scripted", 1, "")
    until_us, found = 0, []
    for number, us in enumerate((*billed_us, 0)):
        until_us += us
        amount = Quantities(submitted_us or us, us, us)
        name, time_us = f"{stream}:{number}", BEGAN_US + until_us
        code = "" if number < len(billed_us) else "1000"
        features = ("interim_results",)
        found.append(
            UsageEvent("lab_kit/a", name, time_us, used, amount, 1, features, until_us, code)
        )
    return tuple(found)


def stream_of(
    said: Clip, *billed_us: int, told_us: tuple[int, ...] | None = None, after_us: int = 900
) -> OneStream:
    """A stream whose caller read each message so much after its event was made."""
    events = events_of("0123456789ab", *billed_us)
    untils = [one.until_us for one in events] if told_us is None else told_us
    marks = tuple(Mark("0123456789ab", "anybody", BEGAN_US + us + after_us, us) for us in untils)
    return OneStream(said, events, marks)


CLIP = clip("two-cities-opening")
STREAMS = {
    "usual": stream_of(CLIP, 3_776_000, 1_640_000, 2_000_000, 1_234_000),
    "one event": stream_of(CLIP, 8_650_000),
    "many": stream_of(CLIP, *[100_000] * 86),
    "nothing told": stream_of(CLIP, told_us=()),
    "apart": stream_of(CLIP, 3_000_000, told_us=(4_000_000,)),
    "written after": stream_of(CLIP, 3_000_000, after_us=-50),
}

PLAN = Plan()


def moments_of(
    seconds: float, missing_us: int = 0, beyond_us: int = 0, waits_us: int = 3 * SECOND
) -> tuple[Moment, ...]:
    """As often as the ledger is read; at each third something waits. And the last."""
    found = []
    for number in range(int(seconds / READ_S)):
        told_us, waiting_us = number * 2 * SECOND, waits_us * (number % 3 == 0)
        waiting_us = min(waiting_us, told_us)
        found.append(Moment(number * READ_S, told_us, told_us - waiting_us, waiting_us, 0))
    told_us = found[-1].told_us if found else 0
    billed_us = told_us - missing_us + beyond_us
    return (*found, Moment(seconds, told_us, billed_us, missing_us, beyond_us))


HAPPENED = (
    Happened(Fault.SERVER, 4.0, 7.5),
    Happened(Fault.SHIPPER, 8.0, 8.1),
    Happened(Fault.TWICE, 11.0, 11.2, 120, 3),
    Happened(Fault.AWAY, 14.0, 18.0),
    Happened(Fault.SERVER, 20.0, 23.0),
)


def killed_of(plan: Plan = PLAN, beyond: int = 0, **moments: int) -> Killed:
    """A run that is over."""
    happened: tuple[Happened, ...] = HAPPENED
    if plan is not PLAN:
        happened = tuple(Happened(name, at_s, at_s + 0.5) for at_s, name in plan.faults)
    *before, last = moments_of(26.0, **moments)
    return Killed(plan, (*before, replace(last, happened=happened)), 68, 66, beyond)


KILLED = {
    "usual": killed_of(),
    "written and not told": killed_of(beyond=2, beyond_us=3_700_000),
    "something missing": killed_of(missing_us=1),
    "too much beyond": killed_of(beyond=99, beyond_us=99 * SECOND),
    "nobody told": Killed(PLAN, (Moment(0.0, 0, 0, 0, 0),), 0, 0, 0),
    "many faults": killed_of(
        replace(PLAN, faults=[(float(at), Fault.TWICE) for at in range(1, 24, 2)])
    ),
    "no faults": killed_of(replace(PLAN, faults=())),
}


def unfolded(*streams: tuple[int, ...], line: int = 1) -> Unfolded:
    """A ledger with these streams, billed."""
    named = [f"stream-{number:06d}" for number in range(len(streams))]
    events = [one for name, us in zip(named, streams, strict=True) for one in events_of(name, *us)]
    with (
        TemporaryDirectory(prefix="lab-billing-samples-") as folder,
        closing(open_ledger(str(Path(folder) / "ledger.sqlite"))) as ledger,
    ):
        ledger.take(Batch("a", 1, [values_of(one) for one in events]))
        period = Period(BEGAN_US, max(one.time_us for one in events) + 1)
        ledger.close_period(period)
        ledger.issue(Account("anybody", "USD"), period, PRICES)
        (issued,) = ledger.invoices("anybody")
        found, requests = ledger.requests_behind(issued.invoice.number, line, PRICES)
        ordered = tuple(sorted(requests, key=lambda one: -one[1]))
        stream = ordered[0][0].stream
        behind = tuple(ledger.events(stream))
        return Unfolded(issued.invoice, found, ordered, stream, CLIP, behind)


UNFOLDED = {
    "usual": unfolded((3_776_000, 1_640_000, 2_000_000), (2_010_000,), (8_190_000,)),
    "one request": unfolded((100_000,)),
    "many requests": unfolded(*[(3_000_000, 200_000)] * 12, line=2),
}

MONTH = month(4_000)
LIVE = live_requests(MONTH)
BIDS: dict[str, list[Bid]] = {
    "usual": bids(LIVE),
    "short": bids(live_requests(MONTH, "kiosk")),
    "nobody rounds": [Bid("a", Decimal(1), 10.0, 10.0, 0), Bid("b", Decimal(2), 10.0, 10.0, 0)],
    "free": [Bid("a", Decimal(0), 10.0, 10.0, 0), Bid("b", Decimal(0), 10.0, 20.0, 0)],
}
MARGINS: dict[str, Margins] = {
    "usual": margins(MONTH, 0.3),
    "busy": margins(MONTH, 1.0),
    "idle": margins(MONTH, 0.01),
}
