"""Bytes to samples and back: what is refused, what is averaged, what is clipped."""

import av
import numpy as np
import pytest

from lab_kit.audio.pcm import frame_bytes, to_bytes, to_float, to_pcm16
from lab_kit.core.errors import InvalidAudioFormat, InvalidParameter


def test_every_16_bit_value_survives_the_way_there_and_back() -> None:
    data = np.arange(-32_768, 32_768, dtype="<i2").tobytes()
    assert to_pcm16(to_float(data, "linear16")) == data


def test_samples_are_little_endian_and_full_scale_is_one() -> None:
    assert to_float(b"\x00\x80\x00\x40\x00\x00", "linear16").tolist() == [-1.0, 0.5, 0.0]


def test_channels_are_averaged_frame_by_frame() -> None:
    frames = np.array([[8_192, 16_384], [-16_384, 16_384]], "<i2")
    assert to_float(frames.tobytes(), "linear16", channels=2).tolist() == [0.375, 0.0]


def test_32_bit_floats_are_taken_and_clipped() -> None:
    data = np.array([0.25, 7.0, -7.0], "<f4").tobytes()
    assert to_float(data, "linear32").tolist() == [0.25, 1.0, -1.0]


def test_encoding_clips_rather_than_wraps() -> None:
    assert to_pcm16(np.array([2.0, -2.0], np.float32)) == b"\xff\x7f\x00\x80"


@pytest.mark.parametrize(
    ("encoding", "channels", "length"),
    [("linear16", 1, 3_201), ("linear16", 2, 3_202), ("linear32", 1, 3_202)],
)
def test_half_a_frame_is_refused_with_both_numbers(
    encoding: str, channels: int, length: int
) -> None:
    with pytest.raises(InvalidAudioFormat) as refused:
        to_float(bytes(length), encoding, channels)
    assert f"{length:,} bytes" in str(refused.value)
    assert f"multiple of {frame_bytes(encoding, channels)}" in str(refused.value)


@pytest.mark.parametrize("law", ["mulaw", "alaw"])
def test_a_law_spends_a_byte_a_sample_and_errs_in_proportion(law: str) -> None:
    """G.711 keeps about 38 dB from the loudest to the quiet: its steps grow with the level."""
    for level in (0.9, 0.09):
        tone = (level * np.sin(np.arange(8_000) / 3)).astype(np.float32)
        data = to_bytes(tone, law)
        assert len(data) == 8_000
        error = to_float(data, law) - tone
        assert 30 < 10 * np.log10(np.mean(tone**2) / np.mean(error**2)) < 45


@pytest.mark.parametrize("law", ["mulaw", "alaw"])
def test_every_byte_of_a_law_survives_the_way_there_and_back(law: str) -> None:
    every = bytes(range(256))
    again = to_float(to_bytes(to_float(every, law), law), law)
    assert np.array_equal(again, to_float(every, law))


def test_the_laws_are_those_of_the_recommendation() -> None:
    """Against FFmpeg's decoder, which is another author's."""
    for law, name in (("mulaw", "pcm_mulaw"), ("alaw", "pcm_alaw")):
        decoder = av.CodecContext.create(name, "r")
        decoder.sample_rate, decoder.layout = 8_000, "mono"
        (frame,) = decoder.decode(av.Packet(bytes(range(256))))
        theirs = frame.to_ndarray()[0] / 32_768
        assert np.array_equal(to_float(bytes(range(256)), law), theirs.astype(np.float32))


def test_opposite_channels_cancel_to_silence_by_the_rule_of_averaging() -> None:
    tone = np.sin(np.arange(1_600) / 5).astype(np.float32) / 2
    stereo = np.stack([tone, -tone], axis=1).reshape(-1)
    assert not to_float(to_pcm16(stereo), "linear16", channels=2).any()
    same = np.stack([tone, tone], axis=1).reshape(-1)
    assert np.allclose(to_float(to_pcm16(same), "linear16", channels=2), tone, atol=1e-4)


@pytest.mark.parametrize("encoding", ["linear32", "linear16", "mulaw", "alaw"])
def test_what_lies_outside_is_clipped_in_every_encoding(encoding: str) -> None:
    loud = to_float(to_bytes(np.array([3.0, -3.0], np.float32), encoding), encoding)
    assert loud.tolist() == pytest.approx([1.0, -1.0], abs=0.03)


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_a_float_that_is_no_number_is_refused(poison: float) -> None:
    with pytest.raises(InvalidAudioFormat, match="not a number"):
        to_float(np.array([0.0, poison], "<f4").tobytes(), "linear32")


def test_channels_that_overflow_together_still_give_a_number() -> None:
    huge = np.finfo(np.float32).max
    frame = np.array([[huge, huge, huge, huge, -huge, -huge, -huge, -huge]], "<f4")
    assert np.isfinite(to_float(frame.tobytes(), "linear32", channels=8)).all()


def test_an_unknown_encoding_names_the_known_ones() -> None:
    with pytest.raises(InvalidParameter, match="linear16, linear32"):
        frame_bytes("opus", 1)
