"""What a source of sound is, and a recording as one, at the pace of speech.

A source yields chunks; when they are due is arithmetic, and waiting is the caller's business.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from lab_kit.audio.codecs import OPUS, PCM16, Codec
from lab_kit.audio.pcm import FloatArray
from lab_kit.audio.resample import to_rate
from lab_kit.core.call_record import Spoken
from lab_kit.core.units import SAMPLE_RATE_HZ, samples

DEFAULT_CHUNK_S = 0.05


@dataclass(frozen=True, slots=True)
class SourceChunk:
    """A piece of sound as one message.

    Attributes:
        data: in the source's encoding.
        end_s: the audio time at which it is complete; a microphone cannot have it earlier.
        heard_ns: when its last sample sounded, on this process's clock, where the source knows;
            None where that is when the chunk is handed out.
    """

    data: bytes
    end_s: float
    heard_ns: int | None = None


class Source(Protocol):
    """Something that can be streamed.

    Attributes:
        spoken: what is truly said in it; empty if nobody knows.
        encoding: how its chunks are written down, one of `codecs.LIVE_ENCODINGS`.
        waits_itself: true if iterating takes as long as the sound, as with a microphone.
    """

    @property
    def name(self) -> str: ...
    @property
    def encoding(self) -> str: ...
    @property
    def rate_hz(self) -> int: ...
    @property
    def chunk_s(self) -> float: ...
    @property
    def spoken(self) -> tuple[Spoken, ...]: ...
    @property
    def waits_itself(self) -> bool: ...

    def chunks(self) -> Iterator[SourceChunk]:
        """The sound in order."""
        ...


@dataclass(frozen=True, slots=True)
class PacedRecording:
    """A recording handed out as a microphone would: chunk n is due when it has been spoken.

    Attributes:
        audio: (samples,) float32 in [-1, 1] at 16 kHz.
        chunk_s: sound in one message; for Opus the length of its frames.
        tail_s: silence after it, so that an endpoint can be found.
        codec: how it is written down; it is resampled to the codec's rate first.
    """

    name: str
    audio: FloatArray
    spoken: tuple[Spoken, ...] = ()
    chunk_s: float = DEFAULT_CHUNK_S
    tail_s: float = 0.0
    codec: Codec = PCM16
    waits_itself: bool = False

    @property
    def encoding(self) -> str:
        """The codec's."""
        return self.codec.encoding

    @property
    def rate_hz(self) -> int:
        """The codec's."""
        return self.codec.rate_hz

    def chunks(self) -> Iterator[SourceChunk]:
        """Chunks of ``chunk_s``; the last one may be shorter, or padded to a whole frame.

        Raises:
            InvalidParameter: a chunk would hold no sample, or the codec has no such frame.
        """
        encoder = self.codec.encoder(self.chunk_s)
        tail = np.zeros(samples(self.tail_s), np.float32)
        sound = np.concatenate([self.audio, tail])
        audio = to_rate(sound, SAMPLE_RATE_HZ, self.codec.rate_hz)
        length_s = len(audio) / self.codec.rate_hz
        for number, data in enumerate([*encoder.push(audio), *encoder.flush()], 1):
            due_s = number * encoder.frame_samples / self.codec.rate_hz
            yield SourceChunk(data, due_s if self.encoding == OPUS else min(due_s, length_s))
