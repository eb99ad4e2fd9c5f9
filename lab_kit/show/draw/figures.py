"""Percentiles as people read them: a result that never came is infinitely late, few are few."""

import math
from collections.abc import Sequence

from lab_kit.core.units import ms
from lab_kit.experiments.load.generator import BUSY_CORES, LATE_S
from lab_kit.measure.percentiles import can_show, percentile

NEVER = math.inf
ENOUGH_FOR_P95 = 20
"""With fewer, a mark at the 95th percentile is a mark at the latest point."""


def late(delays_s: Sequence[float | None]) -> list[float]:
    """Delays with None, a result that never came, as infinitely late."""
    return [NEVER if delay is None else delay for delay in delays_s]


def percentile_ms(delays_s: Sequence[float], share: float) -> str:
    """A percentile in milliseconds, ``never`` if that many did not come, ``-`` without any."""
    if not delays_s:
        return "-"
    value = percentile(delays_s, share)
    return "never" if value == NEVER else f"{ms(value):,.0f}"


def delay_told(delay_s: float) -> str:
    """A delay in a sentence: ``310 ms``, or ``never``."""
    return "never" if delay_s == NEVER else f"{ms(delay_s):,.0f} ms"


def percentile_told(delays_s: Sequence[float], share: float) -> str:
    """A percentile in a sentence: ``310 ms``, ``never``, or ``-`` without any."""
    return delay_told(percentile(delays_s, share)) if delays_s else "-"


def void_told(lateness_s: float, cores: float, run: str = "", late_s: float = LATE_S) -> str:
    """What is first to be said of a run whose generator was too late or too busy.

    Args:
        run: its name, where there are several.
        late_s: how late a generator may be, where it is not latencies that are measured.
    """
    of = f" ({run})" if run else ""
    todo = (
        "It had too much to do: offer less."
        if cores > BUSY_CORES
        else "Something else kept this machine busy: stop that, and run it again."
    )
    return (
        f"Void{of}: the generator sent {ms(lateness_s):,.0f} ms late (p99; up to"
        f" {ms(late_s):.0f} counts) and used {cores:.1f} of its one core. {todo}"
    )


def marked_shares(samples: int) -> tuple[float, ...]:
    """The percentiles that are marked in a picture of so many samples."""
    return (0.5, 0.95) if samples >= ENOUGH_FOR_P95 else (0.5,)


def standing(samples: int, share: float = 0.95) -> str:
    """``indicative`` where too few samples were seen to prove that percentile, else empty."""
    return "" if can_show(samples, share) else "indicative"
