"""AsyncAPI documents: what the server receives is a request, what it sends an answer."""

from copy import deepcopy
from typing import Any

import pytest

from lab_kit.core.errors import InvalidContract
from lab_kit.protocol.contract.change import Side, Verdict
from lab_kit.protocol.contract.messages import asyncapi_changes
from lab_kit.protocol.contract.rules import _MESSAGES

ADD, BEHAVE, BREAK = Verdict.ADDITIVE, Verdict.BEHAVIOUR, Verdict.BREAKING
RESULT = {
    "type": "object",
    "required": ["text"],
    "properties": {"text": {"type": "string"}, "state": {"enum": ["interim", "final"]}},
}
BASE: dict[str, Any] = {
    "asyncapi": "3.0.0",
    "defaultContentType": "application/json",
    "channels": {
        "listen": {
            "address": "/v1/listen",
            "messages": {
                "Sound": {"contentType": "application/octet-stream"},
                "Command": {"payload": {"$ref": "#/components/schemas/Result"}},
                "Result": {"payload": {"$ref": "#/components/schemas/Result"}},
            },
            "bindings": {
                "ws": {"query": {"type": "object", "properties": {"rate": {"type": "integer"}}}}
            },
        }
    },
    "operations": {
        "hear": {
            "action": "receive",
            "channel": {"$ref": "#/channels/listen"},
            "messages": [
                {"$ref": "#/channels/listen/messages/Sound"},
                {"$ref": "#/channels/listen/messages/Command"},
            ],
        },
        "tell": {
            "action": "send",
            "channel": {"$ref": "#/channels/listen"},
            "messages": [{"$ref": "#/channels/listen/messages/Result"}],
        },
    },
    "components": {"schemas": {"Result": RESULT}},
}


def edited(edit: Any) -> dict[str, Any]:
    new = deepcopy(BASE)
    edit(new)
    return new


def another(direction: str) -> Any:
    def edit(document: dict[str, Any]) -> None:
        document["channels"]["listen"]["messages"]["Other"] = {}
        reference = {"$ref": "#/channels/listen/messages/Other"}
        document["operations"][direction]["messages"].append(reference)

    return edit


def query(schema: dict[str, Any], *required: str) -> Any:
    def edit(document: dict[str, Any]) -> None:
        whole = document["channels"]["listen"]["bindings"]["ws"]["query"]
        whole["properties"]["words"] = schema
        whole["required"] = [*required]

    return edit


def sound(content_type: str) -> Any:
    def edit(document: dict[str, Any]) -> None:
        document["channels"]["listen"]["messages"]["Sound"]["contentType"] = content_type

    return edit


CASES: list[tuple[str, Any, Side, Verdict, str]] = [
    ("socket_added", lambda d: d["channels"].update(b={"address": "/b"}), Side.REQUEST, ADD, "/b"),
    ("unread", lambda d: d.update(servers={"a": {}}), Side.REQUEST, BEHAVE, "servers"),
    ("message_added", another("hear"), Side.REQUEST, ADD, "/v1/listen receives Other"),
    ("message_added", another("tell"), Side.ANSWER, BEHAVE, "/v1/listen sends Other"),
    (
        "message_removed",
        lambda d: d["operations"]["hear"]["messages"].pop(),
        Side.REQUEST,
        BREAK,
        "/v1/listen receives Command",
    ),
    (
        "message_removed",
        lambda d: d["operations"].pop("tell"),
        Side.ANSWER,
        BREAK,
        "/v1/listen sends Result",
    ),
    (
        "message_form_changed",
        sound("audio/ogg"),
        Side.REQUEST,
        BREAK,
        "/v1/listen receives Sound",
    ),
    ("field_added", query({"type": "boolean"}), Side.REQUEST, ADD, "/v1/listen, query: words"),
    (
        "required_field_added",
        query({"type": "boolean"}, "words"),
        Side.REQUEST,
        BREAK,
        "/v1/listen, query: words",
    ),
]


@pytest.mark.parametrize(("rule", "edit", "side", "verdict", "path"), CASES)
def test_each_change_has_its_verdict(
    rule: str, edit: Any, side: Side, verdict: Verdict, path: str
) -> None:
    (change,) = asyncapi_changes(BASE, edited(edit))
    assert (change.rule, change.side, change.verdict) == (rule, side, verdict)
    assert change.path == path


def test_one_schema_in_both_directions_has_both_verdicts() -> None:
    """`Result` is what a client sends as a command here, and what it reads."""
    new = edited(lambda d: d["components"]["schemas"]["Result"]["properties"].pop("state"))
    asked, answered = asyncapi_changes(BASE, new)
    assert {asked.path, answered.path} == {"schemas.Result: state"}
    assert (asked.side, asked.verdict) == (Side.REQUEST, BREAK)
    assert (answered.side, answered.verdict) == (Side.ANSWER, BEHAVE)


def test_a_socket_that_is_gone() -> None:
    new = edited(lambda d: (d["channels"].clear(), d["operations"].clear()))
    (change,) = asyncapi_changes(BASE, new)
    assert (change.rule, change.verdict) == ("socket_removed", BREAK)


def test_a_reply_goes_the_other_way() -> None:
    def reply(schema: dict[str, Any]) -> dict[str, Any]:
        def edit(document: dict[str, Any]) -> None:
            document["channels"]["listen"]["messages"]["Reply"] = {"payload": schema}
            document["operations"]["hear"]["reply"] = {
                "channel": {"$ref": "#/channels/listen"},
                "messages": [{"$ref": "#/channels/listen/messages/Reply"}],
            }

        return edited(edit)

    (change,) = asyncapi_changes(reply({"type": "integer"}), reply({"type": "number"}))
    assert (change.rule, change.side) == ("number_widened", Side.ANSWER)


def test_names_of_channels_and_operations_are_nobodys_contract() -> None:
    text = str(BASE).replace("hear", "listenTo").replace("#/channels/listen", "#/channels/a")
    new = eval(text.replace("'listen': {'address'", "'a': {'address'"))
    assert asyncapi_changes(BASE, new) == asyncapi_changes(BASE, deepcopy(BASE)) == ()


def test_every_rule_has_a_case() -> None:
    assert {*_MESSAGES} <= {case[0] for case in CASES} | {"socket_removed"}


@pytest.mark.parametrize(
    "hostile",
    [
        {"asyncapi": "2.6.0"},
        {"asyncapi": "3.0.0", "channels": []},
        {"asyncapi": "3.0.0", "operations": {"a": {"action": "publish"}}},
        {"asyncapi": "3.0.0", "operations": {"a": {"action": "send", "channel": {"$ref": "#/b"}}}},
        {"asyncapi": "3.0.0", "operations": {"a": {"action": "send", "channel": {}}}},
        {"asyncapi": "3.0.0", "channels": {"a": {"bindings": {"ws": 1}}}},
    ],
)
def test_what_is_no_asyncapi_document_is_refused(hostile: dict[str, Any]) -> None:
    with pytest.raises(InvalidContract):
        asyncapi_changes(hostile, hostile)
