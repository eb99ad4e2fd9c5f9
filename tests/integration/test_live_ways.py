"""A live run on a real server: over every wire, through a network, and beside others."""

import asyncio

import pytest
from server_process import CLIP

from lab_kit import datasets, show
from lab_kit.bench import Bench
from lab_kit.client import WIRES, Wire
from lab_kit.experiments.load import Network, Stairs
from lab_kit.show.live.run import LiveRun


async def live(bench: Bench, **ways: object) -> LiveRun:
    """A run in a thread, as a cell would hold up the loop that runs this test."""
    run = await asyncio.to_thread(show.live, bench, datasets.clip(CLIP), **ways)
    assert run.error is None
    return run


@pytest.mark.parametrize("wire", WIRES)
async def test_every_wire_brings_the_words_through_a_network(bench: Bench, wire: Wire) -> None:
    run = await live(bench, wire=wire, network=Network(one_way_s=0.02))
    (call,) = run.calls
    assert call.wire == wire
    assert call.traffic is not None, "it went through the network"
    assert call.traffic.up_bytes > 0
    assert "times" in call.text


async def test_others_call_while_it_runs_and_stop_with_it(bench: Bench) -> None:
    run = await live(bench, crowd=Stairs((2,), step_s=600.0), clips=[datasets.clip(CLIP)])
    assert run.others is not None
    assert run.others.most_streams >= 1
    assert len(run.calls) == 1
    _, table, _ = run.report()
    assert "others' final_delay_s" in table.text
    assert "streams of others" in table.text
