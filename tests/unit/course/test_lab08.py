"""Lab 08's exercises: starter refused, plausible mistakes refused by name, solutions accepted."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from message_samples import capture
from solutions import lab08 as solved

from lab_kit.course.checking import judge
from lab_kit.course.exercises import EXERCISES
from lab_kit.course.outcome import Outcome, Verdict
from lab_kit.experiments.streams import FAULTS, four_captures, one_broken

Messages = Sequence[dict[str, Any]]


def judged(exercise: str, answer: object, measured: object = None) -> Outcome:
    return judge(EXERCISES[exercise], answer, measured)


def told(outcome: Outcome) -> str:
    return "\n".join(outcome.reasons)


# --- 08.1


def test_the_buffer_of_the_solution_is_accepted() -> None:
    assert judged("08.1", solved.shown, capture()).verdict is Verdict.PASS


def finals_only(messages: Messages) -> str:
    return " ".join(m["text"] for m in messages if m["type"] == "final")


def everything(messages: Messages) -> str:
    return " ".join(m["text"] for m in messages if "text" in m)


def the_last_of_each(messages: Messages) -> str:
    newest = {m["segment"]: m["text"] for m in messages if "segment" in m}
    return " ".join(newest.values())


def the_latest_revision_of_finals(messages: Messages) -> str:
    """A final stays, and an interim only where there is none; by order of arrival."""
    texts: dict[int, str] = {}
    settled = set()
    for m in messages:
        if "segment" in m and m["segment"] not in settled:
            texts[m["segment"]] = m["text"]
            settled |= {m["segment"]} if m["type"] == "final" else set()
    return " ".join(texts[segment] for segment in sorted(texts))


@pytest.mark.parametrize(
    ("mistake", "reason"),
    [
        (finals_only, "one interim: ''"),
        (everything, "a final, and no interim after it: 'it it was it"),
        (the_last_of_each, "an old interim again, after its final"),
        (the_latest_revision_of_finals, "the last one first"),
        (lambda messages: 7, "nothing but the session's begin: 7"),
    ],
)
def test_a_buffer_with_a_fault_is_told_when(
    mistake: Callable[[Messages], object], reason: str
) -> None:
    outcome = judged("08.1", mistake, capture())
    assert outcome.verdict is Verdict.NOT_YET
    assert reason in told(outcome)


@pytest.mark.parametrize(
    ("answer", "measured", "reason"),
    [
        (..., None, "no answer yet"),
        (solved.shown, None, "no capture"),
        ("it was", capture(), "a function of one list of messages"),
        (lambda: "", capture(), "a function of one list of messages"),
        (lambda messages: ..., capture(), "no answer yet"),
        (lambda messages: None, capture(), "a function without return"),
    ],
)
def test_what_is_no_buffer_is_refused(answer: object, measured: object, reason: str) -> None:
    assert reason in told(judged("08.1", answer, measured))


# --- 08.2


def test_the_client_of_the_solution_is_accepted() -> None:
    outcome = judged("08.2", solved.listen)
    assert outcome.verdict is Verdict.PASS
    assert "47 sessions" in told(outcome)


def starts_over(connect: Any, pieces: Sequence[str]) -> list[str]:
    """Hears all again, from the beginning."""
    while True:
        try:
            line, texts = connect(0), []
            for piece in pieces[line.taken :]:
                line.send(piece)
            line.finish()
            while (said := line.receive()) is not None:
                texts.append(said.text)
            return texts
        except ConnectionError:
            continue


def hears_twice(connect: Any, pieces: Sequence[str]) -> list[str]:
    texts: list[str] = []
    while True:
        try:
            line = connect(0)
            for piece in pieces[line.taken :]:
                line.send(piece)
            line.finish()
            while (said := line.receive()) is not None:
                texts.append(said.text)
            return texts
        except ConnectionError:
            continue


def sends_all_again(connect: Any, pieces: Sequence[str]) -> list[str]:
    seen, texts = 0, []
    while True:
        try:
            line = connect(seen)
            for piece in pieces:
                line.send(piece)
            line.finish()
            while (said := line.receive()) is not None:
                texts.append(said.text)
                seen = said.number
            return texts
        except ConnectionError:
            continue


def counts_what_it_sent(connect: Any, pieces: Sequence[str]) -> list[str]:
    """A piece that was lost on its way counts as sent."""
    seen, sent, texts = 0, 0, []
    while True:
        try:
            line = connect(seen)
            while sent < len(pieces):
                sent += 1
                line.send(pieces[sent - 1])
            line.finish()
            while (said := line.receive()) is not None:
                texts.append(said.text)
                seen = said.number
            return texts
        except ConnectionError:
            continue


def gives_up(connect: Any, pieces: Sequence[str]) -> list[str]:
    line, texts = connect(0), []
    for piece in pieces:
        line.send(piece)
    line.finish()
    while (said := line.receive()) is not None:
        texts.append(said.text)
    return texts


def never_gives_up(connect: Any, pieces: Sequence[str]) -> list[str]:
    while True:
        try:
            return solved.listen(connect, pieces)
        except LookupError:
            continue


def hides_the_loss(connect: Any, pieces: Sequence[str]) -> list[str]:
    try:
        return solved.listen(connect, pieces)
    except LookupError:
        return []


@pytest.mark.parametrize(
    ("mistake", "reason"),
    [
        (hears_twice, "texts came twice"),
        (sends_all_again, "pieces were sent that the server had"),
        (counts_what_it_sent, "never arrived; send on from line.taken"),
        (gives_up, "the lost connection ended the client"),
        (never_gives_up, "it connects for ever to a session that is not there"),
        (hides_the_loss, "let the LookupError through"),
        (lambda connect, pieces: "words", "returned 'words'"),
        (lambda connect, pieces: connect("now"), "after='now'"),
    ],
)
def test_a_client_with_a_fault_is_told_which(mistake: Callable[..., object], reason: str) -> None:
    outcome = judged("08.2", mistake)
    assert outcome.verdict is not Verdict.PASS
    assert reason in told(outcome) or "word 1" in told(outcome)


def test_hearing_all_again_from_the_beginning_is_no_fault_where_it_is_heard_once() -> None:
    """It costs the server more, and no word."""
    assert judged("08.2", starts_over).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (..., "no answer yet"),
        ([], "a function of connect and pieces"),
        (lambda connect: [], "a function of connect and pieces"),
        (lambda connect, pieces: ..., "no answer yet"),
        (lambda connect, pieces: None, "a function without return"),
    ],
)
def test_what_is_no_client_is_refused(answer: object, reason: str) -> None:
    assert reason in told(judged("08.2", answer))


async def _async(connect: Any, pieces: Sequence[str]) -> list[str]:
    return []


def test_an_async_client_is_told_to_be_a_plain_one() -> None:
    assert "a plain def" in told(judged("08.2", _async))


# --- 08.3


def test_what_the_judge_finds_is_accepted() -> None:
    broken = four_captures(capture(), seed=3)
    outcome = judged("08.3", solved.found(broken), broken)
    assert outcome.verdict is Verdict.PASS
    assert len(outcome.reasons) == 4


def test_each_fault_breaks_its_rule_and_no_other() -> None:
    for rule in FAULTS:
        assert one_broken(capture(), rule).breach.rule == rule


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (("marks", 5), "A: marks is kept there"),
        (("dance", 5), "A: 'dance' is none of the rules"),
        ("numbers", "A: 'numbers' is not a rule's name and a line"),
        (("numbers", "five"), "is not a rule's name and a line"),
        (("numbers", True), "is not a rule's name and a line"),
        ((1, 2, 3), "is not a rule's name and a line"),
    ],
)
def test_a_wrong_find_is_refused_with_its_reason(changed: object, reason: str) -> None:
    broken = four_captures(capture(), seed=3)
    outcome = judged("08.3", solved.found(broken) | {"A": changed}, broken)
    assert outcome.verdict is Verdict.NOT_YET
    assert reason in told(outcome)


def test_the_right_rule_at_a_wrong_line_is_told_so() -> None:
    broken = four_captures(capture(), seed=3)
    rule, line = solved.found(broken)["B"]
    outcome = judged("08.3", solved.found(broken) | {"B": (rule, line + 1)}, broken)
    assert f"B: {rule} it is, but line {line + 1}" in told(outcome)


@pytest.mark.parametrize("answer", [..., [], {"A": ("numbers", 5)}])
def test_what_is_no_find_is_refused(answer: object) -> None:
    broken = four_captures(capture(), seed=3)
    assert judged("08.3", answer, broken).verdict is Verdict.NOT_YET
    assert judged("08.3", {}, None).verdict is Verdict.NOT_YET
