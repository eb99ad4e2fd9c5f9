"""Each exercise refuses its starter and a plausible mistake, and accepts the solution."""

from dataclasses import replace

import pytest
from solutions import lab00 as solved00
from solutions import lab01 as solved01

from lab_kit.core.call_record import RequestCall, Spoken, StageSpan, StreamCall, Waterfall
from lab_kit.core.clock import ClockOffset
from lab_kit.course import check, progress, traces
from lab_kit.course.catalog import LABS
from lab_kit.course.checking import judge
from lab_kit.course.exercises import EXERCISES, lab01
from lab_kit.course.outcome import Outcome, Verdict
from lab_kit.measure.calls import (
    ENDPOINTING,
    INFERENCE,
    NETWORK_BACK,
    NETWORK_OUT,
    QUEUE_WAIT,
    STAGES,
)


def waterfall(clock_error_s: float = 0.001, **lengths_ms: float) -> Waterfall:
    """A live stream's waterfall with the given lengths, 5 ms where none is given."""
    stages, at_s = [], 0.0
    for name in STAGES:
        end_s = at_s + lengths_ms.get(name.replace(" ", "_"), 5.0) / 1e3
        stages.append(StageSpan(name, at_s, end_s))
        at_s = end_s
    return Waterfall("t", "the speaker stops", tuple(stages), (), clock_error_s, "cpu")


MEASURED = waterfall(endpointing=210.0, inference=20.0)


def judged(exercise: str, answer: object, measured: object = None) -> Outcome:
    return judge(EXERCISES[exercise], answer, measured)


def test_the_catalog_and_the_exercises_name_the_same_ids() -> None:
    assert [id_ for lab in LABS for id_ in lab.exercises] == list(EXERCISES)


@pytest.mark.parametrize("exercise", EXERCISES)
@pytest.mark.parametrize("starter", [None, ..., {"A": ..., "B": ..., "C": ...}])
def test_a_starter_is_refused_without_a_traceback(exercise: str, starter: object) -> None:
    assert judged(exercise, starter, MEASURED).verdict is Verdict.NOT_YET


def test_a_role_is_accepted_in_any_case_and_remembered() -> None:
    assert judged("00.1", solved00.ROLE.upper()).verdict is Verdict.PASS
    check("00.1", solved00.ROLE.upper())
    assert progress.load().role == solved00.ROLE


def test_a_role_that_nobody_has_is_refused_and_not_remembered() -> None:
    outcome = judged("00.1", "data scientist")
    assert outcome.verdict is Verdict.NOT_YET
    assert "backend" in "".join(outcome.reasons)
    check("00.1", "data scientist")
    assert progress.load().role is None


def test_the_longest_stage_is_read_from_the_measurement() -> None:
    answer = solved00.longest_stage(MEASURED)
    assert answer == ENDPOINTING
    assert judged("00.2", answer, MEASURED).verdict is Verdict.PASS
    other = waterfall(inference=90.0)
    assert judged("00.2", answer, other).verdict is Verdict.NOT_YET
    assert judged("00.2", INFERENCE, other).verdict is Verdict.PASS


def test_a_stage_is_known_however_it_is_written() -> None:
    assert judged("00.2", " Endpointing ", MEASURED).verdict is Verdict.PASS
    shouted = {name: stage.upper() for name, stage in solved01.CULPRITS.items()}
    assert judged("01.1", shouted).verdict is Verdict.PASS


def test_a_stage_that_is_not_the_longest_is_refused_with_its_length() -> None:
    outcome = judged("00.2", INFERENCE, MEASURED)
    assert outcome.verdict is Verdict.NOT_YET
    assert "20.0 ms" in outcome.reasons[0]


def test_stages_that_the_clocks_cannot_tell_apart_are_inconclusive() -> None:
    close = waterfall(clock_error_s=0.002, endpointing=100.0, inference=101.0)
    assert judged("00.2", INFERENCE, close).verdict is Verdict.INCONCLUSIVE


def test_a_call_is_as_good_as_its_waterfall() -> None:
    stamps = {"received": 1, "decoded": 2, "started": 3, "finished": 90, "responded": 91}
    call = RequestCall("t", "", 1.0, 0, 92, 92, stamps, ClockOffset(0, 0), "cpu")
    assert judged("00.2", INFERENCE, call).verdict is Verdict.PASS


def test_without_a_measurement_there_is_nothing_to_read() -> None:
    assert judged("00.2", INFERENCE).verdict is Verdict.NOT_YET


def test_each_recorded_trace_has_exactly_one_stage_that_blows_the_budget() -> None:
    for name, trace in traces("01").items():
        assert trace.total_s > 0.3
        assert len(lab01.culprits(trace)) == 1, name
        assert min(stage.length_s for stage in trace.stages) >= 0
    assert len({lab01.culprits(trace)[0] for trace in traces("01").values()}) == 3


def test_the_culprits_are_accepted() -> None:
    outcome = judged("01.1", solved01.CULPRITS)
    assert outcome.verdict is Verdict.PASS
    assert "proxy" in outcome.reasons[2]
    for half in (NETWORK_OUT, NETWORK_BACK):
        assert judged("01.1", solved01.CULPRITS | {"C": half}).verdict is Verdict.PASS


def test_blaming_inference_everywhere_is_refused_trace_by_trace() -> None:
    outcome = judged("01.1", dict.fromkeys("ABC", INFERENCE))
    assert outcome.verdict is Verdict.NOT_YET
    seen = outcome.reasons[0]
    assert "A: " in seen
    assert "C: " in seen
    assert "B: " not in seen


@pytest.mark.parametrize("answer", ["inference", {"A": INFERENCE}, {"A": 1, "B": [], "C": "gpu"}])
def test_answers_of_another_form_are_refused(answer: object) -> None:
    assert judged("01.1", answer).verdict is Verdict.NOT_YET


def test_the_ocean_budget_is_accepted_and_says_what_gives() -> None:
    budget = solved01.ocean_budget(MEASURED)
    assert sum(budget.values()) == pytest.approx(300)
    outcome = judged("01.2", budget, MEASURED)
    assert outcome.verdict is Verdict.PASS
    assert "What gives" in outcome.reasons[-1]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_of_nothing_is_refused_by_name(stage: str) -> None:
    outcome = judged("01.2", solved01.ocean_budget(MEASURED) | {stage: 0.0}, MEASURED)
    assert outcome.verdict is Verdict.NOT_YET
    assert f"{stage}: 0 ms" in outcome.reasons[0]
    assert "at least 1 ms" in outcome.reasons[1]


def test_inference_that_ran_meanwhile_is_pointed_out() -> None:
    measured = replace(MEASURED, hidden=(StageSpan(INFERENCE, 0.05, 0.13),))
    outcome = judged("01.2", solved01.ocean_budget(measured), measured)
    assert any("80 ms of inference ran while" in reason for reason in outcome.reasons)


def test_patience_that_is_saved_no_longer_hides_inference() -> None:
    measured = replace(
        waterfall(endpointing=201.0, inference=0.0), hidden=(StageSpan(INFERENCE, 0.05, 0.13),)
    )
    budget = solved01.ocean_budget(measured)
    assert judged("01.2", budget, measured).verdict is Verdict.PASS
    outcome = judged("01.2", budget | {ENDPOINTING: 100.0, INFERENCE: 1.0}, measured)
    assert outcome.verdict is Verdict.NOT_YET
    assert "at least 30 ms" in outcome.reasons[1]


def test_a_stream_without_a_final_is_no_measurement() -> None:
    silent = StreamCall(
        "t", 0, 1.0, 0.05, (Spoken("Hello", 0.2, 0.8),), (), (), ClockOffset(0, 0), "cpu"
    )
    assert judged("00.2", INFERENCE, silent).verdict is Verdict.NOT_YET
    assert judged("01.2", solved01.ocean_budget(MEASURED), silent).verdict is Verdict.NOT_YET


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({NETWORK_OUT: 10.0}, "light"),
        ({NETWORK_BACK: 70.0 - 1.1}, "light"),
        ({ENDPOINTING: 60.0}, "voice detector"),
        ({INFERENCE: 5.0}, "your own waterfall"),
        ({ENDPOINTING: 220.0}, "sum"),
        ({QUEUE_WAIT: -5.0}, "type"),
        ({QUEUE_WAIT: float("nan")}, "type"),
        ({QUEUE_WAIT: "5"}, "type"),
        ({QUEUE_WAIT: True}, "type"),
    ],
)
def test_a_budget_that_cannot_be_is_refused_with_its_reason(
    change: dict[str, object], named: str
) -> None:
    outcome = judged("01.2", solved01.ocean_budget(MEASURED) | change, MEASURED)
    assert outcome.verdict is Verdict.NOT_YET
    assert named in outcome.reasons[2]


def test_a_budget_without_a_stage_is_refused() -> None:
    budget = solved01.ocean_budget(MEASURED)
    del budget[QUEUE_WAIT]
    assert judged("01.2", budget, MEASURED).verdict is Verdict.NOT_YET


def test_a_budget_needs_a_live_measurement() -> None:
    budget = solved01.ocean_budget(MEASURED)
    assert judged("01.2", budget).verdict is Verdict.NOT_YET
    assert judged("01.2", budget, traces("01")["A"]).verdict is Verdict.NOT_YET


def test_no_budget_can_work_on_a_machine_that_is_too_busy() -> None:
    busy = waterfall(endpointing=210.0, inference=180.0)
    budget = solved01.ocean_budget(MEASURED)
    assert judged("01.2", budget, busy).verdict is Verdict.INCONCLUSIVE
