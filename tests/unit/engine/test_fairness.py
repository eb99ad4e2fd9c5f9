"""Shares of the device by weight, in simulated time: nobody starves, and who speaks is not felt.

The device is one worker with the costs of a small model on a core: 25 ms to encode a second of
sound, 4 ms a decoder step. Arrivals come from a seed, so every figure is the same in every run.
"""

import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pytest

from lab_kit.core.events import PriorityClass
from lab_kit.engine.api import DecodeRequest, Priority
from lab_kit.engine.batching import Continuous
from lab_kit.engine.fairness import WEIGHTS, FairShares
from lab_kit.engine.scheduler import Scheduler
from lab_kit.engine.work import Sequence, SequenceState, Traits, Wait, Work
from lab_kit.measure.percentiles import percentile

INTERACTIVE, STANDARD, BATCH = PriorityClass
MS = 1_000_000
STEP_MS, ENCODE_MS_PER_S, STEPS_PER_S = 4, 9, 5


@dataclass(frozen=True)
class Arrival:
    at_ms: int
    audio_s: float
    priority_class: PriorityClass


def spoken(rate_per_s: float, seconds: float, kind: PriorityClass, seed: int) -> list[Arrival]:
    """Requests of one to four seconds of sound, at random."""
    chance, arrivals, at_s = random.Random(seed), [], 0.0
    while (at_s := at_s + chance.expovariate(rate_per_s)) < seconds:
        arrivals.append(Arrival(round(at_s * 1e3), chance.uniform(1, 4), kind))
    return arrivals


def heap(count: int, kind: PriorityClass, audio_s: float = 3.0) -> list[Arrival]:
    """A pile of work that is there from the beginning, and too large to end with the run."""
    return [Arrival(0, audio_s, kind)] * count


class Device:
    """Runs the scheduler in simulated time; says when each request was answered."""

    def __init__(self, arrivals: Iterable[Arrival], seconds: float) -> None:
        self.scheduler = Scheduler(Continuous(4), Traits(lockstep=False), 1, 10_000)
        self.waits_ms: dict[PriorityClass, list[float]] = defaultdict(list)
        self.spent_ms: dict[PriorityClass, float] = defaultdict(float)
        self._due = sorted(arrivals, key=lambda arrival: arrival.at_ms)
        self._audio_s: dict[int, float] = {}
        self._now_ms = 0.0
        while self._now_ms < seconds * 1e3:
            self._turn()

    def _turn(self) -> None:
        while self._due and self._due[0].at_ms <= self._now_ms:
            self._add(self._due.pop(0))
        work = self.scheduler.take(round(self._now_ms * MS))
        if isinstance(work, Wait):
            self._now_ms = self._due[0].at_ms if self._due else self._now_ms + 1
            return
        spent_ms = self._spend(work)
        self._now_ms += spent_ms
        self.spent_ms[work.sequences[0].request.priority_class] += spent_ms
        self.scheduler.settle(work, round(spent_ms * MS))
        for sequence in self.scheduler.ended():
            self.scheduler.remove(sequence)
            came_ms = sequence.submitted_ns / MS
            self.waits_ms[sequence.request.priority_class].append(self._now_ms - came_ms)

    def _add(self, arrival: Arrival) -> None:
        number = len(self._audio_s) + 1
        self._audio_s[number] = arrival.audio_s
        request = DecodeRequest(
            np.zeros(1, np.float32), Priority.FINAL, priority_class=arrival.priority_class
        )
        sequence = Sequence(number, request, arrival.at_ms * MS)
        sequence.limit = round(arrival.audio_s * STEPS_PER_S)
        self.scheduler.add(sequence)

    def _spend(self, work: Work) -> float:
        if work.state is SequenceState.WAITING:
            for sequence in work.sequences:
                sequence.state = SequenceState.ENCODED
            return sum(ENCODE_MS_PER_S * self._audio_s[s.number] for s in work.sequences)
        for sequence in work.sequences:
            sequence.tokens.append(0)
            is_over = len(sequence.tokens) >= sequence.limit
            sequence.state = SequenceState.DONE if is_over else SequenceState.DECODING
        return STEP_MS + len(work.sequences)


def test_batch_work_goes_on_while_more_is_spoken_than_can_be_heard() -> None:
    overload = spoken(25, 20, INTERACTIVE, seed=1)
    device = Device([*overload, *heap(500, BATCH)], 20)
    assert len(device.waits_ms[INTERACTIVE]) < len(overload)  # it is an overload
    share = device.spent_ms[BATCH] / sum(device.spent_ms.values())
    assert share == pytest.approx(1 / 17, abs=0.01)
    assert len(device.waits_ms[BATCH]) >= 10


def test_who_speaks_is_as_quick_with_batch_work_behind_as_without() -> None:
    speech = spoken(8, 60, INTERACTIVE, seed=2)
    alone = Device(speech, 60)
    beside = Device([*speech, *heap(550, BATCH)], 60)
    p95_alone = percentile(alone.waits_ms[INTERACTIVE], 0.95)
    p95_beside = percentile(beside.waits_ms[INTERACTIVE], 0.95)
    # a pass that has begun is not broken off: no more than the longest of them comes on top
    assert p95_beside <= p95_alone + ENCODE_MS_PER_S * 3.0 + STEP_MS
    assert len(beside.waits_ms[BATCH]) > 100


def test_in_order_of_arrival_the_same_batch_work_would_be_felt() -> None:
    """The comparison above could fail: one class for all, and it does."""
    speech = spoken(8, 60, INTERACTIVE, seed=2)
    alone = Device(speech, 60)
    mixed = Device([*speech, *heap(550, INTERACTIVE)], 60)
    limit_ms = percentile(alone.waits_ms[INTERACTIVE], 0.95) + ENCODE_MS_PER_S * 3.0 + STEP_MS
    assert percentile(mixed.waits_ms[INTERACTIVE], 0.95) > 10 * limit_ms


def test_three_busy_classes_get_their_weights() -> None:
    piles = [one for kind in PriorityClass for one in heap(500, kind)]
    spent_ms = Device(piles, 30).spent_ms
    total = sum(WEIGHTS.values())
    for kind in PriorityClass:
        share = spent_ms[kind] / sum(spent_ms.values())
        assert share == pytest.approx(WEIGHTS[kind] / total, rel=0.15)


def test_having_done_nothing_is_not_saved_up() -> None:
    shares = FairShares()
    for _ in range(1_000):
        shares.end(BATCH, shares.begin(BATCH), 10 * MS)
    shares.join(INTERACTIVE)
    shares.end(INTERACTIVE, shares.begin(INTERACTIVE), 10 * MS)
    turns = []
    for _ in range(340):
        (first, _) = shares.order([BATCH, INTERACTIVE])
        shares.end(first, shares.begin(first), 10 * MS)
        turns.append(first)
    assert turns.count(BATCH) == pytest.approx(340 / 17, abs=1)


def test_two_workers_do_not_take_the_same_turn() -> None:
    """What is under way is charged before it is over."""
    shares = FairShares({INTERACTIVE: 1, BATCH: 1})
    for kind in (INTERACTIVE, BATCH):
        shares.end(kind, shares.begin(kind), 10 * MS)
    first = shares.order([INTERACTIVE, BATCH])[0]
    shares.begin(first)
    assert shares.order([INTERACTIVE, BATCH])[0] is not first


def test_a_final_still_goes_before_an_interim_of_its_class() -> None:
    scheduler = Scheduler(Continuous(4), Traits(lockstep=False), 1, 10)
    for number, priority in enumerate((Priority.INTERIM, Priority.FINAL), start=1):
        request = DecodeRequest(np.zeros(1, np.float32), priority, priority_class=STANDARD)
        scheduler.add(Sequence(number, request, 0))
    work = scheduler.take(0)
    assert isinstance(work, Work)
    assert [sequence.number for sequence in work.sequences] == [2]
