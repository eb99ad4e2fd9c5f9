"""What it costs to serve each tenant, beside what it brings."""

from collections.abc import Sequence
from dataclasses import dataclass

from lab_kit.core.table import Table
from lab_kit.experiments.metering.prices import Usage
from lab_kit.metering.economics import (
    ONE_GPU,
    Machine,
    Served,
    by_length,
    by_tenant,
    compute_second,
)
from lab_kit.metering.prices import PriceBooks
from lab_kit.metering.schemes import HOUSE


@dataclass(frozen=True, slots=True)
class Margins:
    """A month of one machine.

    Attributes:
        tenants: the one that loses most first.
        lengths: of requests, the shortest first.
        utilisation: the part of all time in which the machine computes.
    """

    machine: Machine
    utilisation: float
    tenants: tuple[Served, ...]
    lengths: tuple[Served, ...]

    @property
    def table(self) -> Table:
        """A row for each tenant, and for each range of lengths."""
        return Table(
            "tenant, and range of lengths",
            ("", "requests", "sound h", "brings USD", "costs USD", "left USD"),
            [_row(one) for one in (*self.tenants, *self.lengths)],
        )


def margins(
    usage: Usage,
    utilisation: float = 0.3,
    machine: Machine = ONE_GPU,
    books: PriceBooks = HOUSE.books,
) -> Margins:
    """What is left of each tenant's month, and of requests of each length.

    Raises:
        InvalidParameter: a utilisation that is none.
    """
    each = compute_second(machine, utilisation)
    tenants, lengths = by_tenant(usage, books, each), by_length(usage, books, each)
    return Margins(machine, utilisation, tuple(tenants), tuple(lengths))


def losing(found: Sequence[Served]) -> list[str]:
    """Who costs more than is brought."""
    return [one.name for one in found if one.margin < 0]


def _row(one: Served) -> tuple[str, ...]:
    hours = one.sound_us / 3_600_000_000
    money = (f"{amount:,.2f}" for amount in (one.revenue, one.cost, one.margin))
    return (one.name, f"{one.requests:,}", f"{hours:,.2f}", *money)
