"""Codecs: one shape for every way in which sound is written down for a wire.

An encoder takes samples and gives messages, a decoder takes messages and gives samples. Bare
samples may be cut anywhere between two of them; Opus and FLAC come in frames, and a frame is lost
or kept as a whole. What a codec adds to the delay is one frame, which has to be complete before it
can be written, and its lookahead, which `experiments.sound` measures.

The codecs themselves are libsndfile's (`pcm`) and FFmpeg's (`packets`).
"""

from dataclasses import dataclass
from typing import Protocol

from lab_kit.audio.packets import (
    OPUS_CHANNELS,
    OPUS_RATES_HZ,
    Framer,
    flac_decoder,
    flac_encoder,
    opus_decoder,
    opus_encoder,
)
from lab_kit.audio.pcm import ENCODINGS, FloatArray, frame_bytes, to_bytes, to_float
from lab_kit.audio.resample import check_rate
from lab_kit.core.errors import InvalidParameter, UnsupportedSampleRate
from lab_kit.core.units import SAMPLE_RATE_HZ, samples

OPUS = "opus"
FLAC = "flac"
LIVE_ENCODINGS = (*ENCODINGS, OPUS)
"""What a live stream may be sent in; for Opus each message is one packet."""


class Encoder(Protocol):
    """Samples to messages, one stream in order.

    Attributes:
        frame_samples: what one message holds.
    """

    frame_samples: int

    def push(self, audio: FloatArray) -> list[bytes]:
        """Take (samples,) at the codec's rate; give the messages that are complete."""
        ...

    def flush(self) -> list[bytes]:
        """The rest, with silence where a whole frame is needed; push nothing afterwards."""
        ...


class Decoder(Protocol):
    """Messages to samples, one stream in order.

    Attributes:
        rate_hz: of what comes out.
    """

    rate_hz: int

    def push(self, data: bytes) -> FloatArray:
        """Decode one message to (samples,) float32 in [-1, 1], channels averaged.

        Raises:
            InvalidAudioFormat: no whole samples, or no packet.
        """
        ...


@dataclass(frozen=True, slots=True)
class Codec:
    """A way of writing sound down.

    Attributes:
        encoding: one of `LIVE_ENCODINGS`, or ``flac``, which is for whole recordings.
        rate_hz: samples a second of what is written.
        bits_per_s: what Opus aims at; the others have no choice.
    """

    encoding: str = "linear16"
    rate_hz: int = SAMPLE_RATE_HZ
    bits_per_s: int | None = None

    @property
    def name(self) -> str:
        """For tables and titles."""
        rate = f"{self.encoding} {self.rate_hz / 1e3:g} kHz"
        return f"{rate}, {self.bits_per_s / 1e3:g} kbit/s" if self.bits_per_s else rate

    def encoder(self, frame_s: float) -> Encoder:
        """A new encoder; ``frame_s`` of sound goes into one message (FLAC chooses itself).

        Raises:
            InvalidParameter: unknown encoding, or no frame of that length.
            UnsupportedSampleRate: the codec does not know that rate.
        """
        check_encoding(self.encoding, self.rate_hz, may_be_file=True)
        if self.encoding == OPUS:
            return opus_encoder(self.rate_hz, frame_s, self.bits_per_s)
        if self.encoding == FLAC:
            return flac_encoder(self.rate_hz)
        return SampleEncoder(self.encoding, samples(frame_s, self.rate_hz))

    def decoder(self, channels: int = 1) -> Decoder:
        """A new decoder.

        Raises:
            InvalidParameter: unknown encoding, or more channels than it has.
            UnsupportedSampleRate: the codec does not know that rate.
        """
        check_encoding(self.encoding, self.rate_hz, channels, may_be_file=True)
        if self.encoding in ENCODINGS:
            return SampleDecoder(self.encoding, self.rate_hz, channels)
        if self.encoding == FLAC:
            return flac_decoder(self.rate_hz)
        return opus_decoder(channels)


PCM16 = Codec()
"""The lab's ordinary audio."""


def check_encoding(
    encoding: str, rate_hz: int, channels: int = 1, *, may_be_file: bool = False
) -> None:
    """Refuse what no stream can be sent in, before anything is sent.

    Args:
        may_be_file: whether FLAC, which streams are not sent in, is meant as well.

    Raises:
        InvalidParameter: unknown encoding, or more channels than it has.
        UnsupportedSampleRate: outside what the resampler or the codec accepts.
    """
    known = (*LIVE_ENCODINGS, FLAC) if may_be_file else LIVE_ENCODINGS
    if encoding not in known:
        raise InvalidParameter(
            f"encoding '{encoding}' is not spoken here",
            f"one of {', '.join(sorted(known))}",
            "convert the audio or name its encoding",
        )
    check_rate(rate_hz)
    if encoding == OPUS and rate_hz not in OPUS_RATES_HZ:
        raise UnsupportedSampleRate(
            f"Opus at {rate_hz:,} Hz",
            f"one of {', '.join(f'{rate:,}' for rate in OPUS_RATES_HZ)} Hz",
            "resample to one of these rates before encoding, or state the rate that was encoded",
        )
    if encoding == OPUS and channels > OPUS_CHANNELS:
        raise InvalidParameter(
            f"Opus with {channels} channels",
            f"a packet holds one or {OPUS_CHANNELS}",
            "send a stream for each speaker",
        )


class SampleEncoder:
    """Bare samples, cut into messages of ``frame_samples``; the last one may be shorter."""

    def __init__(self, encoding: str, frame_samples: int) -> None:
        frame_bytes(encoding, 1)
        self.frame_samples = frame_samples
        self._encoding = encoding
        self._framer = Framer(frame_samples)

    def push(self, audio: FloatArray) -> list[bytes]:
        """See `Encoder`."""
        return [to_bytes(frame, self._encoding) for frame in self._framer.push(audio)]

    def flush(self) -> list[bytes]:
        """See `Encoder`."""
        rest = self._framer.rest
        return [to_bytes(rest, self._encoding)] if len(rest) else []


class SampleDecoder:
    """Bare samples, in messages of any length that is a whole number of them."""

    def __init__(self, encoding: str, rate_hz: int, channels: int) -> None:
        self.rate_hz = rate_hz
        self._encoding = encoding
        self._channels = channels

    def push(self, data: bytes) -> FloatArray:
        """See `Decoder`."""
        return to_float(data, self._encoding, self._channels)
