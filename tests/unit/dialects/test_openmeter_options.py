"""What OpenMeter's clients may send, and what is refused before anything of it is kept."""

import json
from typing import Any

import pytest

from lab_kit.core.errors import InvalidParameter
from lab_kit.dialects.openmeter import options
from lab_kit.dialects.openmeter.options import (
    parse_events,
    parse_listing,
    parse_meter,
    parse_query,
    parse_question,
)
from lab_kit.protocol.meters import WindowLength

JSON, NOW_US = "application/json", 1_700_000_000_000_000
GOOD: dict[str, Any] = {
    "specversion": "1.0",
    "id": "1",
    "source": "s",
    "type": "t",
    "subject": "acme",
    "time": "2026-11-30T12:00:00.5+01:00",
    "data": {"n": 1},
}
METER: dict[str, Any] = {
    "slug": "sound",
    "aggregation": "SUM",
    "eventType": "t",
    "valueProperty": "$.n",
}


def test_an_event_is_read_and_its_numbers_stay_as_they_were_written() -> None:
    body = json.dumps(GOOD).replace('"n": 1', '"n": 0.10000000000000000000001, "m": 123e-2')
    (event,) = parse_events("application/cloudevents+json; charset=utf-8", body.encode(), NOW_US)
    assert event.data == '{"n":0.10000000000000000000001,"m":123e-2}'
    assert event.time_us == 1_796_036_400_500_000
    without = {name: value for name, value in GOOD.items() if name not in ("time", "data")}
    (event,) = parse_events(JSON, json.dumps([without]).encode(), NOW_US)
    assert (event.time_us, event.data) == (NOW_US, "null")


@pytest.mark.parametrize(
    "changed",
    [
        {"specversion": "0.3"},
        {"id": ""},
        {"id": None},
        {"id": "x" * 257},
        {"source": "a\u0000b"},
        {"subject": "\ud800"},
        {"type": 3},
        {"time": "yesterday"},
        {"time": "2026-11-30T12:00:00"},
        {"time": 3},
        {"time": "1969-12-31T23:59:59Z"},
        {"time": "9999-01-01T00:00:00Z"},
        {"datacontenttype": "text/plain"},
        {"data": "text"},
        {"data": {"n": "\ud800"}},
        {"data": {"n": "x" * 4_096}},
        {"dataschema": "http://example.com"},
        {"extension": "1"},
    ],
)
def test_an_event_that_cannot_be_kept_is_refused_by_name(changed: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameter) as told:
        parse_events(JSON, json.dumps([GOOD, {**GOOD, **changed}]).encode(), NOW_US)
    assert next(iter(changed)) in str(told.value)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"{",
        b"[]",
        b"3",
        b'[{"specversion": NaN}]',
        b"[" * 100_000,
        json.dumps([GOOD] * (options.MOST_EVENTS + 1)).encode(),
        json.dumps({**GOOD, "data": {}}).replace("{}", '{"a":' * 300 + "1" + "}" * 300).encode(),
    ],
)
def test_a_body_that_holds_no_events_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidParameter):
        parse_events(JSON, body, NOW_US)
    with pytest.raises(InvalidParameter):
        parse_events("text/plain", json.dumps(GOOD).encode(), NOW_US)


@pytest.mark.parametrize(
    "changed",
    [
        {"slug": "Sound"},
        {"slug": "x" * 65},
        {"aggregation": "MEDIAN"},
        {"aggregation": "COUNT"},
        {"aggregation": ["SUM"]},
        {"valueProperty": None},
        {"valueProperty": "$.a[*]"},
        {"groupBy": {"subject": "$.s"}},
        {"groupBy": {"a b": "$.s"}},
        {"groupBy": {str(n): "$.s" for n in range(17)}},
        {"groupBy": {"a": "s"}},
        {"metadata": {"a": "x" * 5_000}},
        {"eventFrom": "2026-11-30T12:00:00Z"},
    ],
)
def test_a_meter_that_cannot_be_made_is_refused_by_name(changed: dict[str, Any]) -> None:
    assert parse_meter(json.dumps(METER).encode(), NOW_US).value == "$.n"
    with pytest.raises(InvalidParameter) as told:
        parse_meter(json.dumps(METER | changed).encode(), NOW_US)
    name = next(iter(changed))
    assert name in str(told.value) or "valueProperty" in str(told.value)


def test_a_question_is_the_same_by_query_and_by_body() -> None:
    by_query = parse_query(
        [
            ("from", "2026-11-01T00:00:00Z"),
            ("windowSize", "DAY"),
            ("windowTimeZone", "Europe/Zurich"),
            ("subject", "acme"),
            ("groupBy", "model"),
            ("groupBy", "model"),
            ("filterGroupBy[model]", "tiny"),
            ("filterGroupBy[model]", "base"),
        ]
    )
    body = {
        "from": "2026-11-01T01:00:00+01:00",
        "windowSize": "DAY",
        "windowTimeZone": "Europe/Zurich",
        "subject": ["acme"],
        "groupBy": ["model"],
        "filterGroupBy": {"model": ["tiny", "base"]},
    }
    assert parse_question(json.dumps(body).encode()) == by_query
    assert by_query.group_by == ("model", "subject")
    assert by_query.filters == {"model": ("tiny", "base"), "subject": ("acme",)}
    assert by_query.window is WindowLength.DAY
    assert parse_question(b"").filters == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("windowSize", "WEEK"),
        ("to", "now"),
        ("filterGroupBy", "{'model': 'tiny'}"),
        ("filterCustomerId", "1"),
        ("advancedMeterGroupByFilters", "{}"),
    ],
)
def test_a_question_that_is_not_answered_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(InvalidParameter, match=name):
        parse_query([(name, value)])


@pytest.mark.parametrize(
    ("name", "value"),
    [("limit", "0"), ("limit", "1001"), ("limit", "x"), ("from", "1"), ("customerId", "1")],
)
def test_a_list_that_is_not_given_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(InvalidParameter, match=name):
        parse_listing([(name, value)])
