"""Conversions between the units that names carry, and the constants they rest on."""

SAMPLE_RATE_HZ = 16_000
"""Rate at which everything behind the wire works; the speech models accept no other."""

BUDGET_S = 0.300
"""The line every plot draws: past about 300 ms a spoken exchange stops feeling like a
conversation [Source: AssemblyAI, 2025]."""


def ms(seconds: float) -> float:
    """Seconds as milliseconds."""
    return seconds * 1e3


def percent(share: float, digits: int = 0) -> str:
    """A share of 1 as people read it: 0.72 is ``72 %``."""
    return f"{100 * share:.{digits}f} %"


def seconds(nanoseconds: int) -> float:
    """Nanoseconds as seconds."""
    return nanoseconds / 1e9


def samples(duration_s: float, rate_hz: int = SAMPLE_RATE_HZ) -> int:
    """Number of samples in ``duration_s`` at ``rate_hz``, rounded to the nearest."""
    return round(duration_s * rate_hz)
