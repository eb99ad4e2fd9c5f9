"""A live load's figures and raw turns, as what JSON can hold.

Latencies are also given as HdrHistograms in microseconds, which several runs, or several
generators, can be merged from. What never came has no place in a histogram and is counted beside.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]

from lab_kit.experiments.load.live_load import CallEnding, LiveLoad
from lab_kit.measure.percentiles import can_show, percentile

_LONGEST_US = 60_000_000
_DIGITS = 3
SHARES = (0.5, 0.95, 0.99)


def histogram(delays_s: Sequence[float]) -> HdrHistogram:
    """The delays that ended, in microseconds; a result from before its sound counts as 1."""
    made = HdrHistogram(1, _LONGEST_US, _DIGITS)
    for delay_s in delays_s:
        if not math.isinf(delay_s):
            made.record_value(min(max(1, round(delay_s * 1e6)), _LONGEST_US))
    return made


def as_json(run: LiveLoad) -> dict[str, Any]:
    """Everything that was found, and the turns that it was found from."""
    return {
        "plan": {"kind": type(run.plan).__name__, **asdict(run.plan)},  # type: ignore[call-overload]
        "limits": asdict(run.limits),
        "calls": {"attempted": len(run.calls)} | {e.value: run.ended(e) for e in CallEnding},
        "turns": len(run.turns),
        "turns_without_final": run.without_final,
        "peak_streams": run.peak_streams,
        "final_delay_s": _delays(run.final_delays_s),
        "first_result_s": _delays(run.first_results_s),
        "result_gap_s": _delays(run.gaps_s),
        "setup_s": _delays([call.setup_s for call in run.served]),
        "good_share": run.good_share,
        "goodput_per_min": run.goodput_per_min,
        "word_error_rate": run.word_error_rate,
        "generator": {
            "late_s_p99": run.lateness_s,
            "cores": run.generator_cores,
            "machine_cores": run.machine_cores,
            "was_bottleneck": run.generator_was_bottleneck,
        },
        "errors": sorted({call.error for call in run.calls if call.error is not None}),
        "raw_turns": [
            {
                "ended_s": (turn.ended_ns - run.began_ns) / 1e9,
                "said": turn.delays.spoken.text,
                "heard": turn.delays.heard,
                "final_delay_s": turn.delays.final_delay_s,
                "first_result_s": turn.delays.first_result_s,
            }
            for turn in run.turns
        ],
    }


def _delays(delays_s: Sequence[float]) -> dict[str, Any]:
    """Percentiles (None for one that never came), whether they are proven, and the histogram."""
    if not delays_s:
        return {"count": 0}
    told: dict[str, Any] = {"count": len(delays_s), "never": sum(map(math.isinf, delays_s))}
    for share in SHARES:
        value = percentile(delays_s, share)
        told[f"p{share * 100:g}"] = None if math.isinf(value) else value
        told[f"p{share * 100:g}_is_proven"] = can_show(len(delays_s), share)
    return told | {"hdr_us": histogram(delays_s).encode().decode()}
