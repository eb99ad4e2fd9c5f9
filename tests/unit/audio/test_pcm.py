"""Bytes to samples and back: what is refused, what is averaged, what is clipped."""

import numpy as np
import pytest

from lab_kit.audio.pcm import frame_bytes, to_float, to_pcm16
from lab_kit.errors import InvalidAudioFormat, InvalidParameter


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
        frame_bytes("mulaw", 1)
