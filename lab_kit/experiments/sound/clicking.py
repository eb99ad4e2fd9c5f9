"""A stream that clicks: a relay that does two things wrong which real ones do, and how to tell.

The relay writes each piece as if it were a file of its own, so a WAV header of 44 bytes stands in
front of every one; and it cuts where its buffer happens to be full, in the middle of a sample as
likely as not. Read as PCM16, a header is a click, and an odd cut moves every later byte by one.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from lab_kit.audio.pcm import FloatArray, to_float
from lab_kit.audio.sources.recordings import Source, SourceChunk
from lab_kit.core.call_record import Spoken, StreamCall
from lab_kit.core.errors import LabError
from lab_kit.core.units import SAMPLE_RATE_HZ, samples
from lab_kit.datasets import Clip
from lab_kit.measure.calls import transcript

PIECE_BYTES = (3_201, 3_199)
"""About 100 ms each, cut inside a sample every time; two together are whole again."""
HEADER_BYTES = 44
_CLICK_SAMPLES = samples(0.002)
"""Steps nearer to each other than this are one click."""


@dataclass(frozen=True, slots=True)
class StreamOutcome:
    """What became of a stream.

    Attributes:
        text: the finals; empty if it was refused.
        refusal: why the server ended it; None if it did not.
    """

    text: str
    refusal: str | None = None


class StreamCaller(Protocol):
    """Someone who can stream a source, as `bench.Caller` can."""

    async def stream(self, clip: Source, /) -> StreamCall: ...


@dataclass(frozen=True, slots=True)
class PieceSource:
    """Bytes that say they are PCM16 at 16 kHz, handed out at the pace of that sound."""

    name: str
    pieces: tuple[bytes, ...]
    encoding: str = "linear16"
    rate_hz: int = SAMPLE_RATE_HZ
    chunk_s: float = 0.1
    spoken: tuple[Spoken, ...] = ()
    waits_itself: bool = False

    def chunks(self) -> Iterator[SourceChunk]:
        """The pieces as they are, whole samples or not."""
        given = 0
        for piece in self.pieces:
            given += len(piece)
            yield SourceChunk(piece, given / (2 * self.rate_hz))


def clicking(clip: Clip, piece_bytes: Sequence[int] = PIECE_BYTES) -> list[bytes]:
    """The clip as the broken relay sends it, in pieces of these lengths by turns."""
    pieces: list[bytes] = []
    pcm16, start = clip.pcm16, 0
    while start < len(pcm16):
        piece = pcm16[start : start + piece_bytes[len(pieces) % len(piece_bytes)]]
        pieces.append(_wav_header(len(piece)) + piece)
        start += len(piece)
    return pieces


def clicks(audio: FloatArray, clean: FloatArray) -> int:
    """Places where ``audio`` jumps further from one sample to the next than ``clean`` ever does."""
    steepest = 1.5 * float(np.abs(np.diff(clean)).max())
    at = np.flatnonzero(np.abs(np.diff(audio)) > steepest)
    return int(len(at) and 1 + np.count_nonzero(np.diff(at) > _CLICK_SAMPLES))


def as_pcm16(pieces: Sequence[bytes]) -> FloatArray:
    """All bytes read as PCM16, one after the other; half a sample at the end is left out."""
    joined = b"".join(pieces)
    return to_float(joined[: len(joined) // 2 * 2], "linear16")


async def stream_pieces(caller: StreamCaller, pieces: Iterable[bytes]) -> StreamOutcome:
    """Stream the pieces to a server as PCM16; a refusal is part of the answer."""
    try:
        call = await caller.stream(PieceSource("a relayed stream", tuple(pieces)))
    except LabError as error:
        return StreamOutcome("", str(error))
    return StreamOutcome(transcript(call))


def _wav_header(data_bytes: int) -> bytes:
    """The canonical 44 bytes before PCM16 at 16 kHz mono."""
    rate, pcm, mono, two = SAMPLE_RATE_HZ, 1, 1, 2
    riff = struct.pack("<4sI4s", b"RIFF", HEADER_BYTES - 8 + data_bytes, b"WAVE")
    sound = struct.pack("<4sIHHIIHH", b"fmt ", 16, pcm, mono, rate, rate * two, two, 8 * two)
    return riff + sound + struct.pack("<4sI", b"data", data_bytes)
