"""Callers on a real server: everyone is heard, or told why not; and what was done can be traced."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from lab_kit import datasets
from lab_kit.bench import Bench
from lab_kit.core.events import PriorityClass, StreamOptions
from lab_kit.datasets import Clip
from lab_kit.experiments.load import CallEnding, ClosedCalls, Constant, OpenCalls, Stairs
from lab_kit.stream.stages import Stage

BATCH = StreamOptions(priority_class=PriorityClass.BATCH)


@pytest.fixture(scope="module")
def speech() -> list[Clip]:
    return [clip for clip in datasets.clips(is_held_out=False) if clip.duration_s < 4]


@pytest.fixture
async def touchy(bench: Bench) -> AsyncIterator[Bench]:
    """A server for which very little work is pressure already."""
    await bench.operator.set_degradation_thresholds(
        busy=0.02, saturated=0.02, rise_s=0.25, fall=0.7, fall_s=0.5
    )
    yield bench
    await bench.operator.set_degradation_thresholds()
    assert (await bench.full_service()).level == 0


async def test_callers_within_reach_all_get_their_finals(bench: Bench, speech: list[Clip]) -> None:
    run = await bench.load(Stairs((2,), 6.0), speech)
    assert [call.ending for call in run.calls] == [CallEnding.COMPLETE] * 2
    assert run.without_final == 0
    assert run.word_error_rate is not None
    assert run.word_error_rate < 0.2
    assert run.peak_streams == 2
    assert all(len(call.call.sent) > 50 for call in run.calls)


@pytest.mark.parametrize(
    "plan", [OpenCalls(Constant(1.0, 3.0), 4.0), ClosedCalls(2, 4.0, 5.0)], ids=["open", "closed"]
)
async def test_every_kind_of_plan_is_carried_out(
    bench: Bench, speech: list[Clip], plan: OpenCalls | ClosedCalls
) -> None:
    run = await bench.load(plan, speech)
    assert {call.ending for call in run.calls} == {CallEnding.COMPLETE}
    assert len(run.calls) == len(plan.calls()) or isinstance(plan, ClosedCalls)


async def test_the_level_goes_up_in_order_low_priority_goes_first_and_all_comes_back(
    touchy: Bench, speech: list[Clip]
) -> None:
    before = len((await touchy.operator.degradation()).changes)
    live, work = await asyncio.gather(
        touchy.load(Stairs((2,), 6.0), speech),
        touchy.load(Stairs((1, 3), 3.0), speech, options=BATCH),
    )
    level = await touchy.full_service()
    steps = [(change.before, change.after) for change in level.changes[before:]]
    assert steps
    assert all(abs(after - start) == 1 for start, after in steps)
    assert level.level == 0
    # whoever was let in to speak was served to the end
    assert {call.ending for call in live.calls} <= {CallEnding.COMPLETE, CallEnding.REFUSED}
    assert {call.ending for call in live.calls} >= {CallEnding.COMPLETE}
    assert any(call.ending is not CallEnding.COMPLETE for call in work.calls)
    for call in work.calls:
        if call.ending is CallEnding.BROKEN:
            assert "SYSTEM_OVERLOADED" in (call.error or "")


async def test_a_streams_trace_has_every_stage_and_an_exemplar_leads_to_it(
    bench: Bench, speech: list[Clip]
) -> None:
    await bench.stream(speech[0])
    traces = {trace.trace_id: trace for trace in await bench.traces()}
    newest = list(traces.values())[-1]
    every = set(Stage) - {Stage.TURN}  # which only who asks for it has
    assert all(newest.named(stage) for stage in every)
    assert len(newest.named("chunk")) >= 40
    # those of other streams may lead to traces that were dropped where too much was written at once
    assert newest.trace_id in await bench.exemplars("lab_final_wait_seconds")


async def test_a_step_that_fails_leaves_the_result(bench: Bench) -> None:
    order = datasets.clip("speech-order-number")
    options = StreamOptions(postprocess=("numerals", "redact"))
    await bench.operator.fail_step("numerals")
    try:
        call = await bench.stream(order, options=options)
    finally:
        await bench.operator.fail_step("numerals", False)
    assert "order number" in call.text
    assert set((await bench.traces())[-1].root.events) == {"step skipped"}
