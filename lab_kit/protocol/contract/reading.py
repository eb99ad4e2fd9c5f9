"""A description of an interface, read from its bytes: which kind it is shows itself.

OpenAPI and AsyncAPI as JSON; protobuf as the text of a ``.proto`` file, or as what ``protoc -o``
and ``buf build`` write (a `FileDescriptorSet`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from google.protobuf.descriptor_pb2 import (  # type: ignore[import-untyped]
    FileDescriptorProto,
    FileDescriptorSet,
)
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from lab_kit.core.errors import InvalidContract
from lab_kit.core.proto_file import file_description
from lab_kit.protocol.contract.change import Change
from lab_kit.protocol.contract.messages import asyncapi_changes
from lab_kit.protocol.contract.openapi import openapi_changes
from lab_kit.protocol.contract.protobuf import protobuf_changes

_EXPECTED = "an OpenAPI 3.1 or AsyncAPI 3 document as JSON, a .proto file, or a descriptor set"


class Kind(StrEnum):
    """What a description is of."""

    OPENAPI = "OpenAPI"
    ASYNCAPI = "AsyncAPI"
    PROTOBUF = "protobuf"


@dataclass(frozen=True, slots=True)
class Contract:
    """A description that was read.

    Attributes:
        name: where it is from, for messages.
        document: of OpenAPI and AsyncAPI; empty for protobuf.
        files: of protobuf; empty for the others.
    """

    name: str
    kind: Kind
    document: Mapping[str, Any]
    files: Sequence[FileDescriptorProto] = ()


def read_contract(name: str, data: bytes) -> Contract:
    """What the bytes describe.

    Args:
        name: of the file or the address; one that ends with ``.proto`` is read as such text.

    Raises:
        InvalidContract: they are no description that is known here.
    """
    if name.endswith(".proto"):
        return Contract(name, Kind.PROTOBUF, {}, [_proto(name, data)])
    if data.lstrip()[:1] == b"{":
        return _json(name, data)
    try:
        files = FileDescriptorSet.FromString(data).file
    except DecodeError:
        files = ()
    if not files:
        raise _unreadable(f"{name}, which is neither JSON nor a descriptor set")
    return Contract(name, Kind.PROTOBUF, {}, list(files))


def changes_between(old: Contract, new: Contract) -> tuple[Change, ...]:
    """What changed from one to the other, the worst first.

    Raises:
        InvalidContract: they are of two kinds, or one of them cannot be read to its end.
    """
    if old.kind is not new.kind:
        raise InvalidContract(
            f"{old.kind} in {old.name} and {new.kind} in {new.name}",
            "two descriptions of one kind",
            "compare each with an older one of its own kind",
        )
    match old.kind:
        case Kind.OPENAPI:
            return openapi_changes(old.document, new.document)
        case Kind.ASYNCAPI:
            return asyncapi_changes(old.document, new.document)
        case Kind.PROTOBUF:
            return protobuf_changes(old.files, new.files)


def _json(name: str, data: bytes) -> Contract:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _unreadable(f"{name}, whose JSON cannot be read ({str(error)[:100]})") from error
    if "openapi" in document:
        return Contract(name, Kind.OPENAPI, document)
    if "asyncapi" in document:
        return Contract(name, Kind.ASYNCAPI, document)
    raise _unreadable(f"{name}, which has neither openapi nor asyncapi at its top")


def _proto(name: str, data: bytes) -> FileDescriptorProto:
    try:
        return file_description(name, data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InvalidContract(
            f"{name}: {str(error)[:200]}",
            "messages, enums and services of proto3, without options",
            "have protoc -o or buf build write a descriptor set, and compare that",
        ) from error


def _unreadable(what: str) -> InvalidContract:
    return InvalidContract(what, _EXPECTED, "name /openapi.json, /asyncapi.json or a file")
