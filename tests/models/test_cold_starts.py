"""Processes really started: their phases add up, and what helps helps."""

import os
from dataclasses import replace

import pytest

from lab_kit.core.errors import ServerFailed
from lab_kit.experiments.cold_start import RECIPES, measure, shared_memory
from lab_kit.experiments.cold_start.recipes import MOONSHINE
from lab_kit.experiments.cold_start.worker import BUILD, FIRST, IMPORTS, PROCESS, SESSION, WEIGHTS
from lab_kit.models.device import choose_device

(LIGHT,) = (recipe for recipe in RECIPES if recipe.runtime == MOONSHINE)


def test_the_phases_of_a_start_follow_each_other_to_its_first_answer() -> None:
    start = measure(LIGHT)
    assert [p.name for p in start.phases] == [PROCESS, IMPORTS, WEIGHTS, BUILD, SESSION, FIRST]
    assert start.phases[0].start_s == 0
    for before, after in zip(start.phases, start.phases[1:], strict=False):
        assert before.end_s == after.start_s
    assert 0 < start.first_s < start.answer_s
    assert 0 < start.steady_s < start.answer_s
    assert start.device == choose_device().label


def test_who_waits_in_a_pool_answers_without_starting() -> None:
    start = measure(replace(LIGHT, is_waiting=True))
    assert [phase.name for phase in start.phases] == [FIRST]


def test_a_disk_can_be_made_cold() -> None:
    assert measure(replace(LIGHT, is_disk_cold=True)).answer_s > 0


def test_a_process_that_fails_says_why() -> None:
    with pytest.raises(ServerFailed, match="not enough values to unpack"):
        measure(replace(LIGHT, runtime="no such runtime"))


def test_workers_that_map_the_weights_have_them_in_common() -> None:
    if not os.path.exists("/proc/self/smaps_rollup"):
        pytest.skip("this system does not tell proportional shares")
    copied, mapped = shared_memory(workers=2)
    assert mapped.is_mapped
    assert not copied.is_mapped
    saved = copied.total_bytes - mapped.total_bytes
    # of two copies one is saved; the rest of a process differs by some megabytes from run to run
    assert saved > 0.6 * copied.weights_bytes
