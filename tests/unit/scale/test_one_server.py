"""One server by events: what more streams do to delays, decodes and processors."""

import math
from dataclasses import replace

import pytest
from scale_samples import caller, crowd

from lab_kit.measure.percentiles import percentile
from lab_kit.scale.costs import ServerCosts
from lab_kit.scale.server import serve

COSTS = ServerCosts()


def test_a_caller_alone_waits_for_silence_and_little_else() -> None:
    run = serve([caller()], COSTS)
    assert len(run.final_delays_s) == 3
    assert all(0.2 <= delay_s < 0.3 for delay_s in run.final_delays_s)
    assert run.finals == 3
    assert run.audio_s == pytest.approx(caller().seconds)


def test_work_that_costs_nothing_leaves_the_silence_alone() -> None:
    free = replace(COSTS, encode=0, passes=0, row=0, drafted=0, decode=0, sound=0, caller=0)
    run = serve([caller()], free)
    assert run.server_cpu_s == 0
    assert all(0.2 <= delay_s <= 0.25 + 1e-6 for delay_s in run.final_delays_s)


def test_more_streams_wait_longer() -> None:
    p95_s = [
        percentile(serve(crowd(streams), COSTS).final_delays_s, 0.95) for streams in (1, 20, 80)
    ]
    assert p95_s == sorted(p95_s)
    assert p95_s[2] > p95_s[0] + 0.1


def test_under_load_newer_interims_replace_waiting_ones() -> None:
    """What makes a second of sound cheaper among many: fewer decodes, and no final fewer."""
    few, many = serve(crowd(2), COSTS), serve(crowd(80), COSTS)
    assert many.decodes_per_audio_s < few.decodes_per_audio_s / 2
    assert many.cpu_s_per_audio_s < few.cpu_s_per_audio_s
    assert many.finals / 80 == few.finals / 2


def test_more_cores_help_a_full_server() -> None:
    slow = serve(crowd(60), COSTS)
    fast = serve(crowd(60), replace(COSTS, cores=8, workers=8))
    assert percentile(fast.final_delays_s, 0.95) < percentile(slow.final_delays_s, 0.95)


def test_a_server_that_cannot_keep_up_never_answers_some() -> None:
    run = serve(crowd(40), replace(COSTS, encode=2.0))
    assert any(math.isinf(delay_s) for delay_s in run.final_delays_s)


def test_the_warm_up_is_left_out() -> None:
    assert len(serve([caller()], COSTS, warm_up_s=4.0).final_delays_s) == 2


def test_a_run_repeats_itself() -> None:
    assert serve(crowd(10), COSTS) == serve(crowd(10), COSTS)


def test_processor_time_is_that_of_the_work() -> None:
    """A second of sound on the loop costs what it costs, whoever waits for whom."""
    costs = replace(
        COSTS, encode=0, passes=0, row=0, drafted=0, decode=0, contention=1.0, idle=0.01
    )
    run = serve(crowd(12), costs)
    wall_s = max(one.starts_s + one.seconds for one in crowd(12))
    assert run.server_cpu_s == pytest.approx(costs.sound * run.audio_s + 0.01 * wall_s)
