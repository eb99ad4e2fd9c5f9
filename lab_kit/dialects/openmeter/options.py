"""What OpenMeter's clients send: events, meters, and questions.

Events are CloudEvents 1.0 in JSON, with a subject. Numbers in their data stay as they were written.
What is offered there and not imitated here is refused by its name.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import uuid4

import orjson

from lab_kit.core.clock import read_rfc3339
from lab_kit.core.errors import InvalidParameter
from lab_kit.core.shown import shown
from lab_kit.protocol.meters import (
    SUBJECT,
    Aggregation,
    Meter,
    MeteredEvent,
    Question,
    WindowLength,
    check_path,
)

PROVIDER = "openmeter"
EVENTS_PATH, METERS_PATH = "/api/v1/events", "/api/v1/meters"
EVENT_TYPES = (
    "application/cloudevents+json",
    "application/cloudevents-batch+json",
    "application/json",
)
"""Each with one event, or an array of them: the SDK sends one as a batch, too."""
MOST_EVENTS, MOST_DATA_BYTES, MOST_CHARS = 1_000, 4_096, 256
"""Of one request; of one event's data; and of each of its other attributes."""
MOST_GROUPS, USUAL_LIMIT, LARGEST_LIMIT = 16, 100, 1_000
LATEST_US = 253_370_764_800_000_000
"""The last year that a date can have has windows that end behind it."""
_E = TypeVar("_E", Aggregation, WindowLength)
_SLUG = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")
_GROUP = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_RESERVED = (SUBJECT, "customer_id")
_ATTRIBUTES = frozenset(
    ("specversion", "id", "source", "type", "subject", "time", "datacontenttype", "data")
)
_METER = frozenset(
    ("slug", "name", "description", "metadata", "aggregation", "eventType", "valueProperty")
) | {"groupBy"}
_FILTER = re.compile(r"filterGroupBy\[([^\]]{1,64})\]")
_LISTED = frozenset(
    ("from", "to", "ingestedAtFrom", "ingestedAtTo", "subject", "id", "limit", "clientId")
)
_ASKED = frozenset(
    ("from", "to", "windowSize", "windowTimeZone", "subject", "groupBy", "filterGroupBy")
) | {"clientId"}


@dataclass(frozen=True, slots=True)
class Listing:
    """Which events are asked for."""

    time_us: tuple[int | None, int | None]
    arrived_us: tuple[int | None, int | None]
    subject: str | None
    id: str | None
    limit: int


def parse_events(content_type: str, body: bytes, now_us: int) -> list[MeteredEvent]:
    """The events of a request.

    Args:
        now_us: the time of those that say none.

    Raises:
        InvalidParameter: the body or one of its events cannot be taken; then none is.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in EVENT_TYPES:
        raise InvalidParameter(
            f"content-type {shown(kind)}", f"one of {', '.join(EVENT_TYPES)}", "send one of those"
        )
    found = _json(body)
    events = found if isinstance(found, list) else [found]
    if not 0 < len(events) <= MOST_EVENTS:
        raise InvalidParameter(
            f"{len(events):,} events", f"1 to {MOST_EVENTS:,} in a request", "send more requests"
        )
    return [_event(one, now_us) for one in events]


def parse_meter(body: bytes, now_us: int) -> Meter:
    """The meter that is to be made.

    Raises:
        InvalidParameter: it cannot be made.
    """
    asked = _object(_json(body), "a meter")
    _check_known(asked, _METER, "a meter")
    slug = _text(asked, "slug", 64)
    if not _SLUG.fullmatch(slug):
        raise _wrong("slug", slug, "small letters and digits, with single _ between")
    aggregation = _one_of(Aggregation, "aggregation", asked.get("aggregation"))
    value = asked.get("valueProperty")
    if (value is None) is not (aggregation is Aggregation.COUNT):
        expected = "none with COUNT" if value is not None else "a path, for all but COUNT"
        raise _wrong("valueProperty", value, expected)
    about = {name: asked.get(name) for name in ("name", "description", "metadata")}
    if len(orjson.dumps(about)) > MOST_DATA_BYTES:
        raise _wrong("name, description and metadata", "longer", f"{MOST_DATA_BYTES:,} bytes")
    return Meter(
        id=str(uuid4()),
        slug=slug,
        aggregation=aggregation,
        event_type=_text(asked, "eventType"),
        value=None if value is None else check_path("valueProperty", value),
        created_us=now_us,
        updated_us=now_us,
        groups=_groups(asked.get("groupBy")),
        about=about,
    )


def parse_listing(query: Sequence[tuple[str, str]]) -> Listing:
    """Which events are to be listed.

    Raises:
        InvalidParameter: a parameter is not known, or has no meaning.
    """
    asked = dict(query)
    _check_known(asked, _LISTED, "a list of events")
    limit = asked.get("limit", str(USUAL_LIMIT))
    if not limit.isdecimal() or not 0 < len(limit) < 5 or not 0 < int(limit) <= LARGEST_LIMIT:
        raise _wrong("limit", limit, f"a number from 1 to {LARGEST_LIMIT:,}")
    return Listing(
        (_moment(asked, "from"), _moment(asked, "to")),
        (_moment(asked, "ingestedAtFrom"), _moment(asked, "ingestedAtTo")),
        _text(asked, "subject") if "subject" in asked else None,
        _text(asked, "id") if "id" in asked else None,
        int(limit),
    )


def parse_query(query: Sequence[tuple[str, str]]) -> Question:
    """The question in a query.

    Raises:
        InvalidParameter: a parameter is not known, or has no meaning.
    """
    asked: dict[str, Any] = {"subject": [], "groupBy": []}
    filters: dict[str, list[str]] = {}
    for name, value in query:
        named = _FILTER.fullmatch(name)
        if named:
            filters.setdefault(named[1], []).append(value)
        elif name in ("subject", "groupBy"):
            asked[name].append(value)
        elif name == "filterGroupBy":
            raise _wrong(name, value, "filterGroupBy[NAME]=VALUE, or the query sent by POST")
        else:
            asked[name] = value
    return _question(asked | {"filterGroupBy": filters})


def parse_question(body: bytes) -> Question:
    """The question in a body; an empty one asks for everything.

    Raises:
        InvalidParameter: a member is not known, or has no meaning.
    """
    return _question(_object(_json(body), "a question") if body else {})


def _question(asked: Mapping[str, Any]) -> Question:
    _check_known(asked, _ASKED, "a question to a meter")
    subjects = _texts("subject", asked.get("subject"))
    filters = {
        name: _texts("filterGroupBy", values)
        for name, values in _object(asked.get("filterGroupBy") or {}, "filterGroupBy").items()
    }
    group_by = _texts("groupBy", asked.get("groupBy"))
    if subjects:
        filters[SUBJECT] = subjects
        group_by = group_by if SUBJECT in group_by else (*group_by, SUBJECT)
    window, zone = asked.get("windowSize"), asked.get("windowTimeZone")
    return Question(
        from_us=_moment(asked, "from"),
        until_us=_moment(asked, "to"),
        window=None if window is None else _one_of(WindowLength, "windowSize", window),
        zone="UTC" if zone is None else _text(asked, "windowTimeZone", 64),
        group_by=tuple(dict.fromkeys(group_by)),
        filters=filters,
    )


def _event(found: object, now_us: int) -> MeteredEvent:
    event = _object(found, "an event")
    _check_known(event, _ATTRIBUTES, "an event")
    if event.get("specversion") != "1.0":
        raise _wrong("specversion", event.get("specversion"), '"1.0"')
    kind = event.get("datacontenttype")
    if kind is not None and kind != "application/json":
        raise _wrong("datacontenttype", kind, "application/json")
    data = event.get("data")
    if data is not None:
        _object(data, "data")
    try:
        written = orjson.dumps(data)
    except TypeError as error:
        raise _wrong("data", str(error), "a JSON object of Unicode text, not too deep") from error
    if len(written) > MOST_DATA_BYTES:
        raise _wrong("data", f"{len(written):,} bytes", f"at most {MOST_DATA_BYTES:,} bytes")
    time_us = _moment(event, "time")
    return MeteredEvent(
        _text(event, "source"),
        _text(event, "id"),
        _text(event, "type"),
        _text(event, "subject"),
        now_us if time_us is None else time_us,
        written.decode(),
        now_us,
    )


def _groups(found: object) -> dict[str, str]:
    groups = _object(found or {}, "groupBy")
    if len(groups) > MOST_GROUPS:
        raise _wrong("groupBy", f"{len(groups)} groups", f"at most {MOST_GROUPS}")
    for name in groups:
        if name in _RESERVED or len(name) > 64 or not _GROUP.fullmatch(name):
            raise _wrong("groupBy", name, f"a name of letters, but for {' and '.join(_RESERVED)}")
    return {name: check_path("groupBy", path) for name, path in groups.items()}


def _json(body: bytes) -> Any:
    """The body; its numbers as they were written."""
    try:
        return json.loads(body, parse_float=_kept, parse_int=_kept, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidParameter(
            f"a body that is no JSON: {shown(str(error))}", "JSON", "send it so"
        ) from error


def _kept(written: str) -> orjson.Fragment:
    return orjson.Fragment(written)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _object(found: object, what: str) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise _wrong(what, found, "a JSON object")
    return found


def _texts(name: str, found: object) -> tuple[str, ...]:
    values = found if isinstance(found, list) else [] if found is None else [found]
    if len(values) > LARGEST_LIMIT or not all(isinstance(one, str) for one in values):
        raise _wrong(name, found, "texts")
    return tuple(values)


def _text(found: Mapping[str, Any], name: str, most_chars: int = MOST_CHARS) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= most_chars or not value.isprintable():
        raise _wrong(name, value, f"a printable text of 1 to {most_chars} characters")
    return value


def _moment(found: Mapping[str, Any], name: str) -> int | None:
    value = found.get(name)
    if value is None:
        return None
    try:
        time_us = read_rfc3339(value)
    except (ValueError, TypeError, OverflowError):
        time_us = -1
    if not 0 <= time_us < LATEST_US:
        raise _wrong(name, value, "a time as in RFC 3339, from 1970 on")
    return time_us


def _one_of(kind: type[_E], name: str, value: object) -> _E:
    if not isinstance(value, str) or value not in list(kind):
        raise _wrong(name, value, f"one of {', '.join(kind)}")
    return kind(value)


def _check_known(found: Mapping[str, Any], known: frozenset[str], what: str) -> None:
    for name in found:
        if name not in known:
            raise InvalidParameter(
                f"{shown(name)} in {what}, which is not imitated here",
                f"no more than {', '.join(sorted(known))}",
                "leave it out",
                details={"parameter": name[:80]},
            )


def _wrong(name: str, value: object, expected: str) -> InvalidParameter:
    return InvalidParameter(
        f"{name}: {shown(value)}", expected, "send it so", details={"parameter": name}
    )
