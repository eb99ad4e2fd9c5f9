"""Which work runs next, as bookkeeping: no tensor, no thread, no clock of its own.

A sequence waits, is admitted to a batch, is encoded, starts, then takes decoder steps until it is
done. Workers ask for work and report back. The rules, in this order:

1. Between any two steps the class goes whose turn it is by weight (`fairness`), and in it finals
   before interims.
2. The batching policy says who may join (`batching`); within a class streams take
   turns, so that one with much to say does not keep the others waiting.
3. In a batch, audio is encoded before decoding goes on, so that sequences start close together.
4. Of those that decode, a step takes as many as it may. Where the decoder needs them to stand at
   the same token, the one furthest behind goes first; when it catches up with others, they go on
   together.
5. If there is a bounded cache (`kv`), a sequence gets slots when it starts and more as it grows.
   When none are left, the youngest of the least urgent gives up its own and starts again later,
   from the tokens it has: its answer does not change.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import product

from lab_kit.core.events import PriorityClass
from lab_kit.engine.api import DecodeRequest, Priority
from lab_kit.engine.batching import Batching, Queue
from lab_kit.engine.fairness import FairShares
from lab_kit.engine.kv import KvCache
from lab_kit.engine.work import Batch, Lane, Sequence, SequenceState, Traits, Wait, Work

BATCH_SHARE = 0.5
"""Of the places in the queue: batch work comes hundreds at a time, and a live stream that finds no
place for its final ends."""


class Scheduler:
    """The queue and the running batches.

    Args:
        workers: how many will ask for work.
        max_waiting: requests that may wait; the caller refuses more.
        kv: the bounded cache that sequences live in; None where the runtime allocates.
    """

    def __init__(
        self,
        batching: Batching,
        traits: Traits,
        workers: int,
        max_waiting: int,
        kv: KvCache | None = None,
    ) -> None:
        self.batching = batching
        self._traits = traits
        self._workers = workers
        self._max_waiting = max_waiting
        self._kv = kv
        self._sequences: OrderedDict[int, Sequence] = OrderedDict()
        self._batches: list[Batch] = []
        self._shares = FairShares()

    def has_room(self, joining: PriorityClass) -> bool:
        """Whether another request may wait; batch work may take half of the places."""
        waiting = [s for s in self._sequences.values() if s.state is SequenceState.WAITING]
        if joining is PriorityClass.BATCH:
            batch = sum(s.request.priority_class is PriorityClass.BATCH for s in waiting)
            return batch < self._max_waiting * BATCH_SHARE and len(waiting) < self._max_waiting
        return len(waiting) < self._max_waiting

    def count(self, *states: SequenceState) -> int:
        """Sequences in any of ``states``."""
        return sum(sequence.state in states for sequence in self._sequences.values())

    def add(self, sequence: Sequence) -> None:
        """Let a sequence wait."""
        joining = sequence.request.priority_class
        if all(s.request.priority_class is not joining for s in self._sequences.values()):
            self._shares.join(joining)
        self._sequences[sequence.number] = sequence

    def get(self, number: int) -> Sequence | None:
        """The live sequence of that number."""
        return self._sequences.get(number)

    def refresh(self, sequence: Sequence, request: DecodeRequest) -> bool:
        """Give a sequence other audio, keeping its place; False once anything was done for it."""
        if sequence.busy or sequence.state is not SequenceState.WAITING:
            return False
        sequence.request = request
        return True

    def remove(self, sequence: Sequence) -> None:
        """Forget a sequence that is done or cancelled; its place in the cache is free at once."""
        if self._sequences.pop(sequence.number, None) is None:
            return
        self._leave_batch(sequence)

    def take(self, now_ns: int) -> Work | Wait:
        """The next work, its sequences marked busy; or how long there will be none."""
        look_again = []
        present = {s.request.priority_class for s in self._sequences.values()}
        for lane in product(self._shares.order(present), Priority):
            due_ns = self._admit(lane, now_ns)
            if due_ns is not None:
                look_again.append(due_ns)
            for batch in [b for b in self._batches if b.lane == lane]:
                work = self._next(batch)
                if work is not None:
                    for sequence in work.sequences:
                        sequence.busy = True
                    return replace(work, charged_ns=self._shares.begin(lane[0]))
        return Wait(min(look_again, default=None))

    def expired(self, now_ns: int) -> list[Sequence]:
        """Those that nothing was done for, and that nobody waits for any more."""
        return [
            s
            for s in self._sequences.values()
            if s.request.deadline_ns is not None
            and s.request.deadline_ns <= now_ns
            and s.state is SequenceState.WAITING
            and not s.busy
        ]

    def longest_wait_ns(self, now_ns: int) -> int:
        """How long the oldest that nothing was done for has waited, batch work left out."""
        came = [
            s.submitted_ns
            for s in self._sequences.values()
            if s.state is SequenceState.WAITING
            and not s.busy
            and s.request.priority_class is not PriorityClass.BATCH
        ]
        return now_ns - min(came, default=now_ns)

    def settle(self, work: Work, spent_ns: int = 0) -> None:
        """Take the work's sequences back from the worker, who computed for ``spent_ns``."""
        self._shares.end(work.sequences[0].request.priority_class, work.charged_ns, spent_ns)
        for sequence in work.sequences:
            sequence.busy = False
            if self._kv is not None and sequence.is_placed:
                self._kv.filled(sequence.number, self._known(sequence)[: sequence.position])
            if sequence.state is SequenceState.DONE:
                self._free(sequence)

    def ended(self) -> list[Sequence]:
        """Who is done and may be answered: from a closed batch nobody before everybody.

        A worker marks what it has done before it reports back; until then it holds it.
        """
        return [
            s
            for batch in self._batches
            if batch.is_open or all(s.is_over for s in batch.members)
            for s in batch.members
            if s.is_over
        ]

    # --- who joins

    def _admit(self, lane: Lane, now_ns: int) -> int | None:
        """Let those join whom the policy has room for; returns when to ask it again."""
        waiting = self._in_turn(
            s for s in self._sequences.values() if s.lane == lane and s.batch is None
        )
        running = [b for b in self._batches if b.lane == lane]
        queue = Queue(
            [s.submitted_ns for s in waiting],
            sum(len(batch.members) for batch in running),
            len(running),
            self._workers,
            self._traits.lockstep,
            now_ns,
        )
        admission = self.batching.admit(queue)
        if admission.count:
            self._form(lane, waiting[: admission.count])
        return admission.look_again_ns

    def _in_turn(self, waiting: Iterable[Sequence]) -> list[Sequence]:
        """Everyone's first request, then everyone's second: running ones count as had.

        Among equals whoever is due first.
        """
        had = Counter(s.request.stream for s in self._sequences.values() if s.batch is not None)
        turns = []
        for sequence in sorted(waiting, key=lambda each: each.due_ns):
            stream = sequence.request.stream
            turns.append((had[stream] if stream is not None else 0, sequence))
            had[stream] += 1
        return [sequence for _, sequence in sorted(turns, key=lambda turn: turn[0])]

    def _form(self, lane: Lane, joining: list[Sequence]) -> None:
        stays_open = self.batching.stays_open
        open_ones = (b for b in self._batches if b.is_open and b.lane == lane)
        batch = next(open_ones, None) if stays_open else None
        if batch is None:
            batch = Batch(lane, stays_open)
            self._batches.append(batch)
        batch.max_batch = self.batching.max_batch
        for sequence in joining:
            sequence.batch = batch
            batch.members.append(sequence)

    # --- what they do next

    def _next(self, batch: Batch) -> Work | None:
        idle = [s for s in batch.members if not s.busy]
        waiting = [s for s in idle if s.state is SequenceState.WAITING]
        if waiting:
            alike = [s for s in waiting if s.length == waiting[0].length]
            return Work(SequenceState.WAITING, tuple(alike[: self._traits.encode_width]))
        if not batch.is_open and any(s.state is SequenceState.WAITING for s in batch.members):
            return None  # a closed batch starts as one; some of it is still being encoded
        encoded = [s for s in idle if s.state is SequenceState.ENCODED]
        if encoded:
            starting = self._that_fit(self._starting_together(encoded, batch.max_batch))
            if starting:
                return Work(SequenceState.ENCODED, starting)
        decoding = [s for s in idle if s.state is SequenceState.DECODING]
        if self._traits.lockstep and decoding:
            behind = min(s.position for s in decoding)
            decoding = [s for s in decoding if s.position == behind]
        stepping = self._that_fit(decoding[: batch.max_batch])
        return Work(SequenceState.DECODING, stepping) if stepping else None

    def _starting_together(self, encoded: list[Sequence], width: int) -> tuple[Sequence, ...]:
        """In lockstep only sequences without a draft start as one: a draft moves its own ahead."""
        if not self._traits.lockstep:
            return tuple(encoded[:width])
        if encoded[0].draft:
            return (encoded[0],)
        return tuple([s for s in encoded if not s.draft][:width])

    def _that_fit(self, candidates: Iterable[Sequence]) -> tuple[Sequence, ...]:
        """Those for whose next pass the cache has room, at the expense of others if need be."""
        fitting: list[Sequence] = []
        for sequence in candidates:
            if sequence.batch is not None and self._fits(sequence, fitting):
                fitting.append(sequence)
        return tuple(fitting)

    def _fits(self, sequence: Sequence, fitting: list[Sequence]) -> bool:
        if self._kv is None:
            return True
        while not self._has_slots(sequence, self._kv):
            # who begins takes from the less urgent only; who goes on, from the youngest
            victim = self._victim(
                lambda s: s not in fitting and (sequence.is_placed or s.urgency > sequence.urgency)
            )
            if victim is None:
                return False
            self._preempt(victim)
            if victim is sequence:
                return False
        return True

    def _has_slots(self, sequence: Sequence, kv: KvCache) -> bool:
        if not sequence.is_placed:
            # a draft is no use in the cache: it is the answers after its tokens that are wanted
            known = [*sequence.prompt, *sequence.tokens]
            longest = len(sequence.prompt) + sequence.limit
            reused = kv.begin(sequence.number, sequence.audio_key, known, longest)
            if reused is None:
                return False
            sequence.is_placed = True
            sequence.reused = sequence.position = reused
        return kv.grow(sequence.number, len(self._known(sequence)))

    def _known(self, sequence: Sequence) -> list[int]:
        """Every token that stands after the sequence's next pass, accepted or drafted."""
        return [*sequence.prompt, *sequence.tokens, *sequence.draft]

    # --- who gives way

    def _victim(self, may: Callable[[Sequence], bool]) -> Sequence | None:
        """The youngest of the least urgent that holds something and is not being computed."""
        holding = [s for s in self._sequences.values() if s.is_placed and not s.busy]
        willing = [s for s in holding if may(s)]
        return max(willing, key=lambda s: (s.urgency, s.number), default=None)

    def _preempt(self, sequence: Sequence) -> None:
        """Send a sequence back to wait; it keeps its tokens, and its frames if it has them."""
        self._leave_batch(sequence)
        if sequence.state is SequenceState.DECODING:
            sequence.state = SequenceState.ENCODED
        sequence.position = 0
        sequence.draft = ()
        sequence.preempted += 1

    def _leave_batch(self, sequence: Sequence) -> None:
        if sequence.batch is None:
            return
        sequence.batch.members.remove(sequence)
        if not sequence.batch.members:
            self._batches.remove(sequence.batch)
        sequence.batch = None
        self._free(sequence)

    def _free(self, sequence: Sequence) -> None:
        if self._kv is not None and sequence.is_placed:
            self._kv.free(sequence.number)
            sequence.is_placed = False
