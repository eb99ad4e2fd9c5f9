"""A month by the rules of six providers, and what a minimum does to short requests."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from lab_kit.experiments.metering.traffic import by_request, made_events
from lab_kit.metering.event import Quantities
from lab_kit.metering.prices import SECOND, Price
from lab_kit.metering.rating import RequestUsage, units_of
from lab_kit.metering.schemes import AMAZON, Scheme, side_by_side

Usage = dict[str, list[RequestUsage]]
"""What each request used, by tenant."""
SHORT_S = 15.0
TITLES = {
    "deepgram": "Deepgram",
    "assemblyai": "AssemblyAI",
    "google": "Google",
    "amazon": "Amazon",
    "openai": "OpenAI",
    "elevenlabs": "ElevenLabs",
}
"""Of schemes, as their providers write themselves."""


@dataclass(frozen=True, slots=True)
class Bid:
    """The same requests by one scheme.

    Attributes:
        used_s: sound of the requests that it prices, as it was used.
        priced_s: the same as it is priced: in blocks, with minimums, for each channel.
        unpriced: requests that it has no price for.
    """

    name: str
    total: Decimal
    used_s: float
    priced_s: float
    unpriced: int

    @property
    def more(self) -> float:
        """How much more is priced than was used."""
        return self.priced_s / self.used_s - 1 if self.used_s else 0.0


def month(events: int = 20_000) -> Usage:
    """A month that is made up: what each request used, by tenant."""
    return by_request(made_events(events))


def live_requests(usage: Usage, *tenants: str) -> list[RequestUsage]:
    """The live streams of some tenants; of all, where none is named."""
    return [
        one
        for tenant, requests in usage.items()
        if not tenants or tenant in tenants
        for one in requests
        if one.kind == "stream"
    ]


def bids(requests: Sequence[RequestUsage]) -> list[Bid]:
    """What the same live streams would cost by each scheme; the cheapest first."""
    found = []
    for priced in side_by_side(requests):
        lines = [line for line in priced.lines if not line.price.feature]
        count = sum(line.requests for line in lines)
        found.append(
            Bid(
                TITLES[priced.scheme.name],
                priced.total,
                sum(line.quantity for line in lines) / SECOND,
                sum(line.units for line in lines) / SECOND,
                len(requests) - count,
            )
        )
    return sorted(found, key=lambda one: one.total)


def surcharge(length_s: float, scheme: Scheme = AMAZON) -> float:
    """How much more is priced of one live stream than its sound."""
    us = round(length_s * SECOND)
    request = RequestUsage("s", 0, "stream", "m", Quantities(us, us, us))
    return units_of(request, _live(scheme)) / us - 1


def length_for(share: float, scheme: Scheme = AMAZON) -> float:
    """How long a stream is of which so much more is priced than its sound, to a hundredth."""
    low, high = 1, 6_000
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if surcharge(middle / 100, scheme) > share else (low, middle)
    return high / 100


def _live(scheme: Scheme) -> Price:
    return next(one for one in scheme.prices if "stream" in one.kinds and not one.feature)
