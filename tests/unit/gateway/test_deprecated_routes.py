"""A route that is put out of service: what clients are told and met with, and what is counted."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scripted_engine import MODEL, ScriptedEngine, recognizer, repository_at, wait_until
from starlette.testclient import TestClient

from lab_kit.audio.pcm import to_pcm16
from lab_kit.core.errors import RouteGone
from lab_kit.core.ids import TenantId
from lab_kit.gateway.api import deprecations as module
from lab_kit.gateway.api.deprecations import Deprecations
from lab_kit.gateway.door.keys import Keys
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.observe.metrics import Metrics
from lab_kit.gateway.run.app import create_app
from lab_kit.gateway.run.server import Server
from lab_kit.gateway.versions.versions import Versions
from lab_kit.protocol.deprecations import (
    GUIDE_PATH,
    TRANSCRIBE_V1,
    BrownOut,
    DeprecationPlan,
)
from lab_kit.protocol.recordings import TRANSCRIBE_PATH
from lab_kit.protocol.recordings_v2 import TRANSCRIBE_V2_PATH

OPERATOR, CALLER = {"authorization": "Token of-the-operator"}, {"authorization": "Token a-caller"}
KIND = {"content-type": "audio/l16"}
PUT_AT = f"/operator/deprecations/{TRANSCRIBE_V1}"
PLAN: dict[str, Any] = {
    "deprecated_s": 100,
    "sunset_s": 200,
    "brown_outs": [{"name": "rehearsal", "from_s": 120, "until_s": 130.5}],
}
TOLD = {"deprecation", "sunset", "link"}


def speech() -> bytes:
    noise = np.random.default_rng(1).normal(0, 0.1, 16_000)
    return to_pcm16(noise.astype(np.float32)) + bytes(32_000)


class Clock:
    """The time of day, as a test says it."""

    now_s = 110.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(tmp_path: Path, clock: Clock) -> Iterator[TestClient]:
    """Of a server with two versions, on that clock."""
    metrics = Metrics()
    versions = Versions(
        repository_at(tmp_path, versions=2),
        MODEL,
        lambda files: recognizer(ScriptedEngine("it was", version=files.version.number)),
        metrics,
    )
    server = Server(Limits(), versions, metrics, Keys("a-caller", "of-the-operator"))
    server.deprecations = Deprecations(metrics, clock)
    versions.begin(lambda: None)
    wait_until(lambda: server.door.is_ready)
    yield TestClient(create_app(server))
    server.stop()


def post(client: TestClient, path: str = TRANSCRIBE_PATH, **headers: str) -> Any:
    return client.post(path, content=speech(), headers={**CALLER, **KIND, **headers})


def test_nothing_is_told_until_an_operator_announces(client: TestClient) -> None:
    for path in (TRANSCRIBE_PATH, TRANSCRIBE_V2_PATH):
        answer = post(client, path)
        assert answer.status_code == 200
        assert not TOLD & set(answer.headers)
    status = client.get(PUT_AT, headers=OPERATOR).json()
    assert (status["plan"], status["standing"]) == (None, None)
    assert [(one["tenant"], one["asked"], one["asked_successor"]) for one in status["use"]] == [
        ("key-holder", 1, 1)
    ]


def test_both_versions_tell_of_the_same_speech(client: TestClient) -> None:
    first, second = post(client).json(), post(client, TRANSCRIBE_V2_PATH).json()
    assert first["text"] == second["text"] == "it was"
    assert [word["text"] for word in second["words"]] == ["it", "was"]
    assert second["words"][0]["start_ms"] == round(
        1_000 * first["segments"][0]["words"][0]["start_s"]
    )
    assert second["model"] == {
        name: first[key]
        for name, key in (("name", "model"), ("version", "version"), ("device", "device"))
    }
    lines = post(client, TRANSCRIBE_V2_PATH, accept="application/x-ndjson").text.splitlines()
    assert len(lines) == 2
    assert '"words":[{"text":"it","segment":0' in lines[0]
    assert '"duration_ms":2000' in lines[1]


def test_every_answer_of_the_old_route_tells_errors_included(client: TestClient) -> None:
    assert client.put(PUT_AT, json=PLAN, headers=OPERATOR).json()["standing"] == "deprecated"
    whole = post(client)
    answers = [
        whole,
        post(client, accept="application/x-ndjson"),
        post(client, authorization="Token wrong"),
        post(client, TRANSCRIBE_PATH + "?nonsense=1"),
        client.get(TRANSCRIBE_PATH),
    ]
    assert [one.status_code for one in answers] == [200, 200, 401, 400, 405]
    for answer in answers:
        assert answer.headers["deprecation"] == "@100"
        assert answer.headers["sunset"] == "Thu, 01 Jan 1970 00:03:20 GMT"
        assert f'<{GUIDE_PATH}>; rel="sunset"' in answer.headers["link"]
    assert not TOLD & set(post(client, TRANSCRIBE_V2_PATH).headers)
    assert client.delete(PUT_AT, headers=OPERATOR).status_code == 204
    assert not TOLD & set(post(client).headers)


def test_a_brown_out_and_the_end_are_refused_before_the_body_and_counted(
    client: TestClient, clock: Clock
) -> None:
    client.put(PUT_AT, json=PLAN, headers=OPERATOR)
    assert post(client).status_code == 200
    clock.now_s = 121.0
    browned = post(client)
    assert browned.status_code == 503
    assert browned.headers["retry-after"] == "10"
    assert browned.headers["deprecation"] == "@100"
    error = browned.json()["error"]
    assert error["reason"] == "ROUTE_BROWNED_OUT"
    assert error["details"] == {"successor": TRANSCRIBE_V2_PATH, "guide": GUIDE_PATH}
    assert post(client, authorization="Token wrong").status_code == 401, "the key comes first"
    assert post(client, TRANSCRIBE_V2_PATH).status_code == 200
    clock.now_s = 130.5
    assert post(client).status_code == 200
    clock.now_s = 200.0
    gone = post(client)
    assert (gone.status_code, gone.json()["error"]["reason"]) == (410, "ROUTE_GONE")
    assert "retry-after" not in gone.headers
    assert GUIDE_PATH in gone.headers["link"]
    status = client.get(PUT_AT, headers=OPERATOR).json()
    assert status["standing"] == "gone"
    assert status["use"] == [
        {
            "tenant": "key-holder",
            "asked": 4,
            "refused": 2,
            "asked_successor": 1,
            "last_asked_s": 200.0,
        }
    ]
    counts = client.get("/metrics").text
    for outcome in ("refused", "served"):
        labels = f'outcome="{outcome}",route="{TRANSCRIBE_PATH}"'
        assert f"lab_replaced_route_calls_total{{{labels}}} 2.0" in counts


def test_a_repeated_request_gets_its_first_answer_even_after_the_end(
    client: TestClient, clock: Clock
) -> None:
    client.put(PUT_AT, json=PLAN, headers=OPERATOR)
    named = {"idempotency-key": "once"}
    first = post(client, **named)
    clock.now_s = 300.0
    again = post(client, **named)
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["x-model-version"] == first.headers["x-model-version"] == "1"
    assert again.headers["deprecation"] == "@100"
    assert post(client, **{"idempotency-key": "another"}).status_code == 410


def test_a_path_of_ours_among_the_providers_is_refused_in_our_words(client: TestClient) -> None:
    for method, path, reason in (
        ("GET", TRANSCRIBE_V2_PATH, "METHOD_NOT_ALLOWED"),
        ("POST", "/v2/audio:nothing", "UNKNOWN_PATH"),
    ):
        assert client.request(method, path, headers=CALLER).json()["error"]["reason"] == reason
    assert isinstance(client.get("/v2/nothing", headers=CALLER).json()["error"], str)


def test_a_sandbox_keys_calls_are_a_tenant_of_their_own(client: TestClient, clock: Clock) -> None:
    key = client.post("/operator/sandbox-keys", json={"faults": []}, headers=OPERATOR).json()
    client.put(PUT_AT, json=PLAN, headers=OPERATOR)
    clock.now_s = 125.0
    assert post(client, authorization=f"Token {key['key']}").status_code == 503
    use = client.get(PUT_AT, headers=OPERATOR).json()["use"]
    assert [one["tenant"] for one in use] == [f"sandbox-{key['name']}"]
    journal = client.get(f"/operator/sandbox-keys/{key['name']}/journal", headers=OPERATOR)
    assert [one["status"] for one in journal.json()["entries"]] == [503]


@pytest.mark.parametrize(
    ("change", "status", "reason"),
    [
        ({"sunset_s": 99}, 400, "INVALID_PARAMETER"),
        ({"sunset_s": None}, 400, "INVALID_PARAMETER"),
        ({"more": 1}, 400, "INVALID_PARAMETER"),
        ({"brown_outs": [{"name": "x", "from_s": 90, "until_s": 95}]}, 400, "INVALID_PARAMETER"),
    ],
)
def test_a_plan_that_cannot_be_kept_changes_nothing(
    client: TestClient, change: dict[str, Any], status: int, reason: str
) -> None:
    client.put(PUT_AT, json=PLAN, headers=OPERATOR)
    refused = client.put(PUT_AT, json={**PLAN, **change}, headers=OPERATOR)
    assert (refused.status_code, refused.json()["error"]["reason"]) == (status, reason)
    assert client.get(PUT_AT, headers=OPERATOR).json()["plan"]["sunset_s"] == 200


def test_only_what_has_a_successor_can_be_put_out_of_service(client: TestClient) -> None:
    for method in ("GET", "PUT", "DELETE"):
        body = {"json": PLAN} if method == "PUT" else {}
        refused = client.request(method, "/operator/deprecations/v9", headers=OPERATOR, **body)
        assert (refused.status_code, refused.json()["error"]["reason"]) == (
            404,
            "UNKNOWN_DEPRECATION",
        )
    (one,) = client.get("/operator/deprecations", headers=OPERATOR).json()["deprecations"]
    assert (one["path"], one["successor"]) == (TRANSCRIBE_PATH, TRANSCRIBE_V2_PATH)


def test_the_guide_is_there_without_a_key_and_names_both(client: TestClient) -> None:
    guide = client.get(GUIDE_PATH)
    assert guide.headers["content-type"].startswith("text/markdown")
    assert TRANSCRIBE_PATH in guide.text
    assert TRANSCRIBE_V2_PATH in guide.text


def test_tenants_are_counted_up_to_a_bound(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr(module, "MOST_TENANTS", 2)
    counted = Deprecations(Metrics(), clock)
    for tenant in ("ann", "bob", "ann", "cid"):
        counted.meet(TRANSCRIBE_PATH, TenantId(tenant))
    counted.put(TRANSCRIBE_V1, DeprecationPlan(1.0, 2.0, (BrownOut("a", 1.0, 1.5),)))
    with pytest.raises(RouteGone):
        counted.meet(TRANSCRIBE_PATH, TenantId("cid"))
    found = counted.status(TRANSCRIBE_V1).use
    assert [(one.tenant, one.asked, one.refused) for one in found] == [("cid", 2, 1), ("ann", 2, 0)]


def test_an_answer_says_which_version_spoke_and_a_pin_decides(client: TestClient) -> None:
    def pinned(model: str) -> Any:
        return post(client, f"{TRANSCRIBE_PATH}?model={model}")

    not_loaded = pinned(f"{MODEL}@2")
    assert (not_loaded.status_code, not_loaded.json()["error"]["reason"]) == (
        503,
        "MODEL_NOT_LOADED",
    )
    client.post("/operator/versions/2/load?wait=true", headers=OPERATOR).raise_for_status()
    client.put("/operator/labels/canary", json={"version": 2, "share": 1.0}, headers=OPERATOR)
    spoke = {name: pinned(name) for name in (MODEL, "production", f"{MODEL}@1", f"{MODEL}@2")}
    assert [one.json()["version"] for one in spoke.values()] == ["2", "1", "1", "2"]
    assert [one.headers["x-model-version"] for one in spoke.values()] == ["2", "1", "1", "2"]
    unknown = pinned(f"{MODEL}@9")
    assert (unknown.status_code, unknown.json()["error"]["reason"]) == (404, "VERSION_NOT_FOUND")
    for name in ("canary", "shadow", f"{MODEL}@x"):
        assert pinned(name).json()["error"]["reason"] == "INVALID_PARAMETER"
    assert pinned("another@1").json()["error"]["reason"] == "MODEL_NOT_FOUND"
