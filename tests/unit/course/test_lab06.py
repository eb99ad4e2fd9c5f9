"""Lab 06's exercises: starter refused, plausible mistakes refused by name, solutions accepted."""

from collections.abc import Callable

import pytest
from solutions import lab06 as solved

from lab_kit.capacity.degradation import Degradation, Level, Signals, Thresholds
from lab_kit.core.spans import Span, Trace
from lab_kit.course.checking import judge
from lab_kit.course.exercises import EXERCISES
from lab_kit.course.outcome import Outcome, Verdict
from lab_kit.stream.stages import RULES, Stage


def judged(exercise: str, answer: object, measured: object = None) -> Outcome:
    return judge(EXERCISES[exercise], answer, measured)


def told(outcome: Outcome) -> str:
    return "\n".join(outcome.reasons)


# --- 06.1


def test_the_controller_of_the_solution_is_accepted() -> None:
    assert judged("06.1", solved.next_level).verdict is Verdict.PASS


def test_the_starter_of_the_controller_is_no_answer() -> None:
    outcome = judged("06.1", lambda level, pressure, lasted_s: ...)
    assert outcome.verdict is Verdict.NOT_YET
    assert "no answer yet" in told(outcome)


@pytest.mark.parametrize(
    ("exercise", "function"),
    [("06.1", lambda level, pressure, lasted_s: None), ("06.3", lambda waiting, item, limit: None)],
)
def test_a_function_that_returns_nothing_is_told_so(exercise: str, function: object) -> None:
    outcome = judged(exercise, function)
    assert outcome.verdict is Verdict.NOT_YET
    assert "without return" in told(outcome)


def _hasty(level: int, pressure: float, lasted_s: float) -> int:
    return min(level + 1, 4) if pressure >= 1 else max(level - 1, 0)


def _one_threshold(level: int, pressure: float, lasted_s: float) -> int:
    if pressure >= 1:
        return min(level + 1, 4) if lasted_s >= 0.5 else level
    return max(level - 1, 0) if lasted_s >= 3 else level


def _leaps(level: int, pressure: float, lasted_s: float) -> int:
    if pressure >= 1 and lasted_s >= 0.5:
        return 4
    return max(level - 1, 0) if pressure < 0.7 and lasted_s >= 3 else level


def _without_end(level: int, pressure: float, lasted_s: float) -> int:
    if pressure >= 1 and lasted_s >= 0.5:
        return level + 1
    return level - 1 if pressure < 0.7 and lasted_s >= 3 else level


def _never_back(level: int, pressure: float, lasted_s: float) -> int:
    return min(level + 1, 4) if pressure >= 1 and lasted_s >= 0.5 else level


@pytest.mark.parametrize(
    ("controller", "reason"),
    [
        (_hasty, "only begun"),
        (_one_threshold, "not much less"),
        (_leaps, "still one step"),
        (_without_end, "above the highest level"),
        (_never_back, "relief that lasts"),
    ],
)
def test_a_plausible_controller_is_refused_for_the_right_reason(
    controller: Callable[..., int], reason: str
) -> None:
    outcome = judged("06.1", controller)
    assert outcome.verdict is Verdict.NOT_YET
    assert reason in told(outcome)


def test_what_single_moments_do_not_show_a_minute_does() -> None:
    """Right in every moment that was asked alone, and never up in between."""
    from lab_kit.course.exercises.lab06 import CASES

    known = {(m.level, m.pressure, m.lasted_s): m.expected for m in CASES}
    outcome = judged("06.1", lambda *asked: known.get(asked, asked[0]))
    assert outcome.verdict is Verdict.NOT_YET
    assert "a crowd for fifteen seconds" in told(outcome)


@pytest.mark.parametrize("answer", [3, lambda level: 0, "up"])
def test_what_is_no_controller_is_refused(answer: object) -> None:
    assert judged("06.1", answer).verdict is Verdict.NOT_YET


def test_the_servers_own_controller_takes_the_same_steps() -> None:
    thresholds = Thresholds(busy=0.5, saturated=0.5, rise_s=0.5)
    own, level, since_s, side_before = Degradation(thresholds), 0, 0.0, ""
    for n in range(400):
        now_s = n * 0.25
        pressure = 1.6 if 5 <= now_s < 30 else 0.4
        side = "high" if pressure >= 1 else "low"
        if side != side_before:
            since_s, side_before = now_s, side
        after = solved.next_level(level, pressure, now_s - since_s)
        since_s = now_s if after != level else since_s
        level = after
        own.observe(Signals(busy=pressure / 2), now_s)
        assert abs(own.level - level) <= 1  # the server's clock begins anew a look later
    assert own.level == level == Level.FULL


# --- 06.2


def trace(**lengths_ms: float) -> Trace:
    """Ten spans of each stage, of that length."""
    root = Span("stream", "t", "0", None, 0.0, 9.0, {}, ())
    spans = [
        Span(stage, "t", f"{stage}{n}", "0", float(n), n + length_ms / 1e3, {}, ())
        for stage, length_ms in lengths_ms.items()
        for n in range(10)
    ]
    return Trace((root, *spans))


CROWDED = trace(decode=0.3, segment=2, batch=180, infer=210, postprocess=0.1, send=0.5)


def test_the_stage_that_exceeds_its_budget_most_is_the_bottleneck() -> None:
    assert solved.bottleneck(CROWDED) == "batch"
    outcome = judged("06.2", solved.bottleneck(CROWDED), CROWDED)
    assert outcome.verdict is Verdict.PASS
    assert "3.6 times its budget" in told(outcome)


def test_the_longest_stage_is_not_the_bottleneck_because_it_is_long() -> None:
    outcome = judged("06.2", "infer", CROWDED)
    assert outcome.verdict is Verdict.NOT_YET
    assert "allowed to be long" in told(outcome)


def test_a_stream_without_a_bottleneck_decides_nothing() -> None:
    calm = trace(decode=0.3, segment=2, batch=2, infer=60, send=0.5)
    outcome = judged("06.2", "infer", calm)
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert "more callers" in told(outcome)
    assert judged("06.2", "infer", Trace((CROWDED.root,))).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(("answer", "measured"), [("gpu", CROWDED), (7, CROWDED), ("batch", None)])
def test_what_names_no_stage_or_has_no_trace_is_refused(answer: object, measured: object) -> None:
    assert judged("06.2", answer, measured).verdict is Verdict.NOT_YET


def test_every_stage_that_can_be_named_has_a_budget() -> None:
    assert set(RULES) == set(Stage)


# --- 06.3


def test_the_queue_of_the_solution_is_accepted() -> None:
    outcome = judged("06.3", solved.put)
    assert outcome.verdict is Verdict.PASS
    assert "61 waited at most" in told(outcome)


def test_the_starter_of_the_queue_is_no_answer() -> None:
    assert "no answer yet" in told(judged("06.3", lambda waiting, item, limit: ...))


def _unbounded(waiting: list[tuple[str, str]], item: tuple[str, str], limit: int) -> object:
    return [*waiting, item]


def _drops_the_oldest(waiting: list[tuple[str, str]], item: tuple[str, str], limit: int) -> object:
    return [*waiting, item][-limit:]


def _drops_the_newest(waiting: list[tuple[str, str]], item: tuple[str, str], limit: int) -> object:
    return [*waiting, item][:limit]


def _gives_up_early(waiting: list[tuple[str, str]], item: tuple[str, str], limit: int) -> object:
    finals = [one for one in waiting if one[0] == "final"]
    return [*finals, item] if len(finals) < limit else None


@pytest.mark.parametrize(
    ("queue", "reason"),
    [
        (_unbounded, "the newest replaces the one that waits"),
        (_drops_the_oldest, "no final is ever dropped"),
        (_drops_the_newest, "no final is ever dropped"),
        (_gives_up_early, "left out first"),
    ],
)
def test_a_plausible_queue_is_refused_for_the_right_reason(
    queue: Callable[..., object], reason: str
) -> None:
    outcome = judged("06.3", queue)
    assert outcome.verdict is Verdict.NOT_YET
    assert reason in told(outcome)


@pytest.mark.parametrize("answer", [[], lambda waiting: waiting])
def test_what_is_no_queue_is_refused(answer: object) -> None:
    assert judged("06.3", answer).verdict is Verdict.NOT_YET


def test_a_queue_that_raises_is_an_error_with_its_own_lines() -> None:
    def broken(waiting: list[tuple[str, str]], item: tuple[str, str], limit: int) -> object:
        return waiting[0]

    assert judged("06.3", broken).verdict is Verdict.ERROR
