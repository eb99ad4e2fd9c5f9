"""Lab 08: a buffer that applies revisions, a client that resumes, and captures that break a rule.

What the buffer is fed and what is broken are of the reader's own stream, recorded by the lab.
"""

import inspect
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

from lab_kit.course.exercises.exercise import Exercise, nothing_returned
from lab_kit.course.exercises.simulated_session import NeverStops, SimulatedSession
from lab_kit.course.outcome import Outcome, inconclusive, not_yet, passed
from lab_kit.experiments.streams import Broken
from lab_kit.protocol.judge import RULES
from lab_kit.protocol.judge.capture import Capture

Message = dict[str, Any]
_RESULTS = ("interim", "final")
_UP_TO = 4
_SEED = 8


# -- 08.1 ----------------------------------------------------------------------------------------


def judge_buffer(answer: Any, measured: object) -> Outcome:
    """08.1: the text to be shown after some messages, however they came."""
    if not isinstance(measured, Capture):
        return not_yet("no capture", "that of section 1", 'check("08.1", shown, ours)')
    if not _takes(answer, 1):
        return not_yet(repr(answer), "a function of one list of messages", "its definition")
    messages = [line.message for line in measured.lines if line.by == "server" and line.message]
    if sum(message["type"] == "final" for message in messages) < 2:
        return inconclusive("the capture has fewer than two finals", "record the clip again")
    cases = buffer_cases(messages)
    given = [(case, answer([dict(message) for message in case.messages])) for case in cases]
    if (missing := nothing_returned([text for _, text in given], _BUFFER)) is not None:
        return missing
    wrong = [
        f"{case.what}: {_shown(text)} instead of {_shown(case.text)}"
        for case, text in given
        if not isinstance(text, str) or text.split() != case.text.split()
    ]
    if wrong:
        return not_yet(_few(wrong), _BUFFER, f"{len(wrong)} of {len(cases)} cases")
    return passed(f"{len(cases)} ways in which messages can come, each with the right text.")


@dataclass(frozen=True, slots=True)
class BufferCase:
    """Messages as they came, and what is to be shown then."""

    what: str
    messages: tuple[Message, ...]
    text: str


def buffer_cases(messages: Sequence[Message]) -> list[BufferCase]:
    """Ways in which a stream's messages can come: cut off anywhere, some of them twice."""
    results = [at for at, message in enumerate(messages) if message["type"] in _RESULTS]
    finals = [at for at in results if messages[at]["type"] == "final"]
    first, last = results[0], finals[-1]
    middle = [at for at in results if finals[0] < at < finals[1]][-1]
    again = messages[max(0, middle - 4) : middle + 1]
    return [
        _case("nothing but the session's begin", messages[:1]),
        _case("one interim", messages[: first + 1]),
        _case("a final, and no interim after it", messages[: finals[0] + 1]),
        _case("a final, and an interim of the next segment", messages[: middle + 1]),
        _case("all of them", messages),
        _case("some again, as after a lost connection", [*messages[: middle + 1], *again]),
        _case("an old interim again, after its final", [*messages[: last + 1], messages[first]]),
        _case("the last one first", messages[middle::-1]),
    ]


def _case(what: str, messages: Sequence[Message]) -> BufferCase:
    newest: dict[int, Message] = {}
    for message in sorted(messages, key=lambda one: one["sequence"]):
        if message["type"] in _RESULTS:
            newest[message["segment"]] = message
    text = " ".join(newest[segment]["text"] for segment in sorted(newest))
    return BufferCase(what, tuple(messages), text)


_BUFFER = "of each segment the newest text, by its number, in the segments' order"


# -- 08.2 ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Life:
    """What can happen to a session.

    Attributes:
        pieces: how many pieces of speech there are.
        cuts: see `simulated_session.SimulatedSession`.
    """

    what: str
    pieces: int
    cuts: tuple[int, ...] = ()
    is_gone_after: int | None = None


LIVES = (
    Life("no connection is lost", 5),
    Life("lost before anything was sent", 4, (0,)),
    Life("lost in the middle of sending", 6, (3,)),
    Life("lost when all was sent and nothing was read", 5, (6,)),
    Life("lost in the middle of reading", 5, (9,)),
    Life("lost again and again", 8, (3, 1, 4, 2, 5, 3)),
    Life("lost before the last message", 4, (8,)),
)
GONE = Life("the session is given up", 6, (3,), is_gone_after=1)
_RANDOM = 40


def judge_resume(answer: Any, measured: object) -> Outcome:
    """08.2: a client that goes on, through cuts at every place."""
    if not _takes(answer, 2):
        return not_yet(repr(answer), "a function of connect and pieces", "its definition")
    if inspect.iscoroutinefunction(answer):
        return not_yet("async def", "a plain def: the lines are plain, too", "its definition")
    lives = [*LIVES, *_random_lives()]
    told = [(life, *_lived(answer, life)) for life in lives]
    if (missing := nothing_returned([heard for _, heard, _ in told], _RESUME)) is not None:
        return missing
    wrong = [f"{life.what}: {said}" for life, _, said in told if said is not None]
    if (said := _gives_up(answer)) is not None:
        wrong.append(f"{GONE.what}: {said}")
    if wrong:
        return not_yet(_few(wrong), _RESUME, "a session whose connections break")
    return passed(
        f"{len(lives)} sessions, cut in {sum(len(life.cuts) for life in lives)} places: each word"
        " once, and no piece sent twice.",
        "lab_kit.client.sessions does the same, and waits before it connects again.",
    )


def _random_lives() -> list[Life]:
    chance = random.Random(_SEED)
    lives = []
    for number in range(_RANDOM):
        cuts = tuple(chance.randrange(0, 9) for _ in range(chance.randrange(1, 6)))
        lives.append(Life(f"cut after {cuts} messages", 3 + number % 6, cuts))
    return lives


def _pieces(life: Life) -> list[str]:
    return [f"word {number}" for number in range(1, life.pieces + 1)]


def _lived(answer: Callable[..., Any], life: Life) -> tuple[object, str | None]:
    """What a client returned, and what is wrong with it."""
    session, pieces = SimulatedSession(life.cuts), _pieces(life)
    try:
        heard = answer(session.connect, list(pieces))
    except ConnectionError:
        return "", "the lost connection ended the client; connect again, behind what was seen"
    except NeverStops:
        return "", "it connects for ever"
    return heard, _wrong_life(session, pieces, heard)


def _wrong_life(session: SimulatedSession, pieces: list[str], heard: object) -> str | None:
    if session.taken != pieces:
        if len(session.taken) > len(pieces) or len(set(session.taken)) < len(session.taken):
            return "pieces were sent that the server had: it decodes them twice; see line.taken"
        lost = [piece for piece in pieces if piece not in session.taken]
        return f"{', '.join(lost[:3])} never arrived; send on from line.taken"
    wanted = [piece.upper() for piece in pieces]
    if heard == wanted:
        return None
    if not isinstance(heard, list):
        return f"returned {heard!r:.60}; a list of texts is expected"
    if len(set(map(str, heard))) < len(heard):
        return "texts came twice; connect behind the number of the last message that you have"
    return f"returned {len(heard)} of {len(wanted)} texts"


def _gives_up(answer: Callable[..., Any]) -> str | None:
    session = SimulatedSession(GONE.cuts, GONE.is_gone_after)
    try:
        answer(session.connect, _pieces(GONE))
    except LookupError:
        return None
    except NeverStops:
        return "it connects for ever to a session that is not there"
    except ConnectionError:
        return "the lost connection ended the client"
    return "it returned, though the rest is lost; let the LookupError through"


_RESUME = "every text once and in order; no piece lost, none sent that the server has taken"


# -- 08.3 ----------------------------------------------------------------------------------------


def judge_violations(answer: Any, measured: object) -> Outcome:
    """08.3: for each capture the rule that is broken, and the line where it shows."""
    if not isinstance(measured, dict) or not all(isinstance(b, Broken) for b in measured.values()):
        return not_yet("no captures", "those of the cell above", 'check("08.3", found, broken)')
    broken: Mapping[str, Broken] = measured
    if not isinstance(answer, dict) or set(answer) != set(broken):
        return not_yet(repr(answer), f"a dict with the keys {', '.join(broken)}", "the cell above")
    wrong = [
        f"{name}: {said}"
        for name, capture in broken.items()
        if (said := _wrong_find(capture, answer[name])) is not None
    ]
    if wrong:
        return not_yet("\n".join(wrong), "(rule, line) for each", f"{len(wrong)} of {len(broken)}")
    return passed(*(f"{name}: {capture.breach}." for name, capture in broken.items()))


def _wrong_find(broken: Broken, found: object) -> str | None:
    pair: tuple[Any, ...] = tuple(found) if isinstance(found, tuple | list) else ()
    rule, line = pair if len(pair) == 2 else ("", None)
    if not isinstance(line, Integral) or isinstance(line, bool):
        return f"{str(found)[:60]!r} is not a rule's name and a line, such as ('numbers', 17)"
    if rule not in RULES:
        return f"{rule!r:.40} is none of the rules: {', '.join(RULES)}"
    breach = broken.breach
    if rule != breach.rule:
        return f"{rule} is kept there"
    if int(line) != breach.line:
        return f"{rule} it is, but line {line} alone is as it should be"
    return None


EXERCISES = (
    Exercise(
        "08.1",
        "Show the right text after any messages",
        judge_buffer,
        (
            "Of one segment, which of two texts is to be shown, and how can you tell if they came"
            " in any order?",
            "Keep a dict from segment to message. A message replaces the one that is there if its"
            " sequence is higher. What has no segment changes nothing.",
            "if m['type'] in ('interim', 'final') and m['sequence'] > newest.get(m['segment'],"
            " {'sequence': 0})['sequence']: newest[m['segment']] = m. Then join the texts, by"
            " segment.",
        ),
    ),
    Exercise(
        "08.2",
        "Go on without loss or repetition",
        judge_resume,
        (
            "Two numbers are enough: one for what you have heard, one for what the server has. Who"
            " knows which?",
            "Outside the loop: seen = 0 and the texts. Inside: connect(seen), send"
            " pieces[line.taken:], finish, receive until None. ConnectionError goes round again.",
            "while True: try: line = connect(seen); for piece in pieces[line.taken:]:"
            " line.send(piece); … seen = told.number after each message; except ConnectionError:"
            " continue",
        ),
    ),
    Exercise(
        "08.3",
        "Find what breaks the contract",
        judge_violations,
        (
            "Go through the table's columns one by one: which should only ever grow by one?",
            "number and revision count; usage goes on where it ended; (requested) needs a finalize"
            " before; nothing follows a segment's final, nor the session's end.",
            "judged(read_back(broken['A'].capture)), from lab_kit.protocol.judge and"
            " lab_kit.experiments.streams, finds it; look first, and then let it confirm.",
        ),
    ),
)


def _takes(answer: object, count: int) -> bool:
    if not callable(answer):
        return False
    try:
        inspect.signature(answer).bind(*[None] * count)
    except (TypeError, ValueError):
        return False
    return True


def _few(wrong: Sequence[str]) -> str:
    more = [f"and {len(wrong) - _UP_TO} more"] if len(wrong) > _UP_TO else []
    return "\n".join([*wrong[:_UP_TO], *more])


def _shown(text: object) -> str:
    return f"{text!r:.70}"
