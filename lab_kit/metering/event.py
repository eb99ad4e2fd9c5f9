"""One thing that was used, as an event in the form of CloudEvents.

Quantities are whole numbers of what was used since the event before of the same work, so that they
add up to the same sum in any order. Two events with one source and one id are the same event.

Source: CloudEvents 1.0.2, its JSON format and its attributes.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
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


def read_event(line: bytes) -> UsageEvent:
    """The event in a line.

    Raises:
        NoUsageEvent: it is something else.
    """
    try:
        told = orjson.loads(line)
        data = told["data"]
        if told["type"] != TYPE or told["specversion"] != SPEC_VERSION:
            raise ValueError(f"an event of type {told['type']!r}, not {TYPE}")
        return UsageEvent(
            _text(told, "source"),
            _text(told, "id"),
            read_rfc3339(told["time"]),
            Used(
                _text(data, "request"),
                _text(data, "stream"),
                _text(data, "kind"),
                _text(told, "subject"),
                _text(data, "key"),
                _text(data, "model"),
                _count(data, "version"),
                _text(data, "region"),
            ),
            Quantities(*(_count(data, one.name) for one in fields(Quantities))),
            _count(data, "channels"),
            tuple(map(str, data["features"])),
            _count(data, "until_us"),
            _text(data, "code"),
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise NoUsageEvent(f"{type(error).__name__}: {error}") from error


def _amounts(quantities: Quantities) -> tuple[int, ...]:
    return (
        quantities.submitted_us,
        quantities.processed_us,
        quantities.billed_us,
        quantities.characters,
        quantities.tokens,
        quantities.compute_us,
    )


def _text(told: Mapping[str, Any], name: str) -> str:
    value = told[name]
    if not isinstance(value, str):
        raise ValueError(f"{name} is {type(value).__name__}, not text")
    return value


def _count(told: Mapping[str, Any], name: str) -> int:
    value = told[name]
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{name} is {value!r}, not a whole number from 0 on")
    return value
