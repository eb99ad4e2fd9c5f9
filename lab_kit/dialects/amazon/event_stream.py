"""Event-stream frames, to bytes and back.

A frame is a prelude (its length, its headers' length and a checksum of both), headers of ten types,
a payload, and a checksum of all before it. All integers are big-endian.

Source: Amazon Web Services (2025), Amazon Transcribe Developer Guide, "Event stream encoding";
limits and types as `amazon_transcribe.eventstream` 0.6.4 has them.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID
from zlib import crc32

from lab_kit.core.errors import InvalidMessage, PayloadTooLarge
from lab_kit.core.shown import shown

PRELUDE_BYTES, CHECKSUM_BYTES = 12, 4
OVERHEAD_BYTES = PRELUDE_BYTES + CHECKSUM_BYTES
MOST_VALUE_BYTES = 2**15 - 1
"""Of a header's text or bytes."""
MOST_PAYLOAD_BYTES = 32_768
"""Of sound in one event [Source: Developer Guide, "Streaming", chunk size]."""
MOST_HEADERS_BYTES = 1_024
"""Of one frame that is read here; a client's own have 110 at most."""
MOST_FRAME_BYTES = MOST_PAYLOAD_BYTES + 2 * (MOST_HEADERS_BYTES + OVERHEAD_BYTES)
"""Of one that is read: a whole event inside a signed frame."""


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A moment, as a header has it: milliseconds since 1970."""

    since_1970_ms: int


Value = bool | int | bytes | str | Timestamp | UUID
_INTEGERS = {2: struct.Struct("!b"), 3: struct.Struct("!h"), 4: struct.Struct("!i")}
_INTEGERS[5] = struct.Struct("!q")
_TRUE, _FALSE, _INT32, _BYTES, _TEXT, _TIMESTAMP, _UUID = 0, 1, 4, 6, 7, 8, 9
_LENGTHS, _CHECKSUM, _SHORT = struct.Struct("!II"), struct.Struct("!I"), struct.Struct("!H")
_UUID_BYTES = 16


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame.

    Attributes:
        headers: by name; integers of any width are ``int``.
    """

    headers: Mapping[str, Value]
    payload: bytes = b""


def encoded(frame: Frame) -> bytes:
    """A frame as bytes; integers become 32 bits wide.

    Raises:
        ValueError: a header that no frame can hold.
    """
    headers = encoded_headers(frame.headers)
    lengths = _LENGTHS.pack(OVERHEAD_BYTES + len(headers) + len(frame.payload), len(headers))
    data = lengths + _CHECKSUM.pack(crc32(lengths)) + headers + frame.payload
    return data + _CHECKSUM.pack(crc32(data))


def encoded_headers(headers: Mapping[str, Value]) -> bytes:
    """Headers as they stand in a frame.

    Raises:
        ValueError: see `encoded`.
    """
    return b"".join(_encoded_name(name) + _encoded_value(v) for name, v in headers.items())


def decoded(data: bytes, most_bytes: int = MOST_FRAME_BYTES) -> Frame:
    """The one frame that ``data`` is.

    Args:
        most_bytes: that it may have.

    Raises:
        InvalidMessage: it is none, not whole, damaged, or more than one.
        PayloadTooLarge: it is longer.
    """
    total, header_bytes = _lengths(data)
    if total > most_bytes:
        raise PayloadTooLarge(
            f"a frame of {total:,} bytes",
            f"at most {MOST_PAYLOAD_BYTES:,} bytes of audio in one event",
            "cut the audio into shorter chunks, such as 100 ms each",
        )
    if total != len(data):
        raise _no_frame(f"a frame of {total:,} bytes in {len(data):,}")
    if header_bytes > min(MOST_HEADERS_BYTES, total - OVERHEAD_BYTES):
        raise _no_frame(f"headers of {header_bytes:,} bytes")
    if _CHECKSUM.unpack(data[-CHECKSUM_BYTES:])[0] != crc32(data[:-CHECKSUM_BYTES]):
        raise _no_frame("a frame whose checksum does not fit")
    at = PRELUDE_BYTES + header_bytes
    return Frame(_decoded_headers(data[PRELUDE_BYTES:at]), data[at:-CHECKSUM_BYTES])


class FrameSplitter:
    """Finds frames in bytes that were cut anywhere."""

    def __init__(self) -> None:
        self._data = bytearray()

    def push(self, data: bytes) -> None:
        """Take what arrived next."""
        self._data += data

    def next(self) -> bytes | None:
        """The next whole frame; None while there is none.

        What can be no frame, by its length, is given as it is: reading it says what is wrong.
        """
        if len(self._data) < PRELUDE_BYTES:
            return None
        total, _ = _LENGTHS.unpack_from(self._data)
        if not OVERHEAD_BYTES <= total <= MOST_FRAME_BYTES:
            return self.rest()
        if len(self._data) < total:
            return None
        frame = bytes(self._data[:total])
        del self._data[:total]
        return frame

    def rest(self) -> bytes:
        """What is no whole frame yet."""
        rest = bytes(self._data)
        self._data.clear()
        return rest


def _lengths(data: bytes) -> tuple[int, int]:
    if len(data) < OVERHEAD_BYTES:
        raise _no_frame(f"{len(data)} bytes")
    total, header_bytes = _LENGTHS.unpack_from(data)
    (checksum,) = _CHECKSUM.unpack_from(data, _LENGTHS.size)
    if checksum != crc32(data[: _LENGTHS.size]):
        raise _no_frame("a prelude whose checksum does not fit")
    if total < OVERHEAD_BYTES:
        raise _no_frame(f"a frame of {total} bytes")
    return total, header_bytes


def _encoded_name(name: str) -> bytes:
    data = name.encode()
    if not 0 < len(data) < 256:
        raise ValueError(f"a header's name has 1 to 255 bytes, not {len(data)}")
    return bytes([len(data)]) + data


def _encoded_value(value: Value) -> bytes:
    match value:
        case bool():
            return bytes([_TRUE if value else _FALSE])
        case int():
            return bytes([_INT32]) + _INTEGERS[_INT32].pack(value)
        case Timestamp():
            return bytes([_TIMESTAMP]) + _INTEGERS[5].pack(value.since_1970_ms)
        case UUID():
            return bytes([_UUID]) + value.bytes
    kind, data = (_TEXT, value.encode()) if isinstance(value, str) else (_BYTES, value)
    if len(data) > MOST_VALUE_BYTES:
        raise ValueError(f"a header's value has at most {MOST_VALUE_BYTES} bytes, not {len(data)}")
    return bytes([kind]) + _SHORT.pack(len(data)) + data


def _decoded_headers(data: bytes) -> dict[str, Value]:
    reader, headers = _Reader(data), dict[str, Value]()
    while reader.is_left:
        name = reader.text(reader.take(1)[0])
        if not name or name in headers:
            raise _no_frame(
                f"the header {shown(name)} twice" if name else "a header without a name"
            )
        headers[name] = reader.value()
    return headers


class _Reader:
    """Takes headers apart, and never more than there is."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def is_left(self) -> bool:
        return self._at < len(self._data)

    def take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        if len(taken) < count:
            raise _no_frame("headers that end in the middle of one")
        self._at += count
        return taken

    def text(self, count: int) -> str:
        try:
            return self.take(count).decode()
        except UnicodeDecodeError as error:
            raise _no_frame("a header that is not UTF-8") from error

    def value(self) -> Value:
        kind = self.take(1)[0]
        if kind in _INTEGERS:
            form = _INTEGERS[kind]
            return int(form.unpack(self.take(form.size))[0])
        match kind:
            case 0 | 1:
                return kind == _TRUE
            case 6 | 7:
                (length,) = _SHORT.unpack(self.take(_SHORT.size))
                return self.text(length) if kind == _TEXT else self.take(length)
            case 8:
                return Timestamp(_INTEGERS[5].unpack(self.take(8))[0])
            case 9:
                return UUID(bytes=self.take(_UUID_BYTES))
            case _:
                raise _no_frame(f"a header of type {kind}")


def _no_frame(what: str) -> InvalidMessage:
    return InvalidMessage(
        what, "one event-stream frame", "send whole frames, as the provider's SDK writes them"
    )
