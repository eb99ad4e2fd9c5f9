"""Whether a server's memory stayed level under load, judged so that a short run cannot pass.

Growth is the slope of a straight line through the second half of the levels, so that what the
server grows to once does not count. What a scatter of so few points could hide counts as growth:
the slope's double standard error is added to it. And what is left after a rest is compared with
what was left after an earlier load of the same kind and the same rest.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LEVEL_S = 30.0
"""One level for so long: the median of resident memory, which a single burst cannot lift."""
FEWEST_LEVELS = 6
GROWTH_MB_PER_MIN = 2.0
"""A server that fragmented grew by 4 in the second half of ten minutes, and seemed to flatten."""
LEFT_MB = 10.0
"""Rests of one server differ by a few; ten minutes at a rate of 1 MB a minute leave this."""


@dataclass(frozen=True, slots=True)
class MemoryVerdict:
    """How memory grew, and what a load left behind.

    Attributes:
        growth_mb_per_min: of the second half's levels.
        error_mb_per_min: twice its standard error; infinite for fewer than `FEWEST_LEVELS`.
        left_mb: resident after the rest, above that of the rest before.
    """

    growth_mb_per_min: float
    error_mb_per_min: float
    left_mb: float

    @property
    def is_level(self) -> bool:
        """Whether both bounds hold, the first one beyond what scatter could hide."""
        grew = self.growth_mb_per_min + self.error_mb_per_min
        return grew <= GROWTH_MB_PER_MIN and self.left_mb <= LEFT_MB

    def __str__(self) -> str:
        what = "level" if self.is_level else "NOT SHOWN TO BE LEVEL"
        return (
            f"memory is {what}: {self.growth_mb_per_min:+.1f} ± {self.error_mb_per_min:.1f} MB/min"
            f" in the second half (at most {GROWTH_MB_PER_MIN:.0f} with the error added),"
            f" {self.left_mb:+.0f} MB after a rest (at most {LEFT_MB:.0f})"
        )


def judge(levels_mb: Sequence[float], before_mb: float, after_mb: float) -> MemoryVerdict:
    """Judge a load.

    Args:
        levels_mb: under load, one for each `LEVEL_S`.
        before_mb, after_mb: resident after the rest before it, and after the rest that followed.
    """
    second = np.array(levels_mb[len(levels_mb) // 2 :])
    left_mb = after_mb - before_mb
    if len(second) < FEWEST_LEVELS:
        return MemoryVerdict(math.nan, math.inf, left_mb)
    minutes = np.arange(len(second)) * LEVEL_S / 60
    slope, start = np.polyfit(minutes, second, 1)
    scatter = np.sum((second - start - slope * minutes) ** 2) / (len(second) - 2)
    error = math.sqrt(scatter / np.sum((minutes - minutes.mean()) ** 2))
    return MemoryVerdict(float(slope), 2 * error, left_mb)
