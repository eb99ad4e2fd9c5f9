"""Recordings as files or uploads: WAV, FLAC and OGG/Opus through libsndfile, raw PCM by hand."""

import io
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import soundfile
import soxr

from lab_kit.audio.pcm import FloatArray, to_float, to_pcm16
from lab_kit.audio.resample import HIGHEST_RATE_HZ, check_rate, to_model_rate
from lab_kit.core.errors import InvalidAudioFormat, PayloadTooLarge
from lab_kit.core.units import SAMPLE_RATE_HZ

CONTAINERS = ("WAV", "FLAC", "OGG")
"""What libsndfile may find in an upload; it also reads formats we have no reason to accept."""
MAX_CHANNELS = 8
"""More is no recording of speech; with it half a megabyte of FLAC can hold gigabytes of samples."""
MAX_RATE_CHANNELS = 2 * HIGHEST_RATE_HZ
"""Samples of all channels for each second that is allowed: stereo at the highest rate. Decoding
takes time by them, and half a megabyte of FLAC can hold any number."""
UNKNOWN_FRAMES = 2**62
"""libsndfile gives a number beyond it for a FLAC that was written without knowing its end, and
finds its way in it only from front to back."""
_OGG_LAST_PAGE = 4
"""In the flags of a page."""
_RIFF_HEAD_BYTES, _CHUNK_HEAD_BYTES = 12, 8
_UNKNOWN_WAV_BYTES = 0x7FFF_0000
"""What a program writes that cannot go back to the head is about here or at the field's end."""
BLOCK_FRAMES = 65_536
"""Decoded, mixed and resampled at a time: memory follows what comes out, not what was packed in."""


@dataclass(frozen=True, slots=True)
class RawPcm:
    """What bare PCM16 is, which has no header to say so: little-endian, channels interleaved."""

    rate_hz: int
    channels: int = 1

    def check_whole(self, count_bytes: int) -> None:
        """Make sure that so many bytes are whole frames.

        Raises:
            InvalidAudioFormat: they are not.
        """
        if count_bytes % (2 * self.channels):
            raise InvalidAudioFormat(
                f"{count_bytes:,} bytes of PCM16 in {self.channels} channels",
                f"a multiple of {2 * self.channels}",
                "send whole frames",
            )


def read_recording(data: bytes, longest_s: float) -> FloatArray:
    """Decode a WAV, FLAC or OGG file to 16 kHz mono.

    Args:
        data: the file's bytes; the container is found by its header.
        longest_s: refuse more audio than this, by the header, before decoding it.

    Returns:
        (samples,) float32 in [-1, 1] at 16 kHz.

    Raises:
        InvalidAudioFormat: no container we read, damaged, empty, or of too many channels.
        UnsupportedSampleRate: the file's rate is outside what the resampler accepts.
        PayloadTooLarge: longer than ``longest_s``, or of more samples than stereo has in that time.
    """
    with open_recording(io.BytesIO(data), longest_s) as recording:
        return np.concatenate([*recording.blocks()])


@contextmanager
def open_recording(
    source: BinaryIO, longest_s: float, raw: RawPcm | None = None
) -> Iterator["Recording"]:
    """Open a file to be decoded block by block, for as long as the block lasts.

    Args:
        raw: what bare PCM16 without a header is; None where the file has a header.

    Raises:
        InvalidAudioFormat, UnsupportedSampleRate, PayloadTooLarge: see `read_recording`.
    """
    with _opened(source, raw) as sound:
        check_rate(int(sound.samplerate))
        _check_channels(sound.channels)
        if sound.frames >= UNKNOWN_FRAMES:
            raise _unreadable("its header does not say how long it is")
        _check_length(sound.frames / sound.samplerate, longest_s)
        most_samples = longest_s * MAX_RATE_CHANNELS
        _check_samples(sound.frames * sound.channels, most_samples)
        if not sound.frames:
            raise _unreadable("the file holds no samples")
        yield Recording(sound, longest_s)


class Recording:
    """An open file.

    Attributes:
        length_s: as its header says.
    """

    def __init__(self, sound: soundfile.SoundFile, longest_s: float) -> None:
        self._sound = sound
        self._longest_s = longest_s
        self.length_s: float = sound.frames / sound.samplerate

    def blocks(self, from_s: float = 0.0) -> Iterator[FloatArray]:
        """The sound from ``from_s`` on, in blocks of (samples,) float32 in [-1, 1] at 16 kHz mono.

        Raises:
            InvalidAudioFormat: it is damaged, or holds nothing.
            PayloadTooLarge: it holds more than its header says, and than it may.
        """
        sound, rate_hz = self._sound, int(self._sound.samplerate)
        resampler = soxr.ResampleStream(rate_hz, SAMPLE_RATE_HZ, 1, dtype="float32", quality="HQ")
        frames = round(from_s * rate_hz)
        if frames:
            _seek(sound, min(frames, sound.frames))
        for mono in _mono_blocks(sound):
            frames += len(mono)
            # libsndfile gives no more than the header says; this does not rely on it
            _check_length(frames / rate_hz, self._longest_s)
            _check_samples(frames * sound.channels, self._longest_s * MAX_RATE_CHANNELS)
            yield resampler.resample_chunk(mono)
        if not frames:
            raise _unreadable("the file holds no samples")
        yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)


def is_cut_off(data: bytes) -> bool:
    """Whether the end of a WAV or OGG file is missing; libsndfile reads what is there of it.

    A FLAC that is cut off it does not read at all. A WAV that was written without knowing its end
    claims more than any file holds, and an OGG file's last page says that it is the last
    [Source: RFC 3533, section 6].
    """
    if data[:4] == b"OggS":
        page = data.rfind(b"OggS")
        return not data[page + 5 : page + 6] or not data[page + 5] & _OGG_LAST_PAGE
    if data[:4] != b"RIFF":
        return False
    at = _RIFF_HEAD_BYTES
    while at + _CHUNK_HEAD_BYTES <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == b"data":
            return len(data) - at - _CHUNK_HEAD_BYTES < size < _UNKNOWN_WAV_BYTES
        at += _CHUNK_HEAD_BYTES + size + size % 2
    return True


def _seek(sound: soundfile.SoundFile, frame: int) -> None:
    try:
        sound.seek(frame)
    except soundfile.LibsndfileError as error:
        raise _unreadable(_reason(error)) from error


def _mono_blocks(sound: soundfile.SoundFile) -> Iterator[FloatArray]:
    """The file's samples, (frames,) float32 in [-1, 1], its channels averaged."""
    try:
        for frames in sound.blocks(BLOCK_FRAMES, dtype="float32", always_2d=True):
            if not np.isfinite(frames).all():  # a WAV of floats can hold anything
                raise _unreadable("a sample is infinite or not a number")
            yield np.clip(frames, -1.0, 1.0).mean(axis=1)
    except soundfile.LibsndfileError as error:
        raise _unreadable(_reason(error)) from error


def _reason(error: soundfile.LibsndfileError) -> str:
    """libsndfile's words without the object that it was given, whose address is nobody's affair."""
    return str(error.error_string).rstrip(".")


def read_raw(data: bytes, rate_hz: int, channels: int, longest_s: float) -> FloatArray:
    """Decode an upload of bare PCM16 to 16 kHz mono.

    Raises:
        InvalidAudioFormat: not whole frames, or none, or of too many channels.
        UnsupportedSampleRate: see `resample.check_rate`.
        PayloadTooLarge: longer than ``longest_s``.
    """
    if not data:
        raise _unreadable("the upload is empty")
    check_rate(rate_hz)
    _check_channels(channels)
    _check_length(len(data) / (2 * channels * rate_hz), longest_s)
    return to_model_rate(to_float(data, "linear16", channels), rate_hz)


def written_wav(audio: FloatArray) -> bytes:
    """A file of PCM16 from (samples,) float32 at 16 kHz."""
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(to_pcm16(audio))
    return target.getvalue()


def _opened(source: BinaryIO, raw: RawPcm | None) -> soundfile.SoundFile:
    bare: dict[str, Any] = {}
    if raw is not None:
        check_rate(raw.rate_hz)
        _check_channels(raw.channels)
        bare = {
            "samplerate": raw.rate_hz,
            "channels": raw.channels,
            "format": "RAW",
            "subtype": "PCM_16",
            "endian": "LITTLE",
        }
    try:
        sound = soundfile.SoundFile(source, **bare)
    except soundfile.LibsndfileError as error:
        raise _unreadable(_reason(error)) from error
    if raw is None and sound.format not in CONTAINERS:
        sound.close()
        raise _unreadable(f"the container is {sound.format}")
    return sound


def _check_channels(channels: int) -> None:
    if channels > MAX_CHANNELS:
        raise _unreadable(f"it has {channels} channels, more than {MAX_CHANNELS}")


def _check_length(length_s: float, longest_s: float) -> None:
    if length_s > longest_s:
        raise PayloadTooLarge(
            f"the recording lasts {length_s:,.1f} s",
            f"at most {longest_s:,.0f} s in one request",
            "cut it, or send it as a stream",
        )


def _check_samples(samples: int, most_samples: float) -> None:
    if samples > most_samples:
        raise PayloadTooLarge(
            f"the recording has {samples:,} samples in all its channels",
            f"at most {most_samples:,.0f} in one request",
            "mix its channels into one, lower its rate to 16,000 Hz, or cut it",
        )


def _unreadable(what: str) -> InvalidAudioFormat:
    return InvalidAudioFormat(
        f"the audio cannot be read: {what}",
        f"{', '.join(CONTAINERS[:-1])} or OGG/Opus, or raw PCM16 as audio/l16",
        "send a WAV, FLAC or OGG/Opus file that plays elsewhere",
    )
