"""What the scheduler, the loop and the runners hand each other: sequences, batches, work."""

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TypeAlias

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.events import PriorityClass, TimedWord
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.engine.api import INTERIM_SHARE, DecodeRequest, Priority

Lane: TypeAlias = tuple[PriorityClass, Priority]
"""A class's finals or its interims."""
_CLASSES = tuple(PriorityClass)


class SequenceState(Enum):
    """Where a sequence is."""

    WAITING = auto()
    ENCODED = auto()
    DECODING = auto()
    DONE = auto()


@dataclass(slots=True, eq=False)
class Sequence:
    """One request on its way through the engine.

    Attributes:
        prompt: what the decoder is fed before the first token of the answer.
        limit: tokens of the answer after which it is cut off.
        length: what the encoder sees of it; clips of equal length can share an encoder pass.
        audio_key: names the audio, where the cache looks for what is there already.
        is_placed: it has slots in the cache.
        busy: a worker holds it.
        busy_ns: how long workers have held it so far.
        position: decoder positions computed so far.
        draft: tokens to be checked in its next pass.
        reused: positions that its start found in the cache.
        queries: what each of its tokens asked the sound with; see `models.choice`.
    """

    number: int
    request: DecodeRequest
    submitted_ns: int
    prompt: tuple[int, ...] = ()
    limit: int = 0
    length: int = 0
    audio_key: bytes = b""
    state: SequenceState = SequenceState.WAITING
    batch: "Batch | None" = None
    is_placed: bool = False
    busy: bool = False
    busy_ns: int = 0
    position: int = 0
    tokens: list[int] = field(default_factory=list)
    log_probabilities: list[float] = field(default_factory=list)
    queries: list[FloatArray] = field(default_factory=list)
    words: tuple[TimedWord, ...] = ()
    draft: tuple[int, ...] = ()
    truncated: bool = False
    steps: int = 0
    compute_ns: int = 0
    drafted: int = 0
    accepted: int = 0
    reused: int = 0
    preempted: int = 0

    @property
    def lane(self) -> Lane:
        """Whom it may share a batch with."""
        return self.request.priority_class, self.request.priority

    @property
    def due_ns(self) -> int:
        """When it should be done, to be compared with others of its lane.

        A final as soon as it came. An interim before the next one is wanted, which is the later the
        more was said: a first word does not wait behind others' long sentences, and they wait no
        longer than they can.
        """
        if self.request.priority is Priority.FINAL:
            return self.submitted_ns
        audio_s = len(self.request.audio) / SAMPLE_RATE_HZ
        return self.submitted_ns + round(INTERIM_SHARE * audio_s * 1e9)

    @property
    def is_over(self) -> bool:
        """It is done, and its worker has reported back."""
        return self.state is SequenceState.DONE and not self.busy

    @property
    def urgency(self) -> tuple[int, Priority]:
        """Its place when somebody has to give way; the lowest is the most urgent."""
        return _CLASSES.index(self.request.priority_class), self.request.priority


@dataclass(slots=True, eq=False)
class Batch:
    """Sequences that share steps; an open one takes others in while it runs."""

    lane: Lane
    is_open: bool
    max_batch: int = 1
    members: list[Sequence] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Work:
    """One call of the runner: encode, start or step these sequences together.

    Attributes:
        charged_ns: what their class was charged when it was taken.
    """

    state: SequenceState
    sequences: tuple[Sequence, ...]
    charged_ns: float = 0.0


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before ``until_ns``, or, where that is None, before something changes."""

    until_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Traits:
    """What the scheduler has to know of a model on its device.

    Attributes:
        lockstep: only sequences at the same position can share a step.
        encode_width: most clips in one encoder pass. On a CPU the encoder's cost is linear in the
            batch, so 1 is best there.
    """

    lockstep: bool
    encode_width: int = 1
