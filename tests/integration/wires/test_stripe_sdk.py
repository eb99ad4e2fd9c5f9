"""Stripe's own SDK, unmodified: meters, meter events of both versions, both ways to send again."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
import stripe

from lab_kit.bench import Bench

KEY = "sk_test_of_the_bench"
HOUR_S = 3_600


@pytest.fixture(scope="module")
def keyed_bench() -> Iterator[Bench]:
    bench = Bench.start(key=KEY)
    yield bench
    bench.stop()


def client_of(bench: Bench, key: str = KEY, retries: int = 0) -> stripe.StripeClient:
    addresses: Any = {"api": bench.url, "meter_events": bench.url}
    return stripe.StripeClient(key, base_addresses=addresses, max_network_retries=retries)


@pytest.fixture
def client(keyed_bench: Bench) -> stripe.StripeClient:
    return client_of(keyed_bench)


@pytest.fixture
def name() -> str:
    """Of events that no other test has."""
    return f"e{uuid4().hex}"


def meter(client: stripe.StripeClient, name: str, formula: Any = "sum", **more: Any) -> Any:
    asked: Any = {
        "display_name": "Speech",
        "event_name": name,
        "default_aggregation": {"formula": formula},
        **more,
    }
    return client.v1.billing.meters.create(asked)


def event(
    client: stripe.StripeClient, name: str, value: int | str, customer: str = "cus_1", **more: Any
) -> Any:
    options = more.pop("options", {})
    payload = {"stripe_customer_id": customer, "value": str(value)}
    asked: Any = {"event_name": name, "payload": payload, **more}
    return client.v1.billing.meter_events.create(asked, options)


def summaries(client: stripe.StripeClient, of: Any, customer: str = "cus_1", **more: Any) -> Any:
    minute = int(time.time()) // 60 * 60
    asked: Any = {
        "customer": customer,
        "start_time": minute - 24 * HOUR_S,
        "end_time": minute + 120,
        **more,
    }
    return client.v1.billing.meters.event_summaries.list(of.id, asked)


def total(client: stripe.StripeClient, of: Any, customer: str = "cus_1") -> float:
    return sum(float(one.aggregated_value) for one in summaries(client, of, customer).data)


def test_meters_are_made_listed_read_and_deactivated(
    client: stripe.StripeClient, name: str
) -> None:
    made = meter(
        client,
        name,
        "last",
        customer_mapping={"type": "by_id", "event_payload_key": "customer"},
        value_settings={"event_payload_key": "seconds"},
    )
    assert made.id.startswith("mtr_")
    assert (made.object, made.status, made.event_name) == ("billing.meter", "active", name)
    assert made.default_aggregation.formula == "last"
    assert made.customer_mapping.event_payload_key == "customer"
    assert made.value_settings.event_payload_key == "seconds"
    with pytest.raises(stripe.InvalidRequestError) as told:
        meter(client, name)
    assert told.value.code == "resource_already_exists"
    assert client.v1.billing.meters.retrieve(made.id).display_name == "Speech"
    assert client.v1.billing.meters.list().data[0].id == made.id
    off = client.v1.billing.meters.deactivate(made.id)
    assert off.status == "inactive"
    assert off.status_transitions.deactivated_at is not None
    second = meter(client, name)
    active = client.v1.billing.meters.list({"status": "active", "limit": 1})
    assert [one.id for one in active.data] == [second.id]
    both = [one.id for one in client.v1.billing.meters.list({"limit": 1}).auto_paging_iter()]
    assert both[:2] == [second.id, made.id]
    for gone in ("mtr_nobodys", name):
        with pytest.raises(stripe.InvalidRequestError) as told:
            client.v1.billing.meters.retrieve(gone)
        assert (told.value.http_status, told.value.code) == (404, "resource_missing")


@pytest.mark.parametrize(("formula", "expected"), [("sum", 12), ("count", 3), ("last", 5)])
def test_events_add_up_by_customer(
    client: stripe.StripeClient, name: str, formula: str, expected: int
) -> None:
    made = meter(client, name, formula)
    now = int(time.time())
    told = event(client, name, 5, timestamp=now)
    assert (told.object, told.event_name, told.timestamp) == ("billing.meter_event", name, now)
    assert told.payload.to_dict() == {"stripe_customer_id": "cus_1", "value": "5"}
    assert told.identifier
    for value, ago_s in ((4, 2 * HOUR_S), (3, HOUR_S)):
        event(client, name, value, timestamp=now - ago_s)
    event(client, name, 100, "cus_2")
    assert total(client, made) == expected
    assert total(client, made, "cus_3") == 0
    start, end = (now // HOUR_S - 3) * HOUR_S, (now // HOUR_S + 1) * HOUR_S
    window: Any = {"value_grouping_window": "hour", "start_time": start, "end_time": end}
    by_hour = summaries(client, made, limit=2, **window)
    assert by_hour.has_more
    found = list(by_hour.auto_paging_iter())
    values = [1, 1, 1] if formula == "count" else [5, 3, 4]
    assert [one.aggregated_value for one in found] == values
    assert [one.end_time - one.start_time for one in found] == [HOUR_S] * 3


def test_an_identifier_is_taken_once_and_refused_the_second_time(
    client: stripe.StripeClient, name: str
) -> None:
    made, identifier = meter(client, name), f"id of {name}"
    assert event(client, name, 1, identifier=identifier).identifier == identifier
    with pytest.raises(stripe.InvalidRequestError) as told:
        event(client, name, 1, identifier=identifier)
    message = f"An event already exists with identifier {identifier}."
    assert (told.value.http_status, told.value.code) == (400, None)
    assert told.value.user_message == message
    assert told.value.headers is not None
    assert told.value.headers["stripe-should-retry"] == "false"
    assert told.value.request_id == told.value.headers["request-id"]
    assert told.value.request_id.startswith("req_")
    assert total(client, made) == 1


def test_a_request_that_was_answered_is_answered_the_same(
    client: stripe.StripeClient, name: str
) -> None:
    made, options = meter(client, name), {"idempotency_key": uuid4().hex}
    first = event(client, name, 7, options=options)
    again = event(client, name, 7, options=options)
    assert again.identifier == first.identifier
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.last_response.headers
    with pytest.raises(stripe.IdempotencyError) as told:
        event(client, name, 8, options=options)
    assert told.value.http_status == 400
    assert total(client, made) == 7


def test_a_cancelled_event_counts_no_more(client: stripe.StripeClient, name: str) -> None:
    made = meter(client, name)
    event(client, name, 1, identifier=f"{name}-1")
    event(client, name, 2, identifier=f"{name}-2")
    asked: Any = {
        "event_name": name,
        "type": "cancel",
        "cancel": {"identifier": f"{name}-1"},
    }
    done = client.v1.billing.meter_event_adjustments.create(asked)
    assert (done.object, done.type) == ("billing.meter_event_adjustment", "cancel")
    assert total(client, made) == 2
    with pytest.raises(stripe.InvalidRequestError) as told:
        client.v1.billing.meter_event_adjustments.create(asked)
    assert (told.value.code, told.value.param) == ("resource_missing", "cancel[identifier]")


@pytest.mark.parametrize(
    ("changed", "code", "param"),
    [
        ({"event_name": ""}, "parameter_missing", "event_name"),
        ({"payload": {}}, "parameter_missing", "payload"),
        ({"timestamp": int(time.time()) - 36 * 86_400}, "timestamp_too_far_in_past", "timestamp"),
        ({"timestamp": int(time.time()) + 7_200}, "timestamp_in_future", "timestamp"),
        ({"timestamp": "noon"}, "parameter_invalid_integer", "timestamp"),
        ({"color": "red"}, "parameter_unknown", "color"),
        ({"identifier": "x" * 101}, None, "identifier"),
        ({"payload": {"value": "1.5"}}, None, "payload[value]"),
        ({"payload": {"value": "1" * 16}}, "meter_event_value_too_many_digits", "payload[value]"),
    ],
)
def test_what_is_wrong_has_its_code_and_its_parameter(
    client: stripe.StripeClient, name: str, changed: dict[str, Any], code: str, param: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as told:
        event(client, name, 1, **changed)
    assert (told.value.http_status, told.value.code, told.value.param) == (400, code, param)


def test_a_wrong_key_is_an_authentication_error(keyed_bench: Bench) -> None:
    with pytest.raises(stripe.AuthenticationError):
        client_of(keyed_bench, "sk_test_wrong").v1.billing.meters.list()


def test_events_of_the_second_version(client: stripe.StripeClient, name: str) -> None:
    made, moment = meter(client, name), datetime.now(UTC).isoformat()
    asked: Any = {
        "event_name": name,
        "payload": {"stripe_customer_id": "cus_1", "value": "3"},
        "identifier": name,
        "timestamp": moment,
    }
    told = client.v2.billing.meter_events.create(asked)
    assert (told.object, told.identifier) == ("v2.billing.meter_event", name)
    with pytest.raises(stripe.StripeError) as refused:
        client.v2.billing.meter_events.create(asked)
    assert (refused.value.http_status, refused.value.code) == (400, "duplicate_meter_event")
    assert total(client, made) == 3


def test_the_stream_takes_a_hundred_events_and_counts_each_once(
    client: stripe.StripeClient, keyed_bench: Bench, name: str
) -> None:
    made = meter(client, name)
    session = client.v2.billing.meter_event_session.create()
    lasts = datetime.fromisoformat(str(session.expires_at)) - datetime.fromisoformat(
        str(session.created)
    )
    assert lasts.total_seconds() == 900
    streaming = client_of(keyed_bench, session.authentication_token)
    payload = {"stripe_customer_id": "cus_1", "value": "1"}
    events: Any = [
        {"event_name": name, "payload": payload, "identifier": f"{name}-{n}"} for n in range(100)
    ]
    streaming.v2.billing.meter_event_stream.create({"events": events})
    streaming.v2.billing.meter_event_stream.create({"events": events[:50]})
    assert total(client, made) == 100
    unnamed: Any = {"events": [{"event_name": name, "payload": payload}] * 2}
    for _ in range(2):
        streaming.v2.billing.meter_event_stream.create(unnamed, {"idempotency_key": name})
    assert total(client, made) == 102
    with pytest.raises(stripe.InvalidRequestError):
        streaming.v2.billing.meter_event_stream.create({"events": [*events, events[0]]})
    for key in (KEY, "sk_test_wrong"):
        with pytest.raises(stripe.TemporarySessionExpiredError) as told:
            client_of(keyed_bench, key).v2.billing.meter_event_stream.create({"events": events})
        assert told.value.code == "billing_meter_event_session_expired"


def test_the_module_style(keyed_bench: Bench, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stripe, "api_key", KEY)
    monkeypatch.setattr(stripe, "api_base", keyed_bench.url)
    made = stripe.billing.Meter.create(
        display_name="Speech", event_name=name, default_aggregation={"formula": "sum"}
    )
    payload = {"stripe_customer_id": "cus_1", "value": "2"}
    stripe.billing.MeterEvent.create(event_name=name, payload=payload, identifier=name)
    with pytest.raises(stripe.InvalidRequestError, match="already exists"):
        stripe.billing.MeterEvent.create(event_name=name, payload=payload, identifier=name)
    minute = int(time.time()) // 60 * 60
    (told,) = stripe.billing.Meter.list_event_summaries(
        made.id, customer="cus_1", start_time=minute - 60, end_time=minute + 120
    ).data
    assert told.aggregated_value == 2
