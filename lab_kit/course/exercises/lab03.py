"""Lab 03: form batches, size a card's streams, pick a precision under a limit on words.

The batch former is watched in single moments, then while it replays the arrivals that the reader
measured. The other two are judged by the reader's own figures: what a token and a second of audio
take on their server, and their own table of runtimes.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any

from lab_kit.client import CacheUse
from lab_kit.core.units import ms, percent
from lab_kit.course.exercises.exercise import Exercise, nothing_returned
from lab_kit.course.outcome import Outcome, inconclusive, not_yet, passed
from lab_kit.datasets import Clip, Kind
from lab_kit.experiments.load import OpenLoopRun
from lab_kit.measure.accuracy import bare_words

if TYPE_CHECKING:  # the runtimes bring PyTorch along, which a check can do without
    from lab_kit.experiments.runtimes import RuntimeFigures, RuntimeReport

MAX_BATCH, MAX_WAIT_MS = 4, 20
CARD_BYTES = 24_000_000_000
"""Of the card in exercise 03.2, in the decimal gigabytes that memory is sold in."""
KEPT_FREE = 0.1
CLIP_S = 30
"""Whisper's encoder always sees so much, however little was said."""
TOKENS = 75
"""Of text that each stream in exercise 03.2 may hold."""
REFERENCE = "pytorch-fp32"
WER_LIMIT = 0.005
SLOWER = 1.1
"""Times of one clip differ by a tenth from run to run; that much slower is not slower."""

Former = Callable[[Sequence[int], int, int, int], object]


def take(waiting_ms: Sequence[int], now_ms: int, max_batch: int, max_wait_ms: int) -> int:
    """What a batch former has to answer; `engine.batching.Dynamic` decides the same way."""
    full = len(waiting_ms) >= max_batch
    due = bool(waiting_ms) and now_ms - min(waiting_ms) >= max_wait_ms
    return min(len(waiting_ms), max_batch) if full or due else 0


@dataclass(frozen=True, slots=True)
class BatchCase:
    """What a batch former is asked once."""

    what: str
    waiting_ms: tuple[int, ...]
    now_ms: int
    max_batch: int = MAX_BATCH
    max_wait_ms: int = MAX_WAIT_MS

    @property
    def expected(self) -> int:
        """How many go."""
        return take(self.waiting_ms, self.now_ms, self.max_batch, self.max_wait_ms)

    def asked(self, former: Former) -> object:
        """What the reader's function answers; it gets a list of its own."""
        return former(list(self.waiting_ms), self.now_ms, self.max_batch, self.max_wait_ms)


CASES = (
    BatchCase("nobody waits", (), 100),
    BatchCase("one waits, not yet for long", (90,), 100),
    BatchCase("one has waited exactly as long as allowed", (80,), 100),
    BatchCase("one has waited too long, others just came", (70, 97, 99), 100),
    BatchCase("a full batch, just come", (97, 98, 99, 100), 100),
    BatchCase("more than fit", (60, 70, 80, 90, 95, 99), 100),
    BatchCase("the first in line is not the one who came first", (98, 75), 100),
    BatchCase("a batch of one", (100, 100), 100, max_batch=1),
    BatchCase("no window at all", (100, 100), 100, max_wait_ms=0),
)


def judge_former(answer: Any, measured: object) -> Outcome:
    """03.1: a function that takes a batch when it is full or its first request has waited."""
    if not isinstance(measured, OpenLoopRun):
        return not_yet(
            "no run to replay", "what load.offer returned", 'check("03.1", take, runs["none"][-1])'
        )
    if not _takes_four(answer):
        return not_yet(repr(answer), "a function of four arguments", "its definition")
    told = []
    for case in CASES:
        try:
            told.append((case, case.asked(answer)))
        except Exception as error:  # the reader's own code, whose lines they are shown
            error.add_note(f"asked when {case.what}: waiting_ms={list(case.waiting_ms)}")
            raise
    if (
        missing := nothing_returned([said for _, said in told], "implement the batch former")
    ) is not None:
        return missing
    wrong = [w for case, said in told if (w := _wrong_count(case, said))]
    if wrong:
        return not_yet("\n".join(wrong), _RULE, f"{len(wrong)} of {len(CASES)} moments")
    return _replayed(answer, measured)


def judge_sizing(answer: Any, measured: object) -> Outcome:
    """03.2: how many streams fit into a card's memory, by the reader's own bytes."""
    sizes = _sizes(measured)
    if sizes is None:
        return not_yet(
            "no measured bytes", "the cache's use and the table of runtimes", "(text_cache, table)"
        )
    is_number = isinstance(answer, int | float) and not isinstance(answer, bool)
    if not is_number or answer != answer // 1:
        return not_yet(repr(answer), "a whole number of streams", "its type")
    if answer <= 0:
        return not_yet(f"{answer:,.0f} streams", "at least one", "the sign of what is left")
    fits = streams(*sizes)
    if abs(answer - fits) <= 1:
        return _fits(fits, *sizes)
    named = [why for count, why in _misreckoned(*sizes) if abs(answer - count) <= 1]
    return not_yet(
        f"{answer:,.0f} streams",
        "memory that is left, divided by what one stream keeps, rounded down",
        named[0] if named else "the bytes that you measured: what does one stream keep, and where?",
    )


def judge_precision(answer: Any, measured: object) -> Outcome:
    """03.3: the smallest runtime within the limits on words and time."""
    read = _read_table(measured)
    if read is None:
        return not_yet(
            "no table with the reference in it", "the runtimes and the clips", "(table, speech)"
        )
    figures, words = read
    if not isinstance(answer, str) or answer not in figures:
        why_not = _why_not(measured, answer)
        return not_yet(why_not, f"one of {', '.join(figures)}", "the names at the table's head")
    if words * WER_LIMIT < 1:
        return inconclusive(
            f"{words} words of real speech: one wrong word is {percent(1 / words, 1)}, more than"
            " the limit",
            f"compare with at least {round(1 / WER_LIMIT)} words: the full profile has them",
        )
    return _weighed(answer, figures)


EXERCISES = (
    Exercise(
        "03.1",
        "Implement the batch former",
        judge_former,
        (
            "Which two reasons are there for a batch to go now?",
            "The number that waits, and how long the oldest has waited. Not the newest: a steady"
            " trickle would postpone the batch for ever. The list is in the order of turns, so the"
            " oldest need not be its first.",
            "full = len(waiting_ms) >= max_batch; due = the oldest has waited max_wait_ms or more."
            " Either: as many as wait, at most max_batch. Neither: 0.",
        ),
    ),
    Exercise(
        "03.2",
        "Size a card's streams from its memory",
        judge_sizing,
        (
            "What is in memory once, what is there for each stream?",
            "Once: the weights. For each stream: every second that the encoder sees, and every"
            " token. How many seconds does Whisper's encoder see of a short phrase?",
            f"(0.9 * card - weights) // ({CLIP_S} * bytes_per_audio_s + {TOKENS} *"
            " bytes_per_token).",
        ),
    ),
    Exercise(
        "03.3",
        "Pick a precision under a limit on words",
        judge_precision,
        (
            "Which runtimes break a limit? Strike them out before you compare sizes.",
            f"The limits are relative to {REFERENCE}: its word error rate on real speech plus half"
            " a point, and its median time.",
            "Of those that are left, the one with the fewest MB.",
        ),
    ),
)

_RULE = "as many as wait, at most max_batch, when they fill it or the oldest waited max_wait_ms"


def streams(card_bytes: float, weights_bytes: int, audio_bytes: float, text_bytes: float) -> int:
    """How many fit: what the weights leave, by what one stream keeps."""
    return int((card_bytes - weights_bytes) // (audio_bytes + text_bytes))


def _takes_four(answer: object) -> bool:
    if not callable(answer):
        return False
    try:
        inspect.signature(answer).bind([], 0, MAX_BATCH, MAX_WAIT_MS)
    except (TypeError, ValueError):
        return False
    return True


def _wrong_count(case: BatchCase, said: object) -> str | None:
    """What is wrong with an answer, and why; None if it is right."""
    if isinstance(said, float):
        return f"{case.what}: {said!r} is a float; int(...) makes a whole number of it"
    if not isinstance(said, Integral) or isinstance(said, bool):
        return f"{case.what}: {said!r} is not a whole number"
    said = int(said)
    if said == case.expected:
        return None
    return f"{case.what}: took {said} instead of {case.expected}. {_why(case, said)}"


def _why(case: BatchCase, said: int) -> str:
    waiting = len(case.waiting_ms)
    if said > case.max_batch:
        return "A batch holds no more than max_batch"
    if said > waiting or said < 0:
        return f"Only {waiting} are there"
    if case.expected == 0:
        return "Neither full nor due: the window of the oldest is still open"
    if said:
        return "Who stays behind waits for another batch without need"
    if waiting >= case.max_batch:
        return "A full batch gains nothing by waiting"
    oldest_ms = min(case.waiting_ms)
    if case.now_ms - oldest_ms == case.max_wait_ms:
        return "Who has waited exactly max_wait_ms has waited long enough"
    if case.waiting_ms[0] != oldest_ms:
        return "The first in the list is not the oldest; look for the smallest of waiting_ms"
    return "The oldest has waited max_wait_ms; later arrivals do not open its window again"


def _replayed(former: Former, run: OpenLoopRun) -> Outcome:
    """Let it serve the arrivals that were measured, one batch at a time, every millisecond."""
    batches, waits_ms = [], []
    for case in _batch_cases(run):
        if wrong := _wrong_count(case, case.asked(former)):
            return not_yet(wrong, _RULE, f"your own run, {case.now_ms} ms after it began")
        if case.expected:
            batches.append(case.expected)
            gone = case.waiting_ms[: case.expected]
            waits_ms += [case.now_ms - came_ms for came_ms in gone]
    return passed(
        f"{len(CASES)} moments, then {sum(batches)} arrivals of your run replayed.",
        f"They left in {len(batches)} batches of {sum(batches) / len(batches):.1f} on average;"
        f" nobody waited for more than {max(waits_ms)} ms, a busy device included.",
    )


def _batch_cases(run: OpenLoopRun) -> Iterator[BatchCase]:
    """Each millisecond in which a free device could take a batch, with who waits then."""
    due_ms = [round(ms((r.intended_ns - run.began_ns) / 1e9)) for r in run.requests]
    busy_ms = _device_ms(run)
    waiting: tuple[int, ...] = ()
    free_ms = now_ms = 0
    while due_ms or waiting:
        while due_ms and due_ms[0] <= now_ms:
            waiting += (due_ms.pop(0),)
        if waiting and now_ms >= free_ms:
            case = BatchCase("replay", waiting, now_ms)
            yield case
            waiting = waiting[case.expected :]
            free_ms = now_ms + busy_ms if case.expected else free_ms
        now_ms += 1


def _device_ms(run: OpenLoopRun) -> int:
    """How long a batch keeps the device: as long as the quickest answer, which waited for nobody.

    The median of a run with more requests than the device could do is mostly waiting.
    """
    answered = [r.latency_s for r in run.requests if r.received_ns is not None]
    return max(1, round(ms(min(answered)))) if answered else MAX_WAIT_MS


def _sizes(measured: object) -> tuple[float, int, float, float] | None:
    """Memory to use, weights, audio and text of one stream, in bytes; None if something lacks."""
    if not isinstance(measured, tuple) or len(measured) != 2:
        return None
    cache, table = measured
    reference = _figures(table).get(REFERENCE)
    if not isinstance(cache, CacheUse) or reference is None:
        return None
    audio, text = cache.bytes_per_audio_s * CLIP_S, cache.bytes_per_token * TOKENS
    return CARD_BYTES * (1 - KEPT_FREE), reference.size_bytes, audio, text


def _misreckoned(card: float, weights: int, audio: float, text: float) -> Iterator[tuple[int, str]]:
    """Counts that a plausible mistake leads to, each with what was overlooked."""
    whole = card / (1 - KEPT_FREE)
    yield (
        streams(card, weights, 0, text),
        "only the text was counted; the encoded audio stays as long as its stream, and is larger",
    )
    yield streams(card, weights, audio, 0), "the tokens of text were left out"
    yield streams(whole, weights, audio, text), "nothing was kept free"
    yield streams(card, 0, audio, text), "the weights are in the same memory"
    yield (
        streams(whole, 0, audio, text),
        "nothing was kept free, and the weights are in the same memory",
    )
    yield (
        streams(card * 2**30 / 1e9, weights, audio, text),
        "gigabytes are decimal here: a card of 24 GB has 24,000,000,000 bytes",
    )
    yield (
        streams(card, 0, audio + weights, text),
        "the weights were counted for each stream; they are in memory once",
    )
    yield (
        streams(card, weights, audio / CLIP_S, text),
        f"one second of audio was counted; the encoder sees {CLIP_S} of every clip",
    )


def _fits(count: int, card: float, weights: int, audio: float, text: float) -> Outcome:
    share = audio / (audio + text)
    return passed(
        f"{count:,} streams: {(card - weights) / 1e9:.1f} GB left by the weights,"
        f" {(audio + text) / 1e6:.1f} MB each.",
        f"{percent(share)} of that is encoded audio. Paging the text saves in the rest only.",
        "That is what memory allows. How many a device can compute in time is another number:"
        " measure it, and plan with the smaller.",
    )


def _figures(table: object) -> "dict[str, RuntimeFigures]":
    """What was measured, by the runtime's name; empty if this is no table."""
    rows: Sequence[RuntimeReport] = table if isinstance(table, list | tuple) else ()
    named = ((getattr(row, "name", ""), getattr(row, "figures", None)) for row in rows)
    return {name: figures for name, figures in named if figures is not None}


def _why_not(measured: Any, answer: object) -> str:
    """What is to be said of a runtime that has no figures."""
    is_in_table = answer in [getattr(row, "name", None) for row in measured[0]]
    return f"{answer!r}, which was not run here" if is_in_table else repr(answer)


def _read_table(measured: object) -> "tuple[dict[str, RuntimeFigures], int] | None":
    """The figures, and how many words of real speech they rest on; None if something lacks."""
    if not isinstance(measured, tuple) or len(measured) != 2:
        return None
    table, clips = measured
    figures = _figures(table)
    if REFERENCE not in figures or not isinstance(clips, list | tuple):
        return None
    real = [clip for clip in clips if isinstance(clip, Clip) and clip.kind is Kind.REAL]
    words = sum(len(bare_words(clip.text)) for clip in real)
    return (figures, words) if words else None


def _weighed(answer: str, figures: "dict[str, RuntimeFigures]") -> Outcome:
    broken = {name: _breach(each, figures[REFERENCE]) for name, each in figures.items()}
    if broken[answer]:
        return not_yet(f"{answer}: {broken[answer]}", "a runtime within both limits", "its column")
    allowed = [name for name, breach in broken.items() if breach is None]
    least = min(figures[name].size_bytes for name in allowed)
    smaller = [n for n, each in figures.items() if each.size_bytes < figures[answer].size_bytes]
    if least < figures[answer].size_bytes:
        return not_yet(
            f"{answer}: {figures[answer].size_bytes / 1e6:.0f} MB",
            f"the smallest within both limits: {least / 1e6:.0f} MB",
            f"the {len(smaller)} that are smaller: which of them keep both limits?",
        )
    struck = [f"{name}: {breach}" for name, breach in broken.items() if breach]
    return passed(f"{answer}: {least / 1e6:.0f} MB, within both limits on this machine.", *struck)


def _breach(each: "RuntimeFigures", reference: "RuntimeFigures") -> str | None:
    """Which limit it breaks; None if none."""
    if each.wer_real is None or reference.wer_real is None:
        return "no word error rate on real speech"
    if each.wer_real > reference.wer_real + WER_LIMIT:
        return (
            f"word error rate {percent(each.wer_real, 1)}, over"
            f" {percent(reference.wer_real + WER_LIMIT, 1)}:"
            " half a point above the reference"
        )
    if each.clip_ms_p50 > reference.clip_ms_p50 * SLOWER:
        return f"{each.clip_ms_p50:,.0f} ms a clip, the reference {reference.clip_ms_p50:,.0f} ms"
    return None
