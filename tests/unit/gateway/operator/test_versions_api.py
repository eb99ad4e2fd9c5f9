"""The operator's API: who may use it, what it answers, and how it refuses."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from scripted_engine import (
    MODEL,
    ScriptedEngine,
    recognizer,
    repository_at,
    wait_until,
)
from starlette.testclient import TestClient

from lab_kit.gateway.door.keys import Keys
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.observe.metrics import Metrics
from lab_kit.gateway.run.app import create_app
from lab_kit.gateway.run.server import Server
from lab_kit.gateway.versions.lease import Recognizer
from lab_kit.gateway.versions.versions import Versions
from lab_kit.models.store.version import Settings, VersionFiles

KEY = "of-the-operator"
Start = Callable[..., TestClient]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """A client of a server with two versions, the second of which may be broken."""
    repository = repository_at(tmp_path, versions=2)
    stops: list[Callable[[], None]] = []

    def make(operator_key: str | None = KEY, breaks: Exception | None = None) -> TestClient:
        def open_recognizer(files: VersionFiles) -> Recognizer:
            if files.version.number == 2 and breaks is not None:
                raise breaks
            return recognizer(ScriptedEngine("heard", version=files.version.number))

        metrics = Metrics()
        versions = Versions(repository, MODEL, open_recognizer, metrics)
        server = Server(Limits(), versions, metrics, Keys("of-a-caller", operator_key))
        stops.append(server.stop)
        versions.begin(lambda: None)
        wait_until(lambda: server.door.is_ready)
        headers = {"authorization": f"Token {KEY}"}
        return TestClient(create_app(server), headers=headers)

    yield make
    for stop in stops:
        stop()


ROUTES = [
    ("GET", "/operator/versions"),
    ("POST", "/operator/versions/2/load"),
    ("POST", "/operator/versions/2/unload"),
    ("GET", "/operator/versions/2/cache"),
    ("GET", "/operator/versions/2/engines"),
    ("PUT", "/operator/labels/production"),
    ("DELETE", "/operator/labels/canary"),
    ("GET", "/operator/shadow"),
    ("GET", "/operator/batching"),
    ("PUT", "/operator/batching"),
    ("GET", "/operator/degradation"),
    ("PUT", "/operator/degradation"),
    ("PUT", "/operator/steps/redact"),
    ("GET", "/operator/dead-letters"),
    ("POST", "/operator/keys"),
    ("GET", "/operator/keys"),
    ("POST", "/operator/keys/sk_live_1:rotate"),
    ("POST", "/operator/keys/sk_live_1:revoke"),
    ("POST", "/operator/token-keys:rotate"),
    ("GET", "/operator/tenants"),
    ("PUT", "/operator/tenants/acme"),
    ("POST", "/operator/tenants/acme:topUp"),
    ("GET", "/operator/subjects/nobody"),
    ("GET", "/operator/subjects/nobody/export"),
    ("DELETE", "/operator/subjects/nobody"),
    ("GET", "/operator/audit/checkpoint"),
    ("GET", "/operator/audit/records"),
    ("GET", "/operator/audit/proof"),
    ("POST", "/operator/sandbox-keys"),
    ("PUT", "/operator/sandbox-keys/1/faults"),
    ("PUT", "/operator/sandbox-keys/1/script"),
    ("GET", "/operator/sandbox-keys/1/journal"),
    ("DELETE", "/operator/sandbox-keys/1"),
    ("GET", "/operator/deprecations"),
    ("GET", "/operator/deprecations/v1-audio-transcribe"),
    ("PUT", "/operator/deprecations/v1-audio-transcribe"),
    ("DELETE", "/operator/deprecations/v1-audio-transcribe"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("key", ["", "Token of-a-caller", "Token wrong"])
def test_every_route_needs_the_operators_key(
    start: Start, method: str, path: str, key: str
) -> None:
    answer = start().request(method, path, headers={"authorization": key})
    assert answer.status_code == 401
    assert answer.json()["error"]["reason"] == "UNAUTHENTICATED"


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_without_a_key_set_nobody_is_the_operator(start: Start, method: str, path: str) -> None:
    answer = start(operator_key=None).request(method, path)
    assert answer.status_code == 403
    assert answer.json()["error"]["reason"] == "OPERATOR_LOCKED"
    assert "LAB_OPERATOR_KEY" in answer.json()["error"]["message"]


def test_these_are_all_the_routes(start: Start) -> None:
    """A route that this list forgets would be one whose lock nobody tried."""
    schema = start().get("/openapi.json").json()["paths"]
    there = {(m.upper(), p) for p, methods in schema.items() for m in methods if "operator" in p}
    tried = {(m, p.replace("/2/", "/{number}/")) for m, p in ROUTES}
    tried = {(m, "/operator/labels/{label}" if "labels" in p else p) for m, p in tried}
    tried = {(m, "/operator/steps/{name}" if "steps" in p else p) for m, p in tried}
    tried = {(m, p.replace("keys/1", "keys/{name}")) for m, p in tried}
    tried = {(m, p.replace("sk_live_1", "{key}")) for m, p in tried}
    tried = {(m, p.replace("acme", "{tenant}")) for m, p in tried}
    tried = {(m, p.replace("nobody", "{subject}")) for m, p in tried}
    tried = {(m, p.replace("v1-audio-transcribe", "{route}")) for m, p in tried}
    assert there == tried


def test_the_operators_key_opens_nothing_for_callers(start: Start) -> None:
    assert start().get("/v1/models").status_code == 401


def test_a_version_is_loaded_labelled_and_freed(start: Start) -> None:
    client = start()
    told = client.post("/operator/versions/2/load?wait=true")
    assert (told.status_code, told.json()["state"]) == (200, "ready")
    told = client.put("/operator/labels/production", json={"version": 2})
    assert told.json()["labels"] == ["production"]
    assert client.get("/readyz").json()["version"] == "2"
    told = client.put("/operator/labels/canary", json={"version": 1, "share": 0.25})
    assert (told.json()["labels"], told.json()["share"]) == (["canary"], 0.25)
    assert client.post("/operator/versions/1/unload").status_code == 409
    assert client.delete("/operator/labels/canary").status_code == 204
    assert client.post("/operator/versions/1/unload").json()["state"] in ("draining", "unloaded")
    listing = client.get("/operator/versions").json()
    assert listing["model"] == MODEL
    assert [(v["number"], v["labels"]) for v in listing["versions"]] == [
        (1, []),
        (2, ["production"]),
    ]


def test_a_load_is_accepted_at_once_and_seen_to_end(start: Start) -> None:
    client = start()
    answer = client.post("/operator/versions/2/load")
    assert answer.status_code == 202
    assert answer.json()["state"] in ("loading", "ready")
    wait_until(lambda: client.get("/operator/versions").json()["versions"][1]["state"] == "ready")


def test_a_version_that_cannot_be_served_says_why(start: Start) -> None:
    client = start(breaks=RuntimeError("opset 99"))
    answer = client.post("/operator/versions/2/load?wait=true")
    assert answer.status_code == 422
    assert answer.json()["error"]["reason"] == "VERSION_FAILED"
    assert "RuntimeError: opset 99" in answer.json()["error"]["message"]
    second = client.get("/operator/versions").json()["versions"][1]
    assert (second["state"], "opset 99" in second["reason"]) == ("failed", True)
    assert client.get("/readyz").status_code == 200


def test_what_was_published_meanwhile_is_listed(start: Start, tmp_path: Path) -> None:
    client = start()
    repository_at(tmp_path, versions=0).publish(
        MODEL, {"weights": tmp_path / "weights"}, Settings(3.0)
    )
    newest = client.get("/operator/versions").json()["versions"][-1]
    assert (newest["number"], newest["state"]) == (3, "unloaded")
    assert newest["settings"] == {"tokens_per_audio_s": 3.0}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code", "says"),
    [
        ("POST", "versions/9/load", None, 404, "VERSION_NOT_FOUND", "one of 1, 2"),
        ("POST", "versions/two/load", None, 400, "INVALID_PARAMETER", "path number"),
        ("PUT", "labels/production", {"version": 2}, 409, "VERSION_CONFLICT", "unloaded"),
        ("PUT", "labels/beta", {"version": 1}, 400, "INVALID_PARAMETER", "canary"),
        ("PUT", "labels/canary", {"version": 1}, 400, "INVALID_PARAMETER", "share"),
        ("PUT", "labels/shadow", {"number": 1}, 400, "INVALID_PARAMETER", "number"),
        ("DELETE", "labels/production", None, 409, "VERSION_CONFLICT", "move the label"),
        ("GET", "shadow", None, 404, "VERSION_NOT_FOUND", "shadow"),
        ("PUT", "batching", {"policy": "psychic"}, 400, "INVALID_PARAMETER", "dynamic"),
        ("PUT", "batching", {"policy": "static", "sise": 2}, 400, "INVALID_PARAMETER", "sise"),
        ("PUT", "batching", {"policy": "dynamic"}, 400, "INVALID_PARAMETER", "max_batch"),
    ],
)
def test_a_refusal_is_in_the_envelope_and_says_what_would_do(
    start: Start,
    method: str,
    path: str,
    body: dict[str, object] | None,
    status: int,
    code: str,
    says: str,
) -> None:
    answer = start().request(method, f"/operator/{path}", json=body)
    assert answer.status_code == status
    assert answer.json()["error"]["reason"] == code
    assert says in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "policy",
    [
        {"policy": "none"},
        {"policy": "static", "size": 4, "patience_s": 1.0},
        {"policy": "dynamic", "max_batch": 4, "max_wait_s": 0.02},
        {"policy": "continuous", "max_batch": 2},
    ],
)
def test_a_batching_policy_travels_both_ways(start: Start, policy: dict[str, object]) -> None:
    client = start()
    assert client.put("/operator/batching", json=policy).json() == policy
    assert client.get("/operator/batching").json() == policy
