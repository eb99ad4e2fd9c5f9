"""Encodings that are bare samples, bytes to float and back: linear PCM, and the telephone's G.711.

PCM16 at 16 kHz mono is the lab's ordinary audio: 32 kB a second, 3,200 bytes in 100 ms. G.711 says
a sample in one byte, by steps that grow with the level; libsndfile knows the steps.

Channels are averaged. Two that carry the same sound with opposite signs (a cable wired the wrong
way round) therefore cancel to silence, and no error is raised: nothing in the bytes is wrong. Which
channel to believe is the sender's to know, so whoever has such a source sends one channel.
"""

import io
from functools import cache

import numpy as np
import numpy.typing as npt
import soundfile

from lab_kit.core.errors import InvalidAudioFormat, InvalidParameter

FloatArray = npt.NDArray[np.float32]

ENCODINGS = {"linear16": 2, "linear32": 4, "mulaw": 1, "alaw": 1}
"""Encodings that arrive as bare samples, with the bytes of one sample: signed little-endian
integers of 16 bits, floats of 32 bits, and the two laws of ITU-T G.711."""

_LAWS = {"mulaw": "ULAW", "alaw": "ALAW"}

_PCM16_SCALE = 32_768.0
_ANY_RATE_HZ = 8_000
"""libsndfile wants to be told a rate; bare samples do not carry it."""


def frame_bytes(encoding: str, channels: int) -> int:
    """Bytes of one sample across all channels.

    Raises:
        InvalidParameter: the encoding is not one of `ENCODINGS`.
    """
    if encoding not in ENCODINGS:
        raise InvalidParameter(
            f"encoding '{encoding}' is not spoken here",
            f"one of {', '.join(sorted(ENCODINGS))}",
            "convert the audio or name its encoding",
        )
    return ENCODINGS[encoding] * channels


def to_float(data: bytes, encoding: str, channels: int = 1) -> FloatArray:
    """Decode raw samples, averaging channels.

    Args:
        data: whole frames; see `frame_bytes`.

    Returns:
        (samples,) float32 in [-1, 1].

    Raises:
        InvalidAudioFormat: the bytes are not whole frames, or hold a float that is no number.
        InvalidParameter: unknown encoding.
    """
    whole = frame_bytes(encoding, channels)
    if len(data) % whole:
        raise InvalidAudioFormat(
            f"chunk holds {len(data):,} bytes",
            f"{encoding} with {channels} channel(s) needs a multiple of {whole}",
            "buffer the last bytes and send them with the next chunk",
        )
    if encoding == "linear16":
        decoded = np.frombuffer(data, "<i2").astype(np.float32) / np.float32(_PCM16_SCALE)
    elif encoding in _LAWS:
        decoded = _law_levels(encoding)[np.frombuffer(data, np.uint8)]
    else:
        floats = np.frombuffer(data, "<f4")
        if not np.isfinite(floats).all():
            raise InvalidAudioFormat(
                "a sample is infinite or not a number",
                "linear32 samples are floats in [-1, 1]",
                "check the byte order and the encoding's name",
            )
        # clipped first: channels full of huge floats would add up to infinity
        decoded = np.clip(floats, -1.0, 1.0).astype(np.float32)
    return decoded.reshape(-1, channels).mean(axis=1) if channels > 1 else decoded


def to_bytes(audio: FloatArray, encoding: str) -> bytes:
    """Encode (samples,) float in [-1, 1]; what lies outside is clipped.

    Raises:
        InvalidParameter: the encoding is not one of `ENCODINGS`.
    """
    frame_bytes(encoding, 1)
    if encoding == "linear16":
        return to_pcm16(audio)
    if encoding == "linear32":
        return np.clip(audio, -1.0, 1.0).astype("<f4").tobytes()
    written = io.BytesIO()
    clipped = np.clip(audio, -1.0, 1.0)
    soundfile.write(written, clipped, _ANY_RATE_HZ, format="RAW", subtype=_LAWS[encoding])
    return written.getvalue()


def to_pcm16(audio: FloatArray) -> bytes:
    """Encode (samples,) float in [-1, 1] as PCM16; what lies outside is clipped."""
    scaled: npt.NDArray[np.float32] = np.clip(audio * _PCM16_SCALE, -32_768, 32_767)
    return scaled.round().astype("<i2").tobytes()


@cache
def _law_levels(encoding: str) -> FloatArray:
    """The sample that each of the 256 bytes stands for: (256,) float32."""
    every_byte = io.BytesIO(bytes(range(256)))
    levels, _ = soundfile.read(
        every_byte, dtype="float32", samplerate=_ANY_RATE_HZ, channels=1, format="RAW",
        subtype=_LAWS[encoding],
    )  # fmt: skip
    return np.asarray(levels, np.float32)
