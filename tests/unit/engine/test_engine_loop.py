"""The engine's threads around a device that obeys: answers, changes of mind, failures, the end."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from dataclasses import replace

import pytest
from gated_runner import STEPS, GatedRunner, name_of, request
from hang import HANG_S

from lab_kit.core.errors import (
    InferenceTimeout,
    InvalidParameter,
    LabError,
    PayloadTooLarge,
    SystemOverloaded,
)
from lab_kit.core.events import ModelInfo, TimedWord
from lab_kit.engine.api import Priority, Ticket
from lab_kit.engine.batching import BatchAdmission, Continuous, Dynamic, Queue, Static
from lab_kit.engine.kv import PagedKv
from lab_kit.engine.loop import EngineLoop
from lab_kit.engine.work import Sequence, SequenceState, Work

MODEL = ModelInfo("double", "1", "none", "nowhere")


@pytest.fixture
def runner() -> GatedRunner:
    return GatedRunner()


@pytest.fixture
def engine(runner: GatedRunner) -> Iterator[EngineLoop]:
    engine = EngineLoop(runner, MODEL, workers=1, max_waiting=3)
    yield engine
    runner.gate.set()
    engine.stop()


def closed(runner: GatedRunner, engine: EngineLoop, name: int = 1) -> Ticket:
    """A request that is under way while everything else waits behind the closed gate."""
    runner.gate.clear()
    ticket = engine.submit(request(name))
    runner.wait_until_entered()
    return ticket


def test_an_answer_says_what_was_heard_and_when(engine: EngineLoop, runner: GatedRunner) -> None:
    ticket = engine.submit(request(7))
    answer = ticket.future.result(HANG_S)
    assert answer.text == "text 7"
    assert answer.tokens == (11, 12, 13)
    assert len(answer.log_probabilities) == answer.steps == STEPS
    assert answer.submitted_ns <= answer.started_ns <= answer.finished_ns
    assert runner.forgotten == [ticket.number]
    assert (engine.load().waiting, engine.load().running) == (0, 0)


def test_requests_that_wait_together_are_stepped_together(
    engine: EngineLoop, runner: GatedRunner
) -> None:
    first = closed(runner, engine, 1)
    others = [engine.submit(request(name)) for name in (2, 3)]
    runner.gate.set()
    for ticket in (first, *others):
        ticket.future.result(HANG_S)
    assert (SequenceState.ENCODED, (1, 2, 3)) in runner.done
    assert (SequenceState.DECODING, (1, 2, 3)) in runner.done


def test_finals_overtake_interims_that_wait(engine: EngineLoop, runner: GatedRunner) -> None:
    closed(runner, engine, 1)
    interim = engine.submit(request(2, Priority.INTERIM))
    final = engine.submit(request(3, Priority.FINAL))
    runner.gate.set()
    interim.future.result(HANG_S)
    assert final.future.done()
    order = [names for state, names in runner.done if state is SequenceState.WAITING]
    assert order == [(1,), (3,), (2,)]


def test_a_full_queue_refuses_and_says_when_to_come_back(
    engine: EngineLoop, runner: GatedRunner
) -> None:
    closed(runner, engine)
    for name in (2, 3):
        engine.submit(request(name))
    load = engine.load()
    assert (load.waiting, load.running) == (3, 0)  # the first is being encoded
    assert load.longest_wait_s > 0
    with pytest.raises(SystemOverloaded) as refused:
        engine.submit(request(4))
    assert refused.value.retry_after_s > 0
    runner.gate.set()


def test_one_that_waits_is_cancelled_and_never_run(engine: EngineLoop, runner: GatedRunner) -> None:
    first = closed(runner, engine, 1)
    waiting = engine.submit(request(2))
    engine.cancel(waiting)
    assert waiting.future.cancelled()
    assert waiting.number in runner.forgotten
    assert engine.load().waiting == 1
    runner.gate.set()
    assert first.future.result(HANG_S).text == "text 1"
    assert all(2 not in names for _, names in runner.done)


def test_one_that_nobody_waits_for_any_more_is_never_run(
    engine: EngineLoop, runner: GatedRunner
) -> None:
    first = closed(runner, engine, 1)
    past_ns, future_ns = time.perf_counter_ns(), time.perf_counter_ns() + 10**15
    late = engine.submit(replace(request(2), deadline_ns=past_ns))
    timely = engine.submit(replace(request(3), deadline_ns=future_ns))
    runner.gate.set()
    with pytest.raises(InferenceTimeout):
        late.future.result(HANG_S)
    assert first.future.result(HANG_S).text == "text 1"
    assert timely.future.result(HANG_S).text == "text 3"
    assert all(2 not in names for _, names in runner.done)
    assert late.number in runner.forgotten
    assert (engine.load().waiting, engine.load().running) == (0, 0)


def test_who_shares_a_batch_with_one_that_is_late_is_answered(runner: GatedRunner) -> None:
    engine = EngineLoop(runner, MODEL, workers=1, batching=Static(2, patience_s=0.05))
    try:
        blocking = closed(runner, engine, 1)
        timely = engine.submit(request(2))
        late = engine.submit(replace(request(3), deadline_ns=time.perf_counter_ns()))
        runner.gate.set()
        with pytest.raises(InferenceTimeout):
            late.future.result(HANG_S)
        engine.submit(request(4))
        assert timely.future.result(HANG_S).text == "text 2"
        assert blocking.future.result(HANG_S).text == "text 1"
    finally:
        engine.stop()


def test_one_that_runs_is_cancelled_after_its_step(engine: EngineLoop, runner: GatedRunner) -> None:
    running = closed(runner, engine, 1)
    engine.cancel(running)
    engine.cancel(running)  # twice is once
    with pytest.raises(CancelledError):
        running.future.result(0)
    runner.gate.set()
    assert engine.submit(request(2)).future.result(HANG_S).text == "text 2"
    assert sum(1 in names for _, names in runner.done) == 1
    assert running.number in runner.forgotten
    assert (engine.load().waiting, engine.load().running) == (0, 0)


def test_cancelling_what_is_done_changes_nothing(engine: EngineLoop) -> None:
    ticket = engine.submit(request(1))
    answer = ticket.future.result(HANG_S)
    engine.cancel(ticket)
    assert ticket.future.result(0) is answer


def test_a_future_cancelled_by_its_holder_ends_the_work(
    engine: EngineLoop, runner: GatedRunner
) -> None:
    """As a task does that waits for it and is cancelled itself."""
    running = closed(runner, engine, 1)
    assert running.future.cancel()
    runner.gate.set()
    engine.submit(request(2)).future.result(HANG_S)
    assert running.number in runner.forgotten
    assert (engine.load().waiting, engine.load().running) == (0, 0)


def test_a_failure_ends_its_own_requests_and_no_other(
    engine: EngineLoop, runner: GatedRunner
) -> None:
    runner.fails_on = {2}
    closed(runner, engine, 1)
    bad = engine.submit(request(2))
    good = engine.submit(request(3))
    runner.gate.set()
    with pytest.raises(RuntimeError, match="failed on"):
        bad.future.result(HANG_S)
    assert good.future.result(HANG_S).text == "text 3"
    assert bad.number in runner.forgotten
    assert (engine.load().waiting, engine.load().running) == (0, 0)


def test_a_request_that_fails_in_a_batch_fails_alone(
    engine: EngineLoop, runner: GatedRunner
) -> None:
    runner.fails_on, runner.fails_at = {2}, SequenceState.DECODING
    first = closed(runner, engine, 1)
    bad, good = (engine.submit(request(name)) for name in (2, 3))
    runner.gate.set()
    with pytest.raises(RuntimeError, match="failed on"):
        bad.future.result(HANG_S)
    assert [t.future.result(HANG_S).text for t in (first, good)] == ["text 1", "text 3"]
    assert any(len(names) == 3 for state, names in runner.done if state is SequenceState.DECODING)


def test_the_policy_is_changed_while_it_runs(engine: EngineLoop, runner: GatedRunner) -> None:
    engine.use(Dynamic(max_batch=2, max_wait_s=30))
    alone = engine.submit(request(1))
    assert not runner.entered.acquire(timeout=0.05), "it waits for company"
    engine.use(Continuous(2))
    assert alone.future.result(HANG_S).text == "text 1"
    assert engine.batching == Continuous(2)


def test_a_window_that_ends_starts_the_batch(engine: EngineLoop, runner: GatedRunner) -> None:
    engine.use(Dynamic(max_batch=3, max_wait_s=0.05))
    pair = [engine.submit(request(name)) for name in (1, 2)]
    for ticket in pair:
        ticket.future.result(HANG_S)
    assert (SequenceState.ENCODED, (1, 2)) in runner.done


def test_cancelling_the_last_of_a_closed_batch_answers_the_others(runner: GatedRunner) -> None:
    engine = EngineLoop(runner, MODEL, workers=1, batching=Static(2))
    runner.steps_of = {2: 10**9}
    done, going = (engine.submit(request(name)) for name in (1, 2))
    for _ in range(8):
        runner.wait_until_entered()
    assert not done.future.done()
    engine.cancel(going)
    assert done.future.result(HANG_S).text == "text 1"
    engine.stop()


def test_a_draft_with_a_word_that_the_model_does_not_know_is_refused(engine: EngineLoop) -> None:
    with pytest.raises(InvalidParameter, match="token 1000; expected: 0 to 999"):
        engine.submit(replace(request(1), draft=(5, 1_000)))


def test_what_can_never_fit_the_cache_is_refused(runner: GatedRunner) -> None:
    engine = EngineLoop(runner, MODEL, workers=1, kv=PagedKv(blocks=1, block_tokens=2))
    with pytest.raises(PayloadTooLarge, match="3 places"):
        engine.submit(request(1))
    engine.stop()


def test_one_that_waits_can_be_replaced_and_keeps_its_place(
    engine: EngineLoop, runner: GatedRunner
) -> None:
    closed(runner, engine, 1)
    waiting = engine.submit(request(2))
    engine.submit(request(3))
    assert engine.refresh(waiting, request(9))
    runner.gate.set()
    assert waiting.future.result(HANG_S).text == "text 9"
    encoded = [names for state, names in runner.done if state is SequenceState.WAITING]
    assert encoded == [(1,), (9,), (3,)]


def test_one_that_runs_or_is_done_cannot_be_replaced(
    engine: EngineLoop, runner: GatedRunner
) -> None:
    running = closed(runner, engine, 1)
    assert not engine.refresh(running, request(9))
    runner.gate.set()
    assert running.future.result(HANG_S).text == "text 1"
    assert not engine.refresh(running, request(9))


def test_two_workers_compute_at_once_and_never_the_same(runner: GatedRunner) -> None:
    runner.gate.clear()
    engine = EngineLoop(runner, MODEL, workers=2)
    tickets = [engine.submit(request(name)) for name in (1, 2)]
    runner.wait_until_entered()
    runner.wait_until_entered()  # both are inside while the gate is closed
    runner.gate.set()
    texts = {ticket.future.result(HANG_S).text for ticket in tickets}
    assert texts == {"text 1", "text 2"}
    engine.stop()


class LingeringRunner(GatedRunner):
    """Advances request 1 to its end, but does not come back before it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.lingers, self.come_back = threading.Event(), threading.Event()

    def run(self, work: Work) -> None:
        super().run(work)
        if any(name_of(s) == 1 and s.state is SequenceState.DONE for s in work.sequences):
            self.lingers.set()
            assert self.come_back.wait(HANG_S)


def test_what_a_worker_still_holds_is_not_answered_by_another() -> None:
    runner = LingeringRunner()
    engine = EngineLoop(runner, MODEL, workers=2)
    first = engine.submit(request(1))
    assert runner.lingers.wait(HANG_S)
    assert engine.submit(request(2)).future.result(HANG_S).text == "text 2"
    assert not first.future.done()
    runner.come_back.set()
    assert first.future.result(HANG_S).text == "text 1"
    assert engine.submit(request(3)).future.result(HANG_S).text == "text 3"
    engine.stop()


def test_stopping_ends_the_threads_and_cancels_what_waits(runner: GatedRunner) -> None:
    before = set(threading.enumerate())
    engine = EngineLoop(runner, MODEL, workers=2)
    runner.gate.clear()
    tickets = [engine.submit(request(name)) for name in range(1, 6)]
    runner.wait_until_entered()
    stopping = threading.Thread(target=engine.stop)
    stopping.start()
    runner.gate.set()
    stopping.join(HANG_S)
    assert not stopping.is_alive()
    assert set(threading.enumerate()) == before
    assert all(ticket.future.done() for ticket in tickets)
    with pytest.raises(SystemOverloaded, match="stops"):
        engine.submit(request(9))


def test_many_submitted_and_cancelled_from_many_threads_leave_nothing_behind(
    runner: GatedRunner,
) -> None:
    engine = EngineLoop(runner, MODEL, workers=2, max_waiting=10_000)

    def client(number: int) -> None:
        for n in range(50):
            ticket = engine.submit(request(number * 100 + n, Priority(n % 2)))
            if n % 2:
                engine.cancel(ticket)
            else:
                assert ticket.future.result(HANG_S).text == f"text {number * 100 + n}"

    clients = [threading.Thread(target=client, args=(n,)) for n in range(4)]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join(HANG_S)
        assert not thread.is_alive()
    engine.stop()
    assert (engine.load().waiting, engine.load().running) == (0, 0)
    assert len(set(runner.forgotten)) == 200


@pytest.mark.parametrize("workers", [1, 2])
def test_nobody_waits_for_an_engine_that_broke(
    runner: GatedRunner, workers: int, caplog: pytest.LogCaptureFixture
) -> None:
    breaks = threading.Event()

    class BreakingPolicy(Continuous):
        def admit(self, queue: Queue) -> BatchAdmission:
            if breaks.is_set():
                raise ZeroDivisionError("a defect")
            return super().admit(queue)

    runner.gate.clear()
    engine = EngineLoop(runner, MODEL, workers=workers, batching=BreakingPolicy(2))
    tickets = [engine.submit(request(name)) for name in range(1, workers)]
    for _ in tickets:
        runner.wait_until_entered()  # this worker is at work when the policy breaks
    breaks.set()
    tickets.append(engine.submit(request(2)))
    for ticket in tickets:
        with pytest.raises(LabError, match="the engine broke"):
            ticket.future.result(HANG_S)
    with pytest.raises(LabError, match="the engine broke") as refused:
        engine.submit(request(4))
    assert not refused.value.retryable
    assert isinstance(engine.broken.exception(HANG_S), ZeroDivisionError)
    runner.gate.set()
    for ticket in tickets:
        engine.cancel(ticket)  # as its stream does that ends
    engine.stop()
    assert caplog.text.count("the engine broke") == caplog.text.count("Traceback") == 1


def test_a_runner_that_cannot_let_go_breaks_the_engine_and_is_said(
    runner: GatedRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forget(sequence: Sequence) -> None:
        raise KeyError("no such slot")

    monkeypatch.setattr(runner, "forget", forget)
    engine = EngineLoop(runner, MODEL, workers=1)
    with pytest.raises(LabError, match="the engine broke"):
        engine.submit(request(1)).future.result(HANG_S)
    assert isinstance(engine.broken.exception(HANG_S), KeyError)
    engine.stop()


def test_an_answer_that_cannot_be_spelled_is_one_requests_failure(
    engine: EngineLoop, runner: GatedRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    spell = runner.text

    def text(sequence: Sequence) -> str:
        if name_of(sequence) == 1:
            raise UnicodeDecodeError("utf-8", b"", 0, 1, "half a character")
        return spell(sequence)

    monkeypatch.setattr(runner, "text", text)
    with pytest.raises(UnicodeDecodeError):
        engine.submit(request(1)).future.result(HANG_S)
    assert engine.submit(request(2)).future.result(HANG_S).text == "text 2"
    assert not engine.broken.done()


def test_words_are_asked_for_where_they_are_wanted_and_something_was_said(
    engine: EngineLoop, runner: GatedRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who says nothing leaves no token to look at, and still gets an answer."""
    advance, word = runner._advance, TimedWord("text", 0.0, 0.1, 0.9)
    asked: list[int] = []

    def silent(sequence: Sequence, state: SequenceState) -> None:
        advance(sequence, state)
        if name_of(sequence) == 2:
            sequence.tokens.clear()

    def word_times(sequence: Sequence) -> tuple[TimedWord, ...]:
        assert sequence.tokens
        asked.append(name_of(sequence))
        return (word,)

    monkeypatch.setattr(runner, "_advance", silent)
    monkeypatch.setattr(runner, "word_times", word_times, raising=False)
    wanted = [engine.submit(replace(request(n), wants_words=True)) for n in (1, 2)]
    unwanted = engine.submit(request(3))
    answers = [ticket.future.result(HANG_S).words for ticket in (*wanted, unwanted)]
    assert answers == [(word,), (), ()]
    assert asked == [1]


def test_words_that_cannot_be_found_are_one_requests_failure(
    engine: EngineLoop, runner: GatedRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def word_times(sequence: Sequence) -> tuple[TimedWord, ...]:
        raise ValueError("no such frame")

    monkeypatch.setattr(runner, "word_times", word_times, raising=False)
    with pytest.raises(ValueError, match="no such frame"):
        engine.submit(replace(request(1), wants_words=True)).future.result(HANG_S)
    assert engine.submit(request(2)).future.result(HANG_S).text == "text 2"
    assert not engine.broken.done()
