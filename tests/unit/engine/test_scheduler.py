"""What runs next, as pure bookkeeping: no thread, no tensor, no time."""

import numpy as np

from lab_kit.engine.api import DecodeRequest, Priority
from lab_kit.engine.scheduler import Scheduler, Sequence, Stage, Work

AUDIO = np.zeros(160, np.float32)


class Desk:
    """A scheduler and the hand that does its work."""

    def __init__(self, max_batch: int = 4, max_waiting: int = 100) -> None:
        self.scheduler = Scheduler(max_batch, max_waiting)
        self._numbers = 0

    def add(
        self,
        priority: Priority = Priority.FINAL,
        stage: Stage = Stage.WAITING,
        position: int = 0,
        draft: tuple[int, ...] = (),
    ) -> Sequence:
        self._numbers += 1
        request = DecodeRequest(AUDIO, priority, draft=draft)
        sequence = Sequence(self._numbers, request, 0, stage=stage, position=position)
        self.scheduler.add(sequence)
        return sequence

    def take(self) -> tuple[Stage, list[int]] | None:
        """The next work as its stage and the numbers in it; it stays in hand."""
        work = self.scheduler.take()
        return None if work is None else (work.stage, [s.number for s in work.sequences])

    def do(self) -> tuple[Stage, list[int]] | None:
        """The next work, done: everyone in it moves on by one."""
        work = self.scheduler.take()
        if work is None:
            return None
        stage = work.stage
        for sequence in work.sequences:
            advance(sequence, work)
        return stage, [s.number for s in work.sequences]


def advance(sequence: Sequence, work: Work) -> None:
    sequence.busy = False
    if work.stage is Stage.WAITING:
        sequence.stage = Stage.ENCODED
    else:
        sequence.stage = Stage.DECODING
        sequence.position += 1


def test_nothing_to_do_is_none() -> None:
    assert Desk().take() is None


def test_clips_are_encoded_one_by_one_in_their_order() -> None:
    desk = Desk()
    for _ in range(3):
        desk.add()
    assert [desk.take() for _ in range(4)] == [
        (Stage.WAITING, [1]),
        (Stage.WAITING, [2]),
        (Stage.WAITING, [3]),
        None,
    ]


def test_a_final_passes_every_interim_between_any_two_steps() -> None:
    desk = Desk()
    desk.add(Priority.INTERIM, Stage.DECODING, position=7)
    desk.add(Priority.INTERIM)
    assert desk.do() == (Stage.WAITING, [2])
    final = desk.add(Priority.FINAL)
    assert desk.do() == (Stage.WAITING, [final.number])
    assert desk.do() == (Stage.ENCODED, [final.number])
    assert desk.do() == (Stage.DECODING, [final.number])
    desk.scheduler.remove(final)
    assert desk.do() == (Stage.ENCODED, [2])


def test_recordings_come_after_what_is_live() -> None:
    desk = Desk()
    desk.add(Priority.BATCH)
    desk.add(Priority.INTERIM)
    desk.add(Priority.FINAL)
    assert [desk.take() for _ in range(3)] == [
        (Stage.WAITING, [3]),
        (Stage.WAITING, [2]),
        (Stage.WAITING, [1]),
    ]


def test_waiting_audio_is_encoded_before_decoding_goes_on() -> None:
    desk = Desk()
    desk.add(stage=Stage.DECODING, position=3)
    desk.add(stage=Stage.ENCODED)
    desk.add()
    assert desk.take() == (Stage.WAITING, [3])


def test_no_more_start_than_decode_together() -> None:
    """With the batch full, more encoding would only delay those who are under way."""
    desk = Desk(max_batch=2)
    for _ in range(3):
        desk.add()
    assert desk.do() == (Stage.WAITING, [1])
    assert desk.do() == (Stage.WAITING, [2])
    assert desk.do() == (Stage.ENCODED, [1, 2])
    assert desk.do() == (Stage.DECODING, [1, 2])
    desk.scheduler.remove(desk.scheduler.get(1))
    assert desk.do() == (Stage.WAITING, [3])


def test_one_being_encoded_counts_as_started() -> None:
    desk = Desk(max_batch=2)
    for _ in range(3):
        desk.add()
    assert desk.take() == (Stage.WAITING, [1])
    assert desk.take() == (Stage.WAITING, [2])
    assert desk.take() is None


def test_a_full_batch_of_interims_does_not_hold_back_a_final() -> None:
    desk = Desk(max_batch=2)
    for _ in range(2):
        desk.add(Priority.INTERIM, Stage.DECODING, position=5)
    desk.add(Priority.FINAL)
    assert desk.take() == (Stage.WAITING, [3])


def test_what_is_encoded_starts_together_but_a_draft_starts_alone() -> None:
    desk = Desk()
    desk.add(stage=Stage.ENCODED)
    desk.add(stage=Stage.ENCODED, draft=(5, 6))
    desk.add(stage=Stage.ENCODED)
    assert desk.do() == (Stage.ENCODED, [1, 3])
    assert desk.do() == (Stage.ENCODED, [2])


def test_a_start_is_no_wider_than_a_batch() -> None:
    desk = Desk(max_batch=2)
    for _ in range(3):
        desk.add(stage=Stage.ENCODED)
    assert desk.take() == (Stage.ENCODED, [1, 2])
    assert desk.take() == (Stage.ENCODED, [3])


def test_those_furthest_behind_step_first_and_merge_when_they_catch_up() -> None:
    desk = Desk()
    desk.add(stage=Stage.DECODING, position=4)
    desk.add(stage=Stage.DECODING, position=2)
    desk.add(stage=Stage.DECODING, position=2)
    desk.add(stage=Stage.DECODING, position=3)
    steps = [desk.do() for _ in range(4)]
    assert [numbers for _, numbers in steps] == [[2, 3], [2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4]]


def test_a_step_is_no_wider_than_a_batch() -> None:
    desk = Desk(max_batch=2)
    for _ in range(3):
        desk.add(stage=Stage.DECODING, position=1)
    assert desk.take() == (Stage.DECODING, [1, 2])
    assert desk.take() == (Stage.DECODING, [3])


def test_what_a_worker_holds_is_not_handed_out_again() -> None:
    desk = Desk()
    held = desk.add(stage=Stage.DECODING, position=1)
    desk.add(stage=Stage.DECODING, position=1)
    held.busy = True
    assert desk.take() == (Stage.DECODING, [2])
    assert desk.take() is None


def test_room_is_counted_in_those_who_wait() -> None:
    desk = Desk(max_waiting=2)
    desk.add()
    assert desk.scheduler.has_room()
    desk.add()
    assert not desk.scheduler.has_room()
    desk.do()
    assert desk.scheduler.has_room()
    assert desk.scheduler.count(Stage.WAITING) == 1
    assert desk.scheduler.count(Stage.WAITING, Stage.ENCODED) == 2


def test_what_was_removed_is_not_seen_again() -> None:
    desk = Desk()
    gone = desk.add()
    desk.scheduler.remove(gone)
    desk.scheduler.remove(gone)
    assert desk.scheduler.get(gone.number) is None
    assert desk.take() is None
