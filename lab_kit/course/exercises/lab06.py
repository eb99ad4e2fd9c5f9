"""Lab 06: the degradation controller, the stage that is the bottleneck, a queue with an end.

The controller is asked in single moments, then put in charge of three loads in simulated time: one
that comes and goes, one that its own first step relieves, one that flickers. The bottleneck is
judged by the reader's own spans.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lab_kit.core.spans import Trace
from lab_kit.core.units import ms, percent
from lab_kit.course.exercises.exercise import Exercise, nothing_returned
from lab_kit.course.outcome import Outcome, inconclusive, not_yet, passed
from lab_kit.measure.percentiles import percentile
from lab_kit.stream.stages import RULES, Stage

HIGHEST = 4
HIGH, LOW = 1.0, 0.7
RISE_S, FALL_S = 0.5, 3.0
LOOK_S = 0.25
LEAST_SPANS = 5
"""A stage that was seen less often says nothing about a p95."""

Controller = Callable[[int, float, float], object]
Item = tuple[str, str]
Put = Callable[[list[Item], Item, int], object]


def next_level(level: int, pressure: float, lasted_s: float) -> int:
    """What the controller has to answer; `capacity.degradation.Degradation` decides likewise."""
    if pressure >= HIGH and lasted_s >= RISE_S:
        return min(level + 1, HIGHEST)
    if pressure < LOW and lasted_s >= FALL_S:
        return max(level - 1, 0)
    return level


@dataclass(frozen=True, slots=True)
class LevelCase:
    """What the controller is asked once."""

    what: str
    level: int
    pressure: float
    lasted_s: float

    @property
    def expected(self) -> int:
        """The right level."""
        return next_level(self.level, self.pressure, self.lasted_s)


CASES = (
    LevelCase("nothing happens", 0, 0.2, 60.0),
    LevelCase("pressure that has only begun", 0, 1.5, 0.25),
    LevelCase("pressure that lasts", 0, 1.5, 0.5),
    LevelCase("pressure exactly at the limit lasts", 1, 1.0, 2.0),
    LevelCase("great pressure is still one step", 0, 9.0, 5.0),
    LevelCase("there is nothing above the highest level", 4, 2.0, 10.0),
    LevelCase("less than the limit, but not much less", 2, 0.85, 60.0),
    LevelCase("relief that has only begun", 2, 0.1, 1.0),
    LevelCase("relief that lasts", 2, 0.1, 3.0),
    LevelCase("there is nothing below full service", 0, 0.0, 99.0),
)


@dataclass(frozen=True, slots=True)
class Load:
    """A load that answers to the level it meets, as real ones do.

    Attributes:
        pressure: from the time and the level.
        steps: levels that a good controller goes through, the first left out.
        lesson: what is wrong otherwise.
    """

    what: str
    pressure: Callable[[float, int], float]
    steps: tuple[int, ...]
    lesson: str


LOADS = (
    Load(
        "a crowd for fifteen seconds",
        lambda at_s, level: 2.0 if 5 <= at_s < 20 else 0.2,
        (1, 2, 3, 4, 3, 2, 1, 0),
        "one step at a time, up while it lasts and down again when it is over",
    ),
    Load(
        "a load that fewer interims relieve",
        lambda at_s, level: 1.2 if level == 0 else 0.8,
        (1,),
        "the load is still there: going back because a step helped brings the pressure back",
    ),
    Load(
        "a load that flickers",
        lambda at_s, level: 1.5 if round(at_s / LOOK_S) % 2 else 0.1,
        (),
        "neither pressure nor relief lasted",
    ),
)


def judge_controller(answer: Any, measured: object) -> Outcome:
    """06.1: a function that steps up under lasting pressure and down under lasting relief."""
    if not _takes(answer, 0, 0.0, 0.0):
        return not_yet(repr(answer), "a function of level, pressure and lasted_s", "its definition")
    told = [(case, answer(case.level, case.pressure, case.lasted_s)) for case in CASES]
    if (
        missing := nothing_returned([said for _, said in told], "write the controller")
    ) is not None:
        return missing
    wrong = [
        f"{m.what}: level {m.level} at pressure {m.pressure:g} for {m.lasted_s:g} s"
        f" became {said!r}, not {m.expected}"
        for m, said in told
        if said != m.expected or isinstance(said, bool)
    ]
    if wrong:
        return not_yet("\n".join(wrong), _RULE, f"{len(wrong)} of {len(CASES)} moments")
    for load in LOADS:
        seen = steps_under(answer, load)
        if seen != load.steps:
            return not_yet(
                f"{load.what}: {_path(seen)}",
                _path(load.steps),
                f"sixty seconds of it: {load.lesson}",
            )
    return passed(
        f"{len(CASES)} moments and three loads; no step more than needed.",
        "The two thresholds and the two patiences are what keeps it from flapping.",
    )


def judge_bottleneck(answer: Any, measured: object) -> Outcome:
    """06.2: the stage that exceeds its budget most, by the reader's own spans."""
    if not isinstance(measured, Trace):
        return not_yet("no trace", "one stream's trace", 'check("06.2", stage, crowded_trace)')
    if answer not in list(Stage):
        return not_yet(repr(answer), f"one of {', '.join(Stage)}", "the lanes of the picture")
    ratios = overruns(measured)
    if not ratios:
        return inconclusive("hardly any spans in this trace", "stream a longer clip")
    worst, ratio = max(ratios.items(), key=lambda one: one[1])
    if ratio <= 1:
        return inconclusive(
            f"every stage kept to its budget; {worst} came nearest with {percent(ratio)} of it",
            "a trace of a stream among more callers",
        )
    if answer == worst:
        return passed(
            f"{worst}: p95 is {ratio:.1f} times its budget of {ms(RULES[worst].budget_s):,.0f} ms.",
            f"What happens to it now: {RULES[worst].failure}.",
        )
    mine = ratios.get(Stage(answer))
    seen = f"{answer}: " + (
        "hardly seen" if mine is None else f"p95 is {mine:.1f} times its budget"
    )
    return not_yet(
        seen,
        "the stage whose p95 exceeds its budget most",
        "the columns p95 and budget; the longest bar may be allowed to be long",
    )


QUEUES: tuple[tuple[str, list[Item], Item, list[Item] | None, str], ...] = (
    ("an empty queue", [], ("interim", "It"), [("interim", "It")], "there is room"),
    (
        "a newer interim",
        [("interim", "It")],
        ("interim", "It was"),
        [("interim", "It was")],
        "the newest replaces the one that waits",
    ),
    (
        "an interim behind finals",
        [("final", "Yes."), ("final", "No.")],
        ("interim", "May"),
        [("final", "Yes."), ("final", "No."), ("interim", "May")],
        "finals stay, in their order",
    ),
    (
        "an interim for a full queue",
        [("final", "1"), ("final", "2"), ("final", "3")],
        ("interim", "4"),
        [("final", "1"), ("final", "2"), ("final", "3")],
        "what may be revised anyway is left out first",
    ),
    (
        "a final where an interim waits in a full queue",
        [("final", "1"), ("final", "2"), ("interim", "thr")],
        ("final", "3"),
        [("final", "1"), ("final", "2"), ("final", "3")],
        "the interim makes room",
    ),
    (
        "a final for a queue full of finals",
        [("final", "1"), ("final", "2"), ("final", "3")],
        ("final", "4"),
        None,
        "no final is ever dropped, so the stream has to end, by name",
    ),
)
MOST = 3


def judge_queue(answer: Any, measured: object) -> Outcome:
    """06.3: a queue that stays short: interims go first, finals never."""
    if not _takes(answer, [], ("interim", ""), MOST):
        return not_yet(repr(answer), "a function of waiting, item and limit", "its definition")
    told = [(case, answer(list(case[1]), case[2], MOST)) for case in QUEUES]
    if (missing := nothing_returned([said for _, said in told], "bound the queue")) is not None:
        return missing
    wrong = [
        f"{what}: {_shown(said)} instead of {_shown(expected)}; {why}"
        for (what, _, _, expected, why), said in told
        if not _same(said, expected)
    ]
    if wrong:
        return not_yet("\n".join(wrong), _QUEUE_RULE, f"{len(wrong)} of {len(QUEUES)} cases")
    longest = _flood(answer)
    if isinstance(longest, str):
        return not_yet(longest, _QUEUE_RULE, "a client that does not read for a minute")
    return passed(f"{len(QUEUES)} cases, then a minute that nobody read: {longest} waited at most.")


EXERCISES = (
    Exercise(
        "06.1",
        "Write the degradation controller",
        judge_controller,
        (
            "Three answers: one more, one less, the same. When is it the same?",
            f"Up needs pressure of {HIGH:g} or more for {RISE_S:g} s; down needs less than {LOW:g}"
            f" for {FALL_S:g} s. Between the two nothing moves.",
            "if pressure >= 1 and lasted_s >= 0.5: return min(level + 1, 4). The step down is alike"
            ", with max(level - 1, 0). At the end: return level.",
        ),
    ),
    Exercise(
        "06.2",
        "Find the stage that is the bottleneck",
        judge_bottleneck,
        (
            "Some stages may take long, others may not. Which column says how long?",
            "Divide each stage's p95 by its budget.",
            "show.stages(crowded_trace) prints both columns.",
        ),
    ),
    Exercise(
        "06.3",
        "Make the queue bounded",
        judge_queue,
        (
            "Which waiting result does a new interim make useless? And a new final?",
            "An interim replaces a waiting interim; a final only needs its place when the queue is"
            " full. A queue full of finals has no good answer: say None.",
            "kept = the finals of waiting; then decide by the kind of item and len(kept).",
        ),
    ),
)

_RULE = (
    f"up one at {HIGH:g} or more for {RISE_S:g} s, down one below {LOW:g} for {FALL_S:g} s,"
    f" from 0 to {HIGHEST}"
)
_QUEUE_RULE = "at most limit wait, the newest interim at most once, every final in its order"


def steps_under(controller: Controller, load: Load) -> tuple[int, ...]:
    """The levels that a minute of the load leads through."""
    level, since_s, side_before, seen = 0, 0.0, "", []
    for n in range(round(60 / LOOK_S)):
        now_s = n * LOOK_S
        pressure = load.pressure(now_s, level)
        side = "high" if pressure >= HIGH else "low" if pressure < LOW else "between"
        if side != side_before:
            since_s, side_before = now_s, side
        after = controller(level, pressure, now_s - since_s)
        if isinstance(after, int) and after != level:
            level, since_s = after, now_s
            seen.append(level)
    return tuple(seen)


def overruns(trace: Trace) -> dict[Stage, float]:
    """Each stage's p95 in units of its budget, where enough was seen of it."""
    seen = {stage: trace.lengths_s(stage) for stage in RULES}
    return {
        stage: percentile(lengths_s, 0.95) / RULES[stage].budget_s
        for stage, lengths_s in seen.items()
        if len(lengths_s) >= LEAST_SPANS
    }


def _flood(put: Put) -> int | str:
    """A minute of interims, a final each second; the most that waited, or what went wrong."""
    waiting: list[Item] = []
    longest = 0
    for n in range(1_200):
        limit = 100
        item = ("final", f"{n}") if n % 20 == 19 else ("interim", f"{n}")
        told = put(list(waiting), item, limit)
        if not isinstance(told, list):
            return f"after {n + 1} results the stream ended, though {len(waiting)} of 100 waited"
        waiting, longest = told, max(longest, len(told))
    finals = [text for kind, text in waiting if kind == "final"]
    if finals != [str(n) for n in range(19, 1_200, 20)]:
        return f"{60 - len(finals)} of 60 finals were lost, or their order"
    return longest


def _takes(answer: object, *arguments: object) -> bool:
    if not callable(answer):
        return False
    try:
        inspect.signature(answer).bind(*arguments)
    except (TypeError, ValueError):
        return False
    return True


def _same(said: object, expected: Sequence[Item] | None) -> bool:
    if expected is None:
        return said is None
    return isinstance(said, list) and [tuple(item) for item in said] == list(expected)


def _shown(queue: object) -> str:
    if not isinstance(queue, list):
        return repr(queue)
    return "[" + ", ".join(f"{item[0]} {item[1]!r}" for item in queue) + "]"


def _path(levels: Sequence[int]) -> str:
    return " -> ".join(map(str, (0, *levels))) if levels else "stays at 0"
