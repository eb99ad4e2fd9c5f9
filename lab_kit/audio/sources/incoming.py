"""A stream's bytes to 16 kHz mono: encoding, channels and rate in one place."""

import hashlib

from lab_kit.audio.codecs import Codec, check_encoding
from lab_kit.audio.pcm import FloatArray
from lab_kit.audio.resample import StreamResampler
from lab_kit.core.errors import PayloadTooLarge


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
            )
        self._samples += len(audio)
        self._hash.update(data)
        return self._resampler.push(audio)

    def flush(self) -> FloatArray:
        """What the resampling filter still holds; push nothing afterwards."""
        return self._resampler.flush()
