"""Worker threads that take work from the scheduler and give it to the runner.

The runtime releases the interpreter while it computes, so threads use the cores. One lock guards
the scheduler; nobody holds it while computing. A request that fails fails alone: when a batch
fails, each of its requests is tried by itself, and the future of the one to blame carries the
exception. A defect of scheduler or policy is nobody's request's: then the engine is broken, whoever
waits is told so, and nobody is taken any more.
"""

import logging
import threading
import time
from collections import deque
from concurrent.futures import Future
from hashlib import sha256
from itertools import count, groupby

from lab_kit.core.errors import (
    InferenceTimeout,
    InvalidParameter,
    LabError,
    PayloadTooLarge,
    SystemOverloaded,
)
from lab_kit.core.events import ModelInfo, PriorityClass
from lab_kit.core.units import seconds
from lab_kit.engine.api import (
    CacheFrame,
    CacheView,
    DecodeRequest,
    Hypothesis,
    Load,
    Priority,
    Ticket,
)
from lab_kit.engine.batching import Batching, Continuous
from lab_kit.engine.kv import KvCache
from lab_kit.engine.runner import Runner
from lab_kit.engine.scheduler import Scheduler
from lab_kit.engine.work import Sequence, SequenceState, Wait, Work

_log = logging.getLogger(__name__)

DEFAULT_BATCHING = Continuous(max_batch=4)
"""Two workers that step four sequences each get more done than one that steps eight while the
other waits; a wider step also ends later for everybody in it."""
MAX_WAITING = 256
"""At 25 ms a decode and two workers this is over three seconds of backlog: later is never."""

FRAMES = 1_024
"""Pictures of the cache that are kept: ten seconds or so of steps."""


class EngineLoop:
    """The engine, running.

    Args:
        runner: what computes.
        model: what it is, for whoever asks.
        workers: threads that call the runner at once.
        kv: the cache that the runner's sequences live in, if it is bounded.

    Attributes:
        broken: raises what the engine broke of; not done while it works.
    """

    def __init__(
        self,
        runner: Runner,
        model: ModelInfo,
        workers: int,
        batching: Batching = DEFAULT_BATCHING,
        max_waiting: int = MAX_WAITING,
        kv: KvCache | None = None,
    ) -> None:
        self.broken: Future[None] = Future()
        self._runner = runner
        self._model = model
        self._kv = kv
        self._scheduler = Scheduler(batching, runner.traits, workers, max_waiting, kv)
        self._futures: dict[int, Future[Hypothesis]] = {}
        self._numbers = count(1)
        self._frames: deque[CacheFrame] = deque(maxlen=FRAMES)
        self._changed = threading.Condition()
        self._stopping = self._broke = False
        self._busy_ns = dict.fromkeys(Priority, 0)
        self._threads = [
            threading.Thread(target=self._work, name=f"engine-{n}", daemon=True)
            for n in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def model(self) -> ModelInfo:
        """What runs, and where."""
        return self._model

    @property
    def batching(self) -> Batching:
        """The policy in force."""
        return self._scheduler.batching

    def use(self, batching: Batching) -> None:
        """Change the policy while running; batches under way end as they began."""
        with self._changed:
            self._scheduler.batching = batching
            self._changed.notify_all()

    def submit(self, request: DecodeRequest) -> Ticket:
        """Queue a request.

        Raises:
            SystemOverloaded: ``max_waiting`` requests wait already, or the engine is stopping.
            LabError: the engine is broken.
            PayloadTooLarge: the cache could not hold it even with nobody else there.
            InvalidParameter: its draft has a token that the model does not know, or it has a
                context and the model takes none.
        """
        sequence = self._prepared(request)
        with self._changed:
            if self._broke:
                raise _broke()
            if self._stopping or not self._scheduler.has_room(request.priority_class):
                raise SystemOverloaded(
                    "the engine's queue is full" if not self._stopping else "the engine stops",
                    "a place in the queue",
                    "try again after the stated delay",
                )
            future: Future[Hypothesis] = Future()
            self._scheduler.add(sequence)
            self._futures[sequence.number] = future
            self._changed.notify()
            return Ticket(sequence.number, future)

    def refresh(self, ticket: Ticket, request: DecodeRequest) -> bool:
        """Replace a request that has not started, keeping its place; False if it has."""
        with self._changed:
            sequence = self._scheduler.get(ticket.number)
            if sequence is None or not self._scheduler.refresh(sequence, request):
                return False
            self._measure(sequence)
            return True

    def cancel(self, ticket: Ticket) -> None:
        """Drop a request; one that computes just now ends after its present step."""
        with self._changed:
            sequence = self._scheduler.get(ticket.number)
            if sequence is None or self._broke:
                return
            self._futures[sequence.number].cancel()
            if sequence.busy:
                return
            self._forget(sequence)
            ended = [(s, self._forget(s)) for s in self._scheduler.ended()]
            self._changed.notify_all()
        self._answer(ended)

    def cache(self, since_ns: int = 0) -> CacheView:
        """What the decoder's cache costs, and how it was used after ``since_ns``."""
        sizes = (self._runner.bytes_per_token, self._runner.bytes_per_audio_s)
        if self._kv is None:
            return CacheView(*sizes)
        with self._changed:
            frames = tuple(frame for frame in self._frames if frame.at_ns > since_ns)
        return CacheView(*sizes, self._kv.slots, frames)

    def load(self) -> Load:
        """How busy the engine is now."""
        with self._changed:
            return Load(
                waiting=self._scheduler.count(SequenceState.WAITING),
                running=self._scheduler.count(SequenceState.ENCODED, SequenceState.DECODING),
                longest_wait_s=seconds(self._scheduler.longest_wait_ns(time.perf_counter_ns())),
                busy_s=seconds(sum(self._busy_ns.values())),
                interim_s=seconds(self._busy_ns[Priority.INTERIM]),
                workers=len(self._threads),
            )

    def stop(self) -> None:
        """Cancel what waits and end the workers; returns when they have ended."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        for future in self._futures.values():
            future.cancel()
        self._futures.clear()

    def _prepared(self, request: DecodeRequest) -> Sequence:
        unknown = [token for token in request.draft if not 0 <= token < self._runner.words]
        if unknown:
            raise InvalidParameter(
                f"a draft with token {unknown[0]}",
                f"0 to {self._runner.words - 1}",
                "draft with tokens of this model",
            )
        sequence = Sequence(next(self._numbers), request, time.perf_counter_ns())
        self._measure(sequence)
        longest = len(sequence.prompt) + sequence.limit
        if self._kv is not None and longest > self._kv.slots:
            raise PayloadTooLarge(
                f"audio that may need {longest} places in the cache",
                f"at most {self._kv.slots}",
                "send shorter audio, or give the engine a larger cache",
            )
        return sequence

    def _measure(self, sequence: Sequence) -> None:
        """Note what the scheduler wants to know of the request's audio."""
        request = sequence.request
        sequence.prompt = self._runner.prompt(request.context)
        sequence.limit = request.max_tokens or self._runner.token_limit(len(request.audio))
        sequence.draft = request.draft[: sequence.limit]
        sequence.length = self._runner.encoder_length(len(request.audio))
        if self._kv is not None:
            sequence.audio_key = sha256(request.audio.tobytes()).digest()

    def _work(self) -> None:
        try:
            self._work_on()
        except BaseException as error:  # a defect of scheduler or policy
            self._give_up(error)

    def _give_up(self, error: BaseException) -> None:
        """Nobody may wait for an engine that has lost a worker: fail all, and take no more."""
        with self._changed:
            if self._broke:
                return
            self._stopping = self._broke = True
            futures, self._futures = list(self._futures.values()), {}
            self._changed.notify_all()
        for future in futures:
            if future.set_running_or_notify_cancel():
                future.set_exception(_broke())
        _log.critical("the engine broke", exc_info=error)
        self.broken.set_exception(error)

    def _work_on(self) -> None:
        # in a call of its own: a worker without work must not hold somebody's sound meanwhile
        while self._do_next():
            pass

    def _do_next(self) -> bool:
        """Wait for something to do, and do it; False once the engine stops."""
        with self._changed:
            work, late = self._next()
            # who shared a closed batch with one that is gone may be answered now
            ended = [(s, self._forget(s)) for s in self._scheduler.ended()] if late else []
        for future in late:
            if future.set_running_or_notify_cancel():
                future.set_exception(_too_late())
        self._answer(ended)
        if work is not None:
            self._run(work)
        return work is not None or bool(late)

    def _next(self) -> "tuple[Work | None, list[Future[Hypothesis]]]":
        """Wait for work, or for requests whose time is over; neither once the engine stops."""
        while not self._stopping:
            now_ns = time.perf_counter_ns()
            late = [self._forget(sequence) for sequence in self._scheduler.expired(now_ns)]
            if late:
                return None, late
            work = self._scheduler.take(now_ns)
            if isinstance(work, Work):
                return work, []
            self._changed.wait(_seconds_until(work, now_ns))
        return None, []

    def _run(self, work: Work) -> None:
        if work.state is SequenceState.WAITING:
            _tell_started(work)
        began_ns = time.perf_counter_ns()
        failures = self._tried(work)
        spent_ns = time.perf_counter_ns() - began_ns
        with self._changed:
            if self._broke:  # by another worker, and all futures have been answered
                return
            asked = work.sequences[0].request
            if asked.priority_class is not PriorityClass.BATCH:
                self._busy_ns[asked.priority] += spent_ns
            self._scheduler.settle(work, spent_ns)
            self._picture()
            cancelled = [s for s in work.sequences if self._futures[s.number].cancelled()]
            gone = {s.number: s for s in (*cancelled, *failures)}
            futures = {number: self._forget(s) for number, s in gone.items()}
            ended = [(s, self._forget(s)) for s in self._scheduler.ended()]
            self._changed.notify_all()
        for sequence, failure in failures.items():
            if futures[sequence.number].set_running_or_notify_cancel():
                futures[sequence.number].set_exception(failure)
        self._answer(ended)

    def _picture(self) -> None:
        if self._kv is None:
            return
        usage = self._kv.usage()
        adjacent = ((owner, list(slots)) for owner, slots in groupby(self._kv.picture(), _owner))
        runs = tuple(
            (owner, len(slots), sum(used for _, used in slots)) for owner, slots in adjacent
        )
        frame = CacheFrame(time.perf_counter_ns(), usage.reserved, usage.written, runs)
        self._frames.append(frame)

    def _tried(self, work: Work) -> dict[Sequence, Exception]:
        """Run the work; if it fails, run each of its sequences alone, and name those who fail."""
        began_ns = time.perf_counter_ns()
        try:
            self._runner.run(work)
        except Exception as error:  # whatever the runtime raises belongs to these requests
            if len(work.sequences) == 1:
                return {work.sequences[0]: error}
            alone = [self._tried(Work(work.state, (s,))) for s in work.sequences]
            return {s: e for failures in alone for s, e in failures.items()}
        failures = self._timed(work.sequences)
        _share_time(work, time.perf_counter_ns() - began_ns)
        return failures

    def _timed(self, sequences: tuple[Sequence, ...]) -> dict[Sequence, Exception]:
        """Find the words' times of those that are done; names those for whom that fails.

        Whoever said nothing has no words.
        """
        failures: dict[Sequence, Exception] = {}
        for sequence in sequences:
            is_done = sequence.state is SequenceState.DONE and sequence.tokens
            if is_done and sequence.request.wants_words:
                try:
                    sequence.words = self._runner.word_times(sequence)
                except Exception as error:  # tokens that the runner cannot spell, say
                    failures[sequence] = error
        return failures

    def _answer(self, ended: "list[tuple[Sequence, Future[Hypothesis]]]") -> None:
        for sequence, future in ended:
            if not future.set_running_or_notify_cancel():
                continue
            try:
                answer = self._hypothesis(sequence)
            except Exception as error:  # tokens that the runner cannot spell, say
                future.set_exception(error)
            else:
                future.set_result(answer)

    def _forget(self, sequence: Sequence) -> "Future[Hypothesis]":
        self._scheduler.remove(sequence)
        self._runner.forget(sequence)
        return self._futures.pop(sequence.number)

    def _hypothesis(self, sequence: Sequence) -> Hypothesis:
        finished_ns = time.perf_counter_ns()
        return Hypothesis(
            text=self._runner.text(sequence),
            tokens=tuple(sequence.tokens),
            log_probabilities=tuple(sequence.log_probabilities),
            truncated=sequence.truncated,
            submitted_ns=sequence.submitted_ns,
            started_ns=finished_ns - sequence.busy_ns,
            finished_ns=finished_ns,
            steps=sequence.steps,
            compute_ns=sequence.compute_ns,
            drafted=sequence.drafted,
            accepted=sequence.accepted,
            reused=sequence.reused,
            preempted=sequence.preempted,
            words=sequence.words,
        )


def _owner(slot: tuple[int, bool]) -> int:
    return slot[0]


def _broke() -> LabError:
    return LabError("the engine broke", "an answer", "see the server's log, and restart it")


def _too_late() -> InferenceTimeout:
    return InferenceTimeout(
        "a decode that was not begun in the time that its caller gave it",
        "a server that has room sooner",
        "try again, with more time or less sound",
    )


def _seconds_until(wait: Wait, now_ns: int) -> float | None:
    return None if wait.until_ns is None else max(0.0, (wait.until_ns - now_ns) / 1e9)


def _tell_started(work: Work) -> None:
    for sequence in work.sequences:
        if sequence.request.on_start is not None:
            sequence.request.on_start()


def _share_time(work: Work, spent_ns: int) -> None:
    """Account for a pass: all of it was each one's life, an equal share each one's cost."""
    for sequence in work.sequences:
        share_ns = spent_ns // len(work.sequences)
        sequence.busy_ns += spent_ns
        sequence.compute_ns += share_ns
        if sequence.request.on_compute is not None:
            sequence.request.on_compute(share_ns)
