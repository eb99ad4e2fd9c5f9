"""OpenMeter's own SDK, unmodified: events in, each once; meters made, asked, deleted."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import openmeter
import openmeter.aio
import pytest
from corehttp.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from openmeter.models import Event, MeterCreate

from lab_kit.bench import Bench

BEGIN = datetime(2026, 11, 29, 22, 59, 30, tzinfo=UTC)


def event(
    id: str,
    data: dict[str, Any],
    after: timedelta = timedelta(),
    *,
    type: str = "speech",
    source: str = "",
    subject: str = "acme",
) -> Event:
    return Event(
        id=id,
        source=source or type,
        specversion="1.0",
        type=type,
        subject=subject,
        time=BEGIN + after,
        data=data,
    )


def create(client: openmeter.Client, slug: str, aggregation: str, type_: str, **more: Any) -> Any:
    made = {"slug": slug, "aggregation": aggregation, "eventType": type_, **more}
    return client.meters.create(MeterCreate(made))


@pytest.fixture(scope="module")
def client(keyed_bench: Bench) -> Iterator[openmeter.Client]:
    with openmeter.Client(endpoint=keyed_bench.url, token=keyed_bench.key) as client:
        yield client


@pytest.fixture(scope="module")
def keyed_bench() -> Iterator[Bench]:
    bench = Bench.start(key="of-the-test")
    yield bench
    bench.stop()


@pytest.fixture
def kind() -> str:
    """A type of events that no other test has."""
    return f"t{uuid4().hex}"


def test_an_event_counts_once_in_all_three_forms(client: openmeter.Client, kind: str) -> None:
    create(client, kind, "SUM", kind, valueProperty="$.audio.seconds")
    first = event("1", {"audio": {"seconds": 0.1}}, type=kind)
    client.events.ingest_event(first)
    client.events.ingest_events([first, event("2", {"audio": {"seconds": "0.2"}}, type=kind)])
    client.events.ingest_events_json([event("2", {"audio": {"seconds": 9}}, type=kind)])
    client.events.ingest_events_json(event("2", {"audio": {"seconds": 4}}, source="b", type=kind))
    (row,) = client.meters.query_json(kind).data
    assert row.value == 4.3
    assert (row.window_start, row.window_end) == (
        BEGIN.replace(second=0),
        BEGIN.replace(second=0) + timedelta(minutes=1),
    )


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [
        ("SUM", 6.5),
        ("COUNT", 4),
        ("UNIQUE_COUNT", 2),
        ("AVG", 6.5 / 3),
        ("MIN", 2),
        ("MAX", 2.5),
        ("LATEST", 2.5),
    ],
)
def test_each_aggregation(
    client: openmeter.Client, kind: str, aggregation: str, expected: float
) -> None:
    path = {} if aggregation == "COUNT" else {"valueProperty": "$.n"}
    made = create(client, kind, aggregation, kind, groupBy={"model": "$.model"}, **path)
    assert (made.slug, made.aggregation, made.group_by) == (kind, aggregation, {"model": "$.model"})
    found: list[dict[str, Any]] = [{"n": 2.5}, {"n": 2}, {"n": 2}, {}]
    for n, data in enumerate(found):
        client.events.ingest_event(event(str(n), data, -timedelta(minutes=n), type=kind))
    assert client.meters.get(made.id).slug == kind
    (row,) = client.meters.query_json(made.id).data
    assert row.value == pytest.approx(expected, rel=1e-12)


def test_windows_zones_groups_and_filters(client: openmeter.Client, kind: str) -> None:
    create(client, kind, "SUM", kind, valueProperty="$.s", groupBy={"model": "$.model"})
    events = [
        event("1", {"s": 1, "model": "tiny"}, type=kind),
        event("2", {"s": 2, "model": "base"}, timedelta(minutes=1), type=kind),
        event("3", {"s": 4, "model": "tiny"}, timedelta(hours=1), type=kind, subject="zoo"),
    ]
    client.events.ingest_events(events)

    def values(**asked: Any) -> list[float]:
        return [row.value for row in client.meters.query_json(kind, **asked).data]

    assert values(window_size="MINUTE") == [1, 2, 4]
    assert values(window_size="HOUR") == [1, 6]
    assert values(window_size="DAY") == [7]
    assert values(window_size="DAY", window_time_zone="Europe/Zurich") == [1, 6]
    assert values(window_size="MONTH") == [7]
    assert values(subject=["acme"]) == [3]
    assert values(subject=["acme", "zoo"]) == [3, 4]
    assert values(from_parameter=BEGIN + timedelta(seconds=1), to=BEGIN + timedelta(hours=1)) == [2]
    found = client.meters.query(
        kind, {"groupBy": ["model", "subject"], "filterGroupBy": {"model": ["tiny"]}}
    )
    assert [(row.subject, row.group_by, row.value) for row in found.data] == [
        ("acme", {"model": "tiny"}, 1),
        ("zoo", {"model": "tiny"}, 4),
    ]
    assert values(subject=["nobody"]) == []


def test_amounts_as_a_table_have_all_their_digits(
    client: openmeter.Client, keyed_bench: Bench, kind: str
) -> None:
    create(client, kind, "SUM", kind, valueProperty="$.s")
    numbers = ("12345678901234567890.000001", "0.000001")
    client.events.ingest_events(
        [event(str(n), {"s": one}, type=kind) for n, one in enumerate(numbers)]
    )
    answer = httpx.get(
        f"{keyed_bench.url}/api/v1/meters/{kind}/query?groupBy=subject&windowSize=MONTH",
        headers={"authorization": f"Bearer {keyed_bench.key}", "accept": "text/csv"},
    )
    assert answer.headers["content-type"].startswith("text/csv")
    assert list(csv.reader(io.StringIO(answer.text))) == [
        ["window_start", "window_end", "subject", "value"],
        [
            *("2026-11-01T00:00:00.000000Z", "2026-12-01T00:00:00.000000Z"),
            *("acme", "12345678901234567890.000002"),
        ],
    ]
    assert "12345678901234567890.000002" in client.meters.query_csv(kind)


def test_events_are_listed_with_what_is_wrong_with_them(
    client: openmeter.Client, kind: str
) -> None:
    create(client, kind, "SUM", kind, valueProperty="$.s")
    client.events.ingest_event(event("good", {"s": 1}, type=kind, subject=kind))
    client.events.ingest_event(event("bad", {"s": "much"}, timedelta(1), type=kind, subject=kind))
    client.events.ingest_event(event("no", {}, timedelta(2), type=kind + "x", subject=kind))
    listed = client.events.list(subject=kind)
    assert [one.event.id for one in listed] == ["no", "bad", "good"]
    assert [one.validation_error for one in listed] == [
        f"no meter found for event type: {kind}x",
        f"{kind}: no number at $.s: 'much'",
        None,
    ]
    assert listed[2].event.data == {"s": 1}
    assert listed[2].event.time == BEGIN
    assert [one.event.id for one in client.events.list(subject=kind, id="bad")] == ["bad"]
    from_, to = BEGIN + timedelta(hours=1), BEGIN + timedelta(days=2)
    (between,) = client.events.list(subject=kind, from_parameter=from_, to=to)
    assert between.event.id == "bad"
    assert len(client.events.list(subject=kind, limit=1)) == 1


def test_meters_are_listed_and_deleted_and_not_made_twice(
    client: openmeter.Client, kind: str
) -> None:
    made = create(client, kind, "COUNT", kind)
    with pytest.raises(ResourceExistsError):
        create(client, kind, "COUNT", kind)
    assert made.id in [one.id for one in client.meters.list()]
    client.meters.delete(kind)
    for gone in (client.meters.get, client.meters.delete, client.meters.query_json):
        with pytest.raises(ResourceNotFoundError):
            gone(kind)
    assert made.id not in [one.id for one in client.meters.list()]


def test_what_is_wrong_is_told_in_their_words(
    client: openmeter.Client, keyed_bench: Bench, kind: str
) -> None:
    create(client, kind, "SUM", kind, valueProperty="$.s", groupBy={"model": "$.model"})
    for wrong in (
        lambda: create(client, "path", "SUM", kind, valueProperty="$.s[0]"),
        lambda: create(client, "none", "SUM", kind),
        lambda: create(client, "Slug", "COUNT", kind),
        lambda: create(client, "subject", "COUNT", kind, groupBy={"subject": "$.s"}),
        lambda: client.events.ingest_event(event("", {"s": 1})),
        lambda: client.events.ingest_event(event("1", {"s": "x" * 5_000})),
        lambda: client.events.ingest_events([]),
        lambda: client.meters.query_json(kind, group_by=["other"]),
        lambda: client.meters.query_json(kind, window_time_zone="Mars/Base"),
        lambda: client.meters.query_json(kind, window_size="WEEK"),
        lambda: client.meters.query_json(kind, filter_customer_id=["1"]),
        # what the SDK makes of it is Python's own way to write a dictionary
        lambda: client.meters.query_json(kind, filter_group_by={"model": "tiny"}),
    ):
        with pytest.raises(HttpResponseError) as told:
            wrong()
        assert told.value.status_code == 400
        answer: Any = told.value.response
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert (problem["status"], problem["title"]) == (400, "Bad Request")
        assert problem["detail"]
        assert problem["instance"] == f"urn:uuid:{answer.headers['x-request-id']}"
    with (
        openmeter.Client(endpoint=keyed_bench.url, token="wrong") as stranger,
        pytest.raises(ClientAuthenticationError),
    ):
        stranger.meters.list()


async def test_the_asynchronous_client(keyed_bench: Bench, kind: str) -> None:
    async with openmeter.aio.Client(endpoint=keyed_bench.url, token=keyed_bench.key) as client:
        await client.meters.create(
            MeterCreate({"slug": kind, "aggregation": "COUNT", "eventType": kind})
        )
        await client.events.ingest_events([event("1", {}, type=kind), event("2", {}, type=kind)])
        (row,) = (await client.meters.query_json(kind)).data
        assert row.value == 2
        await client.meters.delete(kind)
        with pytest.raises(ResourceNotFoundError):
            await client.meters.get(kind)
