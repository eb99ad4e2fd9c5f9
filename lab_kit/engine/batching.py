"""When waiting requests may join: four policies, each a few lines, all run by the same scheduler.

A *batch* is what shares decoder steps. Three of the policies form a batch, run it to its end and
answer all of it together, as a model behind one blocking call does; the fourth keeps one batch open
for ever, which sequences join and leave at any step.

A policy sees numbers only: who waits, how many run, what time it is. It knows no device.

Source of the fourth: Yu et al., "Orca: A Distributed Serving System for Transformer-Based
Generative Models", OSDI 2022.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from lab_kit.core.errors import InvalidParameter


@dataclass(frozen=True, slots=True)
class Queue:
    """What a policy may look at, for one priority class.

    Attributes:
        submitted_ns: when each waiting request came, in the order of their turns.
        running: sequences that were admitted and are not done.
        batches: batches under way.
        workers: batches that can be computed at the same moment.
        lockstep: only sequences at the same position can share a step.
        now_ns: the time, on the clock of ``submitted_ns``.
    """

    submitted_ns: Sequence[int]
    running: int
    batches: int
    workers: int
    lockstep: bool
    now_ns: int


@dataclass(frozen=True, slots=True)
class BatchAdmission:
    """What a policy decides.

    Attributes:
        count: how many of the waiting are admitted, from the front.
        look_again_ns: when to ask again if nothing else happens; None if only a change matters.
    """

    count: int
    look_again_ns: int | None = None


class Batching(Protocol):
    """A policy."""

    @property
    def max_batch(self) -> int:
        """Most sequences in one step."""
        ...

    @property
    def stays_open(self) -> bool:
        """Whether others may join a batch that runs, and each leaves it when it is done."""
        ...

    def admit(self, queue: Queue) -> BatchAdmission:
        """How many may join now."""
        ...


@dataclass(frozen=True, slots=True)
class NoBatching:
    """One request a worker, from its first step to its last."""

    max_batch: ClassVar[int] = 1
    stays_open: ClassVar[bool] = False

    def admit(self, queue: Queue) -> BatchAdmission:
        """The next one, if a worker is free."""
        return BatchAdmission(
            min(len(queue.submitted_ns), max(0, queue.workers - queue.batches), 1)
        )


@dataclass(frozen=True, slots=True)
class Static:
    """Batches of exactly ``size``.

    Args:
        patience_s: after this the last few go without company; a fixed size alone would let them
            wait for ever.
    """

    size: int
    patience_s: float = 2.0
    stays_open: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _check(self.size, self.patience_s)

    @property
    def max_batch(self) -> int:
        """Most sequences in one step."""
        return self.size

    def admit(self, queue: Queue) -> BatchAdmission:
        """A full batch, or nobody."""
        return _full_or_due(queue, self.size, self.patience_s)


@dataclass(frozen=True, slots=True)
class Dynamic:
    """Batches of up to ``max_batch``, closed ``max_wait_s`` after their first request came."""

    max_batch: int
    max_wait_s: float
    stays_open: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _check(self.max_batch, self.max_wait_s)

    def admit(self, queue: Queue) -> BatchAdmission:
        """A full batch at once; a smaller one when its first request has waited long enough."""
        return _full_or_due(queue, self.max_batch, self.max_wait_s)


@dataclass(frozen=True, slots=True)
class Continuous:
    """One batch that never closes, with ``max_batch`` places a worker.

    A place that becomes free is taken at the next step. Where the decoder works in lockstep,
    though, a newcomer has to catch up alone before it can share steps; there places are taken in
    groups, when half of them are free.
    """

    max_batch: int
    stays_open: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check(self.max_batch, 0)

    def admit(self, queue: Queue) -> BatchAdmission:
        """As many as there are places."""
        places = self.max_batch * queue.workers
        free = max(0, places - queue.running)
        least = (places + 1) // 2 if queue.lockstep else 1
        return BatchAdmission(min(len(queue.submitted_ns), free) if free >= least else 0)


def _full_or_due(queue: Queue, size: int, patience_s: float) -> BatchAdmission:
    if not queue.submitted_ns or queue.batches >= queue.workers:
        return BatchAdmission(0)
    due_ns = min(queue.submitted_ns) + round(patience_s * 1e9)
    if len(queue.submitted_ns) >= size or queue.now_ns >= due_ns:
        return BatchAdmission(min(len(queue.submitted_ns), size))
    return BatchAdmission(0, look_again_ns=due_ns)


def _check(size: int, wait_s: float) -> None:
    if size < 1:
        raise InvalidParameter(f"a batch of {size}", "at least 1", "pass a size of at least 1")
    if not 0 <= wait_s < 60:
        raise InvalidParameter(
            f"a wait of {wait_s} s", "0 to 60 s", "pass seconds, such as 0.02 for 20 ms"
        )
