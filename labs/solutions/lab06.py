"""Lab 06's answers.

06.1: up under lasting pressure, down under lasting and much smaller pressure, the same in between.
Two thresholds, because a step that helps must not be taken for the end of the load; two patiences,
because a burst is no load and a pause no relief.

06.2: not the longest stage, but the one that exceeds what it may take by most. In a crowd that is
usually the wait for a place in the batch.

06.3: interims are the first to go, since the next one says more; finals never go. When only finals
wait and there is no room, the stream has to end and say why: memory that grows is a promise to all
other streams broken.
"""

from lab_kit.core.spans import Trace
from lab_kit.measure.percentiles import percentile
from lab_kit.stream.stages import RULES

Item = tuple[str, str]


def next_level(level: int, pressure: float, lasted_s: float) -> int:
    """The level after this moment."""
    if pressure >= 1 and lasted_s >= 0.5:
        return min(level + 1, 4)
    if pressure < 0.7 and lasted_s >= 3:
        return max(level - 1, 0)
    return level


def bottleneck(trace: Trace) -> str:
    """The stage whose p95 exceeds its budget most."""
    seen = {stage: trace.lengths_s(stage) for stage in RULES}
    ratios = {
        stage: percentile(lengths_s, 0.95) / RULES[stage].budget_s
        for stage, lengths_s in seen.items()
        if len(lengths_s) >= 5
    }
    return max(ratios, key=lambda stage: ratios[stage]).value


def put(waiting: list[Item], item: Item, limit: int) -> list[Item] | None:
    """The queue with the item in it, never longer than ``limit``; None ends the stream."""
    finals = [kept for kept in waiting if kept[0] == "final"]
    if item[0] == "interim":
        return [*finals, item] if len(finals) < limit else finals
    kept = waiting if len(waiting) < limit else finals
    return [*kept, item] if len(kept) < limit else None
