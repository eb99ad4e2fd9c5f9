"""Lab 05's exercises: starter refused, plausible mistakes refused by name, solutions accepted."""

from dataclasses import replace
from typing import Any

import pytest
from solutions import lab05 as solved

from lab_kit.client import Wire
from lab_kit.core.call_record import Received, StreamCall
from lab_kit.core.clock import ClockOffset
from lab_kit.core.events import Final, Timing
from lab_kit.course.checking import judge
from lab_kit.course.exercises import EXERCISES
from lab_kit.course.exercises.lab05 import HAS, NEEDS
from lab_kit.course.outcome import Outcome, Verdict
from lab_kit.experiments.load import Network

MS = 1_000_000


def judged(exercise: str, answer: object, measured: object = None) -> Outcome:
    return judge(EXERCISES[exercise], answer, measured)


def told(outcome: Outcome) -> str:
    return "\n".join(outcome.reasons)


def call(*lags_ms: float, text: str = "yes") -> StreamCall:
    """A stream whose audio reached the server so late, moment by moment."""
    received = []
    for number, lag_ms in enumerate(lags_ms, 1):
        at_ns = round((number * 100 + lag_ms) * MS)
        timing = Timing(number * 0.1, at_ns, at_ns, at_ns, at_ns, at_ns, 0)
        final = Final(number, 0.0, number * 0.1, text, 0.9, True, False, timing)
        received.append(Received(final, at_ns, at_ns, "1"))
    clock = ClockOffset(0, 0)
    return StreamCall("clip", 0, 1.0, 0.05, (), (), tuple(received), clock, "CPU")


# --- 05.1


def test_the_decision_of_the_solution_is_accepted_in_any_spelling() -> None:
    assert judged("05.1", solved.decision()).verdict is Verdict.PASS
    by_value = {client: wire.value for client, wire in solved.decision().items()}
    assert judged("05.1", by_value).verdict is Verdict.PASS
    by_name = {client: wire.name.lower() for client, wire in solved.decision().items()}
    assert judged("05.1", by_name).verdict is Verdict.PASS


def test_each_client_has_exactly_one_wire_that_serves_it() -> None:
    for needs in NEEDS.values():
        assert len([wire for wire in Wire if needs <= HAS[wire]]) == 1


@pytest.mark.parametrize(
    ("client", "wire", "reason"),
    [
        ("A", Wire.WEBSOCKET, "one lost packet"),
        ("B", Wire.WEBSOCKET, "flow control"),
        ("C", Wire.GRPC, "ordinary request"),
        ("D", Wire.WEBRTC, "only TCP"),
        ("D", Wire.REALTIME, "a third on top"),
        ("E", Wire.WEBSOCKET, "JSON text"),
    ],
)
def test_a_plausible_choice_is_refused_for_what_it_lacks(
    client: str, wire: Wire, reason: str
) -> None:
    outcome = judged("05.1", solved.decision() | {client: wire})
    assert outcome.verdict is Verdict.NOT_YET
    assert f"{client}: {wire.value} lacks" in told(outcome)
    assert reason in told(outcome)


@pytest.mark.parametrize(
    "answer", [..., {"A": ...}, {"A": "WebRTC"}, "WebRTC", dict.fromkeys("ABCDE", "carrier pigeon")]
)
def test_what_is_no_decision_is_refused(answer: Any) -> None:
    assert judged("05.1", answer).verdict is Verdict.NOT_YET


# --- 05.2

LOSSY = {
    "WebSocket": call(45, 46, 44, 320, 250, 46, 45),
    "WebRTC": call(70, 72, 71, 74, 69, 73, 71),
}


def test_the_stalls_of_the_solution_are_accepted() -> None:
    outcome = judged("05.2", solved.stalls_ms(LOSSY), LOSSY)
    assert outcome.verdict is Verdict.PASS
    assert "WebSocket: 274 ms" in told(outcome)


@pytest.mark.parametrize(
    ("websocket", "reason"),
    [
        (320.0, "take the usual lag off"),
        (0.274, "seconds"),
        (46.0, "usual lag, not the longest"),
        (113.714, "average hides"),
        (100.0, "not what the call shows"),
        ("274", "not a number"),
    ],
)
def test_a_stall_by_a_plausible_mistake_is_told_which(websocket: object, reason: str) -> None:
    outcome = judged("05.2", solved.stalls_ms(LOSSY) | {"WebSocket": websocket}, LOSSY)
    assert outcome.verdict is Verdict.NOT_YET
    assert reason in told(outcome)


def test_where_nothing_was_lost_nothing_can_be_concluded() -> None:
    calm = {"WebSocket": LOSSY["WebRTC"], "WebRTC": LOSSY["WebRTC"]}
    assert judged("05.2", solved.stalls_ms(calm), calm).verdict is Verdict.INCONCLUSIVE
    few = {"WebSocket": call(1, 2), "WebRTC": call(1, 2)}
    assert judged("05.2", solved.stalls_ms(few), few).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("answer", [..., {"WebSocket": ..., "WebRTC": ...}, {"WebSocket": 1.0}, 5])
def test_the_starter_and_half_an_answer_are_refused(answer: Any) -> None:
    assert judged("05.2", answer, LOSSY).verdict is Verdict.NOT_YET


def test_stalls_need_the_calls_they_are_of() -> None:
    for measured in (None, {}, {"WebSocket": 3}, [1]):
        assert judged("05.2", {"WebSocket": 1.0}, measured).verdict is Verdict.NOT_YET


# --- 05.3

IMPATIENT = Network(idle_close_s=2.0)
KEPT = call(40)


def test_half_of_the_limit_is_accepted_if_the_stream_survived() -> None:
    answer = solved.keep_alive_s(IMPATIENT)
    assert judged("05.3", answer, (IMPATIENT, KEPT)).verdict is Verdict.PASS
    assert judged("05.3", answer, (IMPATIENT, None)).verdict is Verdict.NOT_YET
    silent = replace(KEPT, received=())
    assert judged("05.3", answer, (IMPATIENT, silent)).verdict is Verdict.NOT_YET


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (30.0, "before 2 s of silence"),
        (2.0, "before 2 s of silence"),
        (1.9, "late or lost"),
        (0.05, "never sleeps"),
        (0, "interval in seconds"),
        ("1", "interval in seconds"),
        (float("nan"), "interval in seconds"),
    ],
)
def test_a_plausible_interval_is_refused_for_the_right_reason(answer: Any, reason: str) -> None:
    outcome = judged("05.3", answer, (IMPATIENT, KEPT))
    assert outcome.verdict is Verdict.NOT_YET
    assert reason in told(outcome)


def test_the_starter_is_no_interval_and_needs_the_network() -> None:
    assert judged("05.3", ..., (IMPATIENT, None)).verdict is Verdict.NOT_YET
    assert judged("05.3", 1.0, None).verdict is Verdict.NOT_YET
