"""What it costs to serve somebody, beside what they pay.

A machine is paid for by the hour, and busy for a part of it: a compute-second carries its share of
the hours in which nobody called. Revenue is led from lines back to requests: each has the part of a
line that its units are of the line's.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from lab_kit.core.errors import InvalidParameter
from lab_kit.metering.prices import SECOND, PriceBooks
from lab_kit.metering.rating import EXACT, Line, RequestUsage, applies, rated, units_of
from lab_kit.metering.schemes import Source

_SECONDS = Decimal(3_600)


@dataclass(frozen=True, slots=True)
class Machine:
    """What computes, and what an hour of it costs.

    Attributes:
        per_hour: in US dollars.
        workers: requests that it computes at once, each with a whole core or device of its own.
        source: where the price stands; None for one that the reader gave.
    """

    name: str
    per_hour: Decimal
    workers: int = 1
    source: Source | None = None

    def __post_init__(self) -> None:
        if self.per_hour < 0 or self.workers < 1:
            raise InvalidParameter(
                f"{self.per_hour} an hour for {self.workers} workers",
                "0 or more, and at least one worker",
                "state what the machine costs",
            )


_FACTUALMINDS = Source(
    "us-east-1, on demand, Linux: m7g.large $0.0816 an hour, g5.xlarge $1.006",
    "https://www.factualminds.com/blog/amazon-ec2-on-demand-pricing-instance-families-2026/",
    "2026-06",
)
TWO_CORES = Machine("m7g.large, two cores", Decimal("0.0816"), 2, _FACTUALMINDS)
ONE_GPU = Machine("g5.xlarge, one A10G", Decimal("1.006"), 1, _FACTUALMINDS)


def compute_second(machine: Machine, utilisation: float) -> Decimal:
    """What a compute-second costs.

    Args:
        utilisation: the part of all time in which its workers compute, above 0, up to 1.

    Raises:
        InvalidParameter: it is beyond that.
    """
    if not 0 < utilisation <= 1:
        raise InvalidParameter(
            f"a utilisation of {utilisation}", "above 0, up to 1", "measure it over a day"
        )
    computed_s = EXACT.multiply(_SECONDS * machine.workers, Decimal(str(utilisation)))
    return EXACT.divide(machine.per_hour, computed_s)


@dataclass(frozen=True, slots=True)
class Served:
    """What some requests brought, and what they cost.

    Attributes:
        name: a tenant, or a range of lengths.
        sound_us: billed.
        revenue, cost: exact.
    """

    name: str
    requests: int
    sound_us: int
    compute_us: int
    revenue: Decimal
    cost: Decimal

    @property
    def margin(self) -> Decimal:
        """What is left; negative where each request loses money."""
        return EXACT.subtract(self.revenue, self.cost)

    @property
    def margin_share(self) -> Decimal | None:
        """Of the revenue; None where there is none."""
        return EXACT.divide(self.margin, self.revenue) if self.revenue else None


def revenue_by_request(
    usage: Iterable[RequestUsage], books: PriceBooks
) -> list[tuple[RequestUsage, Decimal]]:
    """What each request of one tenant and period brings; in all, what its lines come to."""
    requests = list(usage)
    lines = rated(requests, books)
    return [(request, _revenue(request, lines, books)) for request in requests]


def by_tenant(
    usage: Mapping[str, Iterable[RequestUsage]], books: PriceBooks, per_compute_s: Decimal
) -> list[Served]:
    """What each tenant brings and costs in one period; the one that loses most comes first."""
    found = [
        _served(tenant, revenue_by_request(requests, books), per_compute_s)
        for tenant, requests in usage.items()
    ]
    return sorted(found, key=lambda one: (one.margin, one.name))


def by_length(
    usage: Mapping[str, Iterable[RequestUsage]],
    books: PriceBooks,
    per_compute_s: Decimal,
    bounds_s: Sequence[int] = (2, 5, 15, 60, 300),
) -> list[Served]:
    """The same by how long requests are, the shortest first; lengths that none has are left out.

    Args:
        bounds_s: where a range ends and the next one begins, rising.
    """
    earned = [pair for requests in usage.values() for pair in revenue_by_request(requests, books)]
    found = []
    ends = [*bounds_s, None]
    for begin_s, end_s in zip((0, *bounds_s), ends, strict=True):
        inside = [
            (request, revenue)
            for request, revenue in earned
            if begin_s * SECOND <= _length_us(request)
            and (end_s is None or _length_us(request) < end_s * SECOND)
        ]
        name = f"{begin_s} s and more" if end_s is None else f"{begin_s} to {end_s} s"
        if inside:
            found.append(_served(name, inside, per_compute_s))
    return found


def _length_us(request: RequestUsage) -> int:
    """Of its sound, heard or spoken."""
    return max(request.amount.billed_us, request.amount.processed_us)


def _revenue(request: RequestUsage, lines: Iterable[Line], books: PriceBooks) -> Decimal:
    book_from_us = books.at(request.first_us).from_us
    total = Decimal(0)
    for line in lines:
        if line.units and line.book_from_us == book_from_us and applies(line.price, request):
            part = EXACT.multiply(line.exact, Decimal(units_of(request, line.price)))
            total = EXACT.add(total, EXACT.divide(part, Decimal(line.units)))
    return total


def _served(
    name: str, earned: Sequence[tuple[RequestUsage, Decimal]], per_compute_s: Decimal
) -> Served:
    compute_us = sum(request.amount.compute_us for request, _ in earned)
    cost = EXACT.divide(EXACT.multiply(Decimal(compute_us), per_compute_s), Decimal(SECOND))
    return Served(
        name,
        len(earned),
        sum(request.amount.billed_us for request, _ in earned),
        compute_us,
        sum((revenue for _, revenue in earned), Decimal(0)),
        cost,
    )
