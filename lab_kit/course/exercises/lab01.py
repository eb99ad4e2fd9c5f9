"""Lab 01: find the stage that blows the budget; write a budget for a service across an ocean."""

import math
from collections.abc import Mapping
from typing import Any

from lab_kit.core.call_record import Waterfall
from lab_kit.core.events import StreamOptions
from lab_kit.core.units import BUDGET_S, ms
from lab_kit.course.exercises.exercise import Exercise, as_waterfall
from lab_kit.course.outcome import Outcome, inconclusive, not_yet, passed
from lab_kit.course.recorded import Recording, recordings
from lab_kit.measure.calls import (
    ENDPOINTING,
    INFERENCE,
    NETWORK_BACK,
    NETWORK_OUT,
    POSTPROCESSING,
    PREPROCESSING,
    QUEUE_WAIT,
    STAGES,
)

NETWORK = "network"
OCEAN_KM = 14_000
"""Length of the cable in exercise 01.2: about that from Los Angeles to Singapore, and far enough
that the bench's own endpointing no longer fits."""
FIBRE_KM_PER_MS = 200
"""Light in glass: 300,000 km/s divided by an index of refraction of about 1.5
[Source: Fluke Networks, n.d., "Index of Refraction", flukenetworks.com/knowledge-base]. Measured
fibres are some 2 % faster, and cables are never straight."""
SHORTEST_ENDPOINTING_MS = 100
"""Three windows of the voice detector, which judges 32 ms at a time: on fewer, one wrong window
would end a sentence."""
LEAST_MS = 1.0
"""What every stage gets at least in exercise 01.2."""
_BUDGET_MS = ms(BUDGET_S)
_ROUNDING_MS = 1.0


def judge_traces(answer: Any, measured: object) -> Outcome:
    """01.1: for each recorded trace, the stage without which it would meet 300 ms."""
    recorded = recordings("01")
    if not isinstance(answer, dict) or set(answer) != set(recorded):
        return not_yet(
            repr(answer), f"a dict with the keys {', '.join(recorded)}", 'course.traces("01")'
        )
    answer = {name: _lower(stage) for name, stage in answer.items()}
    wrong = [w for name, r in recorded.items() if (w := _wrong(answer[name], name, r.waterfall))]
    if wrong:
        return not_yet(
            "\n".join(wrong),
            f"the stage without which the total would be under {_BUDGET_MS:.0f} ms",
            "the lengths of the stages in each waterfall",
        )
    return passed(*(_explained(answer[name], name, r) for name, r in recorded.items()))


def judge_budget(answer: Any, measured: object) -> Outcome:
    """01.2: milliseconds for every stage that physics, hearing and this machine allow."""
    waterfall = as_waterfall(measured)
    if waterfall is None or ENDPOINTING not in _lengths_ms(waterfall):
        return not_yet(
            "no live stream's measurement" if waterfall is None else waterfall.zero,
            "a waterfall from the speaker's last word to the final",
            'check("01.2", budget, call), with a call that bench.stream returned',
        )
    if misread := _unreadable(answer):
        return misread
    least = _floors_ms(waterfall, SHORTEST_ENDPOINTING_MS)
    if sum(floor for floor, _ in least.values()) > _BUDGET_MS:
        return inconclusive(
            f"inference took {least[INFERENCE][0]:,.0f} ms on this machine just now, beyond the"
            f" least {ENDPOINTING}; with the other stages that is over {_BUDGET_MS:.0f} ms: no"
            " budget can work",
            "stream again while nothing else runs",
        )
    return _weighed(answer, _floors_ms(waterfall, answer[ENDPOINTING]), waterfall)


EXERCISES = (
    Exercise(
        "01.1",
        "Find the stage that blows the budget",
        judge_traces,
        (
            "Draw each trace. Which bar would have to go for the rest to end before the line?",
            "Subtract one stage from the total: is what remains under the budget? Only one stage"
            " in each trace does it. Out and back are one network.",
            f"One is a {QUEUE_WAIT}, one is {INFERENCE}, one is the {NETWORK}. Which is which?",
        ),
    ),
    Exercise(
        "01.2",
        "Write the budget across an ocean",
        judge_budget,
        (
            "Which stages can nobody shorten? Begin with the distance, out and back.",
            f"{OCEAN_KM:,} km at {FIBRE_KM_PER_MS} km per ms, out and back. What is left for"
            f" {ENDPOINTING}, once {INFERENCE} has what you measured?",
            f"Give the network {OCEAN_KM / FIBRE_KM_PER_MS:,.0f} ms each way, the three small"
            f" stages 5 ms each, and {INFERENCE} what it needs. The rest is for {ENDPOINTING}: at"
            f" least {SHORTEST_ENDPOINTING_MS} ms, where the bench waits"
            f" {ms(StreamOptions().endpoint_silence_s or 0):,.0f} ms by default.",
        ),
    ),
)


def culprits(waterfall: Waterfall) -> list[str]:
    """The stages without any one of which the total would be under 300 ms."""
    servers = (ENDPOINTING, PREPROCESSING, QUEUE_WAIT, INFERENCE, POSTPROCESSING)
    total_ms = ms(waterfall.total_s)
    shares_ms = {stage: _share_ms(stage, waterfall) or 0.0 for stage in (NETWORK, *servers)}
    return [stage for stage, share_ms in shares_ms.items() if total_ms - share_ms < _BUDGET_MS]


def _lengths_ms(waterfall: Waterfall) -> dict[str, float]:
    return {stage.name: ms(stage.length_s) for stage in waterfall.stages}


def _share_ms(stage: object, waterfall: Waterfall) -> float | None:
    """Milliseconds of a stage; out and back count as one network. None for an unknown name."""
    lengths = _lengths_ms(waterfall)
    if stage in (NETWORK, NETWORK_OUT, NETWORK_BACK):
        return lengths[NETWORK_OUT] + lengths[NETWORK_BACK]
    return lengths.get(stage) if isinstance(stage, str) else None


def _lower(stage: object) -> object:
    """A stage's name however it is written; anything else as it is."""
    return stage.strip().lower().replace("_", " ") if isinstance(stage, str) else stage


def _wrong(stage: object, name: str, waterfall: Waterfall) -> str | None:
    """What is wrong with an answer; None if it is right."""
    share_ms = _share_ms(stage, waterfall)
    if share_ms is None:
        known = [one for one in _lengths_ms(waterfall) if one not in (NETWORK_OUT, NETWORK_BACK)]
        return f"{name}: {stage!r} is not a stage; it has {', '.join([NETWORK, *known])}"
    rest_ms = ms(waterfall.total_s) - share_ms
    if rest_ms < _BUDGET_MS:
        return None
    return (
        f"{name}: {stage} takes {share_ms:.0f} of {ms(waterfall.total_s):,.0f} ms; without it"
        f" {rest_ms:,.0f} ms remain"
    )


def _explained(stage: object, name: str, recording: Recording) -> str:
    share_ms = _share_ms(stage, recording.waterfall) or 0.0
    total_ms = ms(recording.waterfall.total_s)
    whole = NETWORK if stage in (NETWORK_OUT, NETWORK_BACK) else stage
    return f"{name}: {whole}, {share_ms:.0f} of {total_ms:,.0f} ms. Recorded: {recording.how}"


def _unreadable(answer: Any) -> Outcome | None:
    """Refuse what is not a number of milliseconds for each stage."""
    if not isinstance(answer, dict) or set(answer) != set(STAGES):
        return not_yet(
            repr(answer), f"a dict with milliseconds for {', '.join(STAGES)}", "the waterfall"
        )
    for stage, value in answer.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not math.isfinite(value) or value < 0:
            return not_yet(f"{stage}: {value!r}", "a number of milliseconds", "its type")
        if value < LEAST_MS:
            return not_yet(
                f"{stage}: {value:g} ms",
                f"at least {LEAST_MS:g} ms for every stage",
                "the text: no stage takes no time, and a budget of nothing is missed at once",
            )
    return None


def _floors_ms(waterfall: Waterfall, endpointing_ms: float) -> dict[str, tuple[float, str]]:
    """The least each stage can take, and why; what less patience does not hide must be paid."""
    hidden_until_ms = max((ms(stage.end_s) for stage in waterfall.hidden), default=0.0)
    inference_ms = max(_lengths_ms(waterfall)[INFERENCE], hidden_until_ms - endpointing_ms)
    light_ms = OCEAN_KM / FIBRE_KM_PER_MS
    light = f"light needs {light_ms:,.0f} ms for {OCEAN_KM:,} km of fibre, each way"
    windows = "the voice detector judges 32 ms at a time, and one window alone can be wrong"
    return {
        NETWORK_OUT: (light_ms, light),
        NETWORK_BACK: (light_ms, light),
        ENDPOINTING: (SHORTEST_ENDPOINTING_MS, windows),
        INFERENCE: (
            inference_ms,
            "your own waterfall, on this machine: what ran while silence was waited out is hidden"
            f" only as long as {ENDPOINTING} lasts",
        ),
    }


def _weighed(
    budget: Mapping[str, float], floors: Mapping[str, tuple[float, str]], waterfall: Waterfall
) -> Outcome:
    for stage, (floor_ms, why) in floors.items():
        if budget[stage] < floor_ms - _ROUNDING_MS:
            return not_yet(f"{stage}: {budget[stage]:g} ms", f"at least {floor_ms:,.0f} ms", why)
    total_ms = sum(budget.values())
    if total_ms > _BUDGET_MS:
        largest = max(budget, key=lambda stage: budget[stage])
        return not_yet(
            f"{total_ms:,.0f} ms in all",
            f"at most {_BUDGET_MS:.0f} ms",
            f"the sum of your stages; the largest is {largest} with {budget[largest]:g} ms",
        )
    return _accepted(budget, waterfall)


def _accepted(budget: Mapping[str, float], waterfall: Waterfall) -> Outcome:
    total_ms = sum(budget.values())
    network_ms = budget[NETWORK_OUT] + budget[NETWORK_BACK]
    ours_ms = sum(budget[s] for s in (PREPROCESSING, QUEUE_WAIT, INFERENCE, POSTPROCESSING))
    measured_ms = _lengths_ms(waterfall)[ENDPOINTING]
    reasons = [
        f"{total_ms:.0f} of {_BUDGET_MS:.0f} ms; {_BUDGET_MS - total_ms:,.0f} ms to spare.",
        f"The ocean takes {network_ms:,.0f} ms, the server {ours_ms:,.0f} ms.",
    ]
    hidden_ms = sum(ms(stage.length_s) for stage in waterfall.hidden)
    if hidden_ms:
        reasons.append(
            f"{hidden_ms:,.0f} ms of {INFERENCE} ran while the silence was waited out: less"
            f" {ENDPOINTING} hides less of it."
        )
    if budget[ENDPOINTING] < measured_ms:
        reasons.append(
            f"What gives: {ENDPOINTING} of {budget[ENDPOINTING]:g} ms where {measured_ms:,.0f} ms"
            " were measured. Longer pauses inside a sentence will cut it in two."
        )
    return passed(*reasons)
