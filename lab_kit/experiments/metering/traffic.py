"""A month of usage events that nobody caused, of tenants who call in different ways.

What a request costs is made of a part that each has, however short it is, and of a part that grows
with its sound; what it brings grows with its sound alone. Among the tenants is one who brings less
than it costs. The same seed makes the same month.
"""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID

from lab_kit.metering.event import Quantities, UsageEvent, Used
from lab_kit.metering.period import HOUR_US, Period
from lab_kit.metering.prices import SECOND
from lab_kit.metering.rating import RequestUsage

NOVEMBER = Period.month("2026-11")
EACH_COMPUTE_US, SECOND_COMPUTE_US = 250_000, 20_000
"""Of the device: for a request, and for a second of its sound."""
_TOKENS_A_SECOND, _CHARACTERS_A_SECOND = 3, 15
_SOURCE = "lab_kit/traffic"


@dataclass(frozen=True, slots=True)
class Caller:
    """How a tenant calls.

    Attributes:
        share: of all requests.
        seconds: how long a request is at least and at most.
        event_s: how much sound an event has at least and at most; the last has the rest.
    """

    tenant: str
    share: float
    kind: str
    seconds: tuple[float, float]
    event_s: tuple[float, float] = (10.0, 10.0)
    channels: int = 1
    features: tuple[str, ...] = ()


CALLERS = (
    Caller("archive", 0.05, "recording", (240.0, 1_200.0)),
    Caller("calls", 0.15, "stream", (30.0, 300.0), channels=2, features=("redact",)),
    Caller("captions", 0.05, "stream", (600.0, 1_800.0)),
    Caller("dictation", 0.25, "stream", (20.0, 90.0), event_s=(1.0, 1.92)),
    Caller("kiosk", 0.40, "stream", (0.5, 2.0), features=("interim_results",)),
    Caller("reader", 0.10, "speech", (5.0, 60.0)),
)


def made_events(count: int, seed: int = 1) -> Iterator[UsageEvent]:
    """So many events of a month, request after request."""
    chance = random.Random(seed)
    left = count
    while left:
        for event in _request(chance):
            yield event
            left -= 1
            if not left:
                return


def by_request(events: Iterable[UsageEvent]) -> dict[str, list[RequestUsage]]:
    """What each request used, by tenant; each event counts once."""
    return gathered((event, event.used.stream) for event in events)


def gathered(named: Iterable[tuple[UsageEvent, str]]) -> dict[str, list[RequestUsage]]:
    """What is used under each name, by tenant."""
    found: dict[tuple[str, str], RequestUsage] = {}
    seen: set[tuple[str, str]] = set()
    for event, name in named:
        if (event.source, event.id) in seen:
            continue
        seen.add((event.source, event.id))
        used, key = event.used, (event.used.tenant, name)
        known = found.get(key)
        amount = event.amount if known is None else known.amount + event.amount
        first_us = event.time_us if known is None else min(known.first_us, event.time_us)
        found[key] = RequestUsage(
            name, first_us, used.kind, used.model, amount, event.channels, event.features
        )
    tenants: dict[str, list[RequestUsage]] = {}
    for (tenant, _), request in sorted(found.items(), key=lambda item: item[0]):
        tenants.setdefault(tenant, []).append(request)
    return tenants


def _request(chance: random.Random) -> Iterator[UsageEvent]:
    caller = chance.choices(CALLERS, [one.share for one in CALLERS])[0]
    name = str(UUID(int=chance.getrandbits(128), version=4))
    model = "voice" if caller.kind == "speech" else "moonshine-tiny-en"
    used = Used(name, name, caller.kind, caller.tenant, "", model, 1, "eu")
    whole_us = _between(chance, caller.seconds)
    time_us = chance.randrange(NOVEMBER.from_us, NOVEMBER.until_us - HOUR_US)
    until_us, number = 0, 0
    while until_us < whole_us:
        sound_us = min(_between(chance, caller.event_s), whole_us - until_us)
        until_us += sound_us
        yield UsageEvent(
            _SOURCE,
            f"{name}:{number}",
            time_us + until_us,
            used,
            _amount(caller, sound_us, is_first=number == 0),
            caller.channels,
            caller.features,
            0 if caller.kind == "speech" else until_us,
            "OK" if until_us == whole_us else "",
        )
        number += 1


def _amount(caller: Caller, sound_us: int, *, is_first: bool) -> Quantities:
    compute_us = sound_us * SECOND_COMPUTE_US // SECOND + EACH_COMPUTE_US * is_first
    if caller.kind == "speech":
        characters = sound_us * _CHARACTERS_A_SECOND // SECOND
        return Quantities(processed_us=sound_us, characters=characters, compute_us=compute_us)
    tokens = sound_us * _TOKENS_A_SECOND // SECOND
    return Quantities(sound_us, sound_us, sound_us, 0, tokens, compute_us)


def _between(chance: random.Random, seconds: tuple[float, float]) -> int:
    return round(chance.uniform(*seconds) * SECOND)
