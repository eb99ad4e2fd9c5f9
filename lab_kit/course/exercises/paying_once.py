"""Exercise 07.3: a client that retries only what can help, and never pays twice, step by step.

It lives through everything that can happen to a request, at a simulated server, in simulated time.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lab_kit.course.exercises.exercise import nothing_returned
from lab_kit.course.exercises.simulated_server import (
    BUSY,
    DONE,
    LOST,
    UNFIT,
    Answer,
    Call,
    NeverStops,
    SimulatedServer,
    busy,
)
from lab_kit.course.outcome import Outcome, not_yet, passed

BUDGET_S = 20.0
TOLD_S = 2.0
_LEAST_USED = 0.4
"""Of a budget, before a client may give up: waits that double use at least so much of it."""
_PLAYS = 6
_UP_TO = 4


@dataclass(frozen=True, slots=True)
class Play:
    """What a client did in one scenario."""

    server: SimulatedServer
    returned: object
    lost: bool = False
    never_stops: bool = False


@dataclass(frozen=True, slots=True)
class Scenario:
    """Something that can happen to a request.

    Attributes:
        steps: what the server does; the last goes on for ever.
        fault: says what is wrong with a play; None if nothing is.
    """

    what: str
    steps: tuple[Answer | str, ...]
    fault: Callable[[Play], str | None]


def judge_client(answer: Any, measured: object) -> Outcome:
    """07.3: a client, through every scenario."""
    if not _takes_three(answer):
        return not_yet(repr(answer), "a function of send, sleep and budget_s", "its definition")
    if inspect.iscoroutinefunction(answer):
        return not_yet("async def", "a plain def: send and sleep are plain, too", "its definition")
    plays = [(one, play(answer, one.steps)) for one in SCENARIOS]
    never_stops = any(each.never_stops for _, each in plays)
    missing = nothing_returned([each.returned for _, each in plays], _TODO)
    if missing is not None and not never_stops:
        return missing
    wrong = [f"{one.what}: {said}" for one, each in plays if (said := _said(one, each)) is not None]
    wrong += [said for said in (_one_key_for_all(answer), _in_step(answer)) if said is not None]
    if wrong:
        more = [f"and {len(wrong) - _UP_TO} more"] if len(wrong) > _UP_TO else []
        return not_yet("\n".join([*wrong[:_UP_TO], *more]), _TODO, "a server in simulated time")
    return passed(
        f"{len(SCENARIOS)} things that can happen, each computed once at most.",
        "lab_kit.client.retries has one more rule: all requests of a client share a budget.",
    )


def play(call: Call, steps: Sequence[Answer | str], budget_s: float = BUDGET_S) -> Play:
    """Let a client live through some steps; what it raises otherwise is its own error."""
    server = SimulatedServer(steps)
    try:
        return Play(server, call(server.send, server.sleep, budget_s))
    except ConnectionError:
        return Play(server, None, lost=True)
    except NeverStops:
        return Play(server, None, never_stops=True)


def _said(scenario: Scenario, each: Play) -> str | None:
    """What is wrong with a play, the gravest first."""
    if not each.server.sends:
        return "send was never called"
    if each.never_stops:
        what = "sending what cannot succeed" if scenario.steps[-1] == UNFIT else "asking"
        return f"it never stops {what}"
    if each.lost:
        return "the lost connection ended the call; ask again, under the same key"
    if len({repr(key) for key in each.server.keys}) > 1:
        return f"{each.server.sends} attempts under different keys, so it is computed again"
    if each.server.keys and not (isinstance(each.server.keys[0], str) and each.server.keys[0]):
        return f"sent under the key {each.server.keys[0]!r}; a text is expected, as from uuid4"
    return scenario.fault(each)


def _at_once(each: Play) -> str | None:
    if each.server.sends > 1 or each.server.waits_s:
        return f"sent {each.server.sends} times, though it was answered at once"
    return _not(each, DONE)


def _no_use(each: Play) -> str | None:
    if each.server.sends > 1:
        return f"sent {each.server.sends} times what cannot succeed"
    return _not(each, UNFIT)


def _told_times(each: Play) -> str | None:
    if each.server.sends < 3:
        return f"gave up after {each.server.sends} of three attempts"
    if len(each.server.waits_s) < 2 or min(each.server.waits_s) < TOLD_S:
        least = min(each.server.waits_s) if len(each.server.waits_s) > 1 else 0.0
        return f"came back after {least:g} s, though it was told to wait {TOLD_S:g}"
    return _not(each, DONE)


def _told_none(each: Play) -> str | None:
    if each.server.sends < 3:
        return f"gave up after {each.server.sends} of three attempts"
    if len(each.server.waits_s) < 2 or min(each.server.waits_s) == 0:
        return "came back at once; where no time is told, wait one of your own"
    return _not(each, DONE)


def _was_lost(each: Play) -> str | None:
    if each.server.sends < 2:
        return "gave up, though the answer is there for whoever asks again"
    if not each.server.waits_s or each.server.waits_s[0] == 0:
        return "came back at once after a broken connection; wait a time of your own"
    return _not(each, DONE)


def _for_ever(each: Play) -> str | None:
    slept_s = sum(each.server.waits_s)
    if slept_s > BUDGET_S:
        return f"slept {slept_s:.1f} s in all, of a budget of {BUDGET_S:g}"
    if slept_s < _LEAST_USED * BUDGET_S:
        return f"gave up after {slept_s:.1f} s of waiting, of a budget of {BUDGET_S:g}"
    return _not(each, busy(TOLD_S))


def _beyond(each: Play) -> str | None:
    if each.server.sends > 1:
        return "asked again, though the wait that it was told does not fit into the budget"
    if each.server.waits_s:
        return "slept, though the wait that it was told does not fit into the budget"
    return _not(each, busy(3 * BUDGET_S))


def _then_wrong(each: Play) -> str | None:
    if each.server.sends != 2:
        return f"{each.server.sends} attempts, where the second was told that it cannot succeed"
    return _not(each, UNFIT)


def _not(each: Play, expected: Answer) -> str | None:
    if each.returned == expected:
        return None
    shown = f"status {each.returned.status}" if isinstance(each.returned, Answer) else "no answer"
    return f"returned {shown} ({each.returned!r:.60}) instead of the last answer, {expected.status}"


SCENARIOS = (
    Scenario("answered at once", (DONE,), _at_once),
    Scenario("400, not retryable", (UNFIT,), _no_use),
    Scenario("503 twice, told 2 s", (busy(TOLD_S), busy(TOLD_S), DONE), _told_times),
    Scenario("503 twice, told no time", (BUSY, BUSY, DONE), _told_none),
    Scenario("the answer is lost", (LOST, DONE), _was_lost),
    Scenario("503, then 400", (busy(1.0), UNFIT), _then_wrong),
    Scenario("503 for ever, told 2 s", (busy(TOLD_S),), _for_ever),
    Scenario("503, told 60 s", (busy(3 * BUDGET_S),), _beyond),
)


def _one_key_for_all(call: Call) -> str | None:
    first, second = (play(call, (DONE,)).server.keys for _ in range(2))
    if first and second and first[0] == second[0]:
        return (
            f"two requests: both under the key {first[0]!r:.40}; the second gets the first's text"
        )
    return None


def _in_step(call: Call) -> str | None:
    """Clients that were refused together must not come back together."""
    waits = [play(call, (busy(TOLD_S), DONE)).server.waits_s for _ in range(_PLAYS)]
    seen = {round(each[0], 6) for each in waits if each}
    if len(seen) == 1:
        return (
            f"{_PLAYS} clients, refused together: all come back after {seen.pop():g} s,"
            " together; add some time by chance"
        )
    return None


def _takes_three(answer: object) -> bool:
    if not callable(answer):
        return False
    try:
        inspect.signature(answer).bind(None, None, 0.0)
    except (TypeError, ValueError):
        return False
    return True


_TODO = (
    "one key a request; only what is retryable again, not sooner than told, with some chance,"
    " within the budget"
)
