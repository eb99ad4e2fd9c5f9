"""Where sound comes from: recordings at the pace of speech, or a microphone.

A source yields chunks; when they are due is arithmetic, and waiting is the caller's business.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from lab_kit.audio.pcm import FloatArray, to_pcm16
from lab_kit.errors import InvalidParameter
from lab_kit.trace import Spoken
from lab_kit.units import SAMPLE_RATE_HZ, samples

DEFAULT_CHUNK_S = 0.05


@dataclass(frozen=True, slots=True)
class SourceChunk:
    """A piece of PCM16.

    Attributes:
        end_s: the audio time at which it is complete; a microphone cannot have it earlier.
    """

    pcm16: bytes
    end_s: float


class Source(Protocol):
    """Something that can be streamed.

    Attributes:
        spoken: what is truly said in it; empty if nobody knows.
        waits_itself: true if iterating takes as long as the sound, as with a microphone.
    """

    @property
    def name(self) -> str: ...
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
        tail_s: silence after it, so that an endpoint can be found.
    """

    name: str
    audio: FloatArray
    spoken: tuple[Spoken, ...] = ()
    chunk_s: float = DEFAULT_CHUNK_S
    tail_s: float = 0.0
    rate_hz: int = SAMPLE_RATE_HZ
    waits_itself: bool = False

    def chunks(self) -> Iterator[SourceChunk]:
        """Chunks of ``chunk_s``; the last one may be shorter.

        Raises:
            InvalidParameter: a chunk would hold no sample.
        """
        size = samples(self.chunk_s, self.rate_hz)
        if size < 1:
            raise InvalidParameter(
                f"chunks of {self.chunk_s} s", "at least one sample each", "make them longer"
            )
        data = to_pcm16(self.audio) + bytes(2 * samples(self.tail_s, self.rate_hz))
        for start in range(0, len(data), 2 * size):
            piece = data[start : start + 2 * size]
            yield SourceChunk(piece, (start + len(piece)) / (2 * self.rate_hz))
