"""Opus out of Ogg as libsndfile writes it, wherever it is cut, and what is no such stream."""

import io
import struct
from itertools import pairwise

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from lab_kit.audio.codecs import Codec
from lab_kit.audio.ogg import MOST_TAGS_BYTES, OpusPackets
from lab_kit.core.errors import InvalidAudioFormat

TONE = np.sin(2 * np.pi * 440 * np.arange(32_000) / 16_000).astype(np.float32) / 2
HEADS = (b"OpusHead" + bytes(11), b"OpusTags" + bytes(8))


def written(channels: int = 1) -> bytes:
    file = io.BytesIO()
    sound = np.repeat(TONE[:, None], channels, axis=1)
    soundfile.write(file, sound, 16_000, format="OGG", subtype="OPUS")
    return file.getvalue()


FILE = written()


def page(*packets: bytes, flags: int = 0, serial: int = 1, is_open: bool = False) -> bytes:
    """A page with these packets; the last one goes on in the next where it ``is_open``."""
    table = b""
    for place, packet in enumerate(packets):
        table += b"\xff" * (len(packet) // 255)
        if not (is_open and place == len(packets) - 1):
            table += bytes([len(packet) % 255])
    head = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, 0, serial, 0, 0, len(table))
    return head + table + b"".join(packets)


BEGUN = page(HEADS[0]) + page(HEADS[1])


@pytest.mark.parametrize("channels", [1, 2])
def test_a_files_packets_are_its_sound(channels: int) -> None:
    decoder = Codec("opus", 16_000).decoder(channels)
    sound = np.concatenate([decoder.push(one) for one in OpusPackets().push(written(channels))])
    assert decoder.rate_hz == 48_000
    assert 2.0 <= len(sound) / 48_000 < 2.1
    middle = sound[24_000:72_000]
    spectrum = np.abs(np.fft.rfft(middle))
    assert np.argmax(spectrum) == 440
    assert 0.3 < np.abs(middle).max() < 0.7


@given(st.lists(st.integers(0, len(FILE)), max_size=40))
@settings(deadline=None, database=None)
def test_packets_are_found_wherever_the_file_is_cut(cuts: list[int]) -> None:
    finder, found = OpusPackets(), []
    for start, end in pairwise([0, *sorted(cuts), len(FILE)]):
        found += finder.push(FILE[start:end])
    assert found == OpusPackets().push(FILE)


def test_a_packet_may_go_on_over_pages() -> None:
    first, second, last = bytes([1] * 510), bytes([2] * 255), bytes([3] * 20)
    pages = page(b"a", first, is_open=True) + page(second, flags=1, is_open=True)
    pages += page(last, b"b", flags=1)
    assert OpusPackets().push(BEGUN + pages) == [b"a", first + second + last, b"b"]


def test_what_went_on_and_does_not_is_dropped() -> None:
    pages = page(bytes(255), is_open=True) + page(b"b")
    assert OpusPackets().push(BEGUN + pages) == [b"b"]


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"RIFF", "where a page begins"),
        (b"Ogg\x00", "where a page begins"),
        (b"OggS\x01", "where a page begins"),
        (BEGUN + page(b"a") + b"x", "where a page begins"),
        (page(b"\x01vorbis"), "where OpusHead belongs"),
        (page(HEADS[0]) + page(b"a"), "where OpusTags belongs"),
        (BEGUN + page(b"a", serial=2), "a second stream"),
    ],
)
def test_what_is_no_opus_in_ogg_is_refused(data: bytes, named: str) -> None:
    with pytest.raises(InvalidAudioFormat, match=named):
        OpusPackets().push(data)


def test_a_packet_without_end_is_refused() -> None:
    """In the comments as behind them."""
    part = bytes(255 * 255)
    with pytest.raises(InvalidAudioFormat, match=f"more than {MOST_TAGS_BYTES:,}"):
        OpusPackets().push(page(HEADS[0]) + 2 * page(part, flags=1, is_open=True))
    with pytest.raises(InvalidAudioFormat, match="more than 61,298"):
        OpusPackets().push(BEGUN + page(part, is_open=True))


@given(st.binary(max_size=200))
@settings(deadline=None, database=None)
def test_any_bytes_are_waited_for_or_refused(data: bytes) -> None:
    try:
        found = OpusPackets().push(b"OggS\x00" + data)
    except InvalidAudioFormat:
        return
    assert found == []
