"""A game day: callers speak, something breaks, somebody looks, says what it is, and acts.

By hand in a notebook, or by a function that reads the dashboard and names the fault; then the
fault's runbook is followed. What was broken is told by `GameDay.scores`, after it is over.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from lab_kit.core.table import Table
from lab_kit.datasets import Clip
from lab_kit.experiments.game_day.acting import act
from lab_kit.experiments.game_day.breaking import broken
from lab_kit.experiments.game_day.callers import keep_speaking
from lab_kit.experiments.game_day.dashboard import (
    OVER_S,
    CallSeen,
    Dashboard,
    Ending,
    usual_delay_s,
)
from lab_kit.experiments.game_day.faults import RUNBOOKS, Action, Fault
from lab_kit.experiments.game_day.score import (
    HOLD_S,
    Done,
    Incident,
    Said,
    Score,
    score,
    scores_table,
)
from lab_kit.experiments.game_day.service import Service
from lab_kit.experiments.metering.crediting import usd
from lab_kit.experiments.objectives.shipped import objectives
from lab_kit.slo.burn import Count, Severity, budget_spent, firing

CALLERS = 4
CALM_S = 6.0
"""Before each fault; the first time, what is usual is learnt from it."""
LIMIT_S = 40.0
"""For one fault; then it is taken back."""
READ_S = 0.5
EFFECT_S = 8.0
"""That an action is given to show: what the dashboard looks back over, and a start."""
COMPRESSION = 120.0
"""Of the windows of the page: an hour in half a minute."""
Triage = Callable[[Dashboard], Fault | None]
"""Names a fault from what is to be seen, or None: go on watching."""


class GameDay:
    """One that goes on.

    Attributes:
        scores: of the incidents that are over.
        seen: what was looked at last.
        kept: what `end` lets go of.
    """

    def __init__(self, service: Service, callers: int, zero_s: float) -> None:
        self.scores: list[Score] = []
        self.incidents: list[Incident] = []
        self.seen: Dashboard | None = None
        self._service = service
        self._callers = callers
        self._zero_s = zero_s
        self._calls: list[CallSeen] = []
        self._looks: list[Dashboard] = []
        self._counts: list[Count] = []
        self._usual_s = 0.0
        self._said: list[Said] = []
        self._done: list[Done] = []
        self._by_hand = AsyncExitStack()
        self._broken: Fault
        self.kept = AsyncExitStack()

    @property
    def now_s(self) -> float:
        """Of the day."""
        return time.monotonic() - self._zero_s

    def hear(self, call: CallSeen) -> None:
        """A caller's attempt has ended."""
        self._calls.append(call)
        self._counts = _counts(self._calls)

    def look(self) -> Dashboard:
        """What is to be seen now."""
        gauges = self._service.gauges()
        now_s = self.now_s
        lately = tuple(one for one in self._calls if one.at_s > now_s - OVER_S)
        alerts = firing(objectives()["final-delay"], self._counts, now_s, COMPRESSION)
        is_paging = any(one.severity is Severity.PAGE for one in alerts)
        self.seen = Dashboard(now_s, self._callers, lately, gauges, self._usual_s, is_paging)
        self._looks.append(self.seen)
        return self.seen

    async def look_on(self) -> None:
        """Twice a second, until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(READ_S)

    def learn_usual(self) -> None:
        """Take the delays until now for what is usual."""
        self._usual_s = usual_delay_s(self._calls)

    def say(self, fault: Fault) -> None:
        """Name what is broken."""
        self._said.append(Said(self.now_s, fault))

    async def do(self, action: Action) -> None:
        """Act.

        Raises:
            LabError: see `act`.
        """
        await act(self._service, action)
        self._done.append(Done(self.now_s, action))

    async def break_something(self, fault: Fault) -> None:
        """Make a fault, to be worked by hand; `verified` ends it."""
        self._by_hand, self._broken = AsyncExitStack(), fault
        await self._by_hand.enter_async_context(self.incident(fault))

    async def watch(self, seconds: float) -> Table:
        """Wait; then what is to be seen."""
        await asyncio.sleep(seconds)
        return self.look().table

    async def verified(self) -> Table:
        """Wait until the sign is gone, or for as long as that may take, and score it."""
        acted_s = self._done[-1].at_s if self._done else self.now_s
        until_s = self.now_s + EFFECT_S + HOLD_S
        while self.now_s < until_s and not self.is_gone(self._broken, acted_s):
            self.look()
            await asyncio.sleep(READ_S)
        await self._by_hand.aclose()
        return scores_table(self.scores[-1:])

    async def end(self) -> None:
        """Stop everything; harmless if it is done already."""
        await self._by_hand.aclose()
        await self.kept.aclose()

    @asynccontextmanager
    async def incident(self, fault: Fault) -> AsyncIterator[None]:
        """While the block runs, it is broken; then it is scored."""
        self._said, self._done = [], []
        off_us = self._service.uncredited_us()
        from_s, looks = self.now_s, len(self._looks)
        try:
            async with broken(self._service, fault):
                from_s = self.now_s
                yield
                until_s = self.now_s
        finally:
            self._service.stop_tuning()
        calls = tuple(one for one in self._calls if one.at_s >= from_s)
        made = Incident(
            fault,
            from_s,
            until_s,
            tuple(self._said),
            tuple(self._done),
            tuple(one for one in self._looks[looks:] if from_s <= one.at_s <= until_s),
            calls,
            float(usd(max(0, self._service.uncredited_us() - off_us))),
            self._budget_spent(calls),
        )
        self.incidents.append(made)
        self.scores.append(score(made))

    def is_gone(self, fault: Fault, since_s: float) -> bool:
        """Whether the sign of a fault was away for `HOLD_S`, at every look."""
        held = [one for one in self._looks if one.at_s > max(since_s, self.now_s - HOLD_S - READ_S)]
        return (
            self.now_s - since_s > HOLD_S + READ_S
            and bool(held)
            and not any(one.shows(fault) for one in held)
        )

    def _budget_spent(self, calls: Sequence[CallSeen]) -> float:
        counts = _counts(calls)
        until_s = counts[-1].at_s if counts else 0.0
        return budget_spent(objectives()["final-delay"], counts, until_s, COMPRESSION)


def _counts(calls: Sequence[CallSeen]) -> list[Count]:
    """Finals that came in time, of all that came or should have."""
    counts, good = [], 0
    for total, one in enumerate((c for c in calls if c.ending in (Ending.SERVED, Ending.CUT)), 1):
        good += one.is_good
        counts.append(Count(one.at_s, good, total))
    return counts


@asynccontextmanager
async def open_day(
    clips: Sequence[Clip], callers: int = CALLERS, calm_s: float = CALM_S
) -> AsyncIterator[GameDay]:
    """Start a service and callers; gives the day once what is usual is known.

    Raises:
        ServerFailed: the server does not start.
    """
    async with Service() as service:
        day = GameDay(service, callers, service.zero_s)
        tasks = [
            asyncio.create_task(
                keep_speaking(service, clips, service.told, service.zero_s, day.hear, seed)
            )
            for seed in range(callers)
        ]
        tasks.append(asyncio.create_task(day.look_on()))
        try:
            await asyncio.sleep(calm_s)
            day.learn_usual()
            yield day
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        for one in ended:
            if isinstance(one, Exception):
                raise one


async def begin(clips: Sequence[Clip], callers: int = CALLERS, calm_s: float = CALM_S) -> GameDay:
    """A day to be worked by hand, until it is told to end.

    Raises:
        ServerFailed: the server does not start.
    """
    async with AsyncExitStack() as stack:
        day = await stack.enter_async_context(open_day(clips, callers, calm_s))
        day.kept = stack.pop_all()
        return day


def order_by_chance(seed: int) -> list[Fault]:
    """All faults, each once, in an order that nobody knows."""
    faults = list(Fault)
    random.Random(seed).shuffle(faults)
    return faults


async def play(
    triage: Triage,
    clips: Sequence[Clip],
    faults: Sequence[Fault] = tuple(Fault),
    *,
    callers: int = CALLERS,
    calm_s: float = CALM_S,
    between_s: float = CALM_S,
    limit_s: float = LIMIT_S,
    hear: Callable[[Dashboard], None] | None = None,
) -> GameDay:
    """Have one fault after the other be found by ``triage``, and work each by its runbook.

    Args:
        triage: asked twice a second; anything but a fault goes on watching.
        calm_s: before the first fault, to learn what is usual.
        between_s: between two faults, at least.
        limit_s: for each; then it is taken back.
        hear: told each look.

    Raises:
        LabError: the service did not start, or an action failed.
    """
    async with open_day(clips, callers, calm_s) as day:
        for number, fault in enumerate(faults):
            if number:
                await _calm(day, between_s)
            async with day.incident(fault):
                await _work(day, triage, limit_s, hear)
    return day


async def _calm(day: GameDay, between_s: float) -> None:
    """Wait, and until the last fault shows no more, as long as a dashboard looks back."""
    until_s = day.now_s + max(OVER_S, between_s)
    await asyncio.sleep(between_s)
    while day.now_s < until_s and any(day.look().shows(fault) for fault in Fault):
        await asyncio.sleep(READ_S)


async def _work(
    day: GameDay, triage: Triage, limit_s: float, hear: Callable[[Dashboard], None] | None
) -> None:
    """Watch, name, contain, mend, verify; or give up when the time is over."""
    until_s = day.now_s + limit_s
    named: Fault | None = None
    acted_s = day.now_s
    while day.now_s < until_s:
        seen = day.look()
        if hear is not None:
            hear(seen)
        is_working = named is not None and day.now_s < acted_s + EFFECT_S
        found = None if is_working else triage(seen)
        if isinstance(found, Fault) and found is not named:
            named = found
            day.say(named)
            await _follow(day, named)
            acted_s = day.now_s
        if named is not None and day.is_gone(named, acted_s):
            return
        await asyncio.sleep(READ_S)


async def _follow(day: GameDay, fault: Fault) -> None:
    runbook = RUNBOOKS[fault]
    await day.do(runbook.contain)
    if runbook.mend is not None:
        await day.do(runbook.mend)
