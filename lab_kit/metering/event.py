"""One thing that was used, as an event in the form of CloudEvents.

Quantities are whole numbers of what was used since the event before of the same work, so that they
add up to the same sum in any order. Two events with one source and one id are the same event.

Source: CloudEvents 1.0.2, its JSON format and its attributes.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from operator import itemgetter
from typing import Any

import orjson

from lab_kit.core.clock import read_rfc3339, rfc3339

SPEC_VERSION = "1.0"
TYPE = "lab.usage.v1"
JSON = "application/json"


class NoUsageEvent(ValueError):
    """What was read is none of our events."""


@dataclass(frozen=True, slots=True)
class Quantities:
    """How much was used.

    Attributes:
        submitted_us: sound that came.
        processed_us: of it, what was gone through for speech or given to the model.
        billed_us: of it, what the caller was told about: by a result, by usage, or by the end.
        characters: of texts that were spoken.
        tokens: that the model wrote in results that were told.
        compute_us: time of the device.
    """

    submitted_us: int = 0
    processed_us: int = 0
    billed_us: int = 0
    characters: int = 0
    tokens: int = 0
    compute_us: int = 0

    def __add__(self, other: "Quantities") -> "Quantities":
        return Quantities(*(a + b for a, b in zip(_amounts(self), _amounts(other), strict=True)))

    def __sub__(self, other: "Quantities") -> "Quantities":
        return Quantities(*(a - b for a, b in zip(_amounts(self), _amounts(other), strict=True)))


@dataclass(frozen=True, slots=True)
class Used:
    """What used it, and by whom.

    Attributes:
        request, stream: the work's names.
        kind: stream, recording, inference or speech.
        tenant: who pays.
        key: the API key's id; empty where there was none.
        region: where it was served; empty where the server does not know.
    """

    request: str
    stream: str
    kind: str
    tenant: str
    key: str
    model: str
    version: int
    region: str


@dataclass(frozen=True, slots=True)
class UsageEvent:
    """One event.

    Attributes:
        time_us: when it was used, since 1970.
        channels: of the sound, as it came.
        features: what was asked for beyond finals, by name.
        until_us: how far the caller has been told of the sound, from its beginning.
        code: how the work ended; empty while it goes on.
    """

    source: str
    id: str
    time_us: int
    used: Used
    amount: Quantities
    channels: int = 1
    features: tuple[str, ...] = ()
    until_us: int = 0
    code: str = ""

    @property
    def is_last(self) -> bool:
        """Whether the work has ended with it."""
        return bool(self.code)


def cloud_event(event: UsageEvent) -> bytes:
    """The event as JSON, in one line."""
    used = event.used
    return orjson.dumps(
        {
            "specversion": SPEC_VERSION,
            "id": event.id,
            "source": event.source,
            "type": TYPE,
            "subject": used.tenant,
            "time": rfc3339(event.time_us),
            "datacontenttype": JSON,
            "data": {
                "request": used.request,
                "stream": used.stream,
                "kind": used.kind,
                "key": used.key,
                "model": used.model,
                "version": used.version,
                "region": used.region,
                "channels": event.channels,
                "features": event.features,
                **asdict(event.amount),
                "until_us": event.until_us,
                "code": event.code,
            },
        }
    )


FIELDS = (
    "source",
    "id",
    "time_us",
    "tenant",
    "request",
    "stream",
    "kind",
    "key",
    "model",
    "region",
    "features",
    "code",
    "version",
    "channels",
    "submitted_us",
    "processed_us",
    "billed_us",
    "characters",
    "tokens",
    "compute_us",
    "until_us",
)
"""Of an event as a row: text, but for its time, then from ``version`` on whole numbers."""
TEXTS = frozenset(FIELDS[:12]) - {"time_us"}
_NAMES = itemgetter("source", "id", "time", "subject", "type", "specversion", "data")
_TEXTS = itemgetter("request", "stream", "kind", "key", "model", "region")
_COUNTS = itemgetter(*FIELDS[12:])
_MOST = 2**63 - 1
"""Of a whole number in a database."""
_TYPES = tuple(str if name in TEXTS else int for name in FIELDS)
Values = tuple[str | int, ...]


def read_values(line: bytes) -> Values:
    """The event in a line as a row, in the order of `FIELDS`; its features with spaces between.

    Raises:
        NoUsageEvent: it is something else.
    """
    try:
        source, name, time, tenant, kind, version, data = _NAMES(orjson.loads(line))
        values: Values = (
            source,
            name,
            read_rfc3339(time),
            tenant,
            *_TEXTS(data),
            " ".join(data["features"]),
            data["code"],
            *_COUNTS(data),
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise NoUsageEvent(f"{type(error).__name__}: {error}") from error
    if (kind, version) != (TYPE, SPEC_VERSION):
        raise NoUsageEvent(f"type {kind!r} of {version!r}, not {TYPE} of {SPEC_VERSION}")
    if tuple(map(type, values)) != _TYPES:
        raise NoUsageEvent("text where a number is expected, or a number where text is")
    counts = _COUNTS(data)
    if min(counts) < 0 or max(counts) > _MOST:
        raise NoUsageEvent(f"a number that is not from 0 to {_MOST}")
    return values


def read_event(line: bytes) -> UsageEvent:
    """The event in a line.

    Raises:
        NoUsageEvent: it is something else.
    """
    return event_of(read_values(line))


def values_of(event: UsageEvent) -> Values:
    """The event as a row, in the order of `FIELDS`."""
    used = event.used
    return (
        event.source,
        event.id,
        event.time_us,
        used.tenant,
        used.request,
        used.stream,
        used.kind,
        used.key,
        used.model,
        used.region,
        " ".join(event.features),
        event.code,
        used.version,
        event.channels,
        *_amounts(event.amount),
        event.until_us,
    )


def event_of(values: Iterable[Any]) -> UsageEvent:
    """The event of a row."""
    source, name, time_us, tenant, request, stream, kind, key, model, region, *rest = values
    features, code, version, channels, *amounts, until_us = rest
    used = Used(request, stream, kind, tenant, key, model, version, region)
    amount = Quantities(*map(int, amounts))
    named = tuple(features.split())
    return UsageEvent(source, name, time_us, used, amount, channels, named, until_us, code)


def _amounts(quantities: Quantities) -> tuple[int, ...]:
    return (
        quantities.submitted_us,
        quantities.processed_us,
        quantities.billed_us,
        quantities.characters,
        quantities.tokens,
        quantities.compute_us,
    )
