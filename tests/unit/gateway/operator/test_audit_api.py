"""The audit log as the operator reads it: by page, by filter, and with proofs that others check."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scripted_engine import ScriptedEngine, recognizer, server_at, wait_until
from starlette.testclient import TestClient

from lab_kit.auditor import VerifierKey, checkpoint_of, is_grown, is_included, leaf_of
from lab_kit.gateway.run.app import create_app
from lab_kit.gateway.run.server import Server
from lab_kit.gateway.state.folder import StateFolder
from lab_kit.governance.record import Action, Entry

OPERATOR_KEY = "of-the-operator"
TENANTS = ("acme", "globex")
ENTRIES = 40
BEGAN_MS = 1_767_225_600_000


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("LAB_AUDIT_KEY", "5a" * 32)
    state = StateFolder(tmp_path / "state")
    made = server_at(tmp_path, lambda _: recognizer(ScriptedEngine("so")), state=state)
    made.keys.operator = OPERATOR_KEY
    assert made.audit.log is not None
    made.audit.log.open()
    for number in range(ENTRIES):
        action = Action.KEY_MADE if number % 4 == 0 else Action.CALL_ADMITTED
        tenant = TENANTS[number % 2]
        at_ms = BEGAN_MS + number * 1_000
        made.audit.log.put(Entry(action, at_ms, tenant, f"key-{number}", f"call-{number}"))
    wait_until(lambda: made.door.is_ready)
    yield made
    made.stop()


@pytest.fixture
def client(server: Server) -> Iterator[TestClient]:
    headers = {"authorization": f"Token {OPERATOR_KEY}"}
    with TestClient(create_app(server), headers=headers) as client:
        assert client.get("/operator/audit/checkpoint").is_success  # so much is written
        yield client


def asked(client: TestClient, **query: Any) -> list[dict[str, Any]]:
    """All pages."""
    found, token = [], ""
    while True:
        answer = client.get("/operator/audit/records", params={**query, "page_token": token})
        assert answer.is_success, answer.text
        page = answer.json()
        found += page["records"]
        token = page["next_page_token"]
        if not token:
            return found


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ({"tenant": "globex"}, range(1, ENTRIES, 2)),
        ({"action": "key.made"}, range(0, ENTRIES, 4)),
        ({"action": "key"}, range(0, ENTRIES, 4)),
        ({"tenant": "globex", "action": "key"}, range(0)),
        ({"key_id": "key-7"}, range(7, 8)),
        ({"request_id": "call-7"}, range(7, 8)),
        ({"stream_id": "nobodys"}, range(0)),
        ({"until": "2026-01-01T00:00:05Z"}, range(5)),
        ({"since": "2026-01-01T00:00:05Z", "until": "2026-01-01T00:00:07Z"}, range(5, 7)),
        ({"since": "2026-01-01T01:00:05+01:00", "until": "2026-01-01T00:00:06Z"}, range(5, 6)),
    ],
)
def test_records_are_found_by_what_an_auditor_asks(
    client: TestClient, query: dict[str, str], numbers: range
) -> None:
    found = asked(client, **query)
    assert [one["request_id"] for one in found] == [f"call-{number}" for number in numbers]


def test_pages_are_all_records_and_each_once(client: TestClient) -> None:
    found = asked(client, page_size=7, until="2026-02-01T00:00:00Z")
    assert [one["number"] for one in found] == list(range(1, ENTRIES + 1))
    assert client.get("/operator/audit/records?page_size=7").json()["next_page_token"]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"since": "yesterday"}, "2026-01-31T12:00:00Z"),
        ({"since": "2026-01-01T00:00:00"}, "2026-01-31T12:00:00Z"),
        ({"page_token": "3"}, "next_page_token"),
        ({"page_token": "999999999"}, "next_page_token"),
        ({"page_token": "-1"}, "next_page_token"),
        ({"page_size": "-1"}, "page_size"),
    ],
)
def test_what_has_no_meaning_is_refused(
    client: TestClient, query: dict[str, str], says: str
) -> None:
    answer = client.get("/operator/audit/records", params=query)
    assert (answer.status_code, says in answer.json()["error"]["message"]) == (400, True)


def test_a_checkpoint_covers_the_call_that_asked_for_it(client: TestClient) -> None:
    answer = client.get("/operator/audit/checkpoint")
    told = answer.json()
    signed = checkpoint_of(told["checkpoint"], VerifierKey(told["verifier_key"]))
    (last,) = asked(client, request_id=answer.headers["x-request-id"])
    assert last["action"] == "call.admitted"
    assert last["number"] == signed.size - 1


def test_each_record_is_proved_to_whoever_has_a_checkpoint(client: TestClient) -> None:
    told = client.get("/operator/audit/checkpoint").json()
    signed = checkpoint_of(told["checkpoint"], VerifierKey(told["verifier_key"]))
    for number in range(signed.size):
        query = {"record": number, "size": signed.size}
        proof = client.get("/operator/audit/proof", params=query).json()
        line = proof["line"].encode()
        hashes = [bytes.fromhex(one) for one in proof["hashes"]]
        assert json.loads(line)["number"] == number
        assert is_included(number, signed.size, leaf_of(line), hashes, signed.root)


def test_a_log_is_proved_to_have_only_grown(client: TestClient) -> None:
    checkpoints = []
    for _ in range(5):
        told = client.get("/operator/audit/checkpoint").json()
        checkpoints.append(checkpoint_of(told["checkpoint"], VerifierKey(told["verifier_key"])))
    new = checkpoints[-1]
    for old in checkpoints:
        query = {"old_size": old.size, "size": new.size}
        proof = client.get("/operator/audit/proof", params=query).json()
        hashes = [bytes.fromhex(one) for one in proof["hashes"]]
        assert is_grown(old.size, new.size, old.root, new.root, hashes)


@pytest.mark.parametrize(
    "query",
    [
        "size=5",
        "size=5&record=1&old_size=2",
        "size=5&record=5",
        "size=5&record=-1",
        "size=9999&record=1",
        "size=0&record=0",
        "size=5&old_size=6",
        "size=5&old_size=0",
    ],
)
def test_what_cannot_be_proved_is_refused(client: TestClient, query: str) -> None:
    answer = client.get(f"/operator/audit/proof?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["reason"] == "INVALID_PARAMETER"


@pytest.mark.parametrize("path", ["checkpoint", "records", "proof?size=1&record=0"])
def test_a_server_that_keeps_no_log_says_how_to(tmp_path: Path, path: str) -> None:
    made = server_at(tmp_path, lambda _: recognizer(ScriptedEngine("so")))
    made.keys.operator = OPERATOR_KEY
    wait_until(lambda: made.door.is_ready)
    headers = {"authorization": f"Token {OPERATOR_KEY}"}
    with TestClient(create_app(made), headers=headers) as client:
        answer = client.get(f"/operator/audit/{path}")
    made.stop()
    assert answer.status_code == 404
    assert answer.json()["error"]["reason"] == "AUDIT_NOT_KEPT"
    assert "--audit" in answer.json()["error"]["message"]
