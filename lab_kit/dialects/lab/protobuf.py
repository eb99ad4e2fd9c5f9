"""The same messages as protobuf, for gRPC; the classes are made of `protocol.proto_text`'s file."""

import json
from typing import Any

from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]
from pydantic import ValidationError

from lab_kit.core.errors import InvalidMessage
from lab_kit.core.proto_file import message_classes
from lab_kit.core.wire_format import decoded_message
from lab_kit.dialects.lab.options import request_of
from lab_kit.protocol.proto_text import FILE, proto_text
from lab_kit.protocol.stream_messages import (
    Command,
    CommandMessage,
    Resume,
    ServerMessage,
    StreamRequest,
    server_message,
)

_classes = message_classes(FILE, proto_text())
MOST_FIELDS = 64
"""The longest request has thirteen; thousands of unknown ones would take the event loop's time."""


def begun(data: bytes) -> StreamRequest | Resume:
    """What a client's first message asks for.

    Raises:
        InvalidMessage: it neither begins a session nor goes on with one.
        InvalidParameter: a value that does not fit.
    """
    message = decoded_message(_classes.ClientMessage, data, MOST_FIELDS)
    match message.WhichOneof("message"):
        case "begin":
            asked = MessageToDict(message.begin, preserving_proto_field_name=True)
            return request_of(asked)
        case "resume":
            try:
                return Resume(session=message.resume.session, after=message.resume.after)
            except ValidationError as error:
                raise InvalidMessage(
                    f"after {message.resume.after}", "0 or more", "send the last number seen"
                ) from error
        case other:
            raise InvalidMessage(
                f"{other or 'nothing'} first",
                "begin, or resume",
                "begin a session with what you choose, or name the one that you go on with",
            )


def said(data: bytes) -> bytes | str:
    """What a later message of a client's says: sound, or a command; one with a token as JSON.

    Raises:
        InvalidMessage: neither.
    """
    message = decoded_message(_classes.ClientMessage, data, MOST_FIELDS)
    match message.WhichOneof("message"):
        case "audio":
            return bytes(message.audio)
        case "command":
            name = str(message.command)
            # another text is answered where commands are, and the session goes on
            return Command(name) if name in set(Command) - {Command.REFRESH} else name
        case "refresh":
            return json.dumps({"type": Command.REFRESH, "token": str(message.refresh)})
        case other:
            raise InvalidMessage(
                f"{other or 'nothing'} on an open call",
                "audio, command or refresh",
                "send one of these",
            )


def first_message(asked: StreamRequest | Resume) -> bytes:
    """A client's first message."""
    values = asked.model_dump(mode="json")
    field = "begin" if isinstance(asked, StreamRequest) else "resume"
    return bytes(_classes.ClientMessage(**{field: values}).SerializeToString())


def message_of(said: bytes | CommandMessage) -> bytes:
    """A client's later message."""
    if isinstance(said, bytes):
        field: dict[str, bytes | str] = {"audio": said}
    elif said.token is not None:
        field = {"refresh": said.token}
    else:
        field = {"command": said.type.value}
    return bytes(_classes.ClientMessage(**field).SerializeToString())


def told(message: ServerMessage) -> bytes:
    """A server's message."""
    values: dict[str, Any] = message.model_dump(mode="json", exclude_none=True, exclude={"type"})
    return bytes(_classes.ServerMessage(**{message.type: values}).SerializeToString())


def heard(data: bytes) -> ServerMessage:
    """The server's message that a client received.

    Raises:
        InvalidMessage: it is none of these.
    """
    try:
        message = _classes.ServerMessage.FromString(data)
        kind = str(message.WhichOneof("message"))
        values = MessageToDict(
            getattr(message, kind),
            preserving_proto_field_name=True,
            always_print_fields_with_no_presence=True,
        )
        return server_message.validate_python({"type": kind, **values})
    except (ValueError, AttributeError) as error:
        raise InvalidMessage(
            f"{len(data)} bytes that are no message of ours",
            "one of the schema's",
            "check that the server speaks lab.speech.v1",
        ) from error
