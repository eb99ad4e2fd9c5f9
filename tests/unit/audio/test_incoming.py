"""A stream's bytes: decoded, counted, and refused whole when one chunk is bad."""

import hashlib

import numpy as np
import pytest

from lab_kit.audio.incoming import IncomingAudio
from lab_kit.errors import (
    InvalidAudioFormat,
    InvalidParameter,
    PayloadTooLarge,
    UnsupportedSampleRate,
)

SECOND = bytes(32_000)


def test_seconds_are_counted_in_the_clients_own_rate_and_channels() -> None:
    incoming = IncomingAudio("linear16", 48_000, 2, longest_s=10)
    out = [incoming.push(bytes(48_000 * 2 * 2 // 10)) for _ in range(10)]
    assert incoming.audio_s == 1.0
    assert sum(map(len, out)) + len(incoming.flush()) == 16_000


def test_the_digest_is_of_the_bytes_that_arrived() -> None:
    incoming = IncomingAudio("linear16", 8_000, 1, longest_s=10)
    data = np.arange(4_000, dtype="<i2").tobytes()
    incoming.push(data[:2_000])
    incoming.push(data[2_000:])
    assert incoming.sha256 == hashlib.sha256(data).hexdigest()


def test_a_bad_chunk_leaves_no_trace() -> None:
    incoming = IncomingAudio("linear16", 16_000, 1, longest_s=10)
    incoming.push(SECOND)
    before = (incoming.audio_s, incoming.sha256)
    with pytest.raises(InvalidAudioFormat):
        incoming.push(bytes(101))
    assert (incoming.audio_s, incoming.sha256) == before
    assert len(incoming.push(bytes(100))) == 50


def test_too_much_audio_is_refused_at_the_chunk_that_crosses_the_limit() -> None:
    incoming = IncomingAudio("linear16", 16_000, 1, longest_s=2)
    incoming.push(SECOND)
    incoming.push(SECOND)
    with pytest.raises(PayloadTooLarge, match="at most 2 s"):
        incoming.push(bytes(2))
    assert incoming.audio_s == 2.0


def test_what_no_chunk_could_satisfy_is_refused_at_once() -> None:
    with pytest.raises(InvalidParameter):
        IncomingAudio("opus", 16_000, 1, longest_s=2)
    with pytest.raises(UnsupportedSampleRate):
        IncomingAudio("linear16", 1_000, 1, longest_s=2)
