"""The ``.proto`` file of our own live stream, written from the classes of its messages.

So there is one schema: what gRPC carries can't differ from what is sent as JSON. A field's number
is that of `stream_messages.number`; where a class has none, as one that other parts of the API use
too, fields count as they are declared.
"""

import types
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from lab_kit.protocol.stream_messages import MESSAGE_KINDS, Resume, StreamRequest

PACKAGE = "lab.speech.v1"
SERVICE = f"{PACKAGE}.Speech"
METHOD = "Stream"
FILE = "lab/speech/v1/speech.proto"
_SCALARS = {str: "string", int: "int64", float: "double", bool: "bool", bytes: "bytes"}
_ENTRY = {
    "ClientMessage": (
        ("StreamRequest", "begin", 1),
        ("Resume", "resume", 2),
        ("bytes", "audio", 3),
        ("string", "command", 4),
        ("string", "refresh", 5),
    ),
}
"""What a client says: the first message begins a session or goes on with one."""


def proto_text() -> str:
    """The file."""
    written: dict[str, str] = {}
    _write(StreamRequest, written, all_optional=True)
    _write(Resume, written)
    for kind in MESSAGE_KINDS:
        _write(kind, written)
    told = tuple((k.__name__, kind_name(k), place) for place, k in enumerate(MESSAGE_KINDS, 1))
    choices = [_choice(name, parts) for name, parts in {**_ENTRY, "ServerMessage": told}.items()]
    head = f'syntax = "proto3";\n\npackage {PACKAGE};'
    service = (
        "service Speech {\n"
        f"  rpc {METHOD}(stream ClientMessage) returns (stream ServerMessage);\n"
        "}"
    )
    return "\n\n".join([head, service, *choices, *written.values()]) + "\n"


def kind_name(kind: type[BaseModel]) -> str:
    """What a message is called on every wire: its ``type`` as JSON, its field in protobuf."""
    (name,) = get_args(kind.model_fields["type"].annotation)
    return str(name)


def _choice(name: str, parts: tuple[tuple[str, str, int], ...]) -> str:
    lines = [f"    {kind} {field} = {place};" for kind, field, place in parts]
    return "\n".join([f"message {name} {{", "  oneof message {", *lines, "  }", "}"])


def _write(kind: type, written: dict[str, str], all_optional: bool = False) -> None:
    """Write a class, and those that its fields have."""
    if kind.__name__ in written:
        return
    written[kind.__name__] = ""  # keeps its place before those that it uses
    lines = []
    for place, (name, hint) in enumerate(_fields(kind), 1):
        label = _label(hint, written, all_optional)
        lines.append(f"  {label} {name} = {_number(kind, name, place)};")
    written[kind.__name__] = "\n".join([f"message {kind.__name__} {{", *lines, "}"])


def _fields(kind: type) -> list[tuple[str, Any]]:
    hints = get_type_hints(kind)
    if is_dataclass(kind):
        return [(field.name, hints[field.name]) for field in fields(kind)]
    assert issubclass(kind, BaseModel)
    named = [name for name in kind.model_fields if get_origin(hints[name]) is not Literal]
    return [(name, hints[name]) for name in named]


def _number(kind: type, name: str, place: int) -> int:
    if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return place
    extra = kind.model_fields[name].json_schema_extra
    return int(str(extra["x-protobuf-number"])) if isinstance(extra, dict) else place


def _label(hint: Any, written: dict[str, str], all_optional: bool) -> str:
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        [inner] = [part for part in parts if part is not type(None)]
        return f"optional {_kind(inner, written)}"
    if origin is tuple:
        return f"repeated {_kind(parts[0], written)}"
    if origin is dict:
        return f"map<{_kind(parts[0], written)}, {_kind(parts[1], written)}>"
    return f"optional {_kind(hint, written)}" if all_optional else _kind(hint, written)


def _kind(hint: Any, written: dict[str, str]) -> str:
    if hint in _SCALARS:
        return _SCALARS[hint]
    if issubclass(hint, Enum):
        return "string"  # by its value, as in JSON: one that is added later breaks no client
    _write(hint, written)
    return str(hint.__name__)
