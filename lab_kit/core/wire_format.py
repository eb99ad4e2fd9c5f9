"""Protobuf messages from bytes, their fields counted first.

The decoder holds the interpreter's lock from the first field to the last, in whatever thread it
runs: 16 MiB of map entries took it 4.4 s, in which no event loop ran. Counting them stops at a
limit, and other threads run meanwhile.

Source: protobuf.dev, Encoding (tags, varints, wire types).
"""

from functools import cache
from typing import Any

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from lab_kit.core.errors import InvalidMessage

MOST_FIELDS = 4_096
"""Of one message, far more than any request has that is served here. To count as many takes some
10 ms, to decode them less."""
_VARINT, _FIXED_64, _LENGTH, _GROUP, _GROUP_END, _FIXED_32 = range(6)
_FIXED_BYTES = {_FIXED_64: 8, _FIXED_32: 4, _GROUP: 0, _GROUP_END: 0}


def decoded_message(kind: Any, data: bytes, most_fields: int = MOST_FIELDS) -> Any:
    """A message of the class ``kind``.

    Raises:
        InvalidMessage: the bytes are not one, or one of too many fields.
    """
    if has_too_many_fields(data, kind.DESCRIPTOR, most_fields):
        raise InvalidMessage(
            f"a {kind.DESCRIPTOR.name} of more than {most_fields:,} fields",
            "at most that many",
            "send fewer of them, or packed",
        )
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise InvalidMessage(
            f"bytes that are no {kind.DESCRIPTOR.name} ({error})",
            f"a serialized {kind.DESCRIPTOR.full_name}",
            "send the message that this method takes",
        ) from error


def has_too_many_fields(data: bytes, descriptor: Any, most_fields: int = MOST_FIELDS) -> bool:
    """Whether there are more than ``most_fields``, those of messages inside it included.

    Bytes that are no message may have any number; the decoder says what is wrong with them.

    Args:
        descriptor: of the message, which says what of it are messages again.
    """
    count = 0
    inside = [(0, len(data), descriptor)]
    while inside:
        at, end, kind = inside.pop()
        while at < end:
            count += 1
            if count > most_fields:
                return True
            tag, at = _varint(data, at, end)
            size, begin = _size(data, at, end, tag & 7)
            at = min(begin + size, end)
            if tag & 7 == _LENGTH and (within := _messages_of(kind).get(tag >> 3)) is not None:
                inside.append((begin, at, within))
    return False


@cache  # each look into a descriptor makes an object
def _messages_of(descriptor: Any) -> dict[int, Any]:
    """What its fields' messages are described by, by the fields' numbers."""
    return {field.number: field.message_type for field in descriptor.fields if field.message_type}


def _size(data: bytes, at: int, end: int, wire_type: int) -> tuple[int, int]:
    """How long a field's value is, and where it begins. A group's are fields like others."""
    if wire_type == _LENGTH:
        return _varint(data, at, end)
    if wire_type == _VARINT:
        return 0, _varint(data, at, end)[1]
    return _FIXED_BYTES.get(wire_type, end - at), at  # there is no other type


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """A number and where it ends; one that is cut off ends where the message does."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    return value, end
