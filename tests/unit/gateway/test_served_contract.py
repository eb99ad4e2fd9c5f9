"""The interface is what was published: a change that breaks clients is stopped here, by name.

The comparison itself is tested in `tests/unit/protocol/contract`; here it is held to this server's
own documents, with changes as a developer would make them.
"""

import json
import random
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import served_contract
from scripted_engine import ScriptedEngine, recognizer, server_at
from served_contract import complaints, differences, published, served

from lab_kit.core.errors import InvalidContract
from lab_kit.core.proto_file import file_description
from lab_kit.gateway.run.grpc import grpc_services
from lab_kit.protocol.contract.change import Change, Verdict, worst
from lab_kit.protocol.contract.messages import asyncapi_changes
from lab_kit.protocol.contract.openapi import openapi_changes
from lab_kit.protocol.contract.reading import changes_between, read_contract

ADD, BEHAVE, BREAK = Verdict.ADDITIVE, Verdict.BEHAVIOUR, Verdict.BREAKING
OPENAPI, ASYNCAPI = "openapi.json", "asyncapi.json"
GONE = object()
SYNTHESIZE = "paths//v1/audio:synthesize/post"
TRANSCRIBE = "paths//v1/audio:transcribe/post"
ASKED = f"{SYNTHESIZE}/requestBody/content/application|json/schema"
TEXT, FORM = {"type": "string"}, {"schema": {"type": "string"}}
SPEED = {"name": "speed", "in": "query", "schema": TEXT}
SOCKET = "channels/listen"


def test_what_is_served_is_what_was_published(tmp_path: Path) -> None:
    told = complaints(published(), served(tmp_path))
    assert told == [], "\n".join(told)


def test_each_method_that_is_served_is_published_and_no_other(tmp_path: Path) -> None:
    server = server_at(tmp_path, lambda _: recognizer(ScriptedEngine("so")))
    offered = {
        f"{service}/{method}"
        for service, methods in grpc_services(server).items()
        for method in methods
        if not service.startswith("grpc.")  # health and reflection: gRPC's own contract
    }
    server.stop()
    described = {
        f"{file.package}.{service.name}/{method.name}"
        for name, data in published().items()
        if name.endswith(".proto")
        for file in [file_description(name, data.decode())]
        for service in file.service
        for method in service.method
    }
    assert described == offered


# document, the way to a place (| is a / in a name), what stands there then, verdict, told
JSON_CHANGES: list[tuple[str, str, Any, Verdict, str]] = [
    (OPENAPI, f"{TRANSCRIBE}/parameters/-1", GONE, BREAK, "POST /v1/audio:transcribe, query"),
    (OPENAPI, f"{TRANSCRIBE}/parameters/+", SPEED, ADD, "query speed: nothing → speed"),
    (OPENAPI, f"{TRANSCRIBE}/parameters/+", {**SPEED, "required": True}, BREAK, "query speed"),
    (OPENAPI, f"{TRANSCRIBE}/parameters/0/schema/type", "integer", BREAK, "boolean → integer"),
    (OPENAPI, f"{TRANSCRIBE}/parameters/0/schema/default", True, BEHAVE, "false → true"),
    (OPENAPI, f"{TRANSCRIBE}/requestBody/content/audio|flac", GONE, BREAK, "body audio/flac"),
    (OPENAPI, f"{TRANSCRIBE}/requestBody/content/audio|mpeg", {}, ADD, "body audio/mpeg"),
    (OPENAPI, f"{TRANSCRIBE}/operationId", "hear", BEHAVE, "generated again"),
    (OPENAPI, f"{TRANSCRIBE}/deprecated", True, ADD, "clients are told to move"),
    (OPENAPI, f"{ASKED}/properties/speed/maximum", 1.5, BREAK, "maximum 2.0 → maximum 1.5"),
    (OPENAPI, f"{ASKED}/properties/speed/default", 1.1, BEHAVE, "1.0 → 1.1"),
    (OPENAPI, f"{ASKED}/properties/text/maxLength", 9000, ADD, "maxLength 5000 → maxLength 9000"),
    (OPENAPI, f"{ASKED}/properties/format/enum", ["wav"], BREAK, "json: format"),
    (OPENAPI, f"{ASKED}/properties/format", GONE, BREAK, "json: format"),
    (OPENAPI, f"{ASKED}/properties/voice", TEXT, ADD, "json: voice"),
    (OPENAPI, f"{ASKED}/required", ["text", "voice"], BREAK, "json: voice"),
    (OPENAPI, f"{ASKED}/properties/sample_rate_hz", {"type": "integer"}, BREAK, "null → integer"),
    (OPENAPI, "paths//v1/models/get", GONE, BREAK, "GET /v1/models"),
    (OPENAPI, "paths//v1/speakers", {"get": {"responses": {"200": {}}}}, ADD, "GET /v1/speakers"),
    (OPENAPI, "paths//healthz/get/security", [{"key": []}], BREAK, "no key → a key"),
    (OPENAPI, "components/securitySchemes/key/name", "X-Key", BREAK, "securitySchemes.key"),
    (
        OPENAPI,
        "paths//v1/transcriptions/{transcription}/get/responses/200/content/text|vtt",
        GONE,
        BREAK,
        "200 text/vtt",
    ),
    (
        OPENAPI,
        "paths//v1/transcriptions/{transcription}/delete/responses",
        {"200": {}, "default": {}},
        BREAK,
        "204 → nothing",
    ),
    (OPENAPI, "components/schemas/ErrorBody/properties/hint", TEXT, ADD, "schemas.ErrorBody: hint"),
    (OPENAPI, "components/schemas/ErrorBody/properties/reason", GONE, BREAK, "ErrorBody: reason"),
    (OPENAPI, "components/schemas/ErrorBody/required", ["code"], BREAK, "required → optional"),
    (OPENAPI, "components/schemas/Code/enum/+", "TOO_TIRED", BEHAVE, "TOO_TIRED"),
    (OPENAPI, "components/schemas/Alive/properties/status/const", "up", BREAK, "ok → up"),
    (OPENAPI, "components/schemas/Transcript/properties/audio_s", TEXT, BREAK, "number → string"),
    (
        OPENAPI,
        "components/schemas/Transcript/properties/text",
        {"anyOf": [TEXT, {"type": "null"}]},
        BREAK,
        "Transcript: text: string → null",
    ),
    (OPENAPI, "components/schemas/NewWebhook/properties/url/maxLength", 200, BREAK, "url"),
    (OPENAPI, "components/schemas/Segment/properties/text/maxLength", 200, ADD, "Segment: text"),
    (OPENAPI, "info/description", "Said otherwise.", None, ""),  # type: ignore[list-item]
    (ASYNCAPI, f"{SOCKET}/address", "/v3/listen", BREAK, "/v1/listen → nothing"),
    (ASYNCAPI, f"{SOCKET}/messages/Metadata/name", "Summary", BREAK, "/v1/listen sends Metadata"),
    (ASYNCAPI, f"{SOCKET}/messages/Sound/contentType", "audio/ogg", BREAK, "receives Sound"),
    (
        ASYNCAPI,
        f"{SOCKET}/bindings/ws/query/required/+",
        "model",
        BREAK,
        "/v1/listen, query: model",
    ),
    (ASYNCAPI, f"{SOCKET}/bindings/ws/query/properties/a", TEXT, ADD, "/v1/listen, query: a"),
    (ASYNCAPI, "components/schemas/Word/properties/punctuated_word", GONE, BREAK, "schemas.Word"),
    (ASYNCAPI, "components/schemas/Results/properties/start", TEXT, BREAK, "Results: start"),
    (ASYNCAPI, "components/schemas/Results/properties/speaker", TEXT, ADD, "Results: speaker"),
    (
        ASYNCAPI,
        "components/schemas/Command/properties/type/enum/0",
        GONE,
        BREAK,
        "a client that sends KeepAlive is refused",
    ),
]
TEXT_CHANGES: list[tuple[str, str, str, Verdict, str]] = [
    ("speech_v1.proto", "rpc Recognize(", "rpc Recognise(", BREAK, "Speech/Recognize"),
    (
        "speech_v2.proto",
        "(stream StreamingRecognizeRequest)",
        "(StreamingRecognizeRequest)",
        BREAK,
        "a stream of messages → one message",
    ),
    (
        "speech_v1.proto",
        "bytes audio_content = 2;",
        "bytes audio_content = 5;",
        BREAK,
        "audio_content",
    ),
    (
        "speech_v1.proto",
        "END_OF_SINGLE_UTTERANCE = 1;",
        "END = 1;",
        BREAK,
        "END_OF_SINGLE_UTTERANCE",
    ),
    (
        "speech_v1.proto",
        "SPEECH_ACTIVITY_TIMEOUT = 4;",
        "SPEECH_ACTIVITY_TIMEOUT = 4; X = 5;",
        BEHAVE,
        "X = 5",
    ),
    ("inference.proto", "bool live = 1;", "bool live = 1; bool warm = 2;", ADD, "warm = 2"),
    ("inference.proto", "bool live = 1;", "int32 live = 1;", BREAK, "bool → int32"),
    ("inference.proto", "bool live = 1;", "reserved 1;", BREAK, "live = 1 → nothing"),
    ("inference.proto", "// [Source", "// Told otherwise. [Source", None, ""),  # type: ignore[list-item]
]


def edited(document: Any, way: str, value: Any) -> Any:
    new = deepcopy(document)
    *steps, last = _steps(way)
    there = new
    for step in steps:
        there = there[int(step)] if isinstance(there, list) else there[step]
    key = int(last) if isinstance(there, list) and last != "+" else last
    if value is GONE:
        del there[key]
    elif last == "+":
        there.append(value)
    else:
        there[key] = value
    return new


def _steps(way: str) -> list[str]:
    """The names on the way; a path of an address begins with a slash of its own."""
    if not way.startswith("paths//"):
        return [step.replace("|", "/") for step in way.split("/")]
    for path in sorted(json.loads(published()[OPENAPI])["paths"], key=len, reverse=True):
        if way.startswith(f"paths/{path}/"):
            rest = way.removeprefix(f"paths/{path}/").split("/")
            return ["paths", path, *(step.replace("|", "/") for step in rest)]
    return ["paths", way.removeprefix("paths/")]


def _judged(name: str, data: bytes) -> tuple[tuple[Change, ...], list[str]]:
    old = {name: published()[name]}
    return differences(old, {name: data})[name], complaints(old, {name: data})


@pytest.mark.parametrize(
    ("name", "way", "value", "verdict", "said"),
    JSON_CHANGES,
    ids=[f"{way.rpartition('/')[2]}-{number}" for number, (_, way, *_) in enumerate(JSON_CHANGES)],
)
def test_a_change_of_a_document_is_judged(
    name: str, way: str, value: Any, verdict: Verdict | None, said: str
) -> None:
    new = edited(json.loads(published()[name]), way, value)
    changes, told = _judged(name, json.dumps(new).encode())
    _expect(changes, told, verdict, said)


@pytest.mark.parametrize(("name", "was", "now", "verdict", "said"), TEXT_CHANGES)
def test_a_change_of_a_file_of_messages_is_judged(
    name: str, was: str, now: str, verdict: Verdict | None, said: str
) -> None:
    old = published()[name].decode()
    assert was in old
    changes, told = _judged(name, old.replace(was, now, 1).encode())
    _expect(changes, told, verdict, said)


def _expect(
    changes: tuple[Change, ...], told: list[str], verdict: Verdict | None, said: str
) -> None:
    assert worst(changes) is verdict, told
    assert len(told) == len(changes)
    for sentence in told:
        assert "make contract" in sentence
    if verdict is not None:
        assert said in told[0]
        assert ("clients break" in told[0]) is (verdict is BREAK)


def test_the_documents_themselves_are_no_change() -> None:
    old = published()
    assert complaints(old, old) == []
    for name, data in old.items():
        assert changes_between(read_contract(name, data), read_contract(name, data)) == ()


def test_a_document_that_is_new_or_gone_is_named() -> None:
    old = published()
    rest = {name: data for name, data in old.items() if name != "inference.proto"}
    assert complaints(rest, old) == ["inference.proto is not in docs/contract: run make contract"]
    (told,) = complaints(old, rest)
    assert told.startswith("inference.proto is no longer served")


def test_what_breaks_clients_is_published_only_where_it_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = published_at_home = published()
    monkeypatch.setattr(served_contract, "ROOT", tmp_path)
    monkeypatch.setattr(served_contract, "PUBLISHED", tmp_path / "contract")
    monkeypatch.setattr(served_contract, "served", lambda _: dict(now))
    assert served_contract.publish(is_breaking_meant=False) == 0
    assert published() == published_at_home
    gone = {name: data for name, data in now.items() if name != "inference.proto"}
    renamed = now["speech_v1.proto"].replace(b"rpc Recognize(", b"rpc Recognise(")
    for broken in (gone, {**now, "speech_v1.proto": renamed}):
        now = broken
        assert served_contract.publish(is_breaking_meant=False) == 1
        assert published() == published_at_home, "nothing was written"
        assert "clients" in capsys.readouterr().err
    assert served_contract.publish(is_breaking_meant=True) == 0
    assert published() == now
    now = gone
    assert served_contract.publish(is_breaking_meant=True) == 0
    assert "inference.proto" not in published()


@pytest.mark.parametrize("compare", [openapi_changes, asyncapi_changes])
def test_whatever_stands_in_a_document_it_is_compared_or_refused(compare: Any) -> None:
    """Any part of it may be of any kind; nothing but the refusal is raised."""
    chance = random.Random(7)
    document = json.loads(published()[OPENAPI if compare is openapi_changes else ASYNCAPI])
    values = (None, True, 0, -1.5, "", "x", [], [None], {}, {"$ref": "#"}, {"type": "string"})
    refused = 0
    for _ in range(60):
        new, there = deepcopy(document), None
        there = new
        for _ in range(chance.randrange(1, 9)):
            keys = list(there) if isinstance(there, dict) else range(len(there))
            key = chance.choice(list(keys))
            if not isinstance(there[key], dict | list) or not there[key]:
                break
            there, key = there[key], None
        key = (
            key
            if key is not None
            else chance.choice(list(there) if isinstance(there, dict) else list(range(len(there))))
        )
        there[key] = chance.choice(values)
        try:
            compare(document, new)
        except InvalidContract:
            refused += 1
    assert 0 < refused < 60
