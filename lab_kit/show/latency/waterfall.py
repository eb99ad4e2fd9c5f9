"""Waterfalls: one bar a result, cut into the stages in which its time went.

The stages of a bar are consecutive and the table's numbers are differences of rounded borders, so
they add up to the total exactly.
"""

from collections.abc import Sequence

from lab_kit.core.call_record import RequestCall, Spoken, StageSpan, StreamCall, Waterfall
from lab_kit.core.table import Table
from lab_kit.core.units import BUDGET_S, ms, percent
from lab_kit.measure.calls import (
    final_waterfall,
    grew_most,
    request_waterfall,
    utterance_delays,
)
from lab_kit.measure.guess import Answer, Guess
from lab_kit.show.draw import theme
from lab_kit.show.draw.display import show_drawing
from lab_kit.show.draw.verdict import Sign, Verdict, within
from lab_kit.show.latency.waterfall_picture import (
    clock_note,
    draw_waterfalls,
    is_clock_far_off,
    told_total,
)

Drawable = StreamCall | RequestCall | Waterfall


def waterfall(call: Drawable, spoken: Spoken | None = None, guess: Guess | None = None) -> None:
    """Draw where the time of one result went, and list it.

    Args:
        spoken: which utterance of a stream; by default the last one that got a final.
        guess: what the reader expected as the total, in ms; drawn beside what came out.

    Raises:
        ValueError: the stream has no utterance with a final.
    """
    ready = as_waterfall(call, spoken)
    drawing = draw_waterfalls([ready], [ready.title], _number(guess))
    verdict = Verdict(waterfall_verdict(ready), _sign([ready]), _against(guess, ready))
    show_drawing(drawing, tabulate(ready), verdict)


def waterfalls(
    calls: Sequence[Drawable],
    labels: Sequence[str] | None = None,
    guess: Guess | None = None,
    grew: Guess | None = None,
) -> None:
    """Draw several results under each other on one scale, and list them side by side.

    Args:
        labels: a name for each; by default what was streamed.
        guess: what the reader expected as the last one's total, in ms.
        grew: instead of it, the stage that was expected to grow most from the first to the last.

    Raises:
        ValueError: nothing to draw, not one label each, or a stream without any final.
    """
    ready = [as_waterfall(call) for call in calls]
    names = list(labels) if labels is not None else [one.title for one in ready]
    said: Answer | None = _number(guess)
    against = _against(guess, ready[-1])
    if grew is not None:
        said = grew.choice
        against = f"grew most: {grew.against(grew_most(ready[0], ready[-1]))}"
    drawing = draw_waterfalls(ready, names, said)
    verdict = Verdict(waterfalls_verdict(ready, names), _sign(ready), against)
    show_drawing(drawing, compare(ready, names), verdict)


def waterfall_verdict(one: Waterfall) -> str:
    """The total against 300 ms, and its longest stage, in a sentence."""
    left = ms(BUDGET_S) - round(ms(one.total_s))
    word = "inside" if left >= 0 else "over"
    longest = _longest(one)
    return (
        f"{told_total(one)}: {abs(left):,.0f} ms {word} the limit of {ms(BUDGET_S):.0f} ms. "
        f"The longest stage is {longest.name}, {percent(longest.length_s / one.total_s)}."
        f"{_doubt([one])}"
    )


def waterfalls_verdict(several: Sequence[Waterfall], labels: Sequence[str]) -> str:
    """How many were within 300 ms, each total, and the longest stages, in sentences."""
    inside = sum(one.total_s <= BUDGET_S for one in several)
    totals = [f"{told_total(one)} ({name})" for one, name in zip(several, labels, strict=True)]
    longest: dict[str, list[str]] = {}
    for one, name in zip(several, labels, strict=True):
        longest.setdefault(_longest(one).name, []).append(name)
    stages = (
        next(iter(longest))
        if len(longest) == 1
        else ", ".join(f"{stage} ({', '.join(names)})" for stage, names in longest.items())
    )
    return (
        f"{inside} of {len(several)} within {ms(BUDGET_S):.0f} ms: {', '.join(totals)}. "
        f"The longest stage is {stages}.{_doubt(several)}"
    )


def as_waterfall(call: Drawable, spoken: Spoken | None = None) -> Waterfall:
    """The waterfall of whatever can have one.

    Raises:
        ValueError: a stream without any final, or of which nobody knows what was said.
    """
    if isinstance(call, Waterfall):
        return call
    if isinstance(call, RequestCall):
        return request_waterfall(call)
    return final_waterfall(call, spoken if spoken is not None else _last_heard(call))


def tabulate(one: Waterfall) -> Table:
    """The stages with their milliseconds and shares, which add up to the last line."""
    total = _total_ms(one)
    rows = []
    shares = _differences([(stage.name, 100 * ms(stage.end_s) / total) for stage in one.stages])
    for (name, length), (_, share) in zip(_lengths_ms(one), shares, strict=True):
        rows.append((name, f"{length:.1f}", f"{share:.1f} %"))
    rows.append(("total", f"{total:.1f}", "100.0 %"))
    notes = ["", f"{one.title}; 0 ms is when {one.zero}; {one.device}; {clock_note(one)}"]
    notes += [_hidden_note(stage) for stage in one.hidden]
    return Table("stage", ("stage", "ms", "share"), rows, notes)


def compare(several: Sequence[Waterfall], labels: Sequence[str]) -> Table:
    """One column of milliseconds each; every column adds up to its last line."""
    names = [name for name in theme.STAGE_COLORS if any(name in _names(one) for one in several)]
    rows = []
    for name in names:
        lengths = [dict(_lengths_ms(one)).get(name) for one in several]
        rows.append([name, *("-" if length is None else f"{length:.1f}" for length in lengths)])
    rows.append(["total", *(f"{_total_ms(one):.1f}" for one in several)])
    rows.append(["clock, ±", *(f"{ms(one.clock_error_s):.1f}" for one in several)])
    notes = ["", *(f"0 ms is when {zero}" for zero in dict.fromkeys(one.zero for one in several))]
    notes += list(dict.fromkeys(one.device for one in several))
    for one, label in zip(several, labels, strict=True):
        notes += [f"{label}: {_hidden_note(stage)}" for stage in one.hidden]
    return Table("stage", ["stage (ms)", *labels], rows, notes)


def _last_heard(call: StreamCall) -> Spoken:
    heard = [d.spoken for d in utterance_delays(call) if d.final_delay_s is not None]
    if not heard:
        raise ValueError(
            f"'{call.name}' has no utterance with a known end and a final, so there is no interval "
            "to cut into stages; stream a clip, whose words and times are known"
        )
    return heard[-1]


def _sign(several: Sequence[Waterfall]) -> Sign:
    return within(max(one.total_s for one in several), BUDGET_S)


def _longest(one: Waterfall) -> StageSpan:
    return max(one.stages, key=lambda stage: stage.length_s)


def _doubt(several: Sequence[Waterfall]) -> str:
    """What the clocks leave open, where that is much of a total."""
    open_ms = [ms(one.clock_error_s) for one in several if is_clock_far_off(one)]
    if not open_ms:
        return ""
    known = f"± {max(open_ms):,.0f} ms"
    return f" Where the network ends and the server begins is known to {known} only."


def _lengths_ms(one: Waterfall) -> list[tuple[str, float]]:
    return _differences([(stage.name, ms(stage.end_s)) for stage in one.stages])


def _differences(ends: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """Lengths between rounded borders, so that what is shown adds up to what is shown."""
    lengths, before = [], 0.0
    for name, end in ends:
        lengths.append((name, round(round(end, 1) - before, 1)))
        before = round(end, 1)
    return lengths


def _total_ms(one: Waterfall) -> float:
    return round(ms(one.total_s), 1)


def _names(one: Waterfall) -> list[str]:
    return [stage.name for stage in one.stages]


def _hidden_note(stage: StageSpan) -> str:
    return (
        f"{stage.name} ran from {ms(stage.start_s):.1f} to {ms(stage.end_s):.1f} ms meanwhile; "
        "the caller did not wait for it"
    )


def _number(guess: Guess | None) -> float | None:
    return None if guess is None else guess.number


def _against(guess: Guess | None, one: Waterfall) -> str:
    return "" if guess is None else guess.against(_total_ms(one))
