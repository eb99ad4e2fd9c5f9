"""Lab 10's exercises: starter refused, plausible mistakes refused by name, solutions accepted."""

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from solutions import lab10 as solved

from lab_kit.course.checking import judge
from lab_kit.course.exercises import EXERCISES
from lab_kit.course.exercises.finding import STARTER_RULES, starter
from lab_kit.course.outcome import Outcome, Verdict
from lab_kit.datasets.personal_data import sentences
from lab_kit.experiments.access import Found, Opens, Tried, TriedLoot, Way


def judged(exercise: str, answer: object, measured: object = None) -> Outcome:
    return judge(EXERCISES[exercise], answer, measured)


def told(outcome: Outcome) -> str:
    return "\n".join(outcome.reasons)


# --- 10.1

OPEN = {
    Opens.NOTHING: (),
    Opens.RECORDINGS: (Way.RECORDING,),
    Opens.STREAMS: (Way.WEBSOCKET,),
    Opens.EVERYTHING: tuple(Way),
}


def tried(opens: Opens, number: int) -> Tried:
    refusals = {way: "" if way in OPEN[opens] else f"a {way} refused" for way in Way}
    return Tried(Found(f"place {number}", f"what of thing {number}", "eyJ"), refusals)


@pytest.fixture
def twelve() -> TriedLoot:
    return TriedLoot({n: tried(Opens(said), n) for n, said in solved.mine.items()})


def test_what_each_opened_is_told_in_one_word(twelve: TriedLoot) -> None:
    assert {number: one.opens for number, one in twelve.items()} == solved.mine
    assert twelve.still_open == 4
    outcome = judged("10.1", solved.mine, twelve)
    assert outcome.verdict is Verdict.PASS, told(outcome)


@pytest.mark.parametrize(
    ("mistake", "reason"),
    [
        ({4: "nothing"}, "4: not nothing; what of thing 4?"),
        ({10: "everything"}, "10: not everything; what of thing 10?"),
        ({9: "everything"}, "9: not everything"),
        ({7: "all"}, "7: 'all'"),
        ({1: Ellipsis}, "no answer yet"),
    ],
)
def test_a_wrong_word_is_told_with_a_question(
    twelve: TriedLoot, mistake: dict[int, Any], reason: str
) -> None:
    outcome = judged("10.1", {**solved.mine, **mistake}, twelve)
    assert outcome.verdict is Verdict.NOT_YET
    assert reason in told(outcome)


def test_one_word_for_all_is_four_times_wrong(twelve: TriedLoot) -> None:
    outcome = judged("10.1", dict.fromkeys(range(1, 13), "nothing"), twelve)
    assert "8 of 12 right" in told(outcome)


def test_it_is_judged_by_what_the_server_did_and_not_by_a_list(twelve: TriedLoot) -> None:
    """A server that lets the expired token in makes "nothing" wrong."""
    broken = TriedLoot({**twelve, 2: tried(Opens.RECORDINGS, 2)})
    assert "2: not nothing" in told(judged("10.1", solved.mine, broken))


@pytest.mark.parametrize("answer", [..., ["nothing"] * 12, {1: "nothing"}])
def test_what_is_no_answer_is_told_its_form(twelve: TriedLoot, answer: object) -> None:
    assert judged("10.1", answer, twelve).verdict is Verdict.NOT_YET
    assert "no tries" in told(judged("10.1", solved.mine, None))


# --- 10.2

State = dict[str, Any]


def drained(state: State, now_s: float) -> float:
    """How full the tank is."""
    level = state.get("level", 0.0) - (now_s - state.get("at_s", 0.0)) * state["per_s"]
    state["level"], state["at_s"] = max(0.0, level), now_s
    return float(state["level"])


def simple(state: State, number: int, cost_s: float, now_s: float) -> float:
    """A tank that is right until something is given back."""
    if cost_s > state["burst_s"]:
        return math.inf
    missing = drained(state, now_s) + cost_s - state["burst_s"]
    if missing > 1e-9:
        return float(missing / state["per_s"])
    state["level"] += cost_s
    state.setdefault("open", {})[number] = cost_s
    return 0.0


def all_back(state: State, number: int, cost_s: float, now_s: float) -> None:
    state["level"] = max(0.0, drained(state, now_s) + cost_s - state["open"].pop(number))


def nothing_back(state: State, number: int, cost_s: float, now_s: float) -> None:
    more = max(0.0, cost_s - state["open"].pop(number))
    state["level"] = drained(state, now_s) + more


def only_back(state: State, number: int, cost_s: float, now_s: float) -> None:
    solved.settle(state, number, min(cost_s, state["ends"][number][0]), now_s)


def sinks_nothing(state: State, number: int, cost_s: float, now_s: float) -> None:
    others = dict(state["ends"])
    solved.settle(state, number, cost_s, now_s)
    state["ends"] = {one: end for one, end in others.items() if one != number}


def by_count(state: State, number: int, cost_s: float, now_s: float) -> float:
    return math.inf if cost_s > state["burst_s"] else simple(state, number, 1.0, now_s)


def without_burst(state: State, number: int, cost_s: float, now_s: float) -> float:
    wait_s = max(0.0, state.get("next_s", 0.0) - now_s)
    wait_s = wait_s or (cost_s / state["per_s"] if not state.get("begun") else 0.0)
    state["begun"] = True
    return float(wait_s)


def never_infinite(state: State, number: int, cost_s: float, now_s: float) -> float:
    if cost_s > state["burst_s"]:
        return 60.0
    return solved.reserve(state, number, cost_s, now_s)


def no_limit(state: State, number: int, cost_s: float, now_s: float) -> float:
    return 0.0


def scaled(by: float) -> Callable[[State, int, float, float], float]:
    return lambda *asked: by * solved.reserve(*asked)


def test_the_limiter_of_the_solution_is_accepted() -> None:
    outcome = judged("10.2", (solved.reserve, solved.settle))
    assert outcome.verdict is Verdict.PASS, told(outcome)


@pytest.mark.parametrize(
    ("reserve", "settle", "reason"),
    [
        (by_count, nothing_back, "counts requests, not their cost"),
        (simple, all_back, "gives back what has drained, and spends a second twice"),
        (simple, nothing_back, "never gives back what was not needed"),
        (solved.reserve, sinks_nothing, "what lies above a reservation sinks"),
        (without_burst, nothing_back, "forgets the burst"),
        (never_infinite, solved.settle, "waits for it waits for ever"),
        (solved.reserve, only_back, "never charges what work cost more"),
        (no_limit, nothing_back, "is admitted"),
        (scaled(0.5), solved.settle, "who waited 1 s as told is told to wait 0.5 s more"),
        (scaled(3.0), solved.settle, "admitted 90 % through it"),
        (lambda *_: True, nothing_back, "reserve returned True"),
        (lambda *_: "1 s", nothing_back, "reserve returned '1 s'"),
        (lambda *_: -1.0, nothing_back, "reserve returned -1.0"),
        (lambda *_: math.nan, nothing_back, "reserve returned nan"),
        (lambda *_: ..., lambda *_: ..., "no answer yet"),
        (lambda *_: None, nothing_back, "a function without return"),
    ],
)
def test_a_wrong_limiter_is_refused_by_name(
    reserve: Callable[..., Any], settle: Callable[..., Any], reason: str
) -> None:
    outcome = judged("10.2", (reserve, settle))
    assert outcome.verdict is Verdict.NOT_YET
    assert reason in told(outcome)


def test_what_passes_every_probe_is_still_held_to_the_schedules() -> None:
    def forgets(state: State, number: int, cost_s: float, now_s: float) -> float:
        if number % 40 == 0:  # no probe asks so often
            state["surface"] = 0.0
        return solved.reserve(state, number, cost_s, now_s)

    outcome = judged("10.2", (forgets, solved.settle))
    assert outcome.verdict is Verdict.NOT_YET
    assert "the random schedule" in told(outcome)


def test_who_gives_back_half_wastes_too_much() -> None:
    def half(state: State, number: int, cost_s: float, now_s: float) -> None:
        reserved_s = state["ends"][number][0]
        is_probe = reserved_s > 3.0  # more than any schedule asks for
        kept = cost_s if is_probe else max(cost_s, reserved_s)
        solved.settle(state, number, kept, now_s)

    assert "of the allowance wasted" in told(judged("10.2", (solved.reserve, half)))


def test_what_is_no_pair_of_functions_is_told_its_form() -> None:
    for answer in (solved.reserve, (solved.reserve,), (1, 2)):
        assert "the pair (reserve, settle)" in told(judged("10.2", answer))


def test_a_limiter_that_raises_is_shown_its_own_lines() -> None:
    outcome = judged("10.2", (solved.reserve, lambda *_: 1 / 0))
    assert outcome.verdict is Verdict.ERROR
    assert "ZeroDivisionError" in told(outcome)


# --- 10.3

Spans = list[tuple[int, int]]


def everything(text: str) -> Spans:
    return [(0, len(text))]


def by_heart(text: str) -> Spans:
    seen = {one.text: one.spans for one in sentences(is_held_out=False)}
    return [(span.start, span.end) for span in seen.get(text, ())]


def capitals_too(text: str) -> Spans:
    return [*solved.find(text), *(found.span() for found in re.finditer(r"\b[A-Z]\w+", text))]


def test_the_finder_of_the_solution_is_accepted() -> None:
    outcome = judged("10.3", solved.find)
    assert outcome.verdict is Verdict.PASS, told(outcome)


@pytest.mark.parametrize(
    ("find", "reason"),
    [
        (starter, "half of what the starter misses"),
        (everything, "that redacts everything"),
        (by_heart, "knows the sentences by heart"),
        (capitals_too, "precision of 0.85"),
        (lambda _: [], "half of what the starter misses"),
        (lambda _: ..., "find returned Ellipsis"),
        (lambda _: None, "find returned None"),
        (lambda _: ["a name"], "find returned 'a name'"),
        (lambda _: [(0, 1.5)], "find returned (0, 1.5)"),
        (solved.RULES, "the function find"),
    ],
)
def test_a_finder_that_will_not_do_is_refused_by_name(find: object, reason: str) -> None:
    outcome = judged("10.3", find)
    assert outcome.verdict is Verdict.NOT_YET
    assert reason in told(outcome)


def test_the_notebook_begins_with_the_starter_that_is_compared() -> None:
    file = Path(__file__).parents[3] / "labs/10_security_for_audio_ml_apis.ipynb"
    cells = nbformat.read(file, as_version=4).cells
    (cell,) = [one.source for one in cells if 'check("10.3"' in one.source]
    assert all(f'r"{rule}"' in cell for rule in STARTER_RULES)
