"""Each lie has what it says and what is so, from the same events; raw events are all of them."""

import math
from dataclasses import replace

import pytest
from slo_samples import BOTH, OMISSIONS, WATCHED

from lab_kit.experiments.objectives import Burst, lies, lies_table, products_table, raw_events
from lab_kit.experiments.objectives.omission import omitted

BURST = Burst(((0.0, 0), (1.0, 12), (3.0, 0)), ((0.1, 0.0), (15.0, 0.0)), 12.0)


def test_each_says_one_thing_and_another_is_so() -> None:
    found = {one.name: one for one in lies(WATCHED["usual"], OMISSIONS["usual"], BURST)}
    assert (found["sampled gauge"].says, found["sampled gauge"].so) == ("0 streams", "12 streams")
    assert found["coordinated omission"].says == "p95 40 ms"
    assert found["coordinated omission"].so == "p95 1,680 ms"
    assert found["averaged percentiles"].says != found["averaged percentiles"].so
    assert "callers' p95" in found["percentile of percentiles"].why
    low = found["low traffic"]
    assert float(low.says.split()[1][:-1]) > float(low.so.split()[1][:-1])
    assert len(lies_table(tuple(found.values())).rows) == 5


def test_a_run_without_a_late_final_says_that() -> None:
    run = WATCHED["nobody paged"]
    turns = tuple(one for one in run.turns if one.is_good)
    calm = replace(run, turns=turns)
    found = {one.name: one for one in lies(calm, OMISSIONS["nothing omitted"], BURST)}
    assert found["low traffic"].why == "no final was late in this run"
    assert found["coordinated omission"].says == found["coordinated omission"].so


def test_what_was_due_while_one_waits_is_omitted() -> None:
    assert omitted(OMISSIONS["nothing omitted"].asked) == 0
    assert omitted(OMISSIONS["usual"].asked) == 10
    assert OMISSIONS["usual"].said_s(0.5) == pytest.approx(0.04)


def test_raw_events_are_all_that_was_said_refused_calls_too() -> None:
    both = BOTH["refused"]
    events = raw_events(both.load)
    assert [one["ended"] for one in events] == ["complete"] * 2 + ["refused"] * 2
    first, *_, refused = events
    assert first["finals_s"][0] - first["end_s"] == pytest.approx(0.25)
    assert first["first_s"] - first["onset_s"] == pytest.approx(0.4)
    assert (refused["finals_s"], refused["first_s"]) == ((), None)


def test_each_indicator_has_its_row() -> None:
    names = [one.name for one in BOTH["usual"].rows]
    assert len(names) == len(set(names)) == 12
    assert math.isclose(BOTH["usual"].right_in_time[1], 1.0)
    assert len(products_table().rows) == 3
