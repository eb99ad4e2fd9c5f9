"""Codecs side by side: bytes, work, delay and words, all of the same clips in one run.

Speech is written down and read back as a stream would be, frame by frame, resampling included, and
what comes out is given to a model. Delay is measured, not looked up: how far the sound has moved,
found by correlation, and how much of it is held back when a frame has been taken in.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from lab_kit.audio import signals
from lab_kit.audio.codecs import Codec
from lab_kit.audio.pcm import FloatArray
from lab_kit.audio.resample import StreamResampler, to_rate
from lab_kit.client import InferCall
from lab_kit.core.units import SAMPLE_RATE_HZ, samples
from lab_kit.datasets import Clip
from lab_kit.measure.accuracy import word_error_rate

LADDER = (
    Codec("linear16", 48_000),
    Codec("linear16", 24_000),
    Codec("linear16", 16_000),
    Codec("linear16", 8_000),
    Codec("flac", 16_000),
    Codec("mulaw", 8_000),
    Codec("alaw", 8_000),
    Codec("opus", 48_000, 32_000),
    Codec("opus", 24_000, 24_000),
    Codec("opus", 16_000, 20_000),
    Codec("opus", 16_000, 12_000),
    Codec("opus", 8_000, 6_000),
)
"""From what a sound card gives to what barely carries speech."""
FRAME_S = 0.02
"""Opus' own default, and the telephone's."""
NOISE_DB = 3.0
"""So far below the speech that a person follows it with some care."""
NOISE_SEED = 7
_LATEST = samples(0.05)
"""No codec's lookahead is longer."""


class Recognizer(Protocol):
    """A model behind a door, as `client.Inference` is."""

    async def infer(self, audio: FloatArray) -> InferCall:
        """Text of (samples,) float32 at 16 kHz."""
        ...


@dataclass(frozen=True, slots=True)
class CodecReport:
    """One codec.

    Attributes:
        frame_s: sound in one message.
        bytes_per_s: of payload; headers are the wire's.
        encode_ms_per_s, decode_ms_per_s: work for a second of sound, resampling included.
        shift_s: how much later the sound comes out than it went in.
        held_s: how much of it was still inside when a frame had just been taken in.
        wer, wer_in_noise: word error rate of what comes out, without and with pink noise
            `NOISE_DB` below the speech; read speech in a quiet room survives nearly everything.
    """

    codec: Codec
    frame_s: float
    bytes_per_s: float
    encode_ms_per_s: float
    decode_ms_per_s: float
    shift_s: float
    held_s: float
    wer: float
    wer_in_noise: float

    @property
    def added_delay_s(self) -> float:
        """From a sound until it can be heard at the other end of a wire without delay."""
        return self.frame_s + self.shift_s + self.held_s


async def compare_codecs(
    recognizer: Recognizer,
    clips: Sequence[Clip],
    codecs: Sequence[Codec] = LADDER,
    frame_s: float = FRAME_S,
) -> list[CodecReport]:
    """Send the clips through each codec and have a model listen to what is left of them.

    Raises:
        InvalidParameter: a codec is unknown, or has no frame of that length.
    """
    noisy = [_in_noise(clip) for clip in clips]
    reports = []
    for codec in codecs:
        trips = [round_trip(clip.samples, codec, frame_s) for clip in clips]
        others = [round_trip(audio, codec, frame_s) for audio in noisy]
        wer = await heard_wrong(recognizer, clips, [trip.audio for trip in trips])
        noisy_wer = await heard_wrong(recognizer, clips, [trip.audio for trip in others])
        reports.append(_report(codec, trips, wer, noisy_wer))
    return reports


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """One recording, there and back.

    Attributes:
        audio: what came out, at 16 kHz.
        sent: messages in order.
    """

    audio: FloatArray
    sent: tuple[bytes, ...]
    length_s: float
    frame_s: float
    encode_s: float
    decode_s: float
    shift_s: float
    held_s: float


def round_trip(audio: FloatArray, codec: Codec, frame_s: float = FRAME_S) -> RoundTrip:
    """Write (samples,) at 16 kHz down and read it back, frame by frame.

    Raises:
        InvalidParameter, UnsupportedSampleRate: see `audio.codecs.Codec.encoder`.
    """
    began = time.perf_counter()
    source = to_rate(audio, SAMPLE_RATE_HZ, codec.rate_hz)
    encoder = codec.encoder(frame_s)
    sent = [*encoder.push(source), *encoder.flush()]
    encoded = time.perf_counter()
    decoder = codec.decoder()
    resampler = StreamResampler(decoder.rate_hz)
    pieces = [resampler.push(decoder.push(message)) for message in sent]
    rest = resampler.flush()
    decoded = time.perf_counter()
    real_frame_s = encoder.frame_samples / codec.rate_hz
    heard = np.concatenate([*pieces, rest])
    held_s = max(0.0, 10 * real_frame_s - sum(map(len, pieces[:10])) / SAMPLE_RATE_HZ)
    return RoundTrip(
        audio=heard,
        sent=tuple(sent),
        length_s=len(audio) / SAMPLE_RATE_HZ,
        frame_s=real_frame_s,
        encode_s=encoded - began,
        decode_s=decoded - encoded,
        shift_s=shift_samples(audio, heard) / SAMPLE_RATE_HZ,
        held_s=held_s if len(sent) > 10 else 0.0,
    )


def shift_samples(before: FloatArray, after: FloatArray) -> int:
    """How many samples later ``after`` is most like ``before``, at most 50 ms."""
    count = min(len(before), len(after)) - _LATEST
    alike = [float(before[:count] @ after[lag : lag + count]) for lag in range(_LATEST)]
    return int(np.argmax(alike))


def _in_noise(clip: Clip) -> FloatArray:
    spoken_s = [(word.start_s, word.end_s) for word in clip.words]
    noise = signals.pink(len(clip.samples), NOISE_SEED)
    return signals.in_noise(clip.samples, noise, NOISE_DB, spoken_s)


async def heard_wrong(
    recognizer: Recognizer, clips: Sequence[Clip], heard: Sequence[FloatArray]
) -> float:
    """Word error rate of what is left of the clips; the model listens to all of it at once."""
    answers = await asyncio.gather(*(recognizer.infer(audio) for audio in heard))
    truth = " ".join(clip.text for clip in clips)
    return word_error_rate(truth, " ".join(answer.text for answer in answers))


def _report(codec: Codec, trips: Sequence[RoundTrip], wer: float, noisy: float) -> CodecReport:
    length_s = sum(trip.length_s for trip in trips)
    return CodecReport(
        codec=codec,
        frame_s=trips[0].frame_s,
        bytes_per_s=sum(len(m) for trip in trips for m in trip.sent) / length_s,
        encode_ms_per_s=1e3 * sum(trip.encode_s for trip in trips) / length_s,
        decode_ms_per_s=1e3 * sum(trip.decode_s for trip in trips) / length_s,
        shift_s=float(np.median([trip.shift_s for trip in trips])),
        held_s=max(trip.held_s for trip in trips),
        wer=wer,
        wer_in_noise=noisy,
    )
