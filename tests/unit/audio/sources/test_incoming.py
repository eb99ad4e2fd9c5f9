"""A stream's bytes: decoded, counted, and refused whole when one chunk is bad."""

import hashlib

import numpy as np
import pytest

from lab_kit.audio.codecs import Codec
from lab_kit.audio.pcm import frame_bytes
from lab_kit.audio.sources.incoming import IncomingAudio
from lab_kit.core.errors import (
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


@pytest.mark.parametrize(("encoding", "channels"), [("linear16", 2), ("mulaw", 1), ("linear32", 1)])
def test_a_long_chunk_is_cut_into_whole_frames(encoding: str, channels: int) -> None:
    incoming = IncomingAudio(encoding, 16_000, channels, longest_s=60)
    data = np.random.default_rng(5).bytes(16_000 * frame_bytes(encoding, channels) * 3)
    if encoding == "linear32":
        data = bytes(len(data))
    pieces = incoming.pieces(data)
    assert b"".join(pieces) == data
    assert len(pieces) == 6
    whole = IncomingAudio(encoding, 16_000, channels, longest_s=60).push(data)
    np.testing.assert_allclose(np.concatenate([incoming.push(p) for p in pieces]), whole, atol=1e-6)


def test_what_is_refused_is_refused_whole() -> None:
    incoming = IncomingAudio("linear16", 16_000, 1, longest_s=2)
    for data in (bytes(40_001), bytes(80_000)):
        assert incoming.pieces(data) == [data]
    opus = IncomingAudio("opus", 16_000, 1, longest_s=60)
    assert opus.pieces(bytes(90_000)) == [bytes(90_000)]


def test_too_much_audio_is_refused_at_the_chunk_that_crosses_the_limit() -> None:
    incoming = IncomingAudio("linear16", 16_000, 1, longest_s=2)
    incoming.push(SECOND)
    incoming.push(SECOND)
    with pytest.raises(PayloadTooLarge, match="at most 2 s"):
        incoming.push(bytes(2))
    assert incoming.audio_s == 2.0


def test_what_no_chunk_could_satisfy_is_refused_at_once() -> None:
    with pytest.raises(InvalidParameter):
        IncomingAudio("speex", 16_000, 1, longest_s=2)
    with pytest.raises(InvalidParameter, match="alaw, linear16, linear32, mulaw, opus"):
        IncomingAudio("flac", 16_000, 1, longest_s=2)  # for recordings: its frames are long
    with pytest.raises(InvalidParameter, match="3 channels"):
        IncomingAudio("opus", 16_000, 3, longest_s=2)
    with pytest.raises(UnsupportedSampleRate, match="Opus at 44,100"):
        IncomingAudio("opus", 44_100, 1, longest_s=2)
    with pytest.raises(UnsupportedSampleRate):
        IncomingAudio("linear16", 1_000, 1, longest_s=2)


def test_a_telephones_stream_is_a_byte_a_sample() -> None:
    incoming = IncomingAudio("mulaw", 8_000, 1, longest_s=10)
    out = [incoming.push(b"\xff" * 400) for _ in range(20)]  # 0xff is silence
    assert incoming.audio_s == 1.0
    assert sum(map(len, out)) + len(incoming.flush()) == 16_000
    assert not np.concatenate(out).any()


def test_each_opus_message_is_one_packet_and_no_other_bytes_are() -> None:
    tone = np.sin(np.arange(16_000) / 20).astype(np.float32) / 2
    packets = Codec("opus", 16_000).encoder(0.02).push(tone)
    incoming = IncomingAudio("opus", 16_000, 1, longest_s=10)
    out = [incoming.push(packet) for packet in packets]
    assert incoming.audio_s == 1.0
    before = (incoming.audio_s, incoming.sha256)
    for bad in (b"", b"\xff" * 3, bytes(3_201)):
        with pytest.raises(InvalidAudioFormat, match="no opus packet"):
            incoming.push(bad)
    assert (incoming.audio_s, incoming.sha256) == before
    assert sum(map(len, out)) + len(incoming.flush()) == 16_000
