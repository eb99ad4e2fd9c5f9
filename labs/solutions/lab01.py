"""Lab 01's answers.

01.1: take each stage away in turn; one alone brings the rest under 300 ms. In A the request waits
for others, in B the recording is long, in C the server is far (out and back are one network).

01.2: light needs 70 ms for 14,000 km of fibre, so the network has 140 ms before anything else has
any; real cables take more, hence 75 each way. What inference needs you measured. The rest goes to
endpointing, and that is what gives: less silence than the bench waits by default, so a speaker
who pauses longer inside a sentence is cut.
"""

from lab_kit.core.call_record import Waterfall
from lab_kit.core.units import BUDGET_S, ms
from lab_kit.measure.calls import (
    ENDPOINTING,
    INFERENCE,
    NETWORK_BACK,
    NETWORK_OUT,
    POSTPROCESSING,
    PREPROCESSING,
    QUEUE_WAIT,
)

CULPRITS = {"A": QUEUE_WAIT, "B": INFERENCE, "C": "network"}


def ocean_budget(waterfall: Waterfall) -> dict[str, float]:
    """Milliseconds for each stage, with the inference that ``waterfall`` measured."""
    measured_ms = {stage.name: ms(stage.length_s) for stage in waterfall.stages}
    budget = {
        NETWORK_OUT: 75.0,
        PREPROCESSING: 5.0,
        QUEUE_WAIT: 5.0,
        POSTPROCESSING: 5.0,
        NETWORK_BACK: 75.0,
    }
    left_ms = ms(BUDGET_S) - sum(budget.values())
    # what was hidden in the silence comes to light where the silence is cut short
    hidden_until_ms = max((ms(stage.end_s) for stage in waterfall.hidden), default=0.0)
    endpointing_ms = max(100.0, left_ms - measured_ms[INFERENCE])
    inference_ms = max(1.0, measured_ms[INFERENCE], hidden_until_ms - endpointing_ms)
    return budget | {
        ENDPOINTING: min(endpointing_ms, left_ms - inference_ms),
        INFERENCE: inference_ms,
    }
