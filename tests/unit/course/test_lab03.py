"""Lab 03's exercises: starter refused, plausible mistakes refused by name, solutions accepted."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from solutions import lab03 as solved

from lab_kit.client import CacheUse
from lab_kit.course.checking import judge
from lab_kit.course.exercises import EXERCISES
from lab_kit.course.exercises.lab03 import CASES
from lab_kit.course.outcome import Outcome, Verdict
from lab_kit.datasets import Clip, Kind
from lab_kit.experiments.load import OfferedRequest, OpenLoopRun, Poisson
from lab_kit.experiments.runtimes import RuntimeFigures, RuntimeReport

MS = 1_000_000


def judged(exercise: str, answer: object, measured: object = None) -> Outcome:
    return judge(EXERCISES[exercise], answer, measured)


def told(outcome: Outcome) -> str:
    return "\n".join(outcome.reasons)


def run(due_ms: Sequence[int], latency_ms: int = 60) -> OpenLoopRun:
    """A plan carried out, each request answered after the same time."""
    requests = tuple(
        OfferedRequest(at * MS, at * MS, (at + latency_ms) * MS, 3.0, "yes") for at in due_ms
    )
    return OpenLoopRun(Poisson(20.0, 2.0, seed=1), requests, 0, 0.0, 0.1)


ARRIVALS = [round(at_s * 1e3) for at_s in Poisson(20.0, 2.0, seed=1).times_s()]
MEASURED = run(ARRIVALS)

# --- 03.1


def test_the_batch_former_of_the_solution_is_accepted_and_told_what_it_did() -> None:
    outcome = judged("03.1", solved.take, MEASURED)
    assert outcome.verdict is Verdict.PASS
    assert f"{len(ARRIVALS)} arrivals" in told(outcome)


def test_the_starter_is_no_answer() -> None:
    outcome = judged("03.1", lambda waiting_ms, now_ms, max_batch, max_wait_ms: ..., MEASURED)
    assert outcome.verdict is Verdict.NOT_YET
    assert "no answer yet" in told(outcome)


def _from_the_newest(waiting: Sequence[int], now: int, most: int, wait: int) -> int:
    full = len(waiting) >= most
    due = bool(waiting) and now - max(waiting) >= wait
    return min(len(waiting), most) if full or due else 0


def _first_in_line(waiting: Sequence[int], now: int, most: int, wait: int) -> int:
    full = len(waiting) >= most
    due = bool(waiting) and now - waiting[0] >= wait
    return min(len(waiting), most) if full or due else 0


def _everybody(waiting: Sequence[int], now: int, most: int, wait: int) -> int:
    full = len(waiting) >= most
    due = bool(waiting) and now - min(waiting) >= wait
    return len(waiting) if full or due else 0


def _patient(waiting: Sequence[int], now: int, most: int, wait: int) -> int:
    due = bool(waiting) and now - min(waiting) >= wait
    return min(len(waiting), most) if due else 0


def _greedy(waiting: Sequence[int], now: int, most: int, wait: int) -> int:
    return min(len(waiting), most)


def _full_or_nothing(waiting: Sequence[int], now: int, most: int, wait: int) -> int:
    return most if len(waiting) >= most else 0


def _longer_than(waiting: Sequence[int], now: int, most: int, wait: int) -> int:
    full = len(waiting) >= most
    due = bool(waiting) and now - min(waiting) > wait
    return min(len(waiting), most) if full or due else 0


def _float(waiting: Sequence[int], now: int, most: int, wait: int) -> float:
    return float(solved.take(waiting, now, most, wait))


def test_any_whole_number_is_one() -> None:
    def counted(waiting: Sequence[int], now: int, most: int, wait: int) -> np.int64:
        return np.int64(solved.take(waiting, now, most, wait))

    assert judged("03.1", counted, MEASURED).verdict is Verdict.PASS


def test_the_replay_takes_waiting_for_no_work() -> None:
    """Of an overloaded run, in which most of a latency is a queue."""
    late = run(ARRIVALS)
    requests = tuple(
        replace(one, received_ns=one.received_ns + number * 100 * MS)
        for number, one in enumerate(late.requests)
        if one.received_ns is not None
    )
    outcome = judged("03.1", solved.take, replace(late, requests=requests))
    waited = re.search(r"more than (\d+) ms", told(outcome))
    assert waited is not None
    assert int(waited[1]) < 1_000


@pytest.mark.parametrize(
    ("former", "reason"),
    [
        (_from_the_newest, "do not open its window again"),
        (_first_in_line, "look for the smallest of waiting_ms"),
        (_longer_than, "exactly max_wait_ms has waited long enough"),
        (_float, "1.0 is a float"),
        (_everybody, "no more than max_batch"),
        (_patient, "gains nothing by waiting"),
        (_greedy, "still open"),
        (_full_or_nothing, "has waited max_wait_ms"),
    ],
)
def test_a_plausible_batch_former_is_refused_for_the_right_reason(
    former: Callable[..., int], reason: str
) -> None:
    outcome = judged("03.1", former, MEASURED)
    assert outcome.verdict is Verdict.NOT_YET
    assert reason in told(outcome)


def test_what_single_moments_do_not_show_the_replay_does() -> None:
    """Right wherever it was asked alone, and wrong as soon as two come close together."""
    known = {(m.waiting_ms, m.now_ms, m.max_batch, m.max_wait_ms): m.expected for m in CASES}

    def learnt_by_heart(waiting: Sequence[int], now: int, most: int, wait: int) -> int:
        return known.get((tuple(waiting), now, most, wait), 0)

    outcome = judged("03.1", learnt_by_heart, MEASURED)
    assert outcome.verdict is Verdict.NOT_YET
    assert "your own run" in told(outcome)


@pytest.mark.parametrize("answer", [3, lambda waiting_ms: 0, "take"])
def test_what_is_no_such_function_is_refused(answer: object) -> None:
    assert judged("03.1", answer, MEASURED).verdict is Verdict.NOT_YET


def test_a_batch_former_needs_a_run_to_be_replayed() -> None:
    outcome = judged("03.1", solved.take)
    assert outcome.verdict is Verdict.NOT_YET
    assert "load.offer" in told(outcome)


def test_a_batch_former_that_raises_is_an_error_with_its_own_lines() -> None:
    def broken(waiting: Sequence[int], now: int, most: int, wait: int) -> int:
        return now - waiting[0]

    outcome = judged("03.1", broken, MEASURED)
    assert outcome.verdict is Verdict.ERROR
    assert "IndexError" in told(outcome)


# --- 03.2

CACHE = CacheUse(bytes_per_token=12_288, bytes_per_audio_s=614_400, slots=2048, frames=())
FIGURES = RuntimeFigures(
    size_bytes=151_000_000,
    prepare_s=0.0,
    load_s=0.3,
    clip_ms_p50=500.0,
    clip_ms_p95=700.0,
    tokens_per_s=60.0,
    wer_real=0.036,
    wer_synthesized=0.0,
    largest_score_difference=0.0,
    agrees=1.0,
)


def row(name: str, figures: RuntimeFigures | None) -> RuntimeReport:
    return RuntimeReport(name, "float32", "eager", "cpu", figures, None if figures else "no GPU")


BF16 = replace(FIGURES, size_bytes=76_000_000, clip_ms_p50=450.0)
INT8 = replace(FIGURES, size_bytes=61_000_000, clip_ms_p50=300.0, wer_real=0.040)
TABLE = [
    row("pytorch-fp32", FIGURES),
    row("pytorch-bf16", BF16),
    row("onnxruntime-int8", INT8),
    row("pytorch-fp16", None),
]
SIZES = (CACHE, TABLE)


def test_the_card_of_the_solution_is_accepted() -> None:
    outcome = judged("03.2", solved.streams(CACHE, FIGURES.size_bytes), SIZES)
    assert outcome.verdict is Verdict.PASS
    assert "encoded audio" in told(outcome)
    rounded_down = (0.9 * 24e9 - 151e6) // (30 * 614_400 + 75 * 12_288)
    assert judged("03.2", rounded_down, SIZES).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("stream_bytes", "card_bytes", "weights_bytes", "reason"),
    [
        (75 * 12_288, 21.6e9, 151e6, "only the text was counted"),
        (30 * 614_400, 21.6e9, 151e6, "tokens of text were left out"),
        (30 * 614_400 + 75 * 12_288, 24e9, 151e6, "nothing was kept free"),
        (30 * 614_400 + 75 * 12_288, 21.6e9, 0, "weights are in the same memory"),
        (614_400 + 75 * 12_288, 21.6e9, 151e6, "one second of audio"),
        (30 * 614_400 + 75 * 12_288, 24e9, 0, "nothing was kept free, and the weights"),
        (30 * 614_400 + 75 * 12_288, 0.9 * 24 * 2**30, 151e6, "gigabytes are decimal here"),
        (30 * 614_400 + 75 * 12_288 + 151e6, 21.6e9, 0, "counted for each stream"),
    ],
)
def test_a_card_sized_by_a_plausible_mistake_is_told_which(
    stream_bytes: float, card_bytes: float, weights_bytes: float, reason: str
) -> None:
    outcome = judged("03.2", int((card_bytes - weights_bytes) // stream_bytes), SIZES)
    assert outcome.verdict is Verdict.NOT_YET
    assert reason in told(outcome)


@pytest.mark.parametrize("answer", ["many", 1116.4, True, -3, float("inf"), float("nan")])
def test_a_count_that_is_none_is_refused(answer: object) -> None:
    assert judged("03.2", answer, SIZES).verdict is Verdict.NOT_YET


@pytest.mark.parametrize("measured", [None, CACHE, (CACHE, []), (CACHE, [row("x", None)])])
def test_a_card_cannot_be_sized_without_bytes(measured: object) -> None:
    outcome = judged("03.2", 1000, measured)
    assert outcome.verdict is Verdict.NOT_YET
    assert "(text_cache, table)" in told(outcome)


# --- 03.3


def speech(words: int) -> list[Clip]:
    text = " ".join(["word"] * words)
    return [
        Clip("a", text, Kind.REAL, 3.0, 16_000, (), "", "", "", "", False, Path("a.wav")),
        Clip("b", "hi " * 99, Kind.SYNTHESIZED, 3.0, 16_000, (), "", "", "", "", False, Path("b")),
    ]


ENOUGH = speech(225)


def test_the_smallest_within_both_limits_is_accepted() -> None:
    assert solved.precision(TABLE) == "onnxruntime-int8"
    assert judged("03.3", solved.precision(TABLE), (TABLE, ENOUGH)).verdict is Verdict.PASS


def test_one_that_breaks_the_limit_on_words_is_refused_and_the_next_accepted() -> None:
    deaf = [*TABLE[:2], row("onnxruntime-int8", replace(INT8, wer_real=0.045))]
    outcome = judged("03.3", "onnxruntime-int8", (deaf, ENOUGH))
    assert outcome.verdict is Verdict.NOT_YET
    assert "half a point" in told(outcome)
    assert solved.precision(deaf) == "pytorch-bf16"
    accepted = judged("03.3", "pytorch-bf16", (deaf, ENOUGH))
    assert accepted.verdict is Verdict.PASS
    assert "onnxruntime-int8: word error rate 4.5 %" in told(accepted)


def test_one_that_is_slower_than_the_reference_is_refused() -> None:
    slow = [TABLE[0], row("pytorch-bf16", replace(BF16, clip_ms_p50=900.0))]
    outcome = judged("03.3", "pytorch-bf16", (slow, ENOUGH))
    assert outcome.verdict is Verdict.NOT_YET
    assert "900 ms a clip" in told(outcome)
    assert judged("03.3", "pytorch-fp32", (slow, ENOUGH)).verdict is Verdict.PASS


def test_a_larger_one_than_needed_is_refused_without_naming_the_right_one() -> None:
    outcome = judged("03.3", "pytorch-fp32", (TABLE, ENOUGH))
    assert outcome.verdict is Verdict.NOT_YET
    assert "which of them keep both limits" in told(outcome)
    assert "onnxruntime-int8" not in told(outcome)


def test_too_few_words_decide_nothing() -> None:
    outcome = judged("03.3", "onnxruntime-int8", (TABLE, speech(199)))
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert "199 words" in told(outcome)


@pytest.mark.parametrize("answer", ["pytorch-fp16", "int8", 8, ["pytorch-fp32"]])
def test_a_row_without_figures_is_no_answer(answer: object) -> None:
    outcome = judged("03.3", answer, (TABLE, ENOUGH))
    assert outcome.verdict is Verdict.NOT_YET
    assert ("was not run here" in told(outcome)) is (answer == "pytorch-fp16")


@pytest.mark.parametrize("measured", [None, TABLE, (TABLE[1:], ENOUGH), (TABLE, [])])
def test_without_the_reference_or_the_clips_nothing_can_be_weighed(measured: object) -> None:
    assert judged("03.3", "onnxruntime-int8", measured).verdict is Verdict.NOT_YET
