"""Lab 12's experiments with a real server, and a real Prometheus that follows the rules.

Prometheus is judged by the counts it was given, as our own arithmetic has them: a machine that is
late by itself makes both page. What is slow here is made slow by a setting, whatever the machine.
"""

import asyncio
import math
from collections.abc import Iterator
from itertools import pairwise

import httpx
import psutil
import pytest
from hang import HANG_S
from server_process import at_full_service

from lab_kit import datasets
from lab_kit.bench import Bench
from lab_kit.core.errors import NotInstalled, ServerFailed
from lab_kit.course.checking import judge
from lab_kit.course.exercises import EXERCISES
from lab_kit.course.outcome import Verdict
from lab_kit.experiments import objectives
from lab_kit.experiments.objectives.omission import omitted
from lab_kit.experiments.objectives.watched import BLIP, FAR, SLOW
from lab_kit.experiments.prometheus import prometheus as module
from lab_kit.experiments.prometheus.prometheus import Prometheus
from lab_kit.show.slo import burning
from lab_kit.slo.burn import Severity

from solutions import lab12 as solved  # isort: skip

CLIPS = sorted(datasets.clips(), key=lambda clip: clip.duration_s)[:8]
WELL_BELOW_A_PAGE = 0.05
"""Bad events of all: a page takes 6 of 100, and two ways to count may differ near it."""
needs_prometheus = pytest.mark.skipif(
    not Prometheus.is_installed(), reason="prometheus is not installed"
)


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """A server of this file alone."""
    made = at_full_service(Bench.start("lab-12"))
    yield made
    made.stop()


@needs_prometheus
async def test_prometheus_pages_for_a_slow_server_and_for_nothing_else(bench: Bench) -> None:
    plan = objectives.Plan(callers=5, calm_s=12, blip_s=0.3, slow_s=14, far_s=0)
    heard: list[objectives.Moment] = []
    async with asyncio.timeout(HANG_S):
        run = await objectives.watch_budget(bench, CLIPS, plan, heard.append)
    assert tuple(heard) == run.moments
    assert len(run.readings) in (len(run.moments), len(run.moments) + 1)
    assert run.readings[-1].finals[math.inf] > run.readings[0].finals[math.inf]
    assert max(one.peak for one in run.readings) >= max(one.open_now for one in run.readings) > 0
    assert run.by_prometheus
    slow = run.incident(SLOW)
    own_s = run.told_s(Severity.PAGE)
    its_s = run.told_s(Severity.PAGE, by_prometheus=True)
    assert own_s is not None, "finals that wait for two seconds burn a hundredth's budget"
    assert its_s is not None
    first = run.moments[0].count
    early = [one.count for one in run.moments if one.at_s < slow.from_s]
    shares = [
        1 - (one.good - first.good) / (one.total - first.total)
        for one in early
        if one.total > first.total
    ]
    worst = max(shares, default=0.0)
    if worst < WELL_BELOW_A_PAGE:  # the machine was not late by itself
        assert its_s >= slow.from_s, "silent for the blip"
    bad, total = run.counted_in(slow)
    assert 0 < bad <= total
    assert any(not one.is_good for one in run.turns_in(slow)), "its callers noticed, too"
    counts = [one.count for one in run.moments]
    assert all(a.total <= b.total and a.good <= b.good for a, b in pairwise(counts))
    burning.burn_verdict(run)
    status = await bench.operator.degradation()
    assert status.thresholds["final_wait_s"] < 1, "the server's own settings are back"


async def test_a_slow_network_is_late_for_callers_and_not_for_the_server(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And without a Prometheus the same is computed, and said to be."""
    monkeypatch.setattr(module.shutil, "which", lambda _: None)
    plan = objectives.Plan(callers=3, calm_s=4, blip_s=0.2, slow_s=3, far_s=8)
    async with asyncio.timeout(HANG_S):
        run = await objectives.watch_budget(bench, CLIPS, plan)
    assert not run.by_prometheus
    assert [one.name for one in run.incidents] == [BLIP, SLOW, FAR]
    far = run.turns_in(run.incident(FAR))
    assert far
    ended_s = [one for one in far if math.isfinite(one.final_delay_s)]
    assert all(one.final_delay_s > 0.9 for one in ended_s), "half a second there and back"
    bad, total = run.counted_in(run.incident(FAR))
    assert total > 0
    assert bad <= sum(not one.is_good for one in far)


async def test_both_ends_count_the_same_load(bench: Bench) -> None:
    async with asyncio.timeout(HANG_S):
        both = await objectives.both_ends(bench, CLIPS, callers=2, seconds=8)
    rows = {one.name: one for one in both.rows}
    assert rows["availability"].client == rows["availability"].server == 1
    assert rows["drop rate"].client == rows["drop rate"].server == 0
    assert rows["peak concurrency"].client == 2
    assert rows["peak concurrency"].server >= 2, "of the last minute"
    finals = both.buckets("lab_final_delay_seconds")
    assert finals[math.inf] >= len(both.load.turns) > 0, "a turn may be several segments"
    assert 0 < (rows["real-time factor"].server or 0) < 10
    assert judge(EXERCISES["12.1"], solved.goodput, both).verdict is Verdict.PASS
    assert judge(EXERCISES["12.2"], solved.mine, both).verdict is Verdict.PASS
    in_time, right, is_both = both.right_in_time
    assert is_both <= min(in_time, right)
    assert len(both.table.rows) == 12


async def test_a_gauge_misses_what_a_peak_has(bench: Bench) -> None:
    async with asyncio.timeout(HANG_S):
        found = await objectives.burst(bench, CLIPS[0], streams=3, each_s=6)
    assert found.open_at_once == 3
    assert found.peak >= 3
    assert found.sampled[0][1] == 0, "they had not come yet"
    assert found.gauge_said == max(value for _, value in found.sampled)
    with pytest.raises(ValueError, match="0 streams"):
        await objectives.burst(bench, CLIPS[0], streams=0)


async def test_who_waits_omits_what_was_due_meanwhile(bench: Bench) -> None:
    async with asyncio.timeout(HANG_S):
        found = await objectives.omission(bench, CLIPS[0], requests=20, every_s=0.2, stall_s=2)
    stalled = max(found.asked, key=lambda one: one.from_send_s)
    assert stalled.from_send_s >= 2
    assert omitted(found.asked) >= 5, "a request each 0.2 s for two seconds"
    assert found.was_s(0.9) > found.said_s(0.9)
    assert all(one.from_due_s >= one.from_send_s for one in found.asked)


async def test_a_spike_leads_to_its_stream(bench: Bench) -> None:
    async with asyncio.timeout(HANG_S):
        case = await objectives.spike(bench, CLIPS, seconds=9)
    outcome = judge(EXERCISES["12.3"], solved.found(case), case)
    assert outcome.verdict is Verdict.PASS, outcome.reasons
    assert max(case.exemplars.values()) > 0.5, "one waited for company that did not come"
    slowest = next(iter(case.exemplars))
    assert len(case.lines(slowest)) == 1
    with pytest.raises(KeyError):
        case.trace("unknown")


async def test_what_reading_costs_is_measured(bench: Bench) -> None:
    table = await objectives.what_reading_costs(bench, reads=3)
    assert float(table.rows[0][1]) > 0


@needs_prometheus
async def test_prometheus_keeps_exemplars_and_ends_with_its_owner(bench: Bench) -> None:
    async with asyncio.timeout(HANG_S):
        started = await asyncio.to_thread(Prometheus.start, bench.url, objectives.rules_text(120))
        try:
            await started.scraping()
            await bench.stream(CLIPS[0])
            found: dict[str, float] = {}
            while not found:
                await asyncio.sleep(0.3)
                found = await started.exemplars("lab_final_delay_seconds_bucket")
            (ratio,) = await started.query('slo:objective:ratio{sloth_slo="final-delay"}')
            assert ratio.value == 0.99
        finally:
            children = psutil.Process(started.pid).children(recursive=True)
            started.stop()
    assert children, "Prometheus itself"
    _, alive = psutil.wait_procs(children, timeout=HANG_S)
    assert alive == []
    assert set(found) & {one.trace_id for one in await bench.traces()}
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{started.url}/-/ready")
    started.stop()


@needs_prometheus
def test_rules_that_prometheus_does_not_take_are_told() -> None:
    with pytest.raises(ServerFailed, match=r"rules\.yml"):
        Prometheus.start("http://127.0.0.1:9", "groups: 7")


def test_without_prometheus_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.shutil, "which", lambda _: None)
    with pytest.raises(NotInstalled, match="apt-get install"):
        Prometheus.start("http://127.0.0.1:9", "groups: []")
