"""The open loop: what it does with answers written by hand, and what its figures mean."""

import asyncio
import math
import time
from dataclasses import dataclass, replace
from itertools import count, pairwise
from pathlib import Path

import pytest

from lab_kit.core.errors import ConnectionFailed, InvalidParameter, SystemOverloaded
from lab_kit.datasets import Clip, Kind
from lab_kit.experiments.load import Constant, OfferedRequest, OpenLoopRun, offer, sweep

CLIP = Clip("two-seconds", "so", Kind.REAL, 2.0, 16_000, (), "", "", "", "", False, Path())
OTHER = replace(CLIP, id="three-seconds", duration_s=3.0)
MS = 1_000_000


@dataclass(frozen=True)
class Said:
    text: str


def request(
    intended_ms: float, latency_ms: float | None, late_ms: float = 0.0, refused: bool = False
) -> OfferedRequest:
    intended_ns = round(intended_ms * MS)
    received_ns = None if latency_ms is None else intended_ns + round(latency_ms * MS)
    error = "no" if latency_ms is None else None
    sent_ns = intended_ns + round(late_ms * MS)
    return OfferedRequest(intended_ns, sent_ns, received_ns, 2.0, "so", error, refused)


def offered(*requests: OfferedRequest, cores: float = 0.1, warm_up_s: float = 1.0) -> OpenLoopRun:
    """Requests of a plan of eleven seconds, the first of them warm-up."""
    return OpenLoopRun(Constant(1.0, 11.0), requests, 0, warm_up_s, cores)


# -- figures -------------------------------------------------------------------------------------


def test_the_warm_up_counts_for_nothing() -> None:
    cold, warm = request(0, 900), request(2_000, 50)
    run = offered(cold, warm)
    assert run.counted == (warm,)
    assert run.offered_per_s == run.answered_per_s == 0.1
    assert run.slo_attainment(0.3) == 1.0


def test_throughput_counts_answers_by_when_they_came() -> None:
    """Neither what the warm-up left behind nor what came after the end is lost or won."""
    from_before = request(900, 200)
    after_the_end = request(10_900, 200)
    run = offered(from_before, request(5_000, 100), after_the_end)
    assert run.answered_per_s == 0.2
    assert run.audio_s_per_s == 0.4
    assert run.offered_per_s == 0.2


def test_whoever_is_turned_away_waits_forever() -> None:
    run = offered(
        *(request(2_000 + n, 100) for n in range(80)),
        *(request(3_000 + n, None, refused=n < 15) for n in range(20)),
    )
    assert (run.refused, run.failed) == (15, 5)
    assert run.latency_s(0.5) == pytest.approx(0.1)
    assert run.latency_s(0.95) == math.inf
    assert run.slo_attainment(0.3) == 0.8
    assert run.goodput_per_s(0.3) == 8.0
    assert run.goodput_per_s(0.05) == 0.0


def test_a_percentile_that_too_few_requests_carry_is_not_shown() -> None:
    assert offered(*(request(2_000, 100) for _ in range(58))).latency_s(0.95) is None
    assert offered(*(request(2_000, 100) for _ in range(59))).latency_s(0.95) == 0.1


def test_the_generator_says_when_it_was_in_the_way() -> None:
    assert not offered(request(2_000, 100)).generator_was_bottleneck
    late = offered(request(2_000, 100, late_ms=60))
    assert late.lateness_s == pytest.approx(0.06)
    assert late.generator_was_bottleneck
    assert offered(request(2_000, 100), cores=0.97).generator_was_bottleneck


# -- running -------------------------------------------------------------------------------------


async def test_each_request_is_told_of_when_it_ends() -> None:
    """The first is answered last; the second is turned away at once."""
    told: list[tuple[float, bool]] = []
    is_told = asyncio.Event()

    async def ask(clip: Clip) -> Said:
        if clip is OTHER:
            raise SystemOverloaded("full", "room", "wait")
        await is_told.wait()
        return Said("so")

    def tell(due_s: float, request: OfferedRequest) -> None:
        told.append((due_s, request.refused))
        is_told.set()

    run = await offer(ask, [CLIP, OTHER], Constant(50.0, 0.04), on_end=tell)
    first, second = run.arrivals.times_s()
    assert told == [(second, True), (first, False)]


async def test_requests_leave_when_planned_and_not_when_answered() -> None:
    """All six are under way before the first is answered: nobody waited for anybody."""
    under_way, everybody = [], asyncio.Event()

    async def transcribe(clip: Clip) -> Said:
        under_way.append(clip.id)
        if len(under_way) == 6:
            everybody.set()
        await everybody.wait()
        return Said(clip.id)

    run = await offer(transcribe, [CLIP, OTHER], Constant(60.0, 0.1))
    assert under_way == [r.text for r in run.requests] == [CLIP.id, OTHER.id] * 3
    assert [r.audio_s for r in run.requests] == [2.0, 3.0] * 3
    gaps = [b.intended_ns - a.intended_ns for a, b in pairwise(run.requests)]
    assert gaps == pytest.approx([1e9 / 60] * 5, abs=2)


async def test_latency_counts_from_the_intended_send() -> None:
    """The first answer stops the generator itself; who was due meanwhile has waited too."""

    async def transcribe(clip: Clip) -> Said:
        if clip is CLIP:
            time.sleep(0.3)  # a generator that is held up
        return Said("so")

    run = await offer(transcribe, [CLIP, OTHER], Constant(20.0, 0.1))
    second = run.requests[1]
    assert second.sent_ns - second.intended_ns >= 0.2e9
    assert second.latency_s >= 0.2
    assert run.generator_was_bottleneck


async def test_refusals_and_failures_become_records() -> None:
    answers = count()

    async def transcribe(clip: Clip) -> Said:
        turn = next(answers)
        if turn == 1:
            raise SystemOverloaded("the queue is full", "a place", "try again")
        if turn == 2:
            raise ConnectionFailed("gone", "an answer", "start it")
        if turn == 3:
            await asyncio.Event().wait()
        return Said("so")

    run = await offer(transcribe, [CLIP], Constant(40.0, 0.1), patience_s=0.3)
    said, refused, failed, hung = run.requests
    assert said.error is None
    assert "the queue is full" in str(refused.error)
    assert (run.refused, run.failed) == (1, 2)
    assert refused.received_ns is failed.received_ns is hung.received_ns is None
    assert "no answer within" in str(hung.error)


async def test_a_defect_is_raised() -> None:
    async def transcribe(clip: Clip) -> Said:
        raise KeyError("text")

    with pytest.raises(ExceptionGroup) as raised:
        await offer(transcribe, [CLIP], Constant(10.0, 0.1))
    assert isinstance(raised.value.exceptions[0], KeyError)


async def test_a_plan_that_ends_before_the_warm_up_is_refused() -> None:
    async def transcribe(clip: Clip) -> Said:
        raise AssertionError("nothing may be sent")

    with pytest.raises(InvalidParameter):
        await offer(transcribe, [CLIP], Constant(10.0, 1.0), warm_up_s=1.0)
    with pytest.raises(InvalidParameter):
        await offer(transcribe, [], Constant(10.0, 1.0))


async def test_a_sweep_is_one_run_after_the_other() -> None:
    async def transcribe(clip: Clip) -> Said:
        return Said("so")

    slow, fast = await sweep(transcribe, [CLIP], [Constant(10.0, 0.2), Constant(50.0, 0.2)])
    assert (len(slow.requests), len(fast.requests)) == (2, 10)
    assert slow.requests[-1].received_ns < fast.requests[0].sent_ns
