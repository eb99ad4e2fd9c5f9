"""What the audit log is told of calls, work, keys and deletions on a whole server, and what not."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hang import HANG_S
from scripted_engine import ScriptedEngine, recognizer, server_at, wait_until
from starlette.testclient import TestClient
from test_app import speech
from test_redaction import WAYS

from lab_kit.auditor import verify
from lab_kit.database.rows import Rows
from lab_kit.gateway.run.app import create_app
from lab_kit.gateway.run.first_keys import make_key
from lab_kit.gateway.run.server import Server
from lab_kit.gateway.state.folder import StateFolder
from lab_kit.protocol.api_keys import NewKey

SAID = "a word that no auditor needs"
OPERATOR_KEY = "of-the-operator"
UPLOAD = {"content-type": "audio/l16", "accept": "application/json"}
AS_OPERATOR = {"authorization": f"Token {OPERATOR_KEY}"}


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_AUDIT_KEY", "5a" * 32)
    monkeypatch.setenv("LAB_KEY_PEPPER", "a5" * 32)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    state = StateFolder(tmp_path / "state")
    made = server_at(tmp_path, lambda _: recognizer(ScriptedEngine(SAID)), state=state)
    made.keys.operator = OPERATOR_KEY
    assert made.audit.log is not None
    made.audit.log.open()
    wait_until(lambda: made.door.is_ready)
    yield made
    made.stop()


@pytest.fixture
def client(server: Server) -> Iterator[TestClient]:
    with TestClient(create_app(server)) as client:
        yield client


def records(server: Server) -> list[dict[str, Any]]:
    """All that was told until now."""
    log = server.audit.log
    assert log is not None
    log.signed().result(HANG_S)
    return [json.loads(line) for line in (log.folder / "log.jsonl").read_bytes().splitlines()]


def of(server: Server, *actions: str) -> list[dict[str, Any]]:
    return [one for one in records(server) if one["action"] in actions]


def made_key(client: TestClient, tenant: str = "acme", **asked: Any) -> tuple[str, str]:
    body = {"tenant": tenant, **asked}
    answer = client.post("/operator/keys", json=body, headers=AS_OPERATOR)
    assert answer.status_code == 201
    return answer.json()["key"], answer.json()["about"]["id"]


@pytest.mark.parametrize("way", WAYS)
def test_work_of_every_way_in_is_in_the_log_from_its_opening_to_its_end(
    server: Server, client: TestClient, way: str
) -> None:
    assert SAID in WAYS[way](client, True)
    wait_until(lambda: any(one["action"].endswith(".ended") for one in records(server)))
    kind = "stream" if way.startswith(("listen", "realtime", "streaming")) else "recording"
    (opened,), (ended,) = of(server, f"{kind}.opened"), of(server, f"{kind}.ended")
    assert opened["stream_id"] == ended["stream_id"] is not None
    assert (opened["tenant"], opened["about"]) == ("anybody", {"version": 1})
    heard_ms = len(speech()) / 2 / 16
    assert abs(ended["about"]["submitted_ms"] - heard_ms) <= 10
    assert ended["about"]["version"] == 1
    assert "redact" in ended["about"]["features"]
    admitted = of(server, "call.admitted")
    assert opened["request_id"] in {one["request_id"] for one in admitted}
    assert all(one["about"]["way"].count(" ") == 1 for one in admitted)
    log = server.audit.log
    assert log is not None
    assert verify(log.folder, log.verifier_key).is_good
    assert SAID.encode() not in (log.folder / "log.jsonl").read_bytes()


def test_a_spoken_text_is_named_and_not_told(server: Server, client: TestClient) -> None:
    text = "nobody else's business"
    client.post("/v1/audio:synthesize", json={"text": text})
    (opened,), (ended,) = of(server, "speech.opened"), of(server, "speech.ended")
    assert opened["stream_id"] == ended["stream_id"]
    assert text not in json.dumps(records(server))


def test_a_call_without_a_key_that_is_valid_is_refused_and_its_key_not_told(
    server: Server, client: TestClient
) -> None:
    made_key(client)
    answer = client.post(
        "/v1/audio:transcribe",
        content=speech(),
        headers={**UPLOAD, "authorization": "Token a-guessed-key"},
    )
    assert answer.status_code == 401
    (refused,) = of(server, "call.refused")
    assert refused["about"] == {
        "way": "POST /v1/audio:transcribe",
        "named": {},
        "reason": "UNAUTHENTICATED",
    }
    assert (refused["tenant"], refused["key_id"]) == (None, None)
    assert refused["request_id"] == answer.headers["x-request-id"]
    assert "guessed" not in json.dumps(records(server))


def test_a_key_is_followed_from_its_making_to_the_calls_it_is_refused_for(
    server: Server, client: TestClient
) -> None:
    key, key_id = made_key(client, scope=["recordings"])
    as_caller = {**UPLOAD, "authorization": f"Token {key}"}
    assert client.post("/v1/audio:transcribe", content=speech(), headers=as_caller).is_success
    rotated = client.post(
        f"/operator/keys/{key_id}:rotate", json={"overlap_s": 60}, headers=AS_OPERATOR
    )
    revoked = client.post(f"/operator/keys/{key_id}:revoke", headers=AS_OPERATOR)
    refused = client.post("/v1/audio:transcribe", content=speech(), headers=as_caller)
    assert refused.status_code == 401
    told = [one for one in records(server) if one["key_id"] == key_id]
    assert [one["action"] for one in told] == [
        "key.made",
        "call.admitted",
        "key.rotated",
        "key.revoked",
        "call.refused",
    ]
    made, admitted, turned, over, shut = told
    assert made["about"] == {"environment": "live", "scope": ["recordings"]}
    assert {one["tenant"] for one in (made, admitted, turned, over)} == {"acme"}
    new_id = rotated.json()["about"]["id"]
    assert turned["about"] == {"new_key_id": new_id, "overlap_ms": 60_000}
    assert turned["request_id"] == rotated.headers["x-request-id"]
    assert over["request_id"] == revoked.headers["x-request-id"]
    assert (shut["about"]["reason"], shut["about"]["standing"]) == ("UNAUTHENTICATED", "revoked")
    written = json.dumps(records(server))
    assert key not in written
    assert rotated.json()["key"] not in written


def test_who_was_let_in_and_may_not_is_refused_by_name(server: Server, client: TestClient) -> None:
    key, key_id = made_key(client, scope=["streams"])
    as_caller = {**UPLOAD, "authorization": f"Token {key}"}
    assert client.post("/v1/audio:transcribe", content=speech(), headers=as_caller).is_error
    (refused,) = of(server, "call.refused")
    assert (refused["tenant"], refused["key_id"]) == ("acme", key_id)
    assert refused["about"]["reason"] == "SCOPE_MISSING"


def test_what_the_operator_changes_is_told_and_what_fails_is_not(
    server: Server, client: TestClient
) -> None:
    answers = [
        client.put("/operator/steps/redact", json={"fails": True}, headers=AS_OPERATOR),
        client.put("/operator/steps/nothing", json={"fails": True}, headers=AS_OPERATOR),
        client.get("/operator/versions", headers=AS_OPERATOR),
    ]
    assert [one.is_success for one in answers] == [True, False, True]
    ids = [one.headers["x-request-id"] for one in answers]
    assert [one["request_id"] for one in of(server, "call.admitted")] == ids
    (changed,) = of(server, "operator.changed")
    assert changed["request_id"] == ids[0]
    assert changed["about"] == {"way": "PUT /operator/steps/{name}", "named": {"name": "redact"}}


def test_a_whole_key_in_a_path_is_not_told(server: Server, client: TestClient) -> None:
    key, key_id = made_key(client)
    client.post(f"/operator/keys/{key}:revoke", headers=AS_OPERATOR)
    written = json.dumps(records(server))
    assert key not in written
    assert key[:20] not in written
    assert key_id in written


def test_what_is_deleted_is_told_with_its_reason(server: Server, client: TestClient) -> None:
    asked = client.post("/v1/transcriptions", content=speech(), headers=UPLOAD)
    name = asked.json()["name"]
    number = name.partition("/")[2]
    wait_until(lambda: _turned(client, server, name))
    deleted = [
        client.delete(f"/v1/transcriptions/{number}"),
        client.delete(f"/v1/operations/{number}"),
    ]
    assert [one.status_code for one in deleted] == [204, 204]
    told = of(server, "data.deleted")
    assert [(one["about"]["kind"], one["about"]["why"]) for one in told] == [
        ("transcription", "asked for"),
        ("operation", "asked for"),
    ]
    assert [one["about"]["ids"] for one in told] == [[number], [number]]
    assert [one["request_id"] for one in told] == [one.headers["x-request-id"] for one in deleted]


def test_what_was_kept_long_enough_is_told_by_tenant(server: Server, client: TestClient) -> None:
    numbers = set()
    for tenant in ("acme", "globex"):
        key, _ = made_key(client, tenant=tenant)
        as_caller = {**UPLOAD, "authorization": f"Token {key}"}
        asked = client.post("/v1/transcriptions", content=speech(), headers=as_caller)
        numbers.add((tenant, asked.json()["name"].partition("/")[2]))
    assert client.portal is not None
    client.portal.call(server.database.run, _age)
    gone = client.portal.call(server.transcriber.operations.expire)
    assert {str(one) for one in gone} == {number for _, number in numbers}
    told = of(server, "data.deleted")
    assert {(one["tenant"], *one["about"]["ids"]) for one in told} == numbers
    assert {one["about"]["why"] for one in told} == {"kept long enough"}


def _age(rows: Rows) -> None:
    rows.execute("UPDATE operations SET expires_ms = 0")


def _turned(client: TestClient, server: Server, name: str) -> bool:
    """Do operations in place of the server's own task, and see whether that one is done."""
    assert client.portal is not None
    client.portal.call(server.transcriber.turn)
    return bool(client.get(f"/v1/{name}").json()["done"])


def test_a_key_that_is_made_where_no_server_runs_is_told(tmp_path: Path) -> None:
    made = make_key(tmp_path, NewKey("acme"))
    lines = (tmp_path / "audit" / "log.jsonl").read_bytes().splitlines()
    told = [json.loads(line) for line in lines]
    assert [one["action"] for one in told] == ["log.opened", "key.made", "log.closed"]
    assert told[1]["key_id"] == made.about.id


def test_a_server_that_keeps_nothing_keeps_no_log(tmp_path: Path) -> None:
    made = server_at(tmp_path, lambda _: recognizer(ScriptedEngine(SAID)))
    wait_until(lambda: made.door.is_ready)
    try:
        assert made.audit.log is None
        with TestClient(create_app(made)) as client:
            assert client.post("/v1/audio:transcribe", content=speech(), headers=UPLOAD).is_success
    finally:
        made.stop()
