"""A plan carried out against running servers: each request ends, and the record says how."""

from pathlib import Path

import pytest
from server_process import CLIP, ServerProcess, eventually, is_at_rest, plain

from lab_kit import client, datasets
from lab_kit.bench import Bench
from lab_kit.experiments import load
from lab_kit.experiments.load import Constant, Poisson
from lab_kit.gateway.door.limits import Limits


async def test_a_plan_within_reach_is_answered_in_full(bench: Bench) -> None:
    clip = datasets.clip(CLIP)
    async with client.Inference(bench.url) as inference:
        with load.watch_device(bench.pid) as watching:
            run = await load.offer(inference.transcribe, [clip], Poisson(2.0, 4.0, seed=3))
    assert len(run.requests) == len(Poisson(2.0, 4.0, seed=3).times_s())
    assert {plain(request.text) for request in run.requests} == {plain(clip.text)}
    assert (run.refused, run.failed) == (0, 0)
    assert all(request.sent_ns >= request.intended_ns for request in run.requests)
    assert run.audio_s_per_s == pytest.approx(run.answered_per_s * clip.duration_s)
    assert watching.taken().server_cpu_s > 0


async def test_more_than_can_be_served_is_refused_and_counted(tmp_path: Path) -> None:
    """Four hundred requests to an engine that stands still: its queue has an end, and says so."""
    barrier = tmp_path / "barrier"
    with ServerProcess(Limits(), barrier=barrier) as server:
        barrier.touch()
        async with client.Inference(server.url) as inference:
            clips, plan = [datasets.clip(CLIP)], Constant(800.0, 0.5)
            run = await load.offer(inference.transcribe, clips, plan, patience_s=10.0)
        barrier.unlink()
        await eventually(lambda: is_at_rest(server.url), "at rest")
    assert run.refused > 0
    # which of them is full first depends on how quickly uploads are read here
    for request in run.requests:
        full = "the engine's queue is full" in request.error, "wait to be read" in request.error
        assert any(full) or not request.refused, request.error
    assert run.refused + run.failed == 400
    assert run.latency_s(0.99) == float("inf")
    assert run.slo_attainment(0.3) == 0


async def test_a_server_that_is_not_there_fails_every_request(bench: Bench) -> None:
    clip = datasets.clip(CLIP)
    async with client.Inference("http://127.0.0.1:9") as inference:
        run = await load.offer(inference.transcribe, [clip], Constant(20.0, 0.5))
    assert (run.failed, run.refused, run.answered_per_s) == (10, 0, 0)
