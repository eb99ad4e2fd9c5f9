"""What OpenMeter's clients are answered: meters, events, and amounts as JSON and as CSV.

Amounts are written with all their digits; how many of them a client keeps is its own affair.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import orjson

from lab_kit.core.clock import rfc3339
from lab_kit.protocol.meters import (
    SUBJECT,
    Aggregation,
    Amount,
    Meter,
    MeteredEvent,
    NoAmount,
    Question,
    amount_of,
    read_data,
    text_at,
)


def meter(told: Meter) -> dict[str, Any]:
    """One meter."""
    body: dict[str, Any] = {
        "id": told.id,
        "slug": told.slug,
        "name": told.about.get("name") or told.slug,
        "aggregation": told.aggregation,
        "eventType": told.event_type,
        "groupBy": dict(told.groups),
        "createdAt": rfc3339(told.created_us),
        "updatedAt": rfc3339(told.updated_us),
    }
    optional = {name: told.about.get(name) for name in ("description", "metadata")}
    optional["valueProperty"] = told.value
    return body | {name: value for name, value in optional.items() if value is not None}


def events(listed: Iterable[MeteredEvent], meters: Sequence[Meter]) -> bytes:
    """A list of events, each with what is wrong with it for the meters of its type."""
    return orjson.dumps([_event(one, meters) for one in listed])


def amounts(found: Sequence[Amount], question: Question) -> bytes:
    """The answer to a question."""
    body: dict[str, Any] = {"data": [_amount(one) for one in found]}
    if question.from_us is not None:
        body["from"] = rfc3339(question.from_us)
    if question.until_us is not None:
        body["to"] = rfc3339(question.until_us)
    if question.window is not None:
        body["windowSize"] = question.window
    return orjson.dumps(body)


def amounts_as_csv(found: Sequence[Amount], question: Question) -> str:
    """The same as a table."""
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\n")
    table.writerow(("window_start", "window_end", *question.group_by, "value"))
    for one in found:
        groups = (one.groups[name] or "" for name in question.group_by)
        row = (rfc3339(one.from_us), rfc3339(one.until_us), *groups, _digits(one.value))
        table.writerow(row)
    return written.getvalue()


def _event(told: MeteredEvent, meters: Sequence[Meter]) -> dict[str, Any]:
    body: dict[str, Any] = {
        "event": {
            "specversion": "1.0",
            "id": told.id,
            "source": told.source,
            "type": told.type,
            "subject": told.subject,
            "time": rfc3339(told.time_us),
            "datacontenttype": "application/json",
            "data": orjson.Fragment(told.data),
        },
        "ingestedAt": rfc3339(told.arrived_us),
        "storedAt": rfc3339(told.arrived_us),
    }
    wrong = _wrong(told, meters)
    return body | {"validationError": wrong} if wrong else body


def _wrong(told: MeteredEvent, meters: Sequence[Meter]) -> str:
    """Why a meter does not count an event of its type; empty where all do."""
    of_type = [one for one in meters if one.event_type == told.type]
    if not of_type:
        return f"no meter found for event type: {told.type}"
    data, found = read_data(told.data), []
    for one in of_type:
        try:
            if one.aggregation is Aggregation.UNIQUE_COUNT and one.value is not None:
                if text_at(data, one.value) is None:
                    found.append(f"{one.slug}: no value at {one.value}")
            elif one.aggregation is not Aggregation.COUNT:
                amount_of(one, data)
        except NoAmount as error:
            found.append(f"{one.slug}: {error}")
    return "; ".join(found)


def _amount(told: Amount) -> dict[str, Any]:
    return {
        "value": orjson.Fragment(_digits(told.value)),
        "windowStart": rfc3339(told.from_us),
        "windowEnd": rfc3339(told.until_us),
        "subject": told.groups.get(SUBJECT),
        "groupBy": {name: value for name, value in told.groups.items() if name != SUBJECT},
    }


def _digits(value: Decimal) -> str:
    """All digits, without those that say nothing."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
