"""Lab 12's answers.

12.1: goodput is a share of what was offered, whatever became of it, and a number per minute of the
time in which it was offered. A turn is as late as its last final.

12.2: an objective is what people mind, at an edge of the histogram that they bear, and the share
that they forgive. An edge below what they ask for pages somebody for nothing; between two edges
nobody has counted. Who does not wait has no limit.

12.3: the exemplar with the largest value names the trace; the log has the same id, and the trace
knows where the time went.
"""

from typing import Any

from lab_kit.experiments.objectives import Spike


def goodput(events: list[dict[str, Any]], seconds: float) -> tuple[float, float]:
    """12.1: good turns a minute, and their share of those that were offered."""
    good = [
        one
        for one in events
        if one["finals_s"]
        and one["first_s"] is not None
        and one["finals_s"][-1] - one["end_s"] <= 0.3
        and one["first_s"] - one["onset_s"] <= 0.8
    ]
    return 60 * len(good) / seconds, len(good) / len(events)


mine = {
    "agent": ("final delay", 0.65, 0.995),
    "captions": ("first result", 1.0, 0.95),
    "notes": ("availability", None, 0.999),
}


def found(case: Spike) -> dict[str, str]:
    """12.3."""
    trace = max(case.exemplars, key=lambda one: case.exemplars[one])
    words = case.lines(trace)[0].split()
    longest_s = case.longest_s(trace)
    return {
        "trace": trace,
        "stream": words[words.index("stream") + 1],
        "stage": max(longest_s, key=lambda stage: longest_s[stage]),
    }
