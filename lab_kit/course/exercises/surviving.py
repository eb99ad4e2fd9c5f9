"""Exercise 07.4: a client that gets its text in spite of three faults, judged by the journal."""

import inspect
from itertools import pairwise
from typing import Any

from lab_kit.course.outcome import Outcome, not_yet, passed
from lab_kit.experiments.api import FAULTS, TOLD_S, Survival
from lab_kit.protocol.sandbox import JournalEntry

DEAF_S = 10.0
"""A client may wait so long beyond the speech on a line that says nothing."""
_NEEDED = len(FAULTS) + 1
_STAMPED_S = 0.02
"""The server notes a refusal's end so much later than its client may have read it."""
_MOST = 6
"""Calls that are listed: a client that never stops makes many."""
_TODO = "the text, in four calls: a refusal, a stream that breaks, a deaf line, and one that works"
_CELL = 'survival = await api.survived(...); check("07.4", survive, survival)'


def judge_survival(answer: Any, measured: object) -> Outcome:
    """07.4: what the server saw of a client, and what the client returned."""
    if not isinstance(measured, Survival):
        return not_yet("no Survival", "what became of the client", _CELL)
    if not inspect.iscoroutinefunction(answer):
        return not_yet("a plain def", "async def survive(listen): listen is awaited", "the cell")
    if inspect.iscoroutine(measured.text):
        measured.text.close()
        return not_yet("a coroutine was returned", "a text: return await listen()", "the cell")
    calls = measured.calls
    if not calls and measured.error is None:
        if measured.text is ...:
            return not_yet("no answer yet", _TODO, "the cell above")
        return not_yet("listen was never called", _TODO, "the server's journal")
    wrong = [said for said in (_at_once(measured), _early(calls), _deaf(measured)) if said]
    if (ended := _ended(measured)) is not None:
        wrong.append(ended)
    if wrong:
        return not_yet("\n".join(wrong), _TODO, "\n".join(["the server's journal", *_told(calls)]))
    return passed(*_told(calls), f"text: {measured.text}")


def _early(calls: tuple[JournalEntry, ...]) -> str | None:
    """It came back sooner than it was told."""
    for refused, after in pairwise(calls):
        gap_s = after.began_s - _end_s(refused)
        if refused.status == 429 and gap_s < TOLD_S - _STAMPED_S:
            return (
                f"call {after.number} came {gap_s:.2f} s after the refusal, which said {TOLD_S:g} s"
            )
    return None


def _at_once(survival: Survival) -> str | None:
    """It had two calls at once."""
    return f"{survival.at_once} calls at once: one at a time" if survival.at_once > 1 else None


def _deaf(survival: Survival) -> str | None:
    """It stayed too long on the deaf line."""
    for call in survival.calls:
        was_deaf = call.fault is not None and call.fault.is_silent
        if was_deaf and (call.duration_s is None or call.duration_s > survival.clip_s + DEAF_S):
            return (
                f"call {call.number} said nothing, and was kept for {_lasted(call)}; the speech"
                f" lasts {survival.clip_s:.1f} s, wait {DEAF_S:g} s longer at most"
            )
    return None


def _ended(survival: Survival) -> str | None:
    """It did not end with the text, or went on after it was there."""
    calls = len(survival.calls)
    if survival.is_stubborn:
        return "it went on when it was cancelled: a bare except catches that, too; name the errors"
    if not survival.is_over:
        return f"it did not return, and was broken off after {calls} calls"
    if calls < _NEEDED:
        how = f"ended with {survival.error}" if survival.error else f"returned {survival.text!r}"
        return f"it {how} after {calls} of {_NEEDED} calls; {_met(survival.calls[-1:])}"
    if calls > _NEEDED:
        fourth = survival.calls[_NEEDED - 1]
        return f"{calls} calls; the {_NEEDED}th would have worked, and was left after" + (
            f" {_lasted(fourth)}; the speech lasts {survival.clip_s:.1f} s"
        )
    if survival.error is not None:
        return f"it ended with {survival.error}"
    if survival.text != survival.heard:
        return f"it returned {survival.text!r}; listen gave {survival.heard!r}"
    return None


def _told(calls: tuple[JournalEntry, ...]) -> list[str]:
    return [f"call {one.number} at {one.began_s:.1f} s: {_met((one,))}" for one in calls[:_MOST]]


def _met(calls: tuple[JournalEntry, ...]) -> str:
    if not calls:
        return "listen was never called"
    (call,) = calls
    if call.status == 429:
        return f"refused with 429, come back in {TOLD_S:g} s"
    if call.fault is not None and call.fault.is_silent:
        return f"a deaf line, kept for {_lasted(call)}"
    return f"closed with {call.close_code} after {_lasted(call)}"


def _lasted(call: JournalEntry) -> str:
    return "as long as it was watched" if call.duration_s is None else f"{call.duration_s:.1f} s"


def _end_s(call: JournalEntry) -> float:
    return call.began_s + (call.duration_s or 0.0)
