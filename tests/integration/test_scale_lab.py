"""Lab 14's measurements with a real server and real weights: what is counted, and put back."""

import pytest

from lab_kit import datasets
from lab_kit.bench import Bench
from lab_kit.datasets import Clip
from lab_kit.experiments.scale import calibrate, fit, judge, predict, tried
from lab_kit.experiments.scale.passes import pass_costs
from lab_kit.experiments.scale.plateaus import full_service_only

RAISED = ("busy", "saturated", "final_wait_s", "queue_wait_s", "fill")


def spoken() -> list[Clip]:
    """Short ones, so that a few seconds hold a turn."""
    clips = datasets.clips(is_held_out=True)
    return sorted(clips, key=lambda clip: clip.duration_s)[:4]


def test_a_shared_pass_costs_less_than_passes_of_their_own() -> None:
    found = pass_costs(spoken())
    assert 0 < found.row < found.passes
    assert found.encode > 0
    assert found.drafted < found.passes


async def test_nobody_is_refused_meanwhile_and_afterwards_all_is_as_before(bench: Bench) -> None:
    before = (await bench.operator.degradation()).thresholds
    async with full_service_only(bench):
        during = (await bench.operator.degradation()).thresholds
    assert all(during[name] > value for name, value in before.items() if name in RAISED)
    assert (await bench.operator.degradation()).thresholds == before


async def test_few_streams_are_measured_and_more_are_predicted_and_tried(bench: Bench) -> None:
    speech = spoken()
    few = await calibrate(bench, speech, seconds=6.0, streams=(1, 2))
    assert all(plateau.finals and plateau.interims for plateau in few.plateaus)
    assert all(plateau.server_cpu_s > 0 for plateau in few.plateaus)
    for plateau, callers in zip(few.plateaus, few.callers, strict=True):
        heard_s = sum(caller.seconds for caller in callers)
        assert plateau.audio_s == pytest.approx(heard_s, abs=0.1 * len(callers))
    said = predict(fit(few), speech, seconds=6.0, streams=(3,))
    seen = await tried(bench, said, speech)
    assert [plateau.streams for plateau in seen] == [3]
    assert len(judge(said, seen).figures) >= 4
