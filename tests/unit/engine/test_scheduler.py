"""What runs next, as pure bookkeeping: no thread, no tensor, no time."""

from dataclasses import replace

import numpy as np

from lab_kit.core.events import PriorityClass
from lab_kit.engine.api import DecodeRequest, Priority
from lab_kit.engine.batching import Batching, Continuous, Dynamic, NoBatching, Static
from lab_kit.engine.kv import KvCache, PagedKv
from lab_kit.engine.scheduler import Scheduler
from lab_kit.engine.work import Sequence, SequenceState, Traits, Wait, Work

AUDIO = np.zeros(160, np.float32)
SECOND_NS = 1_000_000_000


class Desk:
    """A scheduler and the hand that does its work."""

    def __init__(
        self,
        batching: Batching | int = 4,
        max_waiting: int = 100,
        workers: int = 1,
        lockstep: bool = True,
        encode_width: int = 1,
        kv: KvCache | None = None,
    ) -> None:
        policy = Continuous(batching) if isinstance(batching, int) else batching
        traits = Traits(lockstep, encode_width)
        self.scheduler = Scheduler(policy, traits, workers, max_waiting, kv)
        self.now_ns = 0
        self._numbers = 0

    def add(
        self,
        priority: Priority = Priority.FINAL,
        draft: tuple[int, ...] = (),
        stream: int | None = None,
        length: int = 0,
        prompt: tuple[int, ...] = (),
        priority_class: PriorityClass = PriorityClass.INTERACTIVE,
    ) -> Sequence:
        self._numbers += 1
        request = DecodeRequest(
            AUDIO, priority, draft=draft, stream=stream, priority_class=priority_class
        )
        sequence = Sequence(self._numbers, request, self.now_ns, draft=draft)
        sequence.length, sequence.limit, sequence.prompt = length, 8, prompt
        self.scheduler.add(sequence)
        return sequence

    def standing(self, *positions: int, priority: Priority = Priority.FINAL) -> list[Sequence]:
        """Sequences that decode already, each at its position."""
        sequences = [self.add(priority) for _ in positions]
        for sequence in sequences:
            while sequence.state is SequenceState.WAITING:
                self.do()
        for sequence, position in zip(sequences, positions, strict=True):
            sequence.state, sequence.position = SequenceState.DECODING, position
        return sequences

    def take(self) -> tuple[SequenceState, list[int]] | None:
        """The next work as its state and the numbers in it; it stays in hand."""
        work = self.scheduler.take(self.now_ns)
        return None if isinstance(work, Wait) else (work.state, numbers(work))

    def do(self) -> tuple[SequenceState, list[int]] | None:
        """The next work, done: everyone in it moves on by one."""
        work = self.scheduler.take(self.now_ns)
        if isinstance(work, Wait):
            return None
        for sequence in work.sequences:
            advance(sequence, work)
        self.scheduler.settle(work)
        return work.state, numbers(work)

    def finish(self, *sequences: Sequence) -> list[int]:
        """These are done; who may be answered is, and leaves."""
        for sequence in sequences:
            sequence.state, sequence.busy = SequenceState.DONE, False
        ended = self.scheduler.ended()
        for sequence in ended:
            self.scheduler.remove(sequence)
        return [sequence.number for sequence in ended]


def numbers(work: Work) -> list[int]:
    return [sequence.number for sequence in work.sequences]


def advance(sequence: Sequence, work: Work) -> None:
    if work.state is SequenceState.WAITING:
        sequence.state = SequenceState.ENCODED
        return
    sequence.state = SequenceState.DECODING
    sequence.position = len(sequence.prompt) + len(sequence.tokens) + len(sequence.draft)
    sequence.tokens += sequence.draft
    sequence.draft = ()
    sequence.tokens.append(100 * sequence.number + sequence.position)


def test_nothing_to_do_is_none() -> None:
    assert Desk().take() is None


def test_clips_are_encoded_one_by_one_in_their_order() -> None:
    desk = Desk()
    for _ in range(3):
        desk.add()
    assert [desk.take() for _ in range(4)] == [
        (SequenceState.WAITING, [1]),
        (SequenceState.WAITING, [2]),
        (SequenceState.WAITING, [3]),
        None,
    ]


def test_a_wide_encoder_takes_clips_of_equal_length() -> None:
    desk = Desk(encode_width=2)
    for length in (30, 20, 30, 30):
        desk.add(length=length)
    assert [desk.take() for _ in range(3)] == [
        (SequenceState.WAITING, [1, 3]),
        (SequenceState.WAITING, [2]),
        (SequenceState.WAITING, [4]),
    ]


def test_a_final_passes_every_interim_between_any_two_steps() -> None:
    desk = Desk()
    desk.standing(7, priority=Priority.INTERIM)
    desk.add(Priority.INTERIM)
    assert desk.do() == (SequenceState.WAITING, [2])
    final = desk.add(Priority.FINAL)
    assert desk.do() == (SequenceState.WAITING, [final.number])
    assert desk.do() == (SequenceState.ENCODED, [final.number])
    assert desk.do() == (SequenceState.DECODING, [final.number])
    desk.scheduler.remove(final)
    assert desk.do() == (SequenceState.ENCODED, [2])


def test_recordings_come_after_what_is_live() -> None:
    desk = Desk()
    desk.add(priority_class=PriorityClass.BATCH)
    desk.add(Priority.INTERIM)
    desk.add(Priority.FINAL)
    assert [desk.take() for _ in range(3)] == [
        (SequenceState.WAITING, [3]),
        (SequenceState.WAITING, [2]),
        (SequenceState.WAITING, [1]),
    ]


def test_waiting_audio_is_encoded_before_decoding_goes_on() -> None:
    desk = Desk()
    desk.standing(3)
    desk.add()
    assert desk.do() == (SequenceState.WAITING, [2])
    desk.add()
    assert desk.take() == (SequenceState.WAITING, [3])


def test_no_more_start_than_decode_together() -> None:
    """With the batch full, more encoding would only delay those who are under way."""
    desk = Desk(2)
    for _ in range(3):
        desk.add()
    assert desk.do() == (SequenceState.WAITING, [1])
    assert desk.do() == (SequenceState.WAITING, [2])
    assert desk.do() == (SequenceState.ENCODED, [1, 2])
    assert desk.do() == (SequenceState.DECODING, [1, 2])
    desk.scheduler.remove(desk.scheduler.get(1))
    assert desk.do() == (SequenceState.WAITING, [3])


def test_one_being_encoded_counts_as_started() -> None:
    desk = Desk(2)
    for _ in range(3):
        desk.add()
    assert desk.take() == (SequenceState.WAITING, [1])
    assert desk.take() == (SequenceState.WAITING, [2])
    assert desk.take() is None


def test_a_full_batch_of_interims_does_not_hold_back_a_final() -> None:
    desk = Desk(2)
    desk.standing(5, 5, priority=Priority.INTERIM)
    desk.add(Priority.FINAL)
    assert desk.take() == (SequenceState.WAITING, [3])


def test_in_lockstep_what_is_encoded_starts_together_but_a_draft_starts_alone() -> None:
    desk = Desk()
    for draft in ((), (5, 6), ()):
        desk.add(draft=draft)
    for _ in range(3):
        desk.do()
    assert desk.do() == (SequenceState.ENCODED, [1, 3])
    assert desk.do() == (SequenceState.ENCODED, [2])


def test_without_lockstep_a_draft_starts_with_the_others() -> None:
    desk = Desk(lockstep=False)
    for draft in ((), (5, 6), ()):
        desk.add(draft=draft)
    for _ in range(3):
        desk.do()
    assert desk.do() == (SequenceState.ENCODED, [1, 2, 3])


def test_those_furthest_behind_step_first_and_merge_when_they_catch_up() -> None:
    desk = Desk()
    for sequence in desk.standing(4, 2, 2, 3):
        sequence.tokens = [0] * (sequence.position + 1)
    steps = [desk.do() for _ in range(4)]
    assert [members for _, members in steps] == [[2, 3], [2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4]]


def test_without_lockstep_all_step_together_wherever_they_stand() -> None:
    desk = Desk(lockstep=False)
    desk.standing(4, 2, 3)
    assert desk.do() == (SequenceState.DECODING, [1, 2, 3])


def test_what_a_worker_holds_is_not_handed_out_again() -> None:
    desk = Desk()
    held, _ = desk.standing(1, 1)
    held.busy = True
    assert desk.take() == (SequenceState.DECODING, [2])
    assert desk.take() is None


def test_room_is_counted_in_those_who_wait() -> None:
    desk = Desk(max_waiting=2)
    desk.add()
    assert desk.scheduler.has_room(PriorityClass.INTERACTIVE)
    desk.add()
    assert not desk.scheduler.has_room(PriorityClass.INTERACTIVE)
    desk.do()
    assert desk.scheduler.has_room(PriorityClass.INTERACTIVE)
    assert desk.scheduler.count(SequenceState.WAITING) == 1
    assert desk.scheduler.count(SequenceState.WAITING, SequenceState.ENCODED) == 2


def test_batch_work_leaves_places_to_those_who_speak() -> None:
    desk = Desk(max_waiting=4)
    for _ in range(2):
        assert desk.scheduler.has_room(PriorityClass.BATCH)
        desk.add(priority_class=PriorityClass.BATCH)
    assert not desk.scheduler.has_room(PriorityClass.BATCH)
    for _ in range(2):
        assert desk.scheduler.has_room(PriorityClass.INTERACTIVE)
        desk.add()
    assert not desk.scheduler.has_room(PriorityClass.INTERACTIVE)


def test_what_was_removed_is_not_seen_again() -> None:
    desk = Desk()
    gone = desk.add()
    desk.scheduler.remove(gone)
    desk.scheduler.remove(gone)
    assert desk.scheduler.get(gone.number) is None
    assert desk.take() is None


# --- fairness


def test_streams_take_turns_within_a_class() -> None:
    desk = Desk(1, workers=1)
    for _ in range(3):
        desk.add(stream=1)
    desk.add(stream=2)
    first, *_ = (desk.scheduler.get(number) for number in (1,))
    assert desk.do() == (SequenceState.WAITING, [1])
    desk.finish(first)
    assert desk.do() == (SequenceState.WAITING, [2])  # stream 1 has nothing running any more
    desk.add(stream=3)
    desk.finish(desk.scheduler.get(2))
    order = []
    while (work := desk.do()) is not None:
        order += work[1]
        desk.finish(desk.scheduler.get(work[1][0]))
    assert order == [3, 4, 5]


def test_the_interim_that_is_due_first_goes_first_and_a_long_one_waits_no_longer_than_it_can() -> (
    None
):
    def say(desk: Desk, seconds: float) -> Sequence:
        sequence = desk.add(Priority.INTERIM, stream=desk._numbers)
        audio = np.zeros(round(seconds * 16_000), np.float32)
        assert desk.scheduler.refresh(sequence, replace(sequence.request, audio=audio))
        return sequence

    for later_s, first in ((0.5, [2]), (0.9, [1])):
        desk = Desk(NoBatching())
        say(desk, 4.0)  # due after 0.8 s
        desk.now_ns = round(later_s * 1e9)
        say(desk, 0.5)  # due 0.1 s after it came
        assert desk.do() == (SequenceState.WAITING, first)


def test_a_stream_with_much_to_say_does_not_fill_the_batch() -> None:
    desk = Desk(2)
    for _ in range(4):
        desk.add(stream=1)
    desk.add(stream=2)
    assert [desk.do() for _ in range(2)] == [
        (SequenceState.WAITING, [1]),
        (SequenceState.WAITING, [5]),
    ]


def test_nobodys_requests_are_each_their_own() -> None:
    desk = Desk(2)
    for _ in range(3):
        desk.add()
    assert [desk.do() for _ in range(2)] == [
        (SequenceState.WAITING, [1]),
        (SequenceState.WAITING, [2]),
    ]


# --- policies


def test_without_batching_each_worker_has_one_to_the_end() -> None:
    desk = Desk(NoBatching(), workers=2)
    one, two, three = (desk.add() for _ in range(3))
    assert [desk.do() for _ in range(2)] == [
        (SequenceState.WAITING, [1]),
        (SequenceState.ENCODED, [1]),
    ]
    held = desk.scheduler.take(0)
    assert held.sequences == (one,)
    assert desk.do() == (SequenceState.WAITING, [2])
    assert desk.do() == (SequenceState.ENCODED, [2])
    desk.scheduler.take(0)
    assert desk.take() is None, "both workers have one; the third waits for an end"
    assert desk.finish(one) == [1]
    assert desk.do() == (SequenceState.WAITING, [three.number])
    assert two.batch is not None


def test_a_static_batch_waits_until_it_is_full() -> None:
    desk = Desk(Static(3, patience_s=2))
    for _ in range(2):
        desk.add()
    assert desk.scheduler.take(SECOND_NS) == Wait(2 * SECOND_NS)
    desk.add()
    assert desk.do() == (SequenceState.WAITING, [1])


def test_the_last_few_of_a_static_batch_do_not_wait_for_ever() -> None:
    desk = Desk(Static(3, patience_s=2))
    desk.add()
    desk.now_ns = 2 * SECOND_NS
    assert desk.do() == (SequenceState.WAITING, [1])


def test_a_dynamic_batch_closes_when_its_first_request_has_waited_long_enough() -> None:
    desk = Desk(Dynamic(4, max_wait_s=0.02))
    desk.add()
    desk.now_ns = 15_000_000
    desk.add()
    assert desk.scheduler.take(desk.now_ns) == Wait(20_000_000)
    desk.now_ns = 20_000_000
    assert [desk.do() for _ in range(3)] == [
        (SequenceState.WAITING, [1]),
        (SequenceState.WAITING, [2]),
        (SequenceState.ENCODED, [1, 2]),
    ]


def test_a_full_dynamic_batch_does_not_wait() -> None:
    desk = Desk(Dynamic(2, max_wait_s=10), workers=1)
    for _ in range(3):
        desk.add()
    assert [desk.do() for _ in range(3)][-1] == (SequenceState.ENCODED, [1, 2])


def test_nobody_joins_a_closed_batch_and_nobody_leaves_it_before_the_last() -> None:
    desk = Desk(Dynamic(2, max_wait_s=0), workers=1)
    short, long, late = (desk.add() for _ in range(3))
    for _ in range(3):
        desk.do()
    assert desk.finish(short) == []
    assert desk.do() == (SequenceState.DECODING, [long.number])
    assert desk.finish(long) == [short.number, long.number]
    assert desk.do() == (SequenceState.WAITING, [late.number])


def test_from_an_open_batch_each_leaves_when_done_and_another_joins() -> None:
    desk = Desk(Continuous(2), workers=1)
    short, long, late = (desk.add() for _ in range(3))
    for _ in range(3):
        desk.do()
    assert desk.finish(short) == [short.number]
    assert desk.do() == (SequenceState.WAITING, [late.number])
    assert desk.do() == (SequenceState.ENCODED, [late.number])
    assert long.batch is late.batch


def test_a_closed_batch_starts_as_one() -> None:
    desk = Desk(Dynamic(2, max_wait_s=0))
    first, second = desk.add(), desk.add()
    held = desk.scheduler.take(0)
    desk.do()  # the second is encoded while the first is still in hand
    assert desk.take() is None
    first.state = SequenceState.ENCODED
    desk.scheduler.settle(held)
    assert desk.do() == (SequenceState.ENCODED, [first.number, second.number])


def test_a_cancelled_member_does_not_keep_its_batch() -> None:
    desk = Desk(Dynamic(2, max_wait_s=0))
    done, gone = desk.add(), desk.add()
    for _ in range(3):
        desk.do()
    assert desk.finish(done) == []
    desk.scheduler.remove(gone)
    assert desk.scheduler.ended() == [done]


def test_the_policy_may_change_while_batches_run() -> None:
    desk = Desk(Dynamic(2, max_wait_s=0), workers=1)
    one, two = desk.add(), desk.add()
    for _ in range(3):
        desk.do()
    desk.scheduler.batching = Continuous(4)
    late = desk.add()
    held = desk.scheduler.take(0)
    assert held.sequences == (one, two)
    assert desk.do() == (SequenceState.WAITING, [late.number])
    assert late.batch is not one.batch
    desk.scheduler.settle(held)
    assert desk.finish(one) == [], "it was promised to the whole batch"
    assert desk.finish(two) == [one.number, two.number]


def test_in_lockstep_newcomers_come_in_groups_so_that_they_share_their_steps() -> None:
    desk = Desk(Continuous(4))
    running = desk.standing(3, 3, 3, 3)
    late = [desk.add(), desk.add()]
    desk.finish(running[0])
    assert desk.do() == (SequenceState.DECODING, [2, 3, 4])
    desk.finish(running[1])
    assert [desk.do() for _ in range(3)] == [
        (SequenceState.WAITING, [late[0].number]),
        (SequenceState.WAITING, [late[1].number]),
        (SequenceState.ENCODED, [late[0].number, late[1].number]),
    ]


def test_an_open_batch_has_places_for_every_worker() -> None:
    desk = Desk(Continuous(2), workers=2)
    for _ in range(5):
        desk.add()
    assert [desk.take() for _ in range(5)] == [
        *((SequenceState.WAITING, [n]) for n in (1, 2, 3, 4)),
        None,
    ]


# --- a bounded cache


def test_who_does_not_fit_is_encoded_and_starts_when_somebody_leaves() -> None:
    desk = Desk(lockstep=False, kv=PagedKv(blocks=2, block_tokens=4))
    first = desk.add(prompt=(1, 2, 3, 4, 5))
    second = desk.add(prompt=(6, 7))
    assert [desk.do() for _ in range(4)] == [
        (SequenceState.WAITING, [first.number]),
        (SequenceState.WAITING, [second.number]),
        (SequenceState.ENCODED, [first.number]),
        (SequenceState.DECODING, [first.number]),
    ]
    desk.finish(first)
    assert desk.do() == (SequenceState.ENCODED, [second.number])


def test_in_a_closed_batch_who_is_done_leaves_its_slots_to_the_others() -> None:
    desk = Desk(Dynamic(2, 0), lockstep=False, kv=PagedKv(blocks=2, block_tokens=4))
    first = desk.add(prompt=(1, 2, 3, 4, 5))
    second = desk.add(prompt=(6, 7))
    for _ in range(3):
        desk.do()
    held = desk.scheduler.take(0)
    assert held.sequences == (first,)
    first.state = SequenceState.DONE
    desk.scheduler.settle(held)
    assert desk.do() == (SequenceState.ENCODED, [second.number])
    assert desk.finish() == []


def test_when_the_cache_is_full_the_youngest_gives_way_and_resumes_with_its_tokens() -> None:
    desk = Desk(lockstep=False, kv=PagedKv(blocks=3, block_tokens=2))
    old, young = desk.add(prompt=(1,)), desk.add(prompt=(1,))
    while young.preempted == 0:
        assert desk.do() is not None
    assert old.batch is not None
    assert young.batch is None
    assert young.state is SequenceState.ENCODED
    kept = list(young.tokens)
    assert kept
    assert young.draft == ()
    desk.finish(old)
    assert desk.do() == (SequenceState.ENCODED, [young.number])
    assert young.tokens[: len(kept)] == kept
    assert old.preempted == 0


def test_a_final_takes_the_place_of_an_interim() -> None:
    desk = Desk(lockstep=False, kv=PagedKv(blocks=2, block_tokens=2))
    interim = desk.add(Priority.INTERIM, prompt=(1, 2, 3))
    for _ in range(2):
        desk.do()
    final = desk.add(Priority.FINAL, prompt=(4, 5, 6))
    assert [desk.do() for _ in range(2)] == [
        (SequenceState.WAITING, [final.number]),
        (SequenceState.ENCODED, [final.number]),
    ]
    assert interim.preempted == 1


def test_who_begins_takes_nothing_from_its_equals() -> None:
    desk = Desk(lockstep=False, kv=PagedKv(blocks=2, block_tokens=2))
    first = desk.add(prompt=(1, 2, 3))
    for _ in range(2):
        desk.do()
    desk.add(prompt=(4, 5, 6))
    assert [desk.do() for _ in range(2)] == [
        (SequenceState.WAITING, [2]),
        (SequenceState.DECODING, [first.number]),
    ]
    assert first.preempted == 0


def test_a_cancelled_sequence_frees_its_blocks_at_once() -> None:
    kv = PagedKv(blocks=2, block_tokens=2)
    desk = Desk(lockstep=False, kv=kv)
    gone = desk.add(prompt=(1, 2, 3))
    for _ in range(2):
        desk.do()
    assert kv.usage().reserved == 4
    desk.scheduler.remove(gone)
    assert kv.usage().reserved == 0


def test_what_another_worker_still_holds_is_not_answered_yet() -> None:
    """Its worker marks it as done while it computes, and only then waits for its turn to report."""
    desk = Desk(workers=2)
    first, second = desk.standing(1, 2)
    mine, others = desk.scheduler.take(0), desk.scheduler.take(0)
    assert isinstance(mine, Work)
    assert isinstance(others, Work)
    first.state = second.state = SequenceState.DONE
    desk.scheduler.settle(mine)
    assert desk.scheduler.ended() == list(mine.sequences)
    desk.scheduler.settle(others)
    assert desk.scheduler.ended() == [first, second]


def test_what_nobody_waits_for_expires_unless_it_has_begun() -> None:
    desk = Desk(batching=1)
    begun, waiting, patient = desk.add(), desk.add(), desk.add()
    for sequence in (begun, waiting):
        sequence.request = replace(sequence.request, deadline_ns=SECOND_NS)
    assert desk.take() == (SequenceState.WAITING, [begun.number])
    assert desk.scheduler.expired(SECOND_NS - 1) == []
    assert desk.scheduler.expired(SECOND_NS) == [waiting]
    begun.state = SequenceState.ENCODED
    desk.scheduler.settle(Work(SequenceState.WAITING, (begun,)))
    assert desk.scheduler.expired(SECOND_NS) == [waiting]
    assert patient.request.deadline_ns is None
