"""Whether somebody looks at a cell, and how often what moves may be drawn for them."""

import psutil
from IPython import get_ipython

from lab_kit.audio.sources.recordings import Source
from lab_kit.core.profile import Profile, profile
from lab_kit.models.device import usable_cores

UNATTENDED_S = 10.0
"""How long a source without an end is streamed where nobody can stop it."""

_DRAWS_PER_S = 10
_DRAWS_PER_S_ON_FEW_CORES = 4
"""Drawing costs a browser most of a core, which on two is needed by what is measured."""
_FEW_CORES = 2
_BUSY_DRAWS_PER_S = 1
_BUSY_PERCENT = 90.0
"""Where all cores are in use a picture gives way to what is measured."""


def can_click() -> bool:
    """Whether somebody can look at this cell: a notebook's kernel, and not a checking machine's."""
    if profile() is Profile.CI:
        return False
    return hasattr(get_ipython(), "kernel")


def draw_period_s() -> float:
    """How long a picture stands still, by the load since this thread last asked."""
    if psutil.cpu_percent() > _BUSY_PERCENT:
        return 1 / _BUSY_DRAWS_PER_S
    few = usable_cores() <= _FEW_CORES
    return 1 / (_DRAWS_PER_S_ON_FEW_CORES if few else _DRAWS_PER_S)


def unattended_limit_s(source: Source, seconds: float | None) -> float | None:
    """How much to stream where nobody can stop it; None where the source ends by itself."""
    if source.waits_itself:
        return min(seconds or UNATTENDED_S, UNATTENDED_S)
    return seconds
