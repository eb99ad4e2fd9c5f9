"""Event-stream frames against the encoder and the decoder of the provider's own SDK."""

import datetime
import struct
from collections.abc import Mapping
from typing import Any
from uuid import UUID
from zlib import crc32

import pytest
from amazon_transcribe import eventstream
from hypothesis import given, settings
from hypothesis import strategies as st

from lab_kit.core.errors import InvalidMessage, LabError, PayloadTooLarge
from lab_kit.dialects.amazon.event_stream import (
    MOST_FRAME_BYTES,
    MOST_HEADERS_BYTES,
    Frame,
    FrameSplitter,
    Timestamp,
    Value,
    decoded,
    encoded,
    encoded_headers,
)

SOUND = bytes(range(256)) * 4
AUDIO: dict[str, Value] = {
    ":message-type": "event",
    ":event-type": "AudioEvent",
    ":content-type": "application/octet-stream",
}
MOMENT_MS = 1_780_000_000_123
NAMES = st.text(min_size=1, max_size=20).filter(lambda name: len(name.encode()) < 100)
VALUES = st.one_of(
    st.booleans(),
    st.integers(-(2**31), 2**31 - 1),
    st.binary(max_size=60),
    st.text(max_size=15),
    st.uuids(),
    st.builds(Timestamp, st.integers(-(2**63), 2**63 - 1)),
)
FRAMES = st.builds(Frame, st.dictionaries(NAMES, VALUES, max_size=5), st.binary(max_size=300))


def sdk_encoded(headers: Mapping[str, Any], payload: bytes) -> bytes:
    made: bytes = eventstream.EventStreamMessageSerializer().serialize(dict(headers), payload)
    return made


def sdk_decoded(data: bytes) -> Any:
    buffer = eventstream.EventStreamBuffer()
    buffer.add_data(data)
    return next(buffer)


def resealed(frame: bytes) -> bytes:
    """The frame with the checksums that fit it, whatever else is wrong."""
    head = frame[:8]
    body = head + struct.pack("!I", crc32(head)) + frame[12:-4]
    return body + struct.pack("!I", crc32(body))


def test_frames_are_the_sdks_to_the_byte() -> None:
    assert encoded(Frame(AUDIO, SOUND)) == sdk_encoded(AUDIO, SOUND)
    signed = {":date": Timestamp(MOMENT_MS), ":chunk-signature": bytes(32)}
    moment = datetime.datetime.fromtimestamp(MOMENT_MS / 1e3, datetime.UTC)
    theirs = {":date": moment, ":chunk-signature": bytes(32)}
    assert encoded(Frame(signed, b"")) == sdk_encoded(theirs, b"")
    others: dict[str, Any] = {
        "a": True,
        "b": False,
        "c": -7,
        "d": "é",
        "e": b"\0",
        "f": UUID(int=5),
    }
    assert encoded(Frame(others)) == sdk_encoded(others, b"")


def test_known_bytes() -> None:
    """What the provider publishes: a frame without anything [Source: "Event stream encoding"]."""
    assert encoded(Frame({})).hex() == "000000100000000005c248eb7d98c8ff"


def test_integers_of_every_width_are_read() -> None:
    kinds = (eventstream.Int8HeaderValue, eventstream.Int16HeaderValue)
    kinds += (eventstream.Int32HeaderValue, eventstream.Int64HeaderValue)
    headers = {str(place): kind(-place) for place, kind in enumerate(kinds)}
    assert decoded(sdk_encoded(headers, b"")).headers == {"0": 0, "1": -1, "2": -2, "3": -3}


@given(FRAMES)
@settings(deadline=None, database=None)
def test_what_is_written_is_read(frame: Frame) -> None:
    data = encoded(frame)
    assert decoded(data) == frame
    theirs = sdk_decoded(data)
    assert theirs.payload == frame.payload
    plain = {
        name: value.bytes if isinstance(value, UUID) else value
        for name, value in frame.headers.items()
    }
    plain = {n: v.since_1970_ms if isinstance(v, Timestamp) else v for n, v in plain.items()}
    assert theirs.headers == plain


@given(FRAMES, st.data())
@settings(deadline=None, database=None)
def test_one_wrong_bit_anywhere_is_refused(frame: Frame, data: Any) -> None:
    sound = bytearray(encoded(frame))
    bit = data.draw(st.integers(0, 8 * len(sound) - 1))
    sound[bit // 8] ^= 1 << bit % 8
    with pytest.raises(LabError):
        decoded(bytes(sound))


@given(FRAMES, st.data())
@settings(deadline=None, database=None)
def test_a_frame_that_is_cut_off_or_goes_on_is_refused(frame: Frame, data: Any) -> None:
    whole = encoded(frame)
    with pytest.raises(InvalidMessage):
        decoded(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(InvalidMessage):
        decoded(whole + data.draw(st.binary(min_size=1, max_size=20)))


@given(st.binary(max_size=200), st.binary(max_size=20))
@settings(deadline=None, database=None)
def test_headers_of_any_bytes_are_read_or_refused(headers: bytes, payload: bytes) -> None:
    """With checksums that fit, so that nothing else refuses them."""
    lengths = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    frame = resealed(lengths + bytes(4) + headers + payload + bytes(4))
    try:
        read = decoded(frame)
    except InvalidMessage:
        return
    assert read.payload == payload


@pytest.mark.parametrize(
    ("headers", "what"),
    [
        (b"\x01a\x00\x01a\x00", "'a' twice"),
        (b"\x00\x00", "without a name"),
        (b"\x01a\x0a", "of type 10"),
        (b"\x01a\x07\x00\x05ab", "in the middle"),
        (b"\x01\xff\x00", "not UTF-8"),
        (b"\x01a\x07\x00\x01\xff", "not UTF-8"),
    ],
)
def test_what_is_wrong_with_headers_is_named(headers: bytes, what: str) -> None:
    lengths = struct.pack("!II", 16 + len(headers), len(headers))
    with pytest.raises(InvalidMessage, match=what):
        decoded(resealed(lengths + bytes(4) + headers + bytes(4)))


def test_headers_and_frames_are_bounded() -> None:
    many = {f"h{number}": bytes(100) for number in range(MOST_HEADERS_BYTES // 100)}
    with pytest.raises(InvalidMessage, match="headers of"):
        decoded(encoded(Frame(many)))
    with pytest.raises(PayloadTooLarge, match="at most 32,768"):
        decoded(encoded(Frame({}, bytes(MOST_FRAME_BYTES))))
    longer_than_it_is = struct.pack("!II", 20, 100)
    with pytest.raises(InvalidMessage, match="headers of 100"):
        decoded(resealed(longer_than_it_is + bytes(12)))


@pytest.mark.parametrize("name", ["", "x" * 256])
def test_a_name_that_no_frame_holds_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="1 to 255 bytes"):
        encoded_headers({name: True})


def test_a_value_that_no_frame_holds_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 32767"):
        encoded_headers({"a": bytes(2**15)})


@given(st.lists(FRAMES, max_size=6), st.data())
@settings(deadline=None, database=None)
def test_frames_are_found_wherever_they_are_cut(frames: list[Frame], data: Any) -> None:
    stream = b"".join(map(encoded, frames)) + b"the rest"
    splitter, found, at = FrameSplitter(), [], 0
    while at < len(stream):
        step = data.draw(st.integers(1, len(stream)))
        splitter.push(stream[at : at + step])
        at += step
        while (frame := splitter.next()) is not None:
            found.append(frame)
    assert [decoded(one) for one in found] == frames
    assert splitter.rest() == b"the rest"
    assert splitter.rest() == b""


def test_what_can_be_no_frame_is_given_to_be_refused() -> None:
    for length in (0, 15, MOST_FRAME_BYTES + 1, 2**32 - 1):
        splitter = FrameSplitter()
        splitter.push(struct.pack("!I", length) + bytes(100))
        given_up = splitter.next()
        assert given_up is not None
        with pytest.raises(LabError):
            decoded(given_up)
        assert splitter.next() is None
