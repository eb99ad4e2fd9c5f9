"""The explorer of a window and a batch size, on a running server: each point is measured."""

import asyncio

import pytest
from server_process import CLIP

from lab_kit import datasets
from lab_kit.bench import Bench
from lab_kit.engine.batching import Continuous, Dynamic
from lab_kit.experiments.load import Constant
from lab_kit.protocol.versions import BatchingPolicy
from lab_kit.show.load.explorer import MOST_POINTS, Explorer, batching_explorer

PLAN = Constant(4.0, 0.5)


async def test_a_point_a_setting_on_the_policy_that_was_asked_for(bench: Bench) -> None:
    try:
        # in a thread, as a cell would hold up the loop that runs this test
        explored = await asyncio.to_thread(batching_explorer, bench, [datasets.clip(CLIP)], PLAN)
        assert list(explored.runs) == ["4 in 20 ms"]
        explored.measure(Dynamic(2, 0.05))
        await asyncio.to_thread(explored.wait)
        assert list(explored.runs) == ["4 in 20 ms", "2 in 50 ms"]
        in_force = await bench.operator.batching()
        assert in_force == BatchingPolicy("dynamic", max_batch=2, max_wait_s=0.05)
    finally:
        await bench.use(Continuous(4))
    assert all(len(run.counted) == 2 for (run,) in explored.runs.values())


async def test_only_the_latest_points_are_kept(bench: Bench) -> None:
    explorer = Explorer(bench, [datasets.clip(CLIP)], Constant(20.0, 0.05))
    try:
        for size in (1, *range(1, MOST_POINTS + 2), 3):
            explorer.measure(Dynamic(size, 0.0))
            await asyncio.to_thread(explorer.wait)
    finally:
        await bench.use(Continuous(4))
    assert list(explorer.runs) == [f"{size} in 0 ms" for size in (2, 4, 5, 6, 7, 3)]


async def test_a_server_that_is_gone_is_told_and_raised() -> None:
    explorer = Explorer(Gone(), [datasets.clip(CLIP)], PLAN)  # type: ignore[arg-type]
    explorer.measure(Dynamic(4, 0.02))
    with pytest.raises(ConnectionError, match="gone"):
        await asyncio.to_thread(explorer.wait)
    assert explorer.runs == {}


class Gone:
    """A bench whose server has ended."""

    async def use(self, batching: object) -> None:
        raise ConnectionError("gone")
