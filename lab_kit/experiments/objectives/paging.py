"""A service that fails in three ways while somebody watches its budget: who is told, and of what.

Callers speak all the time. Once the server stands still for a moment (a blip), once a bad setting
makes it slow, once the network before it becomes slow. Time is compressed: the windows of the
alerts are shorter than their names by a factor, and everything else is as in life.

Burn rates are computed here from what the server counts; where this machine has a Prometheus it
follows the rules that are made of the same objective, and its alerts are kept beside.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from lab_kit.core.events import StreamOptions
from lab_kit.datasets import Clip
from lab_kit.experiments.load.call_plans import Stairs
from lab_kit.experiments.load.calling import call_all
from lab_kit.experiments.load.live_load import LiveLoad, TurnLimits, turns_of
from lab_kit.experiments.networks.fault_proxy import between
from lab_kit.experiments.networks.network import Network
from lab_kit.experiments.objectives.counting import count, scrape
from lab_kit.experiments.objectives.readings import Reading, reading
from lab_kit.experiments.objectives.server import Server
from lab_kit.experiments.objectives.shipped import objectives
from lab_kit.experiments.objectives.slowing import slowed
from lab_kit.experiments.objectives.watched import (
    FAR,
    LIMIT_S,
    READ_S,
    Incident,
    Moment,
    Plan,
    TurnSeen,
    Watched,
)
from lab_kit.experiments.prometheus.prometheus import Prometheus
from lab_kit.slo.burn import ALERTS, Count, Severity, Window, budget_spent, burn_rate, firing
from lab_kit.slo.objective import Objective
from lab_kit.slo.rules import alert_name, write_rules

SLOW_S = 2.0
"""What the bad setting has each final wait, for company that does not come."""
FAR_S = 0.5
"""Delay each way of the network that becomes slow."""
_NO_DEGRADATION_S = 60.0
_COMPARING_S = 12.0


async def watch_budget(
    server: Server,
    clips: Sequence[Clip],
    plan: Plan | None = None,
    hear: Callable[[Moment], None] | None = None,
) -> Watched:
    """Carry out a plan and watch the budget of final delays meanwhile.

    The server's own way of reducing its service is put off for the run, and its settings are put
    back, however it ends.

    Args:
        hear: told each moment, as it is known.

    Raises:
        LabError: the server cannot be reached, or is not its operator's.
    """
    plan = plan or Plan()
    objective = objectives()["final-delay"]
    async with _watcher(server, objective, plan) as (watcher, prometheus), _own_way(server):
        zero_s = time.perf_counter()
        reading = asyncio.create_task(watcher.read_on(zero_s, prometheus, hear))
        failing = asyncio.create_task(_fail(server, plan, zero_s))
        try:
            loads = await _speak(server, clips, plan, zero_s)
            await asyncio.sleep(2 * READ_S)
            await failing
        finally:
            for task in (reading, failing):
                task.cancel()
            ended = await asyncio.gather(reading, failing, return_exceptions=True)
    for one in ended:
        if isinstance(one, Exception) and not isinstance(one, asyncio.CancelledError):
            raise one
    calls = [call.call for load in loads for call in load.calls]
    turns = [
        TurnSeen(turn.ended_ns / 1e9 - zero_s, turn.final_delay_s, caller)
        for caller, call in enumerate(calls)
        for turn in turns_of(call)
    ]
    turns.sort(key=lambda one: one.at_s)
    incidents = [plan.blip, plan.slow]
    if len(loads) > 1:
        far_s = loads[1].began_ns / 1e9 - zero_s
        incidents.append(Incident(FAR, far_s, far_s + plan.far_s))
    return Watched(
        plan,
        tuple(incidents),
        objective,
        tuple(watcher.moments),
        tuple(turns),
        loads,
        tuple(watcher.readings),
    )


class _Watcher:
    """Reads the server's counters, and says what follows."""

    def __init__(self, url: str, objective: Objective, compression: float) -> None:
        self._url = url
        self._objective = objective
        self._compression = compression
        self._counts: list[Count] = []
        self.moments: list[Moment] = []
        self.readings: list[Reading] = []

    async def read_on(
        self,
        zero_s: float,
        prometheus: Prometheus | None,
        hear: Callable[[Moment], None] | None,
    ) -> None:
        """Twice a second, until cancelled."""
        number = 0
        while True:
            samples = await scrape(self._url)
            self._counts.append(count(self._objective, samples))
            self.readings.append(reading(self._counts[-1].at_s - zero_s, samples))
            told = None if prometheus is None else await self._told_by(prometheus)
            moment = self._moment(zero_s, told)
            self.moments.append(moment)
            if hear is not None:
                hear(moment)
            number += 1
            await asyncio.sleep(max(0.0, zero_s + number * READ_S - time.perf_counter()))

    async def _told_by(self, prometheus: Prometheus) -> frozenset[Severity]:
        name = alert_name(self._objective)
        firing_now = await prometheus.firing()
        return frozenset(Severity(severity) for alert, severity in firing_now if alert == name)

    def _moment(self, zero_s: float, told: frozenset[Severity] | None) -> Moment:
        now_s = self._counts[-1].at_s
        rates = {
            window.name: burn_rate(
                self._objective, self._counts, now_s, window.seconds / self._compression
            )
            for window in shown_windows()
        }
        alerts = firing(self._objective, self._counts, now_s, self._compression)
        return Moment(
            now_s - zero_s,
            self._counts[-1],
            {name: rate for name, rate in rates.items() if rate is not None},
            budget_spent(self._objective, self._counts, now_s, self._compression),
            alerts,
            told,
        )


def shown_windows() -> tuple[Window, ...]:
    """Those of the first alert: its long one and its short one."""
    return ALERTS[0].long, ALERTS[0].short


async def _speak(
    server: Server, clips: Sequence[Clip], plan: Plan, zero_s: float
) -> tuple[LiveLoad, ...]:
    """Everybody near by, then everybody behind a slow network."""
    near = asyncio.create_task(_load(server, clips, plan, plan.near_s))
    try:
        if plan.far_s <= 0:
            return (await near,)
        # ahead of its time: a load compares clocks first, which takes many round trips
        await _until(zero_s + plan.near_s - _COMPARING_S)
        with between(server.address, Network(FAR_S)) as address:
            far = await _load(_Behind(server, address.url), clips, plan, plan.far_s)
        return await near, far
    finally:
        near.cancel()
        await asyncio.gather(near, return_exceptions=True)


async def _load(
    server: "Server | _Behind", clips: Sequence[Clip], plan: Plan, seconds: float
) -> LiveLoad:
    return await call_all(
        server,
        Stairs((plan.callers,), seconds),
        clips,
        options=StreamOptions(interim_results=False),  # finals alone: more callers on few cores
        think_s=0.1,
        limits=TurnLimits(LIMIT_S, LIMIT_S),
    )


@dataclass(frozen=True, slots=True)
class _Behind:
    """The server by another address."""

    server: Server
    url: str

    @property
    def key(self) -> str | None:
        return self.server.key

    @property
    def device(self) -> str:
        return self.server.device


async def _fail(server: Server, plan: Plan, zero_s: float) -> None:
    """Make the server slow when the plan says so, and mend it."""
    for incident in (plan.blip, plan.slow):
        await _until(zero_s + incident.from_s)
        async with slowed(server, SLOW_S):
            await _until(zero_s + incident.until_s)


async def _until(at_s: float) -> None:
    await asyncio.sleep(max(0.0, at_s - time.perf_counter()))


@asynccontextmanager
async def _own_way(server: Server) -> AsyncIterator[None]:
    """While the block runs, the server does not reduce its service for late finals."""
    usual = (await server.operator.degradation()).thresholds
    names = ("final_wait_s", "queue_wait_s")
    await server.operator.set_degradation_thresholds(**dict.fromkeys(names, _NO_DEGRADATION_S))
    try:
        yield
    finally:
        await server.operator.set_degradation_thresholds(**{name: usual[name] for name in names})


@asynccontextmanager
async def _watcher(
    server: Server, objective: Objective, plan: Plan
) -> AsyncIterator[tuple[_Watcher, Prometheus | None]]:
    """Who reads, and a Prometheus that has begun, where this machine has one."""
    watcher = _Watcher(server.url, objective, plan.compression)
    if not Prometheus.is_installed():
        yield watcher, None
        return
    rules = write_rules([objective], plan.compression)
    prometheus = await asyncio.to_thread(Prometheus.start, server.url, rules)
    try:
        await prometheus.scraping()
        yield watcher, prometheus
    finally:
        await asyncio.to_thread(prometheus.stop)
