"""Who calls when; and what they say, with its truth."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lab_kit.core.errors import InvalidParameter
from lab_kit.datasets import Clip, Kind, Word
from lab_kit.experiments.load import ClosedCalls, Constant, OpenCalls, Poisson, Stairs
from lab_kit.experiments.load.speaking import SHORTEST_PAUSE_S, TAIL_S, speaking

RATE = 16_000


def test_open_calls_arrive_as_planned_and_offer_rate_times_length() -> None:
    plan = OpenCalls(Constant(0.5, 10.0), call_s=8.0)
    assert [call.at_s for call in plan.calls()] == [0, 2, 4, 6, 8]
    assert {call.seconds for call in plan.calls()} == {8.0}
    assert plan.offered_streams == pytest.approx(4.0)


def test_stairs_add_callers_step_by_step_who_stay_to_the_end() -> None:
    plan = Stairs((1, 3), step_s=10.0)
    calls = plan.calls()
    assert [call.at_s for call in calls] == [0.0, 10.0, 11.5]
    assert all(call.at_s + call.seconds == plan.seconds == 20.0 for call in calls)


def test_callers_of_a_step_do_not_come_in_phase() -> None:
    starts = [call.at_s for call in Stairs((24,), 60.0).calls()]
    assert len(set(starts)) == 24
    assert max(starts) < 3.0


@pytest.mark.parametrize("streams", [(), (0,), (4, 2), (2, 2)])
def test_stairs_that_do_not_rise_are_refused(streams: tuple[int, ...]) -> None:
    with pytest.raises(InvalidParameter):
        Stairs(streams, 10.0)


def test_closed_callers_come_again_and_again() -> None:
    plan = ClosedCalls(callers=2, call_s=4.0, seconds=10.0)
    assert [call.at_s for call in plan.calls()] == [0.0, 1.0, 4.0, 5.0]


def test_plans_too_short_to_speak_in_are_refused() -> None:
    for make in (
        lambda: OpenCalls(Poisson(1.0, 5.0, 1), 0.5),
        lambda: Stairs((1,), 0.1),
        lambda: ClosedCalls(0, 4.0, 10.0),
        lambda: ClosedCalls(1, 4.0, 3.0),
    ):
        with pytest.raises(InvalidParameter):
            make()


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    """Two seconds with one word from 0.5 to 1.5 s."""
    path = tmp_path / "clip.wav"
    soundfile.write(path, np.full(2 * RATE, 0.1, np.float32), RATE)
    words = (Word("so", 0.5, 1.5),)
    return Clip("so", "so", Kind.REAL, 2.0, RATE, words, "", "", "", "", False, path)


def test_what_is_said_is_where_the_truth_says_it_is(clip: Clip) -> None:
    source = speaking([clip], seconds=20.0, think_s=0.5, seed=1)
    assert len(source.audio) / RATE <= 20.0
    assert len(source.spoken) > 3
    loud = np.abs(source.audio) > 0.05
    for said in source.spoken:
        assert said.end_s - said.start_s == pytest.approx(1.0)
        clip_from = round((said.start_s - 0.5) * RATE)
        assert loud[clip_from + 10 : clip_from + 2 * RATE - 10].all()
        assert not loud[clip_from + 2 * RATE + 10 : clip_from + 2 * RATE + 7_000].any()
    assert not loud[-round(TAIL_S * RATE) :].any()
    gaps = [b.start_s - a.end_s for a, b in zip(source.spoken, source.spoken[1:], strict=False)]
    assert min(gaps) >= 1.0 + SHORTEST_PAUSE_S - 1e-6


def test_the_same_seed_says_the_same_and_one_clip_is_always_said(clip: Clip) -> None:
    first, again = (speaking([clip], 9.0, 0.5, seed=4) for _ in range(2))
    assert first.spoken == again.spoken
    assert len(speaking([clip], 1.0, 0.5, seed=1).spoken) == 1


def test_a_caller_without_clips_is_refused() -> None:
    with pytest.raises(InvalidParameter):
        speaking([], 9.0, 0.5, seed=1)


def test_a_caller_is_one_voice_in_one_room(clip: Clip) -> None:
    other = replace(clip, text="no", words=(Word("no", 0.5, 1.5),), source="somebody else")
    said = [
        {spoken.text for spoken in speaking([clip, other], 40.0, 0.1, seed=seed).spoken}
        for seed in range(12)
    ]
    assert all(len(texts) == 1 for texts in said)
    assert {"so", "no"} == set.union(*said)
