"""Which work runs next: continuous batching as bookkeeping, with no tensor and no thread.

A sequence waits, is encoded, then takes decoder steps until it is done. Workers ask for work and
report back. Three rules decide:

1. The most urgent class goes first, between any two steps.
2. Within a class, waiting audio is encoded before decoding goes on, so that sequences start
   close together, up to ``max_batch`` at once.
3. Sequences that stand at the same token share a step. The one furthest behind steps first; when
   it catches up with others, they go on together. (The decoder has no mask over past tokens, so
   only equal positions can share a step.)

Clips are encoded alone: on a CPU the encoder's cost is linear in the batch, and padding changes
its answer.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, auto

from lab_kit.engine.api import DecodeRequest, Priority


class Stage(Enum):
    """Where a sequence is."""

    WAITING = auto()
    ENCODED = auto()
    DECODING = auto()
    DONE = auto()


@dataclass(slots=True, eq=False)
class Sequence:
    """One request on its way through the engine.

    Attributes:
        position: decoder positions computed so far.
        busy: a worker holds it.
        busy_ns: how long workers have held it so far.
    """

    number: int
    request: DecodeRequest
    submitted_ns: int
    stage: Stage = Stage.WAITING
    busy: bool = False
    busy_ns: int = 0
    position: int = 0
    tokens: list[int] = field(default_factory=list)
    log_probabilities: list[float] = field(default_factory=list)
    truncated: bool = False
    steps: int = 0
    compute_ns: int = 0

    @property
    def priority(self) -> Priority:
        """Its request's class."""
        return self.request.priority


@dataclass(frozen=True, slots=True)
class Work:
    """One call of the runner: encode, start or step these sequences together."""

    stage: Stage
    sequences: tuple[Sequence, ...]


class Scheduler:
    """The queue and the running set.

    Args:
        max_batch: most sequences that share a step, and most that decode at once in a class.
        max_waiting: requests that may wait; the caller refuses more.
    """

    def __init__(self, max_batch: int, max_waiting: int) -> None:
        self._max_batch = max_batch
        self._max_waiting = max_waiting
        self._sequences: OrderedDict[int, Sequence] = OrderedDict()

    def has_room(self) -> bool:
        """Whether another request may wait."""
        return self.count(Stage.WAITING) < self._max_waiting

    def count(self, *stages: Stage) -> int:
        """Sequences in any of ``stages``."""
        return sum(sequence.stage in stages for sequence in self._sequences.values())

    def add(self, sequence: Sequence) -> None:
        """Let a sequence wait."""
        self._sequences[sequence.number] = sequence

    def get(self, number: int) -> Sequence | None:
        """The live sequence of that number."""
        return self._sequences.get(number)

    def remove(self, sequence: Sequence) -> None:
        """Forget a sequence that is done or cancelled."""
        self._sequences.pop(sequence.number, None)

    def take(self) -> Work | None:
        """The next work, its sequences marked busy; None if there is none."""
        idle = [s for s in self._sequences.values() if not s.busy]
        for priority in Priority:
            work = self._choose(priority, [s for s in idle if s.priority is priority])
            if work is not None:
                for sequence in work.sequences:
                    sequence.busy = True
                return work
        return None

    def _choose(self, priority: Priority, idle: list[Sequence]) -> Work | None:
        waiting = [s for s in idle if s.stage is Stage.WAITING]
        if waiting and self._decoding(priority) < self._max_batch:
            return Work(Stage.WAITING, (waiting[0],))
        encoded = [s for s in idle if s.stage is Stage.ENCODED]
        if encoded:
            return Work(Stage.ENCODED, self._starting_together(encoded))
        decoding = [s for s in idle if s.stage is Stage.DECODING]
        if decoding:
            behind = min(s.position for s in decoding)
            level = [s for s in decoding if s.position == behind]
            return Work(Stage.DECODING, tuple(level[: self._max_batch]))
        return None

    def _decoding(self, priority: Priority) -> int:
        started: Iterable[Sequence] = (
            s for s in self._sequences.values() if s.priority is priority
        )
        return sum(s.stage is not Stage.WAITING or s.busy for s in started)

    def _starting_together(self, encoded: list[Sequence]) -> tuple[Sequence, ...]:
        """Sequences without a draft start as one batch; a draft makes its own first pass."""
        if encoded[0].request.draft:
            return (encoded[0],)
        plain = [s for s in encoded if not s.request.draft]
        return tuple(plain[: self._max_batch])
