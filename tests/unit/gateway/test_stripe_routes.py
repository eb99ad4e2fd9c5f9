"""Stripe's routes where its SDK cannot go: requests in flight, sessions that end, odd forms."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from scripted_engine import ScriptedEngine, recognizer, server_at, wait_until

from lab_kit.core.ids import TenantId
from lab_kit.gateway.door.keys import KEY_HOLDER
from lab_kit.gateway.providers.stripe import billing
from lab_kit.gateway.run.app import create_app
from lab_kit.gateway.run.server import Server

KEY, EVENTS = "sk_test_1", "/v1/billing/meter_events"
FORM = "event_name=heard&payload[stripe_customer_id]=cus_1&payload[value]=1"
FORM_TYPE = "application/x-www-form-urlencoded"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    made = server_at(tmp_path, lambda _: recognizer(ScriptedEngine("so")))
    wait_until(lambda: made.door.is_ready)
    made.keys.caller = KEY
    yield made
    made.stop()


@pytest.fixture
async def client(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(create_app(server)),
        base_url="http://localhost",
        headers={"authorization": f"Bearer {KEY}"},
    ) as client:
        yield client


async def post(
    client: httpx.AsyncClient, path: str, body: str, **headers: str
) -> tuple[int, dict[str, Any], httpx.Headers]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    kind = FORM_TYPE if path.startswith("/v1") else "application/json"
    answer = await client.post(path, content=body, headers={"content-type": kind, **named})
    return answer.status_code, answer.json(), answer.headers


async def events_of(server: Server, tenant: TenantId = KEY_HOLDER) -> int:
    return len(await server.metered.list_events(tenant, "stripe", 1_000))


async def test_a_request_whose_first_is_under_way_is_to_come_again(
    server: Server, client: httpx.AsyncClient
) -> None:
    assert await server.answers.begin(KEY_HOLDER, "k") is None
    status, body, headers = await post(client, EVENTS, FORM, idempotency_key="k")
    assert (status, body["error"]["code"]) == (409, "idempotency_key_in_use")
    assert headers["stripe-should-retry"] == "true"
    server.answers.end(KEY_HOLDER, "k")
    status, first, _ = await post(client, EVENTS, FORM, idempotency_key="k")
    assert status == 200
    status, again, headers = await post(client, EVENTS, FORM, idempotency_key="k")
    assert (status, again, headers["idempotent-replayed"]) == (200, first, "true")
    assert await events_of(server) == 1


async def test_many_at_once_with_one_key_are_one_event(
    server: Server, client: httpx.AsyncClient
) -> None:
    told = await asyncio.gather(
        *(post(client, EVENTS, FORM, idempotency_key="k") for _ in range(20))
    )
    statuses = {status for status, *_ in told}
    assert 200 in statuses
    assert statuses <= {200, 409}
    assert await events_of(server) == 1


async def test_a_session_ends(
    server: Server, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(billing, "SESSION_S", 0.0)
    _, session, _ = await post(client, "/v2/billing/meter_event_session", "{}")
    bearer = f"Bearer {session['authentication_token']}"
    event = {"event_name": "heard", "payload": {"value": "1"}}
    status, body, headers = await post(
        client,
        "/v2/billing/meter_event_stream",
        json.dumps({"events": [event]}),
        authorization=bearer,
    )
    assert (status, body["error"]["type"]) == (401, "temporary_session_expired")
    assert headers["request-id"] == f"req_{headers['x-request-id'].replace('-', '')}"
    assert await events_of(server) == 0


@pytest.mark.parametrize(
    "body",
    [
        "",
        "event_name",
        "payload=1&event_name=heard",
        "event_name=heard&payload[a][b]=1",
        "event_name=heard&event_name[x]=1&payload[value]=1",
        "event_name=heard&payload[value]=%00",
        "event_name=heard&payload[value]=%FF",
        "&".join(f"payload[k{n}]=1" for n in range(65)),
        "event_name=heard&" + "&".join(f"payload[k{n}]=1" for n in range(21)),
        f"event_name=heard&payload[value]={'1' * 101}",
    ],
)
async def test_an_odd_form_is_refused_and_nothing_kept(
    server: Server, client: httpx.AsyncClient, body: str
) -> None:
    status, told, headers = await post(client, EVENTS, body)
    assert (status, told["error"]["type"]) == (400, "invalid_request_error")
    assert headers["stripe-should-retry"] == "false"
    assert await events_of(server) == 0


@pytest.mark.parametrize("body", ["", "[]", "{", '{"a":' * 5_000, '{"events": [3]}'])
async def test_an_odd_body_is_refused(client: httpx.AsyncClient, body: str) -> None:
    status, told, _ = await post(client, "/v2/billing/meter_events", body)
    assert (status, told["error"]["type"]) == (400, "invalid_request_error")


async def test_a_body_that_is_too_large_is_refused(client: httpx.AsyncClient) -> None:
    status, told, _ = await post(client, EVENTS, "a" * 70_000)
    assert (status, told["error"]["type"]) == (413, "invalid_request_error")


@pytest.mark.parametrize("path", ["/v1/billing/credit_grants", "/v2/billing/cadences"])
async def test_what_is_not_imitated_is_refused_in_their_words(
    client: httpx.AsyncClient, path: str
) -> None:
    answer = await client.get(path)
    assert answer.status_code == 404
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert "not imitated" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "customer=c&start_time=0&end_time=61",
        "customer=c&start_time=60&end_time=0",
        "customer=c&start_time=0&end_time=60&value_grouping_window=hour",
        "customer=c&start_time=0&end_time=60&value_grouping_window=week",
        "customer=c&start_time=0&end_time=60&limit=101",
        "customer=c&start_time=0&end_time=60&expand[]=x",
    ],
)
async def test_summaries_are_of_whole_minutes(client: httpx.AsyncClient, query: str) -> None:
    made = "display_name=d&event_name=heard&default_aggregation[formula]=sum"
    status, meter, _ = await post(client, "/v1/billing/meters", made)
    assert status == 200
    answer = await client.get(f"/v1/billing/meters/{meter['id']}/event_summaries?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["param"]
