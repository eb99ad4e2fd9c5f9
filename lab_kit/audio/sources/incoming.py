"""A stream's bytes to 16 kHz mono: encoding, channels and rate in one place."""

import hashlib

from lab_kit.audio.codecs import Codec, check_encoding
from lab_kit.audio.pcm import ENCODINGS, FloatArray, frame_bytes
from lab_kit.audio.resample import StreamResampler
from lab_kit.core.errors import PayloadTooLarge

PIECE_S = 0.5
"""Decoded and resampled at a time: a megabyte of samples at once takes a tenth of a second."""


class IncomingAudio:
    """Decodes one stream and keeps account of what it was given.

    Args:
        longest_s: refuse to take more audio than this.

    Raises:
        InvalidParameter: unknown encoding, or more channels than it has.
        UnsupportedSampleRate: rate outside what the resampler accepts.
    """

    def __init__(self, encoding: str, rate_hz: int, channels: int, longest_s: float) -> None:
        check_encoding(encoding, rate_hz, channels)
        self._decoder = Codec(encoding, rate_hz).decoder(channels)
        self._rate_hz = rate_hz
        self._frame_bytes = frame_bytes(encoding, channels) if encoding in ENCODINGS else None
        self._longest_s = longest_s
        self._resampler = StreamResampler(self._decoder.rate_hz)
        self._hash = hashlib.sha256()
        self._samples = 0

    @property
    def audio_s(self) -> float:
        """Audio received."""
        return self._samples / self._decoder.rate_hz

    @property
    def sha256(self) -> str:
        """Of the bytes received, as hexadecimal."""
        return self._hash.hexdigest()

    def pieces(self, data: bytes) -> list[bytes]:
        """The chunk cut so that each `push` takes little time; whole where it will be refused."""
        frame = self._frame_bytes
        if frame is None or len(data) <= (piece := round(PIECE_S * self._rate_hz) * frame):
            return [data]  # a packet is not long, and can't be cut
        is_too_long = self.audio_s + len(data) / frame / self._rate_hz > self._longest_s
        if len(data) % frame or is_too_long:
            return [data]
        return [data[at : at + piece] for at in range(0, len(data), piece)]

    def push(self, data: bytes) -> FloatArray:
        """Decode a chunk to (samples,) float32 in [-1, 1] at 16 kHz.

        Raises:
            InvalidAudioFormat: not whole samples or no packet; nothing of the chunk is kept.
            PayloadTooLarge: the stream would be longer than it may be.
        """
        audio = self._decoder.push(data)
        if (self._samples + len(audio)) / self._decoder.rate_hz > self._longest_s:
            raise PayloadTooLarge(
                f"the stream has more than {self._longest_s:,.0f} s of audio",
                f"one stream takes at most {self._longest_s:,.0f} s",
                "close it and open another",
                details={"limit": "stream_audio_s", "value": f"{self._longest_s:g}"},
            )
        self._samples += len(audio)
        self._hash.update(data)
        return self._resampler.push(audio)

    def flush(self) -> FloatArray:
        """What the resampling filter still holds; push nothing afterwards."""
        return self._resampler.flush()
