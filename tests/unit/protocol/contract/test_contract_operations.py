"""Every kind of change of an operation: its address, parameters, body, answers, headers, keys."""

from copy import deepcopy
from typing import Any

import pytest

from lab_kit.core.errors import InvalidContract
from lab_kit.protocol.contract.change import Change, Side, Verdict, worst
from lab_kit.protocol.contract.openapi import openapi_changes
from lab_kit.protocol.contract.rules import _OPERATIONS

TEXT = {"type": "string"}
JSON = {"application/json": {"schema": {"type": "object"}}}
BASE: dict[str, Any] = {
    "openapi": "3.1.0",
    "paths": {
        "/things/{thing}": {
            "parameters": [{"name": "thing", "in": "path", "required": True, "schema": TEXT}],
            "post": {
                "operationId": "change",
                "parameters": [
                    {"name": "speed", "in": "query", "schema": {"type": "number"}},
                    {"name": "X-Mode", "in": "header", "required": True, "schema": TEXT},
                ],
                "requestBody": {"required": True, "content": {**JSON, "audio/wav": {}}},
                "responses": {
                    "200": {
                        "content": {**JSON, "text/vtt": {}},
                        "headers": {
                            "Retry-After": {"schema": {"type": "integer"}},
                            "X-Id": {"required": True, "schema": TEXT},
                        },
                    },
                    "404": {"content": JSON},
                },
                "security": [{"key": []}],
            },
            "get": {"operationId": "look", "responses": {"202": {}, "default": {}}},
        }
    },
    "components": {
        "securitySchemes": {
            "key": {"type": "apiKey", "in": "header", "name": "Authorization"},
            "token": {"type": "http", "scheme": "bearer"},
        }
    },
}
POST = "paths", "/things/{thing}", "post"
ANSWER = (*POST, "responses", "200")
ADD, BEHAVE, BREAK = Verdict.ADDITIVE, Verdict.BEHAVIOUR, Verdict.BREAKING
GONE = object()


def changed(*edits: tuple[Any, ...]) -> dict[str, Any]:
    """The document with other values at some places; each edit is the way there and the value."""
    new = deepcopy(BASE)
    for *way, last, value in edits:
        there: Any = new
        for step in way:
            there = there[step]
        if value is GONE:
            del there[last]
        elif last == "+":
            there.append(value)
        else:
            there[last] = value
    return new


ADD_STATUS = (*POST, "responses")
CASES: list[tuple[str, tuple[Any, ...], Verdict, str]] = [
    ("operation_added", (*POST[:2], "put", {}), ADD, "PUT /things/{thing}"),
    ("operation_added", ("paths", "/other", {"get": {}}), ADD, "GET /other"),
    ("operation_removed", (*POST[:2], "get", GONE), BREAK, "GET /things/{thing}"),
    ("operation_renamed", (*POST, "operationId", "alter"), BEHAVE, "POST /things/{thing}"),
    ("operation_deprecated", (*POST, "deprecated", True), ADD, "POST /things/{thing}"),
    (
        "parameter_added",
        (*POST, "parameters", "+", {"name": "a", "in": "query", "schema": TEXT}),
        ADD,
        "POST /things/{thing}, query a",
    ),
    (
        "required_parameter_added",
        (*POST, "parameters", "+", {"name": "a", "in": "query", "required": True}),
        BREAK,
        "POST /things/{thing}, query a",
    ),
    (
        "parameter_removed",
        (*POST, "parameters", 0, GONE),
        BREAK,
        "POST /things/{thing}, query speed",
    ),
    (
        "parameter_required",
        (*POST, "parameters", 0, "required", True),
        BREAK,
        "POST /things/{thing}, query speed",
    ),
    (
        "parameter_optional",
        (*POST, "parameters", 1, "required", False),
        ADD,
        "POST /things/{thing}, header X-Mode",
    ),
    (
        "parameter_form_changed",
        (*POST, "parameters", 0, "style", "pipeDelimited"),
        BREAK,
        "POST /things/{thing}, query speed",
    ),
    (
        "bound_tightened",
        (*POST, "parameters", 0, "schema", "maximum", 2),
        BREAK,
        "POST /things/{thing}, query speed",
    ),
    ("body_removed", (*POST, "requestBody", GONE), BREAK, "POST /things/{thing}, body"),
    (
        "body_added",
        (*POST[:2], "get", "requestBody", {"content": JSON}),
        ADD,
        "GET /things/{thing}, body",
    ),
    (
        "required_body_added",
        (*POST[:2], "get", "requestBody", {"required": True, "content": JSON}),
        BREAK,
        "GET /things/{thing}, body",
    ),
    ("body_optional", (*POST, "requestBody", "required", False), ADD, "POST /things/{thing}, body"),
    (
        "media_type_added",
        (*POST, "requestBody", "content", "audio/flac", {}),
        ADD,
        "POST /things/{thing}, body audio/flac",
    ),
    (
        "media_type_removed",
        (*POST, "requestBody", "content", "audio/wav", GONE),
        BREAK,
        "POST /things/{thing}, body audio/wav",
    ),
    (
        "media_type_added",
        (*ANSWER, "content", "text/plain", {}),
        ADD,
        "POST /things/{thing}, 200 text/plain",
    ),
    (
        "media_type_removed",
        (*ANSWER, "content", "text/vtt", GONE),
        BREAK,
        "POST /things/{thing}, 200 text/vtt",
    ),
    (
        "unread",
        (
            *POST,
            "requestBody",
            "content",
            "application/json",
            {**JSON["application/json"], "encoding": {"a": {}}},
        ),
        BEHAVE,
        "POST /things/{thing}, body application/json",
    ),
    ("success_added", (*ADD_STATUS, "202", {}), BREAK, "POST /things/{thing}, 202"),
    ("refusal_added", (*ADD_STATUS, "429", {}), BEHAVE, "POST /things/{thing}, 429"),
    ("refusal_added", (*ADD_STATUS, "default", {}), BEHAVE, "POST /things/{thing}, default"),
    ("success_removed", (*ADD_STATUS, "200", GONE), BREAK, "POST /things/{thing}, 200"),
    ("refusal_removed", (*ADD_STATUS, "404", GONE), ADD, "POST /things/{thing}, 404"),
    (
        "header_added",
        (*ANSWER, "headers", "ETag", {}),
        ADD,
        "POST /things/{thing}, 200, header etag",
    ),
    (
        "header_removed",
        (*ANSWER, "headers", "Retry-After", GONE),
        BEHAVE,
        "POST /things/{thing}, 200, header retry-after",
    ),
    (
        "required_header_removed",
        (*ANSWER, "headers", "X-Id", GONE),
        BREAK,
        "POST /things/{thing}, 200, header x-id",
    ),
    (
        "header_required",
        (*ANSWER, "headers", "Retry-After", "required", True),
        ADD,
        "POST /things/{thing}, 200, header retry-after",
    ),
    (
        "header_optional",
        (*ANSWER, "headers", "X-Id", "required", False),
        BREAK,
        "POST /things/{thing}, 200, header x-id",
    ),
    (
        "number_widened",
        (*ANSWER, "headers", "Retry-After", "schema", "type", "number"),
        BREAK,
        "POST /things/{thing}, 200, header retry-after",
    ),
    ("key_asked_for", (*POST[:2], "get", "security", [{"key": []}]), BREAK, "GET /things/{thing}"),
    ("key_not_asked_for", (*POST, "security", []), ADD, "POST /things/{thing}"),
    ("key_not_asked_for", (*POST, "security", [{}, {"key": []}]), ADD, "POST /things/{thing}"),
    (
        "key_form_added",
        (*POST, "security", [{"key": []}, {"token": []}]),
        ADD,
        "POST /things/{thing}",
    ),
    (
        "key_form_changed",
        ("components", "securitySchemes", "key", "in", "query"),
        BREAK,
        "securitySchemes.key",
    ),
    ("unread", ("servers", [{"url": "https://other"}]), BEHAVE, "servers"),
    ("unread", ("webhooks", {"done": {}}), BEHAVE, "webhooks"),
    ("unread", (*POST, "callbacks", {"done": {}}), BEHAVE, "POST /things/{thing}, callbacks"),
]


@pytest.mark.parametrize(("rule", "edit", "verdict", "path"), CASES)
def test_each_change_has_its_verdict(
    rule: str, edit: tuple[Any, ...], verdict: Verdict, path: str
) -> None:
    (change,) = openapi_changes(BASE, changed(edit))
    assert (change.rule, change.verdict, change.path) == (rule, verdict, path)
    assert change.sentence == f"{path}: {change.was} → {change.now}: {change.why}"


def found(new: dict[str, Any]) -> dict[str, Change]:
    return {change.rule: change for change in openapi_changes(BASE, new)}


def test_a_key_that_is_sent_another_way() -> None:
    rules = found(changed((*POST, "security", [{"token": []}])))
    assert rules.keys() == {"key_form_added", "key_form_removed"}
    assert rules["key_form_removed"].verdict is BREAK


def test_a_required_body_that_was_optional() -> None:
    old = changed((*POST, "requestBody", "required", False))
    (change,) = openapi_changes(old, BASE)
    assert (change.rule, change.verdict) == ("body_required", BREAK)


def test_a_path_is_the_same_whatever_its_parameter_is_called() -> None:
    new = deepcopy(BASE)
    path = new["paths"].pop("/things/{thing}")
    new["paths"]["/things/{id}"] = path
    path["parameters"][0]["name"] = "id"
    for change in openapi_changes(BASE, new):
        assert (change.rule, change.verdict) == ("parameter_renamed", BEHAVE)
        assert (change.was, change.now) == ("thing", "id")


def test_a_status_is_covered_by_its_class_or_by_default() -> None:
    """What a client does with `default` it does with a new status, whose body has to fit."""
    old = changed((*ADD_STATUS, "default", {"content": JSON}))
    body = {"application/json": {"schema": {"type": "string"}}}
    fits = deepcopy(old)
    fits["paths"]["/things/{thing}"]["post"]["responses"]["429"] = {"content": JSON}
    assert openapi_changes(old, fits) == ()
    other = deepcopy(old)
    other["paths"]["/things/{thing}"]["post"]["responses"]["429"] = {"content": body}
    (change,) = openapi_changes(old, other)
    assert (change.rule, change.path) == (
        "type_changed",
        "POST /things/{thing}, 429 application/json",
    )


def test_every_rule_has_a_case() -> None:
    elsewhere = {"key_form_removed", "parameter_renamed", "body_required"}
    assert {*_OPERATIONS} <= {case[0] for case in CASES} | elsewhere


def test_the_worst_comes_first() -> None:
    new = changed(
        ("paths", "/other", {"get": {}}),
        (*POST, "operationId", "alter"),
        (*POST[:2], "get", GONE),
    )
    changes = openapi_changes(BASE, new)
    assert [change.verdict for change in changes] == [BREAK, BEHAVE, ADD]
    assert worst(changes) is BREAK
    assert worst(()) is None
    assert openapi_changes(BASE, deepcopy(BASE)) == ()


@pytest.mark.parametrize(
    "hostile",
    [
        {},
        {"openapi": "2.0"},
        {"openapi": 3},
        {"openapi": "3.1.0", "paths": []},
        {"openapi": "3.1.0", "paths": {"/": []}},
        {"openapi": "3.1.0", "paths": {"/": {"get": []}}},
        {"openapi": "3.1.0", "paths": {"/": {"get": {"parameters": {}}}}},
        {"openapi": "3.1.0", "paths": {"/": {"get": {"parameters": [1]}}}},
        {"openapi": "3.1.0", "paths": {"/": {"get": {"parameters": [{"name": 1, "in": "query"}]}}}},
        {"openapi": "3.1.0", "paths": {"/": {"get": {"security": "key"}}}},
        {"openapi": "3.1.0", "paths": {"/": {"get": {"security": [1]}}}},
        {"openapi": "3.1.0", "paths": {"/": {"get": {"responses": []}}}},
        {"openapi": "3.1.0", "paths": {"/": {"get": {"responses": {"200": []}}}}},
        {"openapi": "3.1.0", "paths": {"/": {"get": {"responses": {"200": {"content": []}}}}}},
        {"openapi": "3.1.0", "paths": {"/": {"get": {"operationId": {}}}}},
        {"openapi": "3.1.0", "components": []},
    ],
)
def test_what_is_no_openapi_document_is_refused(hostile: dict[str, Any]) -> None:
    with pytest.raises(InvalidContract) as refused:
        openapi_changes(hostile, hostile)
    assert refused.value.received
    assert refused.value.next_step
    assert Side.REQUEST != Side.ANSWER
