"""Recordings as files or uploads: WAV, FLAC and OGG/Opus through libsndfile, raw PCM by hand."""

import io
from typing import BinaryIO

import numpy as np
import soundfile

from lab_kit.audio.pcm import FloatArray, to_float
from lab_kit.audio.resample import check_rate, to_model_rate
from lab_kit.core.errors import InvalidAudioFormat, PayloadTooLarge

CONTAINERS = ("WAV", "FLAC", "OGG")
"""What libsndfile may find in an upload; it also reads formats we have no reason to accept."""


def read_recording(data: bytes, longest_s: float) -> FloatArray:
    """Decode a WAV, FLAC or OGG file to 16 kHz mono.

    Args:
        data: the file's bytes; the container is found by its header.
        longest_s: refuse more audio than this, by the header, before decoding it.

    Returns:
        (samples,) float32 in [-1, 1] at 16 kHz.

    Raises:
        InvalidAudioFormat: no container we read, damaged, or empty.
        UnsupportedSampleRate: the file's rate is outside what the resampler accepts.
        PayloadTooLarge: longer than ``longest_s``.
    """
    with _opened(io.BytesIO(data)) as sound:
        _check_length(sound.frames / sound.samplerate, longest_s)
        try:
            frames = sound.read(dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise _unreadable(str(error)) from error
        rate_hz = int(sound.samplerate)
    if not len(frames):
        raise _unreadable("the file holds no samples")
    if not np.isfinite(frames).all():  # a WAV of floats can hold anything
        raise _unreadable("a sample is infinite or not a number")
    return to_model_rate(np.clip(frames, -1.0, 1.0).mean(axis=1), rate_hz)


def read_raw(data: bytes, rate_hz: int, channels: int, longest_s: float) -> FloatArray:
    """Decode an upload of bare PCM16 to 16 kHz mono.

    Raises:
        InvalidAudioFormat: not whole frames, or none.
        UnsupportedSampleRate: see `resample.check_rate`.
        PayloadTooLarge: longer than ``longest_s``.
    """
    if not data:
        raise _unreadable("the upload is empty")
    check_rate(rate_hz)
    _check_length(len(data) / (2 * channels * rate_hz), longest_s)
    return to_model_rate(to_float(data, "linear16", channels), rate_hz)


def _opened(source: BinaryIO) -> soundfile.SoundFile:
    try:
        sound = soundfile.SoundFile(source)
    except soundfile.LibsndfileError as error:
        raise _unreadable(str(error)) from error
    if sound.format not in CONTAINERS:
        sound.close()
        raise _unreadable(f"the container is {sound.format}")
    return sound


def _check_length(length_s: float, longest_s: float) -> None:
    if length_s > longest_s:
        raise PayloadTooLarge(
            f"the recording lasts {length_s:,.1f} s",
            f"one request takes at most {longest_s:,.0f} s",
            "cut it, or send it as a stream",
        )


def _unreadable(what: str) -> InvalidAudioFormat:
    return InvalidAudioFormat(
        f"the audio cannot be read: {what}",
        f"expected {', '.join(CONTAINERS[:-1])} or OGG/Opus, or raw PCM16 as audio/l16",
        "send a WAV, FLAC or OGG/Opus file that plays elsewhere",
    )
