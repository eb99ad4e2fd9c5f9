"""Exercise 07.4: what a journal shows of a client is said; the solution's is a real server's."""

from dataclasses import replace
from typing import Any

import pytest
from solutions import lab07 as solved

from lab_kit.course.checking import judge
from lab_kit.course.exercises import EXERCISES
from lab_kit.course.outcome import Outcome, Verdict
from lab_kit.experiments.api import FAULTS, Survival
from lab_kit.protocol.sandbox import JournalEntry

SAID, CLIP_S = "What time do you open on Sunday?", 3.2


def journaled(
    number: int, began_s: float, lasted_s: float | None, close_code: int | None = 1000
) -> Any:
    """The journal's line of a call, which met the plan's fault of that number."""
    fault = FAULTS[number - 1] if number <= len(FAULTS) else None
    refused = fault is not None and fault.status is not None
    return JournalEntry(
        number=number,
        at="2026-11-30T04:41:06Z",
        began_s=began_s,
        request_id=f"call-{number}",
        wire="websocket",
        method="GET",
        path="/v1/listen",
        query="",
        status=429 if refused else 101,
        close_code=None if refused else close_code,
        received_messages=0,
        received_bytes=0,
        sent_messages=0,
        sent_bytes=0,
        kinds={},
        fault=fault,
        duration_s=lasted_s,
    )


REFUSED = journaled(1, 0.1, 0.0)
BROKEN = journaled(2, 1.2, 0.5, 1011)
DEAF = journaled(3, 2.0, 8.2)
SERVED = journaled(4, 10.5, 3.2)
SURVIVED = Survival(SAID, None, True, False, SAID, 1, CLIP_S, (REFUSED, BROKEN, DEAF, SERVED))


def survival(**changed: Any) -> Outcome:
    return judge(EXERCISES["07.4"], solved.survive, replace(SURVIVED, **changed))


def test_a_client_that_survives_is_accepted_with_its_journal() -> None:
    outcome = survival()
    assert outcome.verdict is Verdict.PASS
    assert "call 1 at 0.1 s: refused with 429, come back in 1 s" in told(outcome)
    assert "call 3 at 2.0 s: a deaf line, kept for 8.2 s" in told(outcome)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"text": ..., "calls": ()}, "no answer yet"),
        ({"text": "Sunday", "calls": ()}, "listen was never called"),
        (
            {"calls": (REFUSED, replace(BROKEN, began_s=1.0), DEAF, SERVED)},
            "call 2 came 0.90 s after the refusal, which said 1 s",
        ),
        ({"at_once": 2}, "2 calls at once: one at a time"),
        ({"is_over": False, "is_stubborn": True}, "a bare except catches that, too"),
        (
            {"calls": (REFUSED, BROKEN, replace(DEAF, duration_s=60.0), SERVED)},
            "kept for 60.0 s; the speech lasts 3.2 s, wait 10 s longer",
        ),
        (
            {"calls": (REFUSED, BROKEN, journaled(3, 2.0, None)), "text": None, "is_over": False},
            "call 3 said nothing, and was kept for as long as it was watched",
        ),
        ({"text": None, "is_over": False}, "it did not return, and was broken off after 4 calls"),
        (
            {"calls": (REFUSED,), "text": None, "error": "QuotaExceeded: full"},
            "it ended with QuotaExceeded: full after 1 of 4 calls; refused with 429",
        ),
        (
            {"calls": (REFUSED, BROKEN), "text": ""},
            "it returned '' after 2 of 4 calls; closed with 1011 after 0.5 s",
        ),
        (
            {"calls": (REFUSED, BROKEN, DEAF), "text": None, "error": "TimeoutError: "},
            "it ended with TimeoutError:  after 3 of 4 calls; a deaf line",
        ),
        (
            {
                "calls": (
                    REFUSED,
                    BROKEN,
                    DEAF,
                    replace(SERVED, duration_s=1.0),
                    journaled(5, 13.0, 1.0),
                )
            },
            "5 calls; the 4th would have worked, and was left after 1.0 s; the speech lasts 3.2 s",
        ),
        ({"text": None, "error": "KeyError: 'text'"}, "it ended with KeyError: 'text'"),
        ({"text": 7}, "it returned 7; listen gave 'What time do you open on Sunday?'"),
        ({"text": "Hello."}, "it returned 'Hello.'; listen gave"),
        ({"text": "", "calls": SURVIVED.calls}, "it returned ''"),
    ],
)
def test_what_a_client_did_wrong_is_said_by_the_journal(
    changed: dict[str, Any], reason: str
) -> None:
    outcome = survival(**changed)
    assert outcome.verdict is Verdict.NOT_YET
    assert reason in told(outcome)


def test_a_plain_function_and_a_coroutine_that_was_not_awaited_are_named() -> None:
    plain = judge(EXERCISES["07.4"], lambda listen: "text", SURVIVED)
    assert "a plain def" in told(plain)

    async def listen() -> str:
        return SAID

    unawaited = survival(text=listen(), calls=())
    assert "a text: return await listen()" in told(unawaited)


def test_a_client_alone_is_not_judged() -> None:
    assert "no Survival" in told(judge(EXERCISES["07.4"], solved.survive, "text"))


def told(outcome: Outcome) -> str:
    return "\n".join(outcome.reasons)
