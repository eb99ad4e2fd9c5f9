"""FFmpeg's audio codecs, packet by packet: Opus for calls, FLAC for recordings.

One packet is one frame. Nothing here knows a container: who sends packets has to keep them apart.
The library is imported where it is used: its import takes a tenth of all others together, and a
server is ready before it.

Source: RFC 6716 (Opus), RFC 9639 (FLAC).
"""

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.errors import InvalidAudioFormat, InvalidParameter

if TYPE_CHECKING:
    import av
    from av.audio.codeccontext import AudioCodecContext

OPUS_RATES_HZ = (8_000, 12_000, 16_000, 24_000, 48_000)
OPUS_FRAMES_S = (0.0025, 0.005, 0.01, 0.02, 0.04, 0.06)
OPUS_DECODED_HZ = 48_000
"""FFmpeg's decoder always gives this rate; one packet then holds at most 5,760 samples."""
OPUS_BITS_PER_S = 20_000
"""Wideband speech takes 16 to 20 kbit/s [Source: RFC 6716, 2012, section 2.1.1]."""
OPUS_CHANNELS = 2
_PCM16_SCALE = 32_768.0


class FrameEncoder:
    """A codec of FFmpeg's that writes frames of one length."""

    def __init__(self, context: "AudioCodecContext") -> None:
        context.open()
        self.frame_samples = context.frame_size
        self._context = context
        self._framer = Framer(self.frame_samples)

    def push(self, audio: FloatArray) -> list[bytes]:
        """See `codecs.Encoder`."""
        return [packet for frame in self._framer.push(audio) for packet in self._encode(frame)]

    def flush(self) -> list[bytes]:
        """See `codecs.Encoder`."""
        rest = self._framer.rest
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

    def __init__(self, context: "AudioCodecContext", rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self._context = context
        context.open()

    def push(self, data: bytes) -> FloatArray:
        """See `codecs.Decoder`."""
        import av

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


class Framer:
    """Samples of any number to frames of one length.

    Attributes:
        rest: what does not fill a frame yet.

    Raises:
        InvalidParameter: a frame would hold no sample.
    """

    def __init__(self, frame_samples: int) -> None:
        if frame_samples < 1:
            raise InvalidParameter(
                "messages of no sample",
                "at least one sample each",
                "pass a frame_s of at least one sample, such as 0.02",
            )
        self._frame_samples = frame_samples
        self.rest = np.zeros(0, np.float32)

    def push(self, audio: FloatArray) -> list[FloatArray]:
        """The frames that (samples,) complete."""
        pending = np.concatenate([self.rest, audio])
        whole = len(pending) // self._frame_samples * self._frame_samples
        self.rest = pending[whole:]
        return list(pending[:whole].reshape(-1, self._frame_samples))


def opus_encoder(rate_hz: int, frame_s: float, bits_per_s: int | None = None) -> FrameEncoder:
    """A new encoder, tuned for speech as a call would be.

    Raises:
        InvalidParameter: Opus has no frame of that length.
    """
    if not any(abs(frame_s - known_s) < 1e-6 for known_s in OPUS_FRAMES_S):
        known = ", ".join(f"{known_s * 1e3:g}" for known_s in OPUS_FRAMES_S)
        raise InvalidParameter(
            f"an Opus frame of {frame_s * 1e3:g} ms",
            f"one of {known} ms",
            "pass a frame_s from that list, such as 0.02",
        )
    context = _context("libopus", "w", rate_hz, "flt")
    context.bit_rate = bits_per_s or OPUS_BITS_PER_S
    context.options = {"application": "voip", "frame_duration": f"{frame_s * 1e3:g}"}
    return FrameEncoder(context)


def opus_decoder(channels: int) -> FrameDecoder:
    """A new decoder; it gives `OPUS_DECODED_HZ`, whatever was encoded."""
    context = _context("libopus", "r", OPUS_DECODED_HZ, "s16", channels)
    return FrameDecoder(context, OPUS_DECODED_HZ)


def flac_encoder(rate_hz: int) -> FrameEncoder:
    """A new encoder; it chooses the length of its frames itself."""
    return FrameEncoder(_context("flac", "w", rate_hz, "s16"))


def flac_decoder(rate_hz: int) -> FrameDecoder:
    """A new decoder."""
    return FrameDecoder(_context("flac", "r", rate_hz, "s16"), rate_hz)


def _context(
    name: str, mode: Any, rate_hz: int, sample_format: str, channels: int = 1
) -> "AudioCodecContext":
    import av
    from av.audio.codeccontext import AudioCodecContext

    context = av.CodecContext.create(name, mode)
    assert isinstance(context, AudioCodecContext)
    context.sample_rate = rate_hz
    context.layout = "mono" if channels == 1 else "stereo"
    if mode == "w":
        context.format = sample_format
        context.time_base = Fraction(1, rate_hz)
    return context


def _frame(audio: FloatArray, rate_hz: int, sample_format: str) -> "av.AudioFrame":
    import av

    values = audio[None]
    if sample_format == "s16":
        values = np.clip(values * _PCM16_SCALE, -32_768, 32_767).round().astype(np.int16)
    frame = av.AudioFrame.from_ndarray(values, format=sample_format, layout="mono")
    frame.sample_rate = rate_hz
    return frame


def _mono(frame: "av.AudioFrame") -> FloatArray:
    """One decoded frame, (samples,) float32; the channels of 16-bit frames lie side by side."""
    values = frame.to_ndarray().reshape(-1, frame.layout.nb_channels)
    return np.asarray(values.mean(axis=1) / _PCM16_SCALE, np.float32)
