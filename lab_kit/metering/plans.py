"""What a tenant has agreed to beside prices: a fee, a commitment, included units, and credits.

Fees, commitments and included units are a calendar month's, in UTC. Of a month in which a plan
begins or ends, it has a share by days: each day belongs whole to the plan that holds at its end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from lab_kit.core.clock import rfc3339
from lab_kit.core.errors import InvalidParameter
from lab_kit.metering.period import DAY_US, Period
from lab_kit.metering.prices import MINOR_DIGITS, check_amount
from lab_kit.metering.rating import EXACT, Rounding, rounded


@dataclass(frozen=True, slots=True)
class Plan:
    """What holds from some moment on, until the next plan.

    Attributes:
        fee: a month, whatever is used.
        commitment: what usage comes to in a month at least; what it lacks is charged.
        included: units a month that cost nothing, by the names of their prices.
    """

    name: str
    from_us: int
    fee: Decimal = Decimal(0)
    commitment: Decimal = Decimal(0)
    included: tuple[tuple[str, int], ...] = ()

    def __post_init__(self) -> None:
        check_amount(self.fee, f"the fee of {self.name}")
        check_amount(self.commitment, f"the commitment of {self.name}")
        names = [name for name, _ in self.included]
        if len(set(names)) < len(names) or any(units < 0 for _, units in self.included):
            raise InvalidParameter(
                f"included units {self.included}", "each price once, 0 or more", "mend the plan"
            )


@dataclass(frozen=True, slots=True)
class Credit:
    """An amount that pays what invoices come to, until it is used up or has expired.

    Attributes:
        from_us, expires_us: it pays for periods that share some time with these.
    """

    name: str
    amount: Decimal
    from_us: int
    expires_us: int

    def __post_init__(self) -> None:
        check_amount(self.amount, f"the credit {self.name}")
        Period(self.from_us, self.expires_us)

    def pays_for(self, period: Period) -> bool:
        """Whether it does."""
        return self.from_us < period.until_us and period.from_us < self.expires_us


@dataclass(frozen=True, slots=True)
class Account:
    """All that a tenant has agreed to.

    Attributes:
        until_us: when the last plan ended; None while it holds.

    Raises:
        InvalidParameter: a currency that is not known, two plans from one moment, or two credits
            of one name.
    """

    tenant: str
    currency: str
    plans: tuple[Plan, ...] = ()
    credits: tuple[Credit, ...] = ()
    until_us: int | None = None

    def __post_init__(self) -> None:
        if self.currency not in MINOR_DIGITS:
            raise InvalidParameter(
                f"the currency {self.currency}", ", ".join(MINOR_DIGITS), "choose one of these"
            )
        moments = [plan.from_us for plan in self.plans]
        names = [credit.name for credit in self.credits]
        if len(set(moments)) < len(moments) or len(set(names)) < len(names):
            raise InvalidParameter(
                f"plans from {moments}, credits {names}",
                "each moment and each name once",
                "remove the others",
            )

    def plan_at(self, time_us: int) -> Plan | None:
        """Which plan holds then, if any."""
        if self.until_us is not None and time_us >= self.until_us:
            return None
        begun = [plan for plan in self.plans if plan.from_us <= time_us]
        return max(begun, key=lambda plan: plan.from_us, default=None)


@dataclass(frozen=True, slots=True)
class PlanShare:
    """How many days of a period are a plan's, of how many its month has."""

    plan: Plan
    days: int
    of_days: int

    def of(self, amount: Decimal) -> Decimal:
        """Of what a whole month has, not rounded."""
        return EXACT.divide(EXACT.multiply(amount, Decimal(self.days)), Decimal(self.of_days))


def month_of(period: Period) -> Period:
    """The month that a period lies in.

    Raises:
        InvalidParameter: it lies in more than one.
    """
    month = Period.month(rfc3339(period.from_us)[:7])
    if period.until_us > month.until_us:
        raise InvalidParameter(
            f"{period}", "a period inside one month", "bill each month by itself"
        )
    return month


def plan_shares(account: Account, period: Period) -> list[PlanShare]:
    """Which plans hold in a period, for how many days each, in their order.

    Raises:
        InvalidParameter: the period lies in more than one month.
    """
    of_days = len(month_of(period).days)
    days: dict[int, int] = {}
    for begins_us in period.days:
        plan = account.plan_at(begins_us + DAY_US - 1)
        if plan is not None:
            days[plan.from_us] = days.get(plan.from_us, 0) + 1
    plans = sorted(account.plans, key=lambda plan: plan.from_us)
    return [PlanShare(plan, days[plan.from_us], of_days) for plan in plans if plan.from_us in days]


def included_units(shares: Sequence[PlanShare]) -> dict[str, int]:
    """Units that cost nothing, by the names of their prices; parts of a unit are left out."""
    found: dict[str, int] = {}
    for share in shares:
        for name, units in share.plan.included:
            found[name] = found.get(name, 0) + units * share.days // share.of_days
    return found


def commitment_of(shares: Sequence[PlanShare], currency: str, rounding: Rounding) -> Decimal:
    """What usage comes to at least in a period."""
    parts = (share.of(share.plan.commitment) for share in shares)
    return rounded(sum(parts, Decimal(0)), currency, rounding)


def payments(
    account: Account, period: Period, used: Mapping[str, Decimal], total: Decimal
) -> list[tuple[Credit, Decimal]]:
    """What of an invoice's total each credit pays: that which expires first comes first.

    Args:
        used: of each credit, by its name, what has paid other invoices.
    """
    left, found = total, []
    for credit in sorted(account.credits, key=lambda one: (one.expires_us, one.name)):
        unused = credit.amount - used.get(credit.name, Decimal(0))
        amount = rounded(min(left, unused), account.currency, Rounding.DOWN)
        if credit.pays_for(period) and amount > 0:
            found.append((credit, amount))
            left -= amount
    return found
