"""What was charged beyond what callers were told of: in money, and given back by a credit note.

The price is by the microsecond, without blocks and minimums, so that what was counted twice is what
was charged twice. An invoice is never changed: a credit note refers to its line.
"""

import time
from contextlib import closing
from decimal import Decimal

from lab_kit.core.clock import since_1970_us
from lab_kit.core.errors import ServerFailed
from lab_kit.experiments.metering.bill import TENANT
from lab_kit.ledger.ledger import Ledger, open_ledger
from lab_kit.metering.invoice import CreditNote, read_credit_note
from lab_kit.metering.period import Period
from lab_kit.metering.plans import Account
from lab_kit.metering.prices import MINUTE, Measure, Price, PriceBook, PriceBooks, flat
from lab_kit.metering.rating import rounded

A_MINUTE = "6.00"
"""USD: a thousand times what people ask for, so that a minute of sound is to be seen on a bill."""
BY_SOUND = PriceBooks(
    [PriceBook("by sound", "USD", 0, (Price("sound", Measure.BILLED, MINUTE, flat(A_MINUTE)),))]
)
_REACH_S = 15.0


def usd(sound_us: int) -> Decimal:
    """What so much sound is charged, to the cent."""
    return rounded(Decimal(A_MINUTE) * sound_us / MINUTE, "USD")


def credit_sound(where: str, from_us: int, sound_us: int, reason: str) -> CreditNote | None:
    """Invoice what was used from then until now, and give back what so much of it was charged.

    Args:
        where: the ledger; see `open_ledger`.
        from_us: since 1970; after all periods that are closed.

    Returns:
        The note; None if there was nothing to be given back.

    Raises:
        ServerFailed: the usage of the time has not been shipped, for long.
        InvalidParameter: so much was not charged.
    """
    with closing(open_ledger(where)) as ledger:
        period = Period(from_us, _reached_us(ledger))
        ledger.close_period(period)
        ledger.issue(Account(TENANT, BY_SOUND.currency), period, BY_SOUND)
        amount = usd(sound_us)
        if amount <= 0:
            return None
        number = ledger.invoices(TENANT)[-1].invoice.number
        return read_credit_note(ledger.credit(number, 1, amount, reason))


def _reached_us(ledger: Ledger) -> int:
    """Now, once all usage until then has been shipped."""
    until_us, deadline_s = since_1970_us(), time.monotonic() + _REACH_S
    while ledger.reached_us() < until_us:
        if time.monotonic() > deadline_s:
            raise ServerFailed("usage that is not shipped", "all of it", "see who ships it")
        time.sleep(0.1)
    return until_us
