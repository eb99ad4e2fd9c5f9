"""Fields counted without decoding: all of them, wherever they are, and never too far."""

import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto

from lab_kit.core.wire_format import MOST_FIELDS, has_too_many_fields

KIND = FileDescriptorProto.DESCRIPTOR
NAME = b"\x0a\x01a"
"""``name`` of one byte, which is no message."""
VARINT, FIXED_64, FIXED_32, GROUP = (
    b"\xf8\x07\x01",
    b"\xf9\x07" + bytes(8),
    b"\xfd\x07" + bytes(4),
    b"\xfb\x07\xfc\x07",
)
"""Fields that the message does not have; a group is two."""


@pytest.mark.parametrize("field", [NAME, VARINT, FIXED_64, FIXED_32])
def test_every_kind_of_field_counts_once(field: bytes) -> None:
    assert not has_too_many_fields(field * MOST_FIELDS, KIND)
    assert has_too_many_fields(field * (MOST_FIELDS + 1), KIND)


def test_so_do_the_marks_of_a_group() -> None:
    assert not has_too_many_fields(GROUP * (MOST_FIELDS // 2), KIND)
    assert has_too_many_fields(GROUP * (MOST_FIELDS // 2 + 1), KIND)


def test_messages_inside_count_too() -> None:
    nested = DescriptorProto(enum_type=[{"name": "a"}] * 100)
    fields = 1 + 100 + 100
    most = MOST_FIELDS // fields
    message = FileDescriptorProto(message_type=[nested] * most)
    assert not has_too_many_fields(message.SerializeToString(), KIND)
    message.message_type.append(nested)
    assert has_too_many_fields(message.SerializeToString(), KIND)


def test_what_a_text_holds_does_not() -> None:
    text = "\n\x01a" * MOST_FIELDS
    assert not has_too_many_fields(FileDescriptorProto(name=text).SerializeToString(), KIND)


@pytest.mark.parametrize(
    "data", [b"", b"\x0a", b"\x0a\xff\xff\xff\xff\x0f", b"\xff" * 40, b"\x0e\x01", b"\x22\x7f\x01"]
)
def test_bytes_that_are_no_message_are_left_to_the_decoder(data: bytes) -> None:
    assert not has_too_many_fields(data, KIND)
