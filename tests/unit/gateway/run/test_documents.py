"""What the server publishes of its own API, and the page that shows it without a network."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scripted_engine import ScriptedEngine, recognizer, server_at, wait_until
from starlette.testclient import TestClient

from lab_kit.gateway.run.app import create_app

OURS = ("/healthz", "/readyz", "/v1/models", "/v1/audio:transcribe", "/operator/")
"""The rest are providers' own forms, or Prometheus'."""
OURS_TOO = ("/v1/audio:synthesize", "/v1/transcriptions", "/v1/webhooks")
"""Of our own API as well, with answers that are no JSON."""


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    server = server_at(tmp_path, lambda _: recognizer(ScriptedEngine("so")))
    wait_until(lambda: server.door.is_ready)
    server.keys.operator = "right"
    headers = {"authorization": "Token right"}
    with TestClient(create_app(server), headers=headers) as client:
        yield client
    server.stop()


def operations(client: TestClient) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in client.get("/openapi.json").json()["paths"].items():
        for operation in methods.values():
            yield path, operation


def test_every_answer_of_our_own_api_has_a_model(client: TestClient) -> None:
    described = [(p, o) for p, o in operations(client) if p.startswith(OURS)]
    assert len(described) >= 15
    for path, operation in described:
        answers = operation["responses"]
        good = next(answer for status, answer in answers.items() if status.startswith("2"))
        for content in good.get("content", {}).values():
            schema = content.get("schema")
            assert schema is None or "$ref" in schema or "additionalProperties" in schema, path
        if path not in ("/healthz", "/readyz"):
            refusal = answers["default"]["content"]["application/json"]["schema"]
            assert refusal["$ref"].endswith("/ErrorEnvelope"), path


def test_every_example_is_taken(client: TestClient) -> None:
    """Each body of JSON has one, and the server does what it asks for."""
    document = client.get("/openapi.json").json()
    sent = 0
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {})
            if "application/json" not in content or not path.startswith((*OURS, *OURS_TOO)):
                continue
            schema = content["application/json"]["schema"]
            named = schema.get("$ref", "").rpartition("/")[2]
            examples = document["components"]["schemas"].get(named, schema)["examples"]
            for example in examples:
                made = client.post("/operator/sandbox-keys", json={}).json()["name"]
                key = {"key": "-"}
                if "{key}" in path:
                    told = client.post("/operator/keys", json={"tenant": "acme"}).json()
                    key = {"key": told["about"]["id"]}
                filled = path.format(
                    label="production",
                    name="redact",
                    number=1,
                    route="v1-audio-transcribe",
                    tenant="acme",
                    **key,
                )
                if "sandbox-keys/" in path:
                    filled = path.format(name=made)
                answer = client.request(method, filled, json=example)
                assert answer.is_success, f"{method} {filled}: {answer.text}"
                sent += 1
    assert sent == 16


def test_what_needs_a_key_says_so(client: TestClient) -> None:
    keyless = {path for path, operation in operations(client) if not operation["security"]}
    health = {"/healthz", "/readyz", "/metrics", "/v2/health/live", "/v2/health/ready"}
    tokens = {"/.well-known/jwks.json", "/.well-known/oauth-authorization-server"}
    assert keyless == health | tokens


def test_the_page_loads_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/docs").text
    linked = re.findall(r"""(?:src|href)="([^"]+)"|url: '([^']+)'""", page)
    addresses = [a or b for a, b in linked]
    assert len(addresses) == 4
    for address in addresses:
        assert address.startswith("/")
        assert client.get(address).status_code == 200, address
    assert "http://" not in page
    assert "https://" not in page


def test_other_files_are_not_served(client: TestClient) -> None:
    for name in ("redoc.standalone.js", "..%2f..%2fpyproject.toml", "__init__.py"):
        assert client.get(f"/docs/{name}").status_code == 404
