"""Codecs: one shape for every way in which sound is written down for a wire.

An encoder takes samples and gives messages, a decoder takes messages and gives samples. Bare
samples may be cut anywhere between two of them; Opus and FLAC come in frames, and a frame is lost
or kept as a whole. What a codec adds to the delay is one frame, which has to be complete before it
can be written, and its lookahead, which `soundcheck` measures.

The codecs are libsndfile's and FFmpeg's. Source: RFC 6716 (Opus), ITU-T G.711, RFC 9639 (FLAC).
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext

from lab_kit.audio.pcm import ENCODINGS, FloatArray, frame_bytes, to_bytes, to_float
from lab_kit.audio.resample import check_rate
from lab_kit.errors import InvalidAudioFormat, InvalidParameter, UnsupportedSampleRate
from lab_kit.units import SAMPLE_RATE_HZ, samples

OPUS = "opus"
FLAC = "flac"
LIVE_ENCODINGS = (*ENCODINGS, OPUS)
"""What a live stream may be sent in; for Opus each message is one packet."""

OPUS_RATES_HZ = (8_000, 12_000, 16_000, 24_000, 48_000)
OPUS_FRAMES_S = (0.0025, 0.005, 0.01, 0.02, 0.04, 0.06)
OPUS_DECODED_HZ = 48_000
"""FFmpeg's decoder always gives this rate; one packet then holds at most 5,760 samples."""
OPUS_BITS_PER_S = 20_000
"""Wideband speech takes 16 to 20 kbit/s [Source: RFC 6716, 2012, section 2.1.1]."""
_OPUS_CHANNELS = 2
_PCM16_SCALE = 32_768.0


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
            return _opus_encoder(self, frame_s)
        if self.encoding == FLAC:
            return FrameEncoder(_context("flac", "w", self.rate_hz, "s16"))
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
            return FrameDecoder(_context("flac", "r", self.rate_hz, "s16"), self.rate_hz)
        context = _context("libopus", "r", OPUS_DECODED_HZ, "s16", channels)
        return FrameDecoder(context, OPUS_DECODED_HZ)


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
            f"expected one of {', '.join(sorted(known))}",
            "convert the audio or name its encoding",
        )
    check_rate(rate_hz)
    if encoding == OPUS and rate_hz not in OPUS_RATES_HZ:
        raise UnsupportedSampleRate(
            f"Opus at {rate_hz:,} Hz",
            f"expected one of {', '.join(f'{rate:,}' for rate in OPUS_RATES_HZ)} Hz",
            "resample before encoding, or correct the number",
        )
    if encoding == OPUS and channels > _OPUS_CHANNELS:
        raise InvalidParameter(
            f"Opus with {channels} channels",
            f"a packet holds one or {_OPUS_CHANNELS}",
            "send a stream for each speaker",
        )


class SampleEncoder:
    """Bare samples, cut into messages of ``frame_samples``; the last one may be shorter."""

    def __init__(self, encoding: str, frame_samples: int) -> None:
        frame_bytes(encoding, 1)
        self.frame_samples = frame_samples
        self._encoding = encoding
        self._cutter = _Cutter(frame_samples)

    def push(self, audio: FloatArray) -> list[bytes]:
        """See `Encoder`."""
        return [to_bytes(frame, self._encoding) for frame in self._cutter.push(audio)]

    def flush(self) -> list[bytes]:
        """See `Encoder`."""
        rest = self._cutter.rest
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


class FrameEncoder:
    """A codec of FFmpeg's that writes frames of one length."""

    def __init__(self, context: AudioCodecContext) -> None:
        context.open()
        self.frame_samples = context.frame_size
        self._context = context
        self._cutter = _Cutter(self.frame_samples)

    def push(self, audio: FloatArray) -> list[bytes]:
        """See `Encoder`."""
        return [packet for frame in self._cutter.push(audio) for packet in self._encode(frame)]

    def flush(self) -> list[bytes]:
        """See `Encoder`."""
        rest = self._cutter.rest
        packets = []
        if len(rest):
            packets = self._encode(np.pad(rest, (0, self.frame_samples - len(rest))))
        # FLAC closes with a packet that holds a checksum for the container and no sound
        return packets + [bytes(packet) for packet in self._context.encode(None) if packet.size]

    def _encode(self, audio: FloatArray) -> list[bytes]:
        frame = _frame(audio, self._context.sample_rate, self._context.format.name)
        return [bytes(packet) for packet in self._context.encode(frame)]


class FrameDecoder:
    """A codec of FFmpeg's, packet by packet."""

    def __init__(self, context: AudioCodecContext, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self._context = context
        context.open()

    def push(self, data: bytes) -> FloatArray:
        """See `Decoder`."""
        try:
            frames = self._context.decode(av.Packet(data)) if data else []
        except av.error.FFmpegError as error:
            raise self._no_packet(data) from error
        if not frames:
            raise self._no_packet(data)
        return np.concatenate([_mono(frame) for frame in frames])

    def _no_packet(self, data: bytes) -> InvalidAudioFormat:
        name = self._context.name.removeprefix("lib")
        return InvalidAudioFormat(
            f"message of {len(data):,} bytes is no {name} packet",
            f"{name} needs exactly one whole packet a message",
            "send packets as the encoder gives them, without a container, uncut and unjoined",
        )


class _Cutter:
    """Samples of any number to frames of one length."""

    def __init__(self, frame_samples: int) -> None:
        if frame_samples < 1:
            raise InvalidParameter(
                "messages of no sample", "at least one sample each", "make them longer"
            )
        self._frame_samples = frame_samples
        self.rest = np.zeros(0, np.float32)

    def push(self, audio: FloatArray) -> list[FloatArray]:
        pending = np.concatenate([self.rest, audio])
        whole = len(pending) // self._frame_samples * self._frame_samples
        self.rest = pending[whole:]
        return list(pending[:whole].reshape(-1, self._frame_samples))


def _opus_encoder(codec: Codec, frame_s: float) -> FrameEncoder:
    if not any(abs(frame_s - known_s) < 1e-6 for known_s in OPUS_FRAMES_S):
        known = ", ".join(f"{known_s * 1e3:g}" for known_s in OPUS_FRAMES_S)
        raise InvalidParameter(
            f"an Opus frame of {frame_s * 1e3:g} ms", f"one of {known} ms", "choose one of them"
        )
    context = _context("libopus", "w", codec.rate_hz, "flt")
    context.bit_rate = codec.bits_per_s or OPUS_BITS_PER_S
    # tuned for speech, as a call would be
    context.options = {"application": "voip", "frame_duration": f"{frame_s * 1e3:g}"}
    return FrameEncoder(context)


def _context(
    name: str, mode: Any, rate_hz: int, sample_format: str, channels: int = 1
) -> AudioCodecContext:
    context = av.CodecContext.create(name, mode)
    assert isinstance(context, AudioCodecContext)
    context.sample_rate = rate_hz
    context.layout = "mono" if channels == 1 else "stereo"
    if mode == "w":
        context.format = sample_format
        context.time_base = Fraction(1, rate_hz)
    return context


def _frame(audio: FloatArray, rate_hz: int, sample_format: str) -> av.AudioFrame:
    values = audio[None]
    if sample_format == "s16":
        values = np.clip(values * _PCM16_SCALE, -32_768, 32_767).round().astype(np.int16)
    frame = av.AudioFrame.from_ndarray(values, format=sample_format, layout="mono")
    frame.sample_rate = rate_hz
    return frame


def _mono(frame: av.AudioFrame) -> FloatArray:
    """One decoded frame, (samples,) float32; the channels of 16-bit frames lie side by side."""
    values = frame.to_ndarray().reshape(-1, frame.layout.nb_channels)
    return np.asarray(values.mean(axis=1) / _PCM16_SCALE, np.float32)
