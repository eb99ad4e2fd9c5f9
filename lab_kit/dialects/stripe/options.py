"""What Stripe's clients send: forms of its first version, JSON of its second, and queries.

Values of events are whole numbers of at most 15 digits, as Stripe takes them [Source: Stripe, 2026,
"Record usage for billing with the API" and the changelog of 2026-04-22].
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID, uuid5

from lab_kit.core.clock import read_rfc3339
from lab_kit.core.errors import InvalidParameter, MeterNotFound
from lab_kit.core.shown import shown
from lab_kit.dialects.stripe.errors import Refused
from lab_kit.protocol.meters import (
    Aggregation,
    Meter,
    MeteredEvent,
    Question,
    WindowLength,
    check_path,
)

PROVIDER = "stripe"
SOURCE = "stripe"
"""Of all events: here their identifiers alone say which they are."""
METERS_PATH, EVENTS_PATH = "/v1/billing/meters", "/v1/billing/meter_events"
ADJUSTMENTS_PATH = "/v1/billing/meter_event_adjustments"
V2_EVENTS_PATH = "/v2/billing/meter_events"
SESSION_PATH = "/v2/billing/meter_event_session"
STREAM_PATH = "/v2/billing/meter_event_stream"
MOST_EVENTS = 100
"""Of one request of the stream."""
MOST_CHARS, MOST_KEYS, MOST_FIELDS, MOST_DIGITS = 100, 20, 64, 15
OLDEST_S, NEWEST_S = 35 * 86_400, 300
"""How long ago an event may be, and how far ahead."""
CANCELLED_WITHIN_S = 86_400
CUSTOMER = "customer"
"""The one group of a meter here."""
FORMULAS = {"sum": Aggregation.SUM, "count": Aggregation.COUNT, "last": Aggregation.LATEST}
WINDOWS = {"hour": (WindowLength.HOUR, 3_600), "day": (WindowLength.DAY, 86_400)}
_METER_ID = "mtr_"
_FIELD = re.compile(r"(\w{1,64})(?:\[([^\[\]]{1,100})\])?")
_WHOLE = re.compile(r"-?[0-9]+")


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for."""

    limit: int
    starting_after: str | None


def parse_form(text: str) -> dict[str, Any]:
    """The fields of a form or a query; of ``a[b]`` a dictionary.

    Raises:
        InvalidParameter: it is no form, or has too many fields.
    """
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise InvalidParameter(
            f"a form that cannot be read: {error}", f"at most {MOST_FIELDS} fields", "send those"
        ) from error
    found: dict[str, Any] = {}
    for name, value in pairs:
        parts = _FIELD.fullmatch(name)
        if parts is None:
            raise _unknown(name)
        outer, inner = parts.groups()
        if inner is None:
            found[outer] = value
        else:
            inside = found.setdefault(outer, {})
            if not isinstance(inside, dict):
                raise _unknown(name)
            inside[inner] = value
    return found


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object of a body.

    Raises:
        InvalidParameter: it is none.
    """
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidParameter(
            f"a body that is no JSON: {shown(str(error))}", "a JSON object", "send it so"
        ) from error
    if not isinstance(found, dict):
        raise InvalidParameter(f"a body {shown(found)}", "a JSON object", "send it so")
    return found


def parse_event(asked: Mapping[str, Any], now_us: int, made_up: str) -> MeteredEvent:
    """One event of the first version.

    Args:
        made_up: its identifier, where it brings none.

    Raises:
        InvalidParameter: it cannot be taken.
    """
    time = asked.get("timestamp")
    if time is None:
        return _event(asked, now_us, now_us, made_up)
    if not isinstance(time, str) or not _WHOLE.fullmatch(time) or len(time) > 12:
        raise _wrong("timestamp", time, "seconds since 1970", "parameter_invalid_integer")
    return _event(asked, int(time) * 1_000_000, now_us, made_up)


def parse_v2_event(asked: object, now_us: int, made_up: str) -> MeteredEvent:
    """One event of the second version; see `parse_event`."""
    if not isinstance(asked, dict):
        raise _wrong("events", asked, "JSON objects")
    time = asked.get("timestamp")
    if time is None:
        return _event(asked, now_us, now_us, made_up)
    try:
        time_us = read_rfc3339(time)
    except (ValueError, TypeError, OverflowError) as error:
        raise _wrong("timestamp", time, "a time as in RFC 3339") from error
    return _event(asked, time_us, now_us, made_up)


def parse_stream(asked: Mapping[str, Any], now_us: int, made_up: UUID) -> list[MeteredEvent]:
    """The events of one request of the stream.

    Args:
        made_up: what identifiers are made of, for those that bring none.

    Raises:
        InvalidParameter: one of them cannot be taken; then none is.
    """
    _check_known(asked, ("events",))
    events = asked.get("events")
    if not isinstance(events, list) or not 0 < len(events) <= MOST_EVENTS:
        raise _wrong("events", events, f"1 to {MOST_EVENTS} events")
    return [
        parse_v2_event(one, now_us, str(uuid5(made_up, str(place))))
        for place, one in enumerate(events)
    ]


def check_value(event: MeteredEvent, meter: Meter | None) -> None:
    """Make sure that the value of an event is a number as Stripe takes it, if it has one.

    Args:
        meter: the active one of its name; None where there is none.

    Raises:
        InvalidParameter: it is none.
    """
    path = "$.value" if meter is None or meter.value is None else meter.value
    key = path.removeprefix("$.")
    value = json.loads(event.data).get(key)
    if value is None:
        return
    param = f"payload[{key}]"
    if not _WHOLE.fullmatch(value):
        raise _wrong(param, value, "a whole number")
    if len(value.lstrip("-0")) > MOST_DIGITS:
        code = "meter_event_value_too_many_digits"
        raise _wrong(param, value, f"at most {MOST_DIGITS} digits", code)


def parse_meter(asked: Mapping[str, Any], meter_id: UUID, now_us: int) -> Meter:
    """The meter that is to be made.

    Raises:
        InvalidParameter: it cannot be made.
    """
    _check_known(
        asked,
        ("display_name", "event_name", "default_aggregation", "customer_mapping", "value_settings"),
    )
    formula = _member(asked, "default_aggregation", "formula")
    if formula not in FORMULAS:
        raise _wrong("default_aggregation[formula]", formula, f"one of {', '.join(FORMULAS)}")
    mapping = _member(asked, "customer_mapping", "type", "by_id")
    if mapping != "by_id":
        raise _wrong("customer_mapping[type]", mapping, "by_id")
    customer = _member(asked, "customer_mapping", "event_payload_key", "stripe_customer_id")
    value = _member(asked, "value_settings", "event_payload_key", "value")
    return Meter(
        id=f"{_METER_ID}{meter_id.hex}",
        slug=_text(asked, "event_name"),
        aggregation=FORMULAS[formula],
        event_type=_text(asked, "event_name"),
        value=check_path("value_settings[event_payload_key]", f"$.{value}"),
        created_us=now_us,
        updated_us=now_us,
        groups={CUSTOMER: check_path("customer_mapping[event_payload_key]", f"$.{customer}")},
        about={"display_name": _text(asked, "display_name", 250)},
    )


def parse_meter_id(given: str) -> str:
    """The id of a meter.

    Raises:
        MeterNotFound: no meter has such a one.
    """
    if not given.startswith(_METER_ID):
        raise MeterNotFound(f"No such meter: {given[:80]!r}", "the id of one", "list the meters")
    return given


def parse_status(asked: Mapping[str, Any]) -> bool | None:
    """Whether meters are to be listed that are active, or that are not; None for all."""
    status = asked.get("status")
    if status not in (None, "active", "inactive"):
        raise _wrong("status", status, "active or inactive")
    return None if status is None else status == "active"


def parse_page(asked: Mapping[str, Any], *others: str) -> Page:
    """Which part of a list is asked for.

    Args:
        others: parameters that belong to the list.

    Raises:
        InvalidParameter: a parameter is not known, or has no meaning.
    """
    _check_known(asked, ("limit", "starting_after", *others))
    limit = asked.get("limit", "10")
    if not isinstance(limit, str) or not re.fullmatch(r"[1-9][0-9]?|100", limit):
        raise _wrong("limit", limit, "a number from 1 to 100", "parameter_invalid_integer")
    return Page(int(limit), _text(asked, "starting_after") if "starting_after" in asked else None)


def parse_summaries(asked: Mapping[str, Any]) -> Question:
    """What a customer's events are to be added up over.

    Raises:
        InvalidParameter: a parameter is missing, or has no meaning.
    """
    customer = _text(asked, "customer")
    grouping = asked.get("value_grouping_window")
    if grouping is not None and grouping not in WINDOWS:
        raise _wrong("value_grouping_window", grouping, f"one of {', '.join(WINDOWS)}")
    window, step_s = (None, 60) if grouping is None else WINDOWS[grouping]
    from_s, until_s = _aligned(asked, "start_time", step_s), _aligned(asked, "end_time", step_s)
    if from_s >= until_s:
        raise _wrong("end_time", str(until_s), "a time after start_time")
    return Question(
        from_s * 1_000_000, until_s * 1_000_000, window, filters={CUSTOMER: (customer,)}
    )


def parse_cancelled(asked: Mapping[str, Any]) -> tuple[str, str]:
    """The event name and the identifier of an event that is to count no more.

    Raises:
        InvalidParameter: they are not there, or something else is asked for.
    """
    _check_known(asked, ("event_name", "type", "cancel"))
    if (kind := _text(asked, "type")) != "cancel":
        raise _wrong("type", kind, "cancel")
    return _text(asked, "event_name"), _member(asked, "cancel", "identifier")


def _event(asked: Mapping[str, Any], time_us: int, now_us: int, made_up: str) -> MeteredEvent:
    _check_known(asked, ("event_name", "payload", "identifier", "timestamp"))
    name = _text(asked, "event_name")
    payload = asked.get("payload")
    if payload is None:
        raise _missing("payload")
    if not isinstance(payload, dict) or not 0 < len(payload) <= MOST_KEYS:
        raise _wrong("payload", payload, f"1 to {MOST_KEYS} texts, by name")
    for key in payload:
        if not 0 < len(key) <= MOST_CHARS:
            raise _wrong("payload", key, f"names of 1 to {MOST_CHARS} characters")
    data = {key: _text(payload, key, param=f"payload[{key}]") for key in payload}
    identifier = _text(asked, "identifier") if "identifier" in asked else made_up
    if time_us < now_us - OLDEST_S * 1_000_000:
        raise _wrong("timestamp", asked["timestamp"], "35 days ago", "timestamp_too_far_in_past")
    if time_us > now_us + NEWEST_S * 1_000_000:
        raise _wrong("timestamp", asked["timestamp"], "in 5 minutes", "timestamp_in_future")
    return MeteredEvent(SOURCE, identifier, name, "", time_us, json.dumps(data), now_us)


def _aligned(asked: Mapping[str, Any], name: str, step_s: int) -> int:
    value = _text(asked, name)
    if not re.fullmatch(r"[0-9]{1,11}", value) or int(value) % step_s:
        raise _wrong(name, value, f"seconds since 1970, a multiple of {step_s:,}")
    return int(value)


def _member(asked: Mapping[str, Any], outer: str, name: str, usual: str | None = None) -> str:
    found = asked.get(outer)
    if found is None and usual is not None:
        return usual
    if found is None:
        raise _missing(outer)
    if not isinstance(found, dict):
        raise _wrong(outer, found, f"{outer}[{name}]")
    known = ("type", "event_payload_key") if outer == "customer_mapping" else (name,)
    for key in found:
        if key not in known:
            raise _unknown(f"{outer}[{key}]")
    if name not in found and usual is not None:
        return usual
    return _text(found, name, param=f"{outer}[{name}]")


def _text(
    found: Mapping[str, Any], name: str, most_chars: int = MOST_CHARS, param: str | None = None
) -> str:
    value = found.get(name)
    if value is None or value == "":
        raise _missing(param or name)
    if not isinstance(value, str) or len(value) > most_chars or not value.isprintable():
        raise _wrong(param or name, value, f"a printable text of up to {most_chars} characters")
    return value


def _check_known(asked: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for name in asked:
        if name not in known:
            raise _unknown(name)


def _missing(param: str) -> Refused:
    return Refused(f"Missing required param: {param[:120]}", param, "parameter_missing", param)


def _unknown(param: str) -> Refused:
    named = param[:120]
    return Refused(
        f"Received unknown parameter: {named}, or one that is not imitated here",
        "those that are documented",
        "parameter_unknown",
        named,
    )


def _wrong(param: str, value: object, expected: str, code: str | None = None) -> Refused:
    return Refused(f"{param}: {shown(value)}", expected, code, param)
