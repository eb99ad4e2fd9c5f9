"""Worker threads that take work from the scheduler and give it to the runner.

The runtime releases the interpreter while it computes, so threads use the cores. One lock guards
the scheduler; nobody holds it while computing. A request that fails fails alone: its future
carries the exception, and the worker goes on.
"""

import itertools
import threading
import time
from concurrent.futures import Future

from lab_kit.engine.api import DecodeRequest, Hypothesis, Load, Ticket
from lab_kit.engine.runner import Runner
from lab_kit.engine.scheduler import Scheduler, Sequence, Stage, Work
from lab_kit.errors import SystemOverloaded
from lab_kit.events import ModelInfo

MAX_BATCH = 4
"""Two workers that step four sequences each get more done than one that steps eight while the
other waits; a wider step also ends later for everybody in it."""
MAX_WAITING = 256
"""At 50 ms a decode and two workers this is over six seconds of backlog: later is never."""


class EngineLoop:
    """The engine, running.

    Args:
        runner: what computes.
        model: what it is, for whoever asks.
        workers: threads that call the runner at once.
    """

    def __init__(
        self,
        runner: Runner,
        model: ModelInfo,
        workers: int,
        max_batch: int = MAX_BATCH,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self._runner = runner
        self._model = model
        self._scheduler = Scheduler(max_batch, max_waiting)
        self._futures: dict[int, Future[Hypothesis]] = {}
        self._numbers = itertools.count(1)
        self._changed = threading.Condition()
        self._stopping = False
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

    def submit(self, request: DecodeRequest) -> Ticket:
        """Queue a request.

        Raises:
            SystemOverloaded: ``max_waiting`` requests wait already, or the engine is stopping.
        """
        with self._changed:
            if self._stopping or not self._scheduler.has_room():
                raise SystemOverloaded(
                    "the engine's queue is full" if not self._stopping else "the engine stops",
                    "a place in the queue",
                    "try again after the stated delay",
                )
            sequence = Sequence(next(self._numbers), request, time.perf_counter_ns())
            future: Future[Hypothesis] = Future()
            self._scheduler.add(sequence)
            self._futures[sequence.number] = future
            self._changed.notify()
            return Ticket(sequence.number, future)

    def refresh(self, ticket: Ticket, request: DecodeRequest) -> bool:
        """Replace a request that has not started, keeping its place; False if it has."""
        with self._changed:
            sequence = self._scheduler.get(ticket.number)
            if sequence is None or sequence.busy or sequence.stage is not Stage.WAITING:
                return False
            sequence.request = request
            return True

    def cancel(self, ticket: Ticket) -> None:
        """Drop a request; one that computes just now ends after its present step."""
        with self._changed:
            sequence = self._scheduler.get(ticket.number)
            if sequence is None:
                return
            self._futures[sequence.number].cancel()
            if not sequence.busy:
                self._forget(sequence)

    def load(self) -> Load:
        """How busy the engine is now."""
        with self._changed:
            return Load(
                waiting=self._scheduler.count(Stage.WAITING),
                running=self._scheduler.count(Stage.ENCODED, Stage.DECODING),
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

    def _work(self) -> None:
        while True:
            with self._changed:
                work = self._scheduler.take()
                while work is None and not self._stopping:
                    self._changed.wait()
                    work = self._scheduler.take()
                if work is None or self._stopping:
                    return
            self._run(work)

    def _run(self, work: Work) -> None:
        failure: Exception | None = None
        try:
            self._runner.run(work)
        except Exception as error:  # whatever the runtime raises belongs to these requests
            failure = error
        with self._changed:
            ended = [s for s in work.sequences if self._has_ended(s, failure)]
            futures = [self._forget(sequence) for sequence in ended]
            for sequence in work.sequences:
                sequence.busy = False
            self._changed.notify_all()
        for sequence, future in zip(ended, futures, strict=True):
            if not future.set_running_or_notify_cancel():
                continue
            if failure is not None:
                future.set_exception(failure)
            else:
                future.set_result(self._hypothesis(sequence))

    def _has_ended(self, sequence: Sequence, failure: Exception | None) -> bool:
        cancelled = self._futures[sequence.number].cancelled()
        return cancelled or failure is not None or sequence.stage is Stage.DONE

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
        )
