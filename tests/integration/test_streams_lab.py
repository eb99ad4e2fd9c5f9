"""Lab 08's experiments with a real server: what they return is what happened."""

import asyncio

import pytest
from hang import HANG_S

from lab_kit import datasets
from lab_kit.bench import Bench
from lab_kit.client import NativeWire
from lab_kit.core.errors import InvalidParameter
from lab_kit.course.checking import judge
from lab_kit.course.exercises import EXERCISES
from lab_kit.course.outcome import Verdict
from lab_kit.experiments import streams
from lab_kit.experiments.streams import FAULTS, Listener
from lab_kit.protocol.judge import judged
from lab_kit.protocol.judge.capture import Capture

from solutions import lab08 as solved  # isort: skip

CLIP = datasets.clip("two-cities-opening")


@pytest.fixture
async def ours(bench: Bench) -> Capture:
    async with asyncio.timeout(HANG_S):
        return await streams.captured(bench, CLIP)


async def test_a_capture_keeps_the_rules_and_each_fault_breaks_its_own(ours: Capture) -> None:
    assert judged(streams.read_back(ours)) == []
    for rule in FAULTS:
        assert streams.one_broken(ours, rule).breach.rule == rule


async def test_the_solutions_hold_for_a_real_capture(ours: Capture) -> None:
    assert judge(EXERCISES["08.1"], solved.shown, ours).verdict is Verdict.PASS
    four = streams.four_captures(ours)
    assert judge(EXERCISES["08.3"], solved.found(four), four).verdict is Verdict.PASS


async def test_a_capture_in_another_dialect_cannot_be_broken_so(bench: Bench) -> None:
    async with asyncio.timeout(HANG_S):
        capture = await streams.captured(bench, CLIP, "deepgram")
    with pytest.raises(InvalidParameter, match="of our own messages"):
        streams.one_broken(capture)


async def test_only_a_session_loses_nothing_and_sends_nothing_twice(bench: Bench) -> None:
    async with asyncio.timeout(HANG_S):
        anew, from_final, resumes = await streams.through_lost_lines(bench, CLIP)
    assert [one.listener for one in (anew, from_final, resumes)] == list(Listener)
    assert all(one.cuts_s for one in (anew, from_final, resumes))
    assert len(anew.missing) > 3
    assert from_final.again_s > 1.0
    assert resumes.again_s == 0.0
    assert len(resumes.missing) + len(resumes.extra) <= 2  # as many as without a cut


async def test_every_ending_is_the_same_on_every_wire() -> None:
    short = Bench.start(limits={"idle_s": 2.0})
    async with asyncio.timeout(HANG_S):
        ended = await streams.four_endings(short, datasets.clip("two-cities-best"))
    of = {(one.what, one.wire): one for one in ended}
    assert len(of) == 4 * len(NativeWire)
    for what, reason, error in (
        ("the client finishes", "finished", ""),
        ("the client is silent", "idle", "STREAM_IDLE"),
        ("sound that is none", "failed", "INVALID_AUDIO_FORMAT"),
        ("the server stops", "going_away", "GOING_AWAY"),
    ):
        for wire in NativeWire:
            one = of[what, wire]
            assert (one.reason, one.error) == (reason, error)
            assert one.text.lower().startswith("it was the best of times")
