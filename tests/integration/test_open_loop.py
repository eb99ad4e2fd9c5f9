"""A plan carried out against running servers: each request ends, and the record says how."""

import pytest
from server_process import CLIP, eventually, is_at_rest, plain

from lab_kit import client, datasets
from lab_kit.bench import Bench
from lab_kit.experiments import load
from lab_kit.experiments.load import Constant, Poisson


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


async def test_more_than_can_be_served_is_refused_and_counted(bench: Bench) -> None:
    """Four hundred requests in half a second: the queue has an end, and says so at once."""
    async with client.Inference(bench.url) as inference:
        plan = Constant(800.0, 0.5)
        run = await load.offer(inference.transcribe, [datasets.clip(CLIP)], plan, patience_s=2.0)
    answered = [request for request in run.requests if request.received_ns is not None]
    assert run.refused > 0
    assert "the engine's queue is full" in next(r.error for r in run.requests if r.refused)
    assert len(answered) + run.refused + run.failed == 400
    assert run.latency_s(0.99) == float("inf")
    assert run.slo_attainment(0.3) < 1
    await eventually(lambda: is_at_rest(bench.url), "at rest")


async def test_a_server_that_is_not_there_fails_every_request(bench: Bench) -> None:
    clip = datasets.clip(CLIP)
    async with client.Inference("http://127.0.0.1:9") as inference:
        run = await load.offer(inference.transcribe, [clip], Constant(20.0, 0.5))
    assert (run.failed, run.refused, run.answered_per_s) == (10, 0, 0)
