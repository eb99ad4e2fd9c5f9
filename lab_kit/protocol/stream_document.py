"""Our own stream's WebSocket as AsyncAPI describes it, written from the classes of its messages."""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from lab_kit.protocol.proto_text import kind_name
from lab_kit.protocol.stream_messages import (
    MESSAGE_KINDS,
    SOCKET_PATH,
    CommandMessage,
    Resume,
    StreamRequest,
)

CHANNEL = "stream"
_SOUND = {
    "name": "StreamSound",
    "contentType": "application/octet-stream",
    "summary": "Sound in the encoding of the query, in binary messages.",
    "payload": {"type": "string", "format": "binary"},
}
_PREFIX = "Own"
"""Of the schemas' names: other sockets have a Word and a Command, too."""
_WHERE = f"#/components/schemas/{_PREFIX}{{model}}"


def with_own_stream(document: dict[str, Any]) -> dict[str, Any]:
    """The document of all sockets, ours among them."""
    kinds = (CommandMessage, *MESSAGE_KINDS)
    _, made = models_json_schema([(kind, "serialization") for kind in kinds], ref_template=_WHERE)
    told = {kind.__name__: _message(kind.__name__, kind_name(kind)) for kind in MESSAGE_KINDS}
    said = {"StreamSound": _SOUND, "CommandMessage": _message("CommandMessage", "command")}
    channel = {
        "address": SOCKET_PATH,
        "title": "Live transcription in our own words, over connections that may be lost",
        "messages": {**said, **told},
        "bindings": {"ws": {"method": "GET", "query": _query(), "bindingVersion": "0.1.0"}},
    }
    operations = {
        "hearOwnSound": _operation("receive", "Sound and commands from a client.", said),
        "tellOwnResults": _operation("send", "What the session has to say.", told),
    }
    own = {f"{_PREFIX}{name}": schema for name, schema in made["$defs"].items()}
    schemas = {**document["components"]["schemas"], **own}
    return {
        **document,
        "channels": {**document["channels"], CHANNEL: channel},
        "operations": {**document["operations"], **operations},
        "components": {**document["components"], "schemas": schemas},
    }


def _message(name: str, kind: str) -> dict[str, Any]:
    reference = {"$ref": _WHERE.format(model=name)}
    return {"name": kind, "contentType": "application/json", "payload": reference}


def request_schema() -> dict[str, Any]:
    """What a session is asked for, as a schema that refers to no other place."""
    return _alone(StreamRequest)


def command_schema() -> dict[str, Any]:
    """A command, as such a schema."""
    return _alone(CommandMessage)


def _alone(kind: type[BaseModel]) -> dict[str, Any]:
    schema = kind.model_json_schema()
    definitions, fields = schema.pop("$defs", {}), schema["properties"]
    return schema | {"properties": {n: _inlined(f, definitions) for n, f in fields.items()}}


def _query() -> dict[str, Any]:
    """What a new session is asked for, or which one is gone on with."""
    resumed = Resume.model_json_schema()["properties"]
    return {"type": "object", "properties": {**request_schema()["properties"], **resumed}}


def _inlined(field: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    name = str(field.get("$ref", "")).rpartition("/")[2]
    rest = {key: value for key, value in field.items() if key != "$ref"}
    return {**definitions[name], **rest} if name in definitions else field


def _operation(action: str, summary: str, messages: dict[str, Any]) -> dict[str, Any]:
    at = f"#/channels/{CHANNEL}"
    return {
        "action": action,
        "channel": {"$ref": at},
        "summary": summary,
        "messages": [{"$ref": f"{at}/messages/{name}"} for name in messages],
    }
