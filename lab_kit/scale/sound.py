"""What a model is told of a caller: when speech was heard to begin, pause and end, and no sound.

The marks are those of the real detector over the real sound, each with the chunk at whose arrival
it was made, so that what a model gets wrong is the machine and not the speech.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lab_kit.audio.detect.endpointing import Mark


@dataclass(frozen=True, slots=True)
class HeardMark:
    """Something that endpointing noticed.

    Attributes:
        chunk: at whose arrival, from 0.
        mark: what.
        at_s: where in the sound speech began or ended.
        confirmed: for a pause, whether the detector called it one, too.
    """

    chunk: int
    mark: Mark
    at_s: float
    confirmed: bool = True


@dataclass(frozen=True, slots=True)
class Voice:
    """How probable speech is in a window that ends there, in seconds of the sound."""

    end_s: float
    probability: float


@dataclass(frozen=True, slots=True)
class CallerSound:
    """One caller.

    Attributes:
        starts_s: when the first sample sounds, in seconds of the run.
        chunks: how many are sent, each due when its last sample has sounded.
        marks: in order.
        spoken_s: true begin and end of each utterance, in seconds of the sound.
        voices: window by window, for where a segment that grows too long is cut.
    """

    starts_s: float
    chunks: int
    chunk_s: float
    marks: tuple[HeardMark, ...]
    spoken_s: tuple[tuple[float, float], ...]
    voices: tuple[Voice, ...] = ()

    @property
    def seconds(self) -> float:
        """Length of the sound."""
        return self.chunks * self.chunk_s


def sound_seconds(callers: Sequence[CallerSound]) -> float:
    """Of all of them."""
    return sum(caller.seconds for caller in callers)
