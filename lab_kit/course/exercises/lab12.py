"""Lab 12's exercises: goodput from raw events, objectives for three products, a spike explained."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lab_kit.core.units import ms, percent
from lab_kit.course.exercises.exercise import Exercise, nothing_returned
from lab_kit.course.outcome import Outcome, inconclusive, not_yet, passed
from lab_kit.experiments.objectives.both_ends import LIMITS, BothEnds
from lab_kit.experiments.objectives.events import SaidEvent, raw_events
from lab_kit.experiments.objectives.products import (
    AVAILABILITY,
    FIRST_RESULT,
    INDICATORS,
    PRODUCTS,
    Product,
)
from lab_kit.experiments.objectives.spike import Spike, stream_in
from lab_kit.gateway.observe.indicators import EDGES_S
from lab_kit.slo.histogram import share_within

Events = list[dict[str, Any]]
_NEAR = 1e-6


# -- 12.1 ----------------------------------------------------------------------------------------

_TODO = "write goodput"
_CASE_S = 20.0
"""How long the cases last: three times as many a minute."""


@dataclass(frozen=True, slots=True)
class _Case:
    """Events that one mistake counts wrongly; ``good`` of them are good."""

    events: tuple[SaidEvent, ...]
    good: int
    rule: str


def _said(first_s: float | None = 10.5, *finals_s: float, ended: str = "complete") -> SaidEvent:
    """An utterance from 10 s to 12 s."""
    return SaidEvent(0, ended, 10.0, 12.0, first_s, finals_s)


_GOOD = _said(10.5, 12.2)
_CASES = (
    _Case((_GOOD, _said(10.5, 12.9)), 1, "a final 0.9 s after the end is late"),
    _Case((_GOOD, _said(11.4, 12.2)), 1, "first words 1.4 s after the onset are late"),
    _Case((_GOOD, _said(None)), 1, "an utterance without a final is not good"),
    _Case((_GOOD, _said(10.5, 12.1, 13.0)), 1, "of several finals the last one counts"),
    _Case((_GOOD, _said(10.5, 11.0, 12.2)), 2, "of several finals the last one counts"),
    _Case((_GOOD, _said(10.5, 12.2, ended="broken")), 2, "it was told in time before it broke"),
    _Case((_GOOD, _said(None, ended="refused")), 1, "who was refused has no good turn"),
)


def judge_goodput(answer: Any, measured: object) -> Outcome:
    """12.1: a function of raw events, by cases that one mistake each counts wrongly."""
    if not isinstance(measured, BothEnds):
        return not_yet("no run", "what both ends counted", 'check("12.1", goodput, both)')
    if not callable(answer):
        return not_yet(f"{answer!r:.60}", "a function", _TODO)
    nothing = nothing_returned([answer([_as_dict(_GOOD)], 60.0)], _TODO)
    if nothing is not None:
        return nothing
    for case in _CASES:
        wrong = _case_wrong(answer, case)
        if wrong is not None:
            return wrong
    load = measured.load
    minutes = load.plan.seconds / 60
    told = _pair(answer(raw_events(load), load.plan.seconds))
    if told is None or not _near(told, (load.goodput_per_min, load.good_share)):
        return not_yet(
            f"{told}", f"({load.goodput_per_min:.2f}, {load.good_share:.3f})", "your own run"
        )
    return passed(
        f"{told[0]:.1f} good turns a minute, {percent(told[1])} of {len(load.turns)} that were"
        f" offered in {minutes:.1f} minutes, within {ms(LIMITS.final_delay_s):.0f} ms and"
        f" {ms(LIMITS.first_result_s):.0f} ms.",
        "The events are kept, so the next definition of good needs no new run.",
    )


def _case_wrong(answer: Callable[[Events, float], Any], case: _Case) -> Outcome | None:
    given = answer([_as_dict(one) for one in case.events], _CASE_S)
    told = _pair(given)
    if told is None:
        return not_yet(f"{given!r:.60}", "(good turns a minute, share of those offered)", _TODO)
    offered = len(case.events)
    right = case.good * 60 / _CASE_S, case.good / offered
    if _near(told, right):
        return None
    shown = "; ".join(str(_as_dict(one)) for one in case.events[-1:])
    if math.isclose(told[0], case.good) and case.good != 0:
        seen = f"good turns counted, not good turns a minute: the run lasted {_CASE_S:g} s"
    elif math.isclose(told[0], right[0]):
        seen = f"a share of {told[1]:.2f}: it is of all {offered} offered, whatever came of them"
    else:
        seen = f"{told[0]:g} a minute: {case.rule}"
    return not_yet(seen, f"({right[0]:g}, {right[1]:.2f})", f"an event of the case: {shown:.300}")


def _as_dict(event: SaidEvent) -> dict[str, Any]:
    names = ("call", "ended", "onset_s", "end_s", "first_s", "finals_s")
    return {name: getattr(event, name) for name in names}


def _pair(given: Any) -> tuple[float, float] | None:
    is_pair = isinstance(given, Sequence) and len(given) == 2
    if not is_pair or not all(isinstance(one, int | float) for one in given):
        return None
    return float(given[0]), float(given[1])


def _near(told: tuple[float, float], right: tuple[float, float]) -> bool:
    return all(abs(a - b) <= _NEAR * max(1.0, abs(b)) for a, b in zip(told, right, strict=True))


# -- 12.2 ----------------------------------------------------------------------------------------


def judge_products(answer: Any, measured: object) -> Outcome:
    """12.2: for each product an indicator, a limit and a target, held against what was said."""
    if not isinstance(measured, BothEnds):
        return not_yet("no run", "what both ends counted", 'check("12.2", mine, both)')
    if not isinstance(answer, Mapping) or set(answer) != set(PRODUCTS):
        return not_yet(f"{answer!r:.60}", f"a dict with {sorted(PRODUCTS)}", "the table above")
    for name, product in PRODUCTS.items():
        wrong = _product_wrong(product, answer[name])
        if wrong is not None:
            return wrong
    return passed(*(_kept(product, answer[name], measured) for name, product in PRODUCTS.items()))


def _product_wrong(product: Product, given: Any) -> Outcome | None:
    form = '("final delay", 0.8, 0.99); the limit is None for availability'
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) != 3:
        return not_yet(f"{product.name}: {given!r:.60}", form, product.said)
    indicator, limit_s, target = given
    if indicator not in INDICATORS:
        return not_yet(f"{product.name}: {indicator!r:.40}", f"one of {INDICATORS}", product.said)
    if indicator != product.indicator:
        return not_yet(f"{product.name}: {indicator}", "what its people mind", product.said)
    wrong = _limit_wrong(product, limit_s)
    if wrong is None and (not isinstance(target, int | float) or isinstance(target, bool)):
        wrong = f"target {target!r:.40}", "a share, such as 0.99"
    if wrong is None and target >= 1:
        wrong = f"target {target:g}", "below 1: a budget of nothing is burnt by the first event"
    if wrong is None and target > product.target + _NEAR:
        wrong = f"target {target:g}", "no stricter than they ask: each nine is paid for"
    if wrong is None and target < product.target - _NEAR:
        wrong = f"target {target:g}", f"one bad event in {product.one_in:,}, and no more"
    return None if wrong is None else not_yet(f"{product.name}: {wrong[0]}", wrong[1], product.said)


def _limit_wrong(product: Product, limit_s: Any) -> tuple[str, str] | None:
    if product.most_s is None:
        return None if limit_s is None else (f"limit {limit_s!r:.40}", "None: nobody waits")
    if not isinstance(limit_s, int | float) or isinstance(limit_s, bool):
        return f"limit {limit_s!r:.40}", "seconds"
    best = max(edge for edge in EDGES_S if edge <= product.most_s)
    if limit_s > product.most_s:
        return f"limit {limit_s:g} s", f"at most {product.most_s:g} s: beyond that they are gone"
    if limit_s not in EDGES_S:
        return f"limit {limit_s:g} s", "an edge of the histogram: between two, nobody counted"
    if limit_s < best:
        return f"limit {limit_s:g} s", "the largest edge that they bear: less pages for nothing"
    return None


def _kept(product: Product, given: Sequence[Any], measured: BothEnds) -> str:
    """How the reader's server does by it."""
    if product.indicator == AVAILABILITY:
        row = next(one for one in measured.rows if one.name == "availability")
        share = row.server
    else:
        name = "first_result" if product.indicator == FIRST_RESULT else "final_delay"
        buckets = measured.buckets(f"lab_{name}_seconds")
        share = share_within(buckets, given[1]) if buckets.get(math.inf) else None
    done = "nothing was counted" if share is None else f"{percent(share, 1)} in your run"
    return f"{product.name}: {product.indicator}, {percent(given[2], 1)} asked; {done}."


# -- 12.3 ----------------------------------------------------------------------------------------

_ASKED = {"trace", "stream", "stage"}


def judge_spike(answer: Any, measured: object) -> Outcome:
    """12.3: the trace of the slowest final, its stream by the log, the stage that took the time."""
    if not isinstance(measured, Spike):
        return not_yet("no spike", "what was left of one", 'check("12.3", found, case)')
    if not measured.exemplars or not measured.log:
        return inconclusive("no stream of this run was traced", "make the spike again")
    if not isinstance(answer, Mapping) or set(answer) != _ASKED:
        return not_yet(f"{answer!r:.60}", f"a dict with {sorted(_ASKED)}", "case.table")
    slowest = max(measured.exemplars, key=lambda one: measured.exemplars[one])
    if answer["trace"] != slowest:
        others = measured.exemplars.get(answer["trace"])
        seen = f"a trace of {ms(others):,.0f} ms" if others else f"{answer['trace']!r:.50}"
        return not_yet(f"trace: {seen}", "that of the slowest final", "case.exemplars")
    (line,) = measured.lines(slowest) or [""]
    if answer["stream"] != stream_in(line):
        is_call = isinstance(answer["stream"], str) and f"[{answer['stream']}]" in line
        seen = "the call's id, in brackets" if is_call else f"{answer['stream']!r:.50}"
        return not_yet(f"stream: {seen}", "the id behind the word stream", "case.lines(trace)")
    lengths_s = measured.longest_s(slowest)
    stage = max(lengths_s, key=lambda one: lengths_s[one])
    if answer["stage"] != stage:
        told = ", ".join(f"{name} {ms(length_s):.0f}" for name, length_s in lengths_s.items())
        return not_yet(
            f"stage: {answer['stage']!r:.40}", "the one that took longest", f"{told} ms at most"
        )
    return passed(
        f"{ms(measured.exemplars[slowest]):,.0f} ms, {ms(lengths_s[stage]):,.0f} of them in"
        f" {stage}: from a bucket to a stream in three steps, by one id.",
        "batch is the wait between asking for a decode and its start: a setting, or too much load."
        if stage == "batch"
        else "On this machine something else took longer than the setting did.",
    )


EXERCISES = (
    Exercise(
        "12.1",
        "Compute goodput from raw events",
        judge_goodput,
        (
            "Of which utterances is the share: of those that were answered, or of those that"
            " somebody said?",
            "For each event: is there a final, did the last one come within 0.3 s of end_s, and did"
            " the first words come within 0.8 s of onset_s?",
            "good = [e for e in events if e['finals_s'] and e['finals_s'][-1] - e['end_s'] <= 0.3 +"
            " 1e-9 and ...]; return 60 * len(good) / seconds, len(good) / len(events)",
        ),
    ),
    Exercise(
        "12.2",
        "Choose objectives for three products",
        judge_products,
        (
            "What does each of them wait for, if they wait at all?",
            "Which edges has the histogram, and which is the largest that they still bear? And one"
            " bad event in 200 is which share of good ones?",
            "Agent: final delay, the edge below 0.7, 1 - 1/200. Captions: first result, the edge"
            " below 1.2, 1 - 1/20. Notes: availability, None, 1 - 1/1000.",
        ),
    ),
    Exercise(
        "12.3",
        "Find a slow request from a spike",
        judge_spike,
        (
            "Which of the exemplars is the spike, and what else has its id in it?",
            "case.lines(trace) has the line of the log; case.longest_s(trace) has what each stage"
            " took at most.",
            "trace = max(case.exemplars, key=case.exemplars.get); the stream's id stands in"
            " case.lines(trace)[0] behind the word stream; the stage is the one with the largest"
            " value of case.longest_s(trace).",
        ),
    ),
)
