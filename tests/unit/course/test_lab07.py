"""Lab 07's exercises: starter refused, plausible mistakes refused by name, solutions accepted."""

import random
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from solutions import lab07 as solved

from lab_kit.client import Retries, RetryBudget
from lab_kit.core.errors import (
    ConnectionFailed,
    InferenceTimeout,
    InvalidAudioFormat,
    LabError,
    OperationPending,
    PayloadTooLarge,
    QuotaExceeded,
    SystemOverloaded,
)
from lab_kit.course.checking import judge
from lab_kit.course.exercises import EXERCISES
from lab_kit.course.exercises.simulated_server import LOST, Answer, busy
from lab_kit.course.outcome import Outcome, Verdict
from lab_kit.experiments.api import Refusal
from lab_kit.protocol.error_body import ErrorEnvelope

Send, Sleep = Callable[[Any], Answer], Callable[[Any], None]


def judged(exercise: str, answer: object, measured: object = None) -> Outcome:
    return judge(EXERCISES[exercise], answer, measured)


def told(outcome: Outcome) -> str:
    return "\n".join(outcome.reasons)


# --- 07.1


def test_the_workloads_of_the_solution_are_accepted_in_any_case() -> None:
    outcome = judged("07.1", solved.WORKLOADS)
    assert outcome.verdict is Verdict.PASS
    assert len(outcome.reasons) == 8
    shouted = {name: way.upper() for name, way in solved.WORKLOADS.items()}
    assert judged("07.1", shouted).verdict is Verdict.PASS


def test_the_starter_of_the_workloads_is_no_answer() -> None:
    assert "no answer yet" in told(judged("07.1", dict.fromkeys("ABCDEFGH", ...)))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"A": "operation"}, "A: not operation: an operation costs a second exchange"),
        ({"A": "stream"}, "A: not stream: the recording is there as a whole"),
        ({"B": "sync"}, "B: not sync: the debate has no end"),
        ({"C": "stream"}, "C: not stream: it would take as long as the speech"),
        ({"D": "sync"}, "D: not sync: the upload would begin when it should be done"),
        ({"E": "sync"}, "E: not sync: no request should be held open for so long"),
        ({"F": "operation"}, "F: not operation"),
        ({"G": "sync"}, "G: not sync: nothing would appear before the end"),
        ({"H": "stream"}, "H: not stream: progress is one figure"),
        ({"H": "batch"}, "H: 'batch' is not one of sync, operation, stream"),
        ({"H": ["stream"]}, "H: ['stream'] is not one of"),
    ],
)
def test_a_way_that_does_not_fit_is_refused_with_its_reason(
    changed: dict[str, Any], reason: str
) -> None:
    outcome = judged("07.1", solved.WORKLOADS | changed)
    assert outcome.verdict is Verdict.NOT_YET
    assert reason in told(outcome)
    assert "1 of 8 workloads" in told(outcome)


@pytest.mark.parametrize("answer", ["sync", {"A": "sync"}, ["sync"] * 8])
def test_what_is_no_classification_is_refused(answer: object) -> None:
    assert "a dict with the keys A, B" in told(judged("07.1", answer))


# --- 07.2


def refusal(error: LabError, retry_after: str | None) -> Refusal:
    return Refusal("it", error.http_status, retry_after, ErrorEnvelope.of(error, None).error)


WORDS = ("this", "that", "do something else")
REFUSED = {
    "A": refusal(OperationPending(*WORDS), "1"),
    "B": refusal(InvalidAudioFormat(*WORDS), None),
    "C": refusal(QuotaExceeded(*WORDS), "1"),
    "D": refusal(PayloadTooLarge(*WORDS), None),
    "E": refusal(SystemOverloaded(*WORDS, retry_after_s=2.0), "2"),
    "F": refusal(InferenceTimeout(*WORDS), None),
}
RIGHT: dict[str, Any] = {"A": 1, "B": "never", "C": 1, "D": "never", "E": 2, "F": 0}


def test_the_waits_of_the_solution_are_accepted_and_longer_ones_too() -> None:
    assert judged("07.2", solved.waits_s(REFUSED), REFUSED).verdict is Verdict.PASS
    outcome = judged("07.2", RIGHT | {"E": 30.5, "B": "Never"}, REFUSED)
    assert outcome.verdict is Verdict.PASS
    assert "D: 413 PAYLOAD_TOO_LARGE: do something else." in told(outcome)


def test_what_gives_too_little_time_may_be_taken_for_hopeless() -> None:
    assert judged("07.2", RIGHT | {"F": "never"}, REFUSED).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("answer", "reasons"),
    [
        (
            RIGHT | {"A": "never", "C": "never"},
            ["A: 409 OPERATION_PENDING: what is in the way", "C: 429 QUOTA_EXCEEDED: what is in"],
        ),
        (
            RIGHT | {"B": 1, "D": 5},
            ["B: 400 INVALID_AUDIO_FORMAT: the same again is refused", "D: 413 PAYLOAD_TOO_LARGE"],
        ),
        (RIGHT | {"E": 0}, ["E: 503 SYSTEM_OVERLOADED: 0 s is sooner than it was told, 2 s"]),
        (RIGHT | {"F": True}, ['F: True is neither seconds nor "never"']),
        (RIGHT | {"F": "again"}, ["F: 'again' is neither seconds nor"]),
    ],
)
def test_a_wrong_wait_is_refused_by_its_letter(answer: dict[str, Any], reasons: list[str]) -> None:
    outcome = judged("07.2", answer, REFUSED)
    assert outcome.verdict is Verdict.NOT_YET
    assert all(reason in told(outcome) for reason in reasons)
    assert told(outcome).count(": 4") + told(outcome).count(": 5") <= len(reasons)


@pytest.mark.parametrize(
    ("answer", "measured"), [(RIGHT, None), (RIGHT, {}), ({"A": 1}, REFUSED), (7, REFUSED)]
)
def test_without_refusals_or_letters_there_is_nothing_to_judge(
    answer: object, measured: object
) -> None:
    assert judged("07.2", answer, measured).verdict is Verdict.NOT_YET


# --- 07.3


def client(
    *,
    key: Callable[[], Any] | None = None,
    key_each: bool = False,
    catches: bool = True,
    retries: Callable[[Answer], bool] = lambda answer: answer.retryable,
    pause: Callable[[Answer | None], float] | None = None,
    fits: Callable[[float, float], bool] = lambda pause_s, left_s: pause_s <= left_s,
    most: int = 1_000,
) -> Callable[[Send, Sleep, float], object]:
    """A client that is right but for what is changed."""
    made = key or (lambda: str(uuid4()))
    paused = pause or (lambda answer: _asked_s(answer) + random.uniform(0.1, 0.5))

    def call(send: Send, sleep: Sleep, budget_s: float) -> object:
        name, left_s, answer = made(), budget_s, None
        for _ in range(most):
            try:
                answer = send(made() if key_each else name)
            except ConnectionError:
                if not catches:
                    raise
                answer = None
            if answer is not None and not retries(answer):
                return answer
            pause_s = paused(answer)
            if not fits(pause_s, left_s):
                return answer
            sleep(pause_s)
            left_s -= pause_s
        return answer

    return call


def _asked_s(answer: Answer | None) -> float:
    return 0.0 if answer is None else answer.retry_after_s or 0.0


def test_the_client_of_the_solution_is_accepted_however_chance_falls() -> None:
    for seed in range(25):
        random.seed(seed)
        outcome = judged("07.3", solved.call)
        assert outcome.verdict is Verdict.PASS, told(outcome)


def test_a_right_client_with_steady_waits_is_accepted_too() -> None:
    outcome = judged("07.3", client())
    assert outcome.verdict is Verdict.PASS, told(outcome)


def test_the_starter_of_the_client_is_no_answer() -> None:
    outcome = judged("07.3", lambda send, sleep, budget_s: ...)
    assert "no answer yet" in told(outcome)


def _nothing(send: Send, sleep: Sleep, budget_s: float) -> None:
    send(str(uuid4()))


async def _waits(send: Send, sleep: Sleep, budget_s: float) -> object:
    return send("x")


MISTAKES: dict[str, tuple[object, str]] = {
    "retries everything": (
        client(retries=lambda answer: not answer.ok),
        "400, not retryable: it never stops sending what cannot succeed",
    ),
    "retries everything a few times": (
        client(retries=lambda answer: not answer.ok, most=4),
        "400, not retryable: sent 4 times what cannot succeed",
    ),
    "retries by the class of the status": (
        client(retries=lambda answer: answer.status >= 400, most=9),
        "503, then 400: 9 attempts, where the second was told that it cannot succeed",
    ),
    "retries nothing": (client(retries=lambda answer: False), "gave up after 1 of three attempts"),
    "does not listen": (
        client(pause=lambda answer: random.uniform(0.1, 0.5)),
        "though it was told to wait 2",
    ),
    "no wait where none is told": (
        client(pause=lambda answer: _asked_s(answer) * random.uniform(1, 1.5)),
        "503 twice, told no time: came back at once",
    ),
    "a new key for each attempt": (client(key_each=True), "under different keys"),
    "no key": (client(key=lambda: None), "sent under the key None"),
    "one key for ever": (client(key=lambda: "lab"), "two requests: both under the key 'lab'"),
    "a broken connection is the end": (
        client(catches=False),
        "the answer is lost: the lost connection ended the call",
    ),
    "no budget": (client(fits=lambda pause_s, left_s: True), "it never stops asking"),
    "a budget that the last wait exceeds": (
        client(fits=lambda pause_s, left_s: left_s > 0),
        "slept",
    ),
    "three attempts, whatever the budget": (client(most=3), "gave up after"),
    "shortens the wait to what is left": (
        client(
            pause=lambda answer: min(_asked_s(answer), 18.0) + random.uniform(0.1, 0.5),
        ),
        "503, told 60 s: asked again",
    ),
    "no chance": (
        client(pause=lambda answer: _asked_s(answer) or 0.5),
        "6 clients, refused together: all come back after 2 s",
    ),
    "returns nothing": (_nothing, "without return"),
    "returns the text": (
        lambda send, sleep, budget_s: send(str(uuid4())).text,
        "returned no answer ('it was the best of times')",
    ),
    "async": (_waits, "async def"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_plausible_client_is_refused_by_a_message_that_names_it(name: str) -> None:
    answer, reason = MISTAKES[name]
    outcome = judged("07.3", answer)
    assert outcome.verdict is Verdict.NOT_YET
    assert reason in told(outcome)


def test_a_client_that_sleeps_for_none_is_told_what_to_wait() -> None:
    def call(send: Send, sleep: Sleep, budget_s: float) -> object:
        answer = send(key := str(uuid4()))
        while answer.retryable:
            sleep(answer.retry_after_s)
            answer = send(key)
        return answer

    outcome = judged("07.3", call)
    assert outcome.verdict is Verdict.ERROR
    assert "wait one of your own" in told(outcome)


def test_a_client_that_holds_on_to_everything_is_stopped_all_the_same() -> None:
    def call(send: Send, sleep: Sleep, budget_s: float) -> object:
        key = str(uuid4())
        while True:
            try:
                answer = send(key)
            except Exception:
                continue
            if answer.ok:
                return answer

    outcome = judged("07.3", call)
    assert outcome.verdict is Verdict.NOT_YET
    assert "never stops" in told(outcome)


@pytest.mark.parametrize("answer", [3, lambda send: send, "retry"])
def test_what_is_no_client_is_refused(answer: object) -> None:
    assert "a function of send, sleep and budget_s" in told(judged("07.3", answer))


async def test_the_labs_own_client_keeps_to_the_same_rules() -> None:
    """But for the budget, which is of tries and not of time: what it waits, and when it stops."""
    from lab_kit.course.exercises.paying_once import BUDGET_S, play

    def call(send: Send, sleep: Sleep, budget_s: float) -> object:
        retries = Retries(budget=RetryBudget(most=2.0), longest_s=budget_s)
        key = str(uuid4())
        for attempt in range(1, retries.attempts + 1):
            error: LabError | None = None
            answer = None
            try:
                answer = send(key)
            except ConnectionError:
                error = ConnectionFailed(*WORDS)
            if answer is not None and not answer.ok:
                error = SystemOverloaded(*WORDS, retry_after_s=answer.retry_after_s)
            if error is None:
                return answer
            wait_s = retries.wait_s(attempt, error)
            if wait_s is None or not retries.budget.take():
                return answer
            sleep(wait_s)
        return answer

    refused = play(call, (busy(2.0),))
    assert len(refused.server.waits_s) == 2
    assert min(refused.server.waits_s) >= 2.0
    assert play(call, (busy(BUDGET_S + 1),)).server.waits_s == []
    lost = play(call, (LOST,))
    assert lost.server.computed == 1
