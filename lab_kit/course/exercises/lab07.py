"""Lab 07: ways for eight workloads, refusals to send again, and two clients.

The refusals are a real server's, made by the reader's own cell. How the clients are judged stands
in `paying_once` and `surviving`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

from lab_kit.core.errors import InferenceTimeout
from lab_kit.course.exercises.exercise import Exercise
from lab_kit.course.exercises.paying_once import judge_client
from lab_kit.course.exercises.surviving import judge_survival
from lab_kit.course.outcome import Outcome, not_yet, passed
from lab_kit.experiments.api import Refusal

SYNC, OPERATION, STREAM = "sync", "operation", "stream"
WAYS = (SYNC, OPERATION, STREAM)


@dataclass(frozen=True, slots=True)
class Workload:
    """One of exercise 07.1.

    Attributes:
        way: what fits it.
        why: the part of the rule that decides.
        not_because: what speaks against each of the other two.
    """

    way: str
    why: str
    not_because: Mapping[str, str]


_ATOMIC = "nobody reads it before it is whole"
_NOT_LIVE = "the recording is there as a whole, and nothing is read before its end"
_TOO_LONG = "no request should be held open for so long: proxies and clients give up before"
_NO_WAIT = "an operation costs a second exchange, and its caller waits anyway"
_IS_LIVE = "text has to come while somebody speaks"

WORKLOADS: Mapping[str, Workload] = {
    "A": Workload(
        SYNC,
        f"p99 under a second, and {_ATOMIC}",
        {OPERATION: _NO_WAIT, STREAM: _NOT_LIVE},
    ),
    "B": Workload(
        STREAM,
        _IS_LIVE,
        {SYNC: "the debate has no end to wait for", OPERATION: "its viewers read along"},
    ),
    "C": Workload(
        OPERATION,
        "far more than ten seconds, and nobody waits",
        {SYNC: _TOO_LONG, STREAM: "it would take as long as the speech: hours instead of minutes"},
    ),
    "D": Workload(
        STREAM,
        "the answer has to begin when the caller stops, so recognition cannot begin only then",
        {SYNC: "the upload would begin when it should be done", OPERATION: _IS_LIVE},
    ),
    "E": Workload(
        OPERATION,
        "a p99 over ten seconds, however small the file is",
        {SYNC: _TOO_LONG, STREAM: _NOT_LIVE},
    ),
    "F": Workload(
        SYNC,
        f"p99 under a second, and {_ATOMIC}; that there are many of them is a matter of limits",
        {OPERATION: _NO_WAIT, STREAM: _NOT_LIVE},
    ),
    "G": Workload(
        STREAM,
        "words have to appear while they are spoken, however short each dictation is",
        {SYNC: "nothing would appear before the end", OPERATION: _IS_LIVE},
    ),
    "H": Workload(
        OPERATION,
        "over ten seconds; a bar of progress is `processed_s` of an operation, and no stream",
        {SYNC: _TOO_LONG, STREAM: "progress is one figure, not text that is read meanwhile"},
    ),
}


def judge_workloads(answer: Any, measured: object) -> Outcome:
    """07.1: for each workload the way that fits it."""
    if not isinstance(answer, dict) or set(answer) != set(WORKLOADS):
        return not_yet(repr(answer), f"a dict with the keys {', '.join(WORKLOADS)}", "the list")
    wrong = [said for name in WORKLOADS if (said := _misfit(name, answer[name])) is not None]
    if wrong:
        return not_yet(
            "\n".join(wrong),
            "p99 under a second, read as a whole: sync; over ten seconds: operation; text while"
            " somebody speaks: stream",
            f"{len(wrong)} of {len(WORKLOADS)} workloads",
        )
    return passed(*(f"{name}: {one.way}: {one.why}." for name, one in WORKLOADS.items()))


NEVER = "never"


def judge_refusals(answer: Any, measured: object) -> Outcome:
    """07.2: for each refusal the least wait before it is sent again, or never."""
    if not _are_refusals(measured):
        return not_yet("no refusals", "those of the cell above", 'check("07.2", waits_s, refused)')
    refusals: Mapping[str, Refusal] = measured  # type: ignore[assignment]
    if not isinstance(answer, dict) or set(answer) != set(refusals):
        return not_yet(repr(answer), f"a dict with the keys {', '.join(refusals)}", "the table")
    wrong = [
        f"{name}: {said}"
        for name, refusal in refusals.items()
        if (said := _wrong_wait(refusal, answer[name])) is not None
    ]
    if wrong:
        return not_yet(
            "\n".join(wrong),
            f'seconds, not fewer than it was told, or "{NEVER}"',
            "reason and Retry-After of each; error.retryable says it, too",
        )
    return passed(
        *(
            f"{name}: {r.status} {r.error.reason}: {r.error.next_step}."
            for name, r in refusals.items()
        )
    )


EXERCISES = (
    Exercise(
        "07.1",
        "Classify eight workloads",
        judge_workloads,
        (
            "Who reads the text first: somebody who still hears the speaker, somebody who waits for"
            " an answer, or nobody for a while?",
            "Look for the time that is named, and for whether anything is read before the end. The"
            " number of recordings decides nothing.",
            "Three are streams (live speech), three operations (over ten seconds), two sync.",
        ),
    ),
    Exercise(
        "07.2",
        "Which refusals to send again",
        judge_refusals,
        (
            "Would the same bytes be taken a little later? The status' class does not say so.",
            "409 and 429 are about what is there now, and that changes. 400 and 413 are about the"
            " request itself, and that stays.",
            "refused['A'].error.retryable says it, refused['A'].retry_after the least seconds.",
        ),
    ),
    Exercise(
        "07.3",
        "Write a client that never pays twice",
        judge_client,
        (
            "What must be the same in all attempts of one request, and what must differ between two"
            " clients?",
            "Make the key before the loop. In the loop: send, and return what is not retryable."
            " Else compute the wait: what was told, and some time by chance; give up if it does not"
            " fit.",
            "pause_s = (asked_s or 0) + random.uniform(0.1, 1); if pause_s > left_s: return answer;"
            " sleep(pause_s); left_s -= pause_s. A ConnectionError is a refusal without a time.",
        ),
    ),
    Exercise(
        "07.4",
        "Survive a refusal, a break and a deaf line",
        judge_survival,
        (
            "Two of the three faults raise an error out of listen. What does the third do, and who"
            " ends it?",
            "A limit of time around listen ends the deaf line. An error that is `retryable` may"
            " have `retry_after_s`; None means that no time was told.",
            "In a loop: async with asyncio.timeout(seconds): return await listen(). Catch"
            " TimeoutError, and LabError of lab_kit.core.errors; then sleep, and go round.",
        ),
    ),
)


def _misfit(name: str, chosen: object) -> str | None:
    way = chosen.strip().lower() if isinstance(chosen, str) else chosen
    workload = WORKLOADS[name]
    if way not in WAYS:
        return f"{name}: {chosen!r} is not one of {', '.join(WAYS)}"
    return None if way == workload.way else f"{name}: not {way}: {workload.not_because[str(way)]}"


def _are_refusals(measured: object) -> bool:
    return (
        isinstance(measured, dict)
        and bool(measured)
        and all(isinstance(one, Refusal) for one in measured.values())
    )


def _wrong_wait(refusal: Refusal, chosen: object) -> str | None:
    what = f"{refusal.status} {refusal.error.reason}"
    is_never = isinstance(chosen, str) and chosen.strip().lower() == NEVER
    if not is_never and (not isinstance(chosen, Real) or isinstance(chosen, bool)):
        return f'{chosen!r} is neither seconds nor "{NEVER}"'
    if not refusal.error.retryable:
        return None if is_never else f"{what}: the same again is refused again"
    if is_never:
        if refusal.error.reason == InferenceTimeout.reason:
            return None  # with so little time as this request gives, it is never done
        return f"{what}: what is in the way now may be gone in a while"
    told_s = float(refusal.retry_after or 0.0)
    if float(chosen) < told_s:  # type: ignore[arg-type]
        return f"{what}: {chosen:g} s is sooner than it was told, {told_s:g} s"
    return None
