"""Lab 10's second exercise: a limiter of compute, judged by probes and by random schedules.

Each probe is a few calls that one mistake answers wrongly, so that the mistake can be named. The
schedules then look for what no probe thought of.
"""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lab_kit.course.exercises.exercise import nothing_returned
from lab_kit.course.outcome import Outcome, not_yet, passed

Reserve = Callable[[dict[str, Any], int, float, float], Any]
Settle = Callable[[dict[str, Any], int, float, float], Any]
_TODO = "write reserve and settle"
_PER_S, _BURST_S = 1.0, 10.0
_NEAR = 1e-6
MOST_WASTE = 0.15
"""Of the allowance, that is neither spent nor can be; what a reservation holds while its work goes
on is some of it."""
_SCHEDULES, _CALLERS, _SECONDS, _RETRY_S = 20, 4, 60.0, 1e-6
_BRIEF_S, _LONG_S = 0.5, 15.0
"""How long work takes at most: a little, where waste is looked for; longer than a burst takes to
drain, where too much may be given back."""


class _WrongForm(Exception):
    """The reader's function gave what is no wait."""


class _Limiter:
    """The reader's two functions on a state of their own."""

    def __init__(self, functions: tuple[Reserve, Settle]) -> None:
        self._reserve, self._settle = functions
        self.state: dict[str, Any] = {"per_s": _PER_S, "burst_s": _BURST_S}
        self._number = 0

    def wait_s(self, cost_s: float, now_s: float) -> float:
        """Ask for so much; 0.0 where it was reserved, under `number`."""
        self._number += 1
        told = self._reserve(self.state, self._number, cost_s, now_s)
        if isinstance(told, bool) or not isinstance(told, int | float) or not told >= 0:
            raise _WrongForm(f"reserve returned {told!r:.40}")
        return float(told)

    @property
    def number(self) -> int:
        """Of the last reservation."""
        return self._number

    def settle(self, number: int, cost_s: float, now_s: float) -> None:
        """It came to so much."""
        self._settle(self.state, number, cost_s, now_s)


def judge_limiter(answer: Any, _: object) -> Outcome:
    """10.2: the pair (reserve, settle), by probes and by random schedules."""
    if not (isinstance(answer, tuple) and len(answer) == 2 and all(map(callable, answer))):
        return not_yet(f"{answer!r:.60}", "the pair (reserve, settle)", _TODO)
    state = {"per_s": _PER_S, "burst_s": _BURST_S}
    nothing = nothing_returned([answer[0](state, 1, 1.0, 0.0)], _TODO)
    if nothing is not None:
        return nothing
    try:
        for probe in _PROBES:
            if (wrong := probe(lambda: _Limiter(answer))) is not None:
                return not_yet(*wrong)
        brief, long = (
            [_schedule(_Limiter(answer), seed, most_s) for seed in range(_SCHEDULES)]
            for most_s in (_BRIEF_S, _LONG_S)
        )
    except _WrongForm as error:
        return not_yet(str(error), "0.0, seconds to wait, or math.inf for never", _TODO)
    for run in (*brief, *long):
        if (wrong := _broken(run)) is not None:
            return not_yet(*wrong)
    waste = max(run.waste for run in brief)
    if waste > MOST_WASTE:
        return not_yet(
            f"{100 * waste:.0f} % of the allowance wasted while callers waited",
            f"at most {100 * MOST_WASTE:.0f} %",
            f"{_SCHEDULES} random schedules of {_SECONDS:.0f} s",
        )
    return passed(
        f"{sum(len(run.admitted) for run in (*brief, *long)):,} reservations in {2 * _SCHEDULES}"
        " schedules: never more than one burst and the rate.",
        f"At most {100 * waste:.0f} % of the allowance was wasted.",
        "The server's own limiter: lab_kit/access/budget.py.",
    )


Wrong = tuple[str, str, str]
Probe = Callable[[Callable[[], _Limiter]], Wrong | None]


def _forgets_the_burst(make: Callable[[], _Limiter]) -> Wrong | None:
    wait_s = make().wait_s(_BURST_S, 0.0)
    if wait_s == 0:
        return None
    told = f"the first {_BURST_S:g} s of compute are told to wait {wait_s:g} s: that forgets the"
    return f"{told} burst", "a caller who did nothing yet has all of its burst", "reserve at 0 s"


def _waits_for_what_never_fits(make: Callable[[], _Limiter]) -> Wrong | None:
    cost_s = 1.5 * _BURST_S
    wait_s = make().wait_s(cost_s, 0.0)
    if wait_s == math.inf:
        return None
    expected = "math.inf: it fits at no time, and a caller who waits for it waits for ever"
    told = "is admitted" if wait_s == 0 else f"is told to wait {wait_s:g} s"
    return f"{cost_s:g} s with a burst of {_BURST_S:g} {told}", expected, "reserve at 0 s"


def _counts_requests(make: Callable[[], _Limiter]) -> Wrong | None:
    counts = {parts: _admitted_at_once(make(), _BURST_S / parts) for parts in (2, 20)}
    told = ", ".join(f"{n} of {_BURST_S / parts:g} s" for parts, n in counts.items())
    if counts[2] == counts[20]:
        return (
            f"admitted at once: {told}: that counts requests, not their cost",
            "2 and 20: as many as the burst holds",
            "reserve again and again at 0 s",
        )
    if counts != {2: 2, 20: 20}:
        return f"admitted at once: {told}", "2 and 20: as many as the burst holds", "at 0 s"
    return None


def _admitted_at_once(limiter: _Limiter, cost_s: float) -> int:
    for count in range(50):
        if limiter.wait_s(cost_s, 0.0):
            return count
    return 50


def _tells_a_wrong_wait(make: Callable[[], _Limiter]) -> Wrong | None:
    for later_s in (1.0, 0.9):
        limiter = make()
        limiter.wait_s(_BURST_S, 0.0)
        wait_s = limiter.wait_s(3.0, 1.0)
        if not 0 < wait_s < math.inf:
            told = "admitted" if wait_s == 0 else "never"
            return f"3 s, 1 s after all of the burst: {told}", "a wait of 2 s", "reserve at 1 s"
        again_s = limiter.wait_s(3.0, 1.0 + later_s * wait_s)
        if later_s == 1 and again_s > _NEAR:
            told = f"who waited {wait_s:g} s as told is told to wait {again_s:g} s more"
            return told, "who waits as told is admitted", "reserve at 1 s and again then"
        if later_s < 1 and again_s == 0:
            told = f"told to wait {wait_s:g} s, and admitted {100 * later_s:.0f} % through it"
            return told, "a wait as long as it takes and no longer", "reserve at 1 s"
    return None


def _never_gives_back(make: Callable[[], _Limiter]) -> Wrong | None:
    limiter = make()
    limiter.wait_s(_BURST_S, 0.0)
    limiter.settle(limiter.number, 2.0, 0.0)
    if limiter.wait_s(_BURST_S - 2.0, 0.0) == 0:
        return None
    return (
        f"{_BURST_S:g} s reserved, 2 s needed, and {_BURST_S - 2:g} s do not fit then: that never"
        " gives back what was not needed",
        "what was reserved and not needed can be reserved again",
        "reserve, settle and reserve at 0 s",
    )


def _gives_back_what_drained(make: Callable[[], _Limiter]) -> Wrong | None:
    limiter = make()
    limiter.wait_s(_BURST_S, 0.0)
    first, later_s = limiter.number, _BURST_S / _PER_S
    limiter.wait_s(_BURST_S, later_s)
    limiter.settle(first, 0.0, later_s)
    if limiter.wait_s(_BURST_S / 2, later_s) > 0:
        return None
    return (
        f"a reservation of 0 s is settled with nothing at {later_s:g} s, and more than a burst is"
        " let in then: that gives back what has drained, and spends a second twice",
        "only what has not drained yet comes back: the rest made room that was used since",
        "reserve at 0 s, again when it has drained, settle the first, reserve",
    )


def _sinks_nothing(make: Callable[[], _Limiter]) -> Wrong | None:
    limiter, half_s = make(), _BURST_S / 2
    limiter.wait_s(half_s, 0.0)
    limiter.wait_s(half_s, 0.0)
    first, second = limiter.number - 1, limiter.number
    limiter.settle(first, 0.0, 0.0)
    later_s = half_s / _PER_S
    limiter.wait_s(_BURST_S, later_s)
    limiter.settle(second, 0.0, later_s)
    if limiter.wait_s(half_s, later_s) > 0:
        return None
    return (
        f"two reservations of {half_s:g} s at 0 s; the first is given back at once, the second at"
        f" {later_s:g} s, when it has drained, and more than a burst is let in then",
        "what lies above a reservation sinks when that is given back, and so drains earlier",
        "reserve twice, settle the first, reserve a burst later, settle the second, reserve",
    )


def _forgets_what_cost_more(make: Callable[[], _Limiter]) -> Wrong | None:
    limiter = make()
    limiter.wait_s(1.0, 0.0)
    limiter.settle(limiter.number, 1.0 + _BURST_S, 0.0)
    if limiter.wait_s(1.0, 0.0) > 0:
        return None
    return (
        f"1 s reserved, {1 + _BURST_S:g} s needed, and more fits at once: that never charges what"
        " work cost more",
        "what was needed beyond the reservation has to come back before anything else fits",
        "reserve, settle and reserve at 0 s",
    )


_PROBES: tuple[Probe, ...] = (
    _forgets_the_burst,
    _waits_for_what_never_fits,
    _counts_requests,
    _tells_a_wrong_wait,
    _never_gives_back,
    _gives_back_what_drained,
    _sinks_nothing,
    _forgets_what_cost_more,
)


@dataclass(frozen=True, slots=True)
class _Run:
    """One schedule.

    Attributes:
        admitted: of each reservation the moment, and what it came to.
    """

    seed: int
    admitted: Sequence[tuple[float, float]]

    @property
    def waste(self) -> float:
        """Share of the allowance that was not spent though callers were waiting all the time."""
        return 1 - sum(cost_s for _, cost_s in self.admitted) / (_BURST_S + _PER_S * _SECONDS)


def _schedule(limiter: _Limiter, seed: int, most_s: float) -> _Run:
    """Callers who always want more: each sends again when its work is over, or its wait."""
    chance = random.Random(seed)
    due = [(chance.uniform(0, 1), caller) for caller in range(_CALLERS)]
    wanted = dict.fromkeys(range(_CALLERS), 0.0)
    busy: dict[int, tuple[int, float]] = {}
    admitted: list[tuple[float, float]] = []
    while due and (now_s := min(due)[0]) <= _SECONDS:
        _, caller = due.pop(due.index(min(due)))
        if caller in busy:
            limiter.settle(*busy.pop(caller), now_s)
        wanted[caller] = wanted[caller] or chance.choice((0.2, 1.0, 3.0)) * chance.uniform(0.5, 1)
        wait_s = limiter.wait_s(wanted[caller], now_s)
        if wait_s > 0:
            due.append((now_s + max(wait_s, _RETRY_S), caller))
            continue
        cost_s = wanted[caller] * chance.choice((0.1, 0.5, 1.0))
        admitted.append((now_s, cost_s))
        busy[caller] = limiter.number, cost_s
        wanted[caller] = 0.0
        due.append((now_s + chance.uniform(0.05, most_s), caller))
    return _Run(seed, admitted)


def _broken(run: _Run) -> Wrong | None:
    """The first stretch of time in which more was let in than one burst and the rate."""
    for first, (begin_s, _) in enumerate(run.admitted):
        spent_s = 0.0
        for at_s, cost_s in run.admitted[first:]:
            spent_s += cost_s
            allowed_s = _BURST_S + _PER_S * (at_s - begin_s)
            if spent_s > allowed_s + _NEAR:
                return (
                    f"{spent_s:.2f} s of compute between {begin_s:.2f} and {at_s:.2f} s",
                    f"at most {allowed_s:.2f}: one burst, and the rate times that time",
                    f"the random schedule {run.seed}",
                )
    return None
