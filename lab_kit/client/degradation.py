"""What an operator is told of a server's degradation: its level, its signals, its last steps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class LevelChange:
    """A step of the degradation level.

    Attributes:
        at_s: on the server's monotonic clock.
        before, after: 0 is full service; see ``lab_kit.capacity.degradation.Level``.
        pressure: that decided it; 1 is exactly at a limit.
    """

    at_s: float
    before: int
    after: int
    pressure: float


@dataclass(frozen=True, slots=True)
class DegradationStatus:
    """How far the service is reduced, and why.

    Attributes:
        level, name: 0 is ``full``.
        signals, thresholds: what is seen, and what of it counts as too much.
        workers_a_stream: of the engine's, that a stream keeps busy on average.
        capacity: streams that fit; None in the server's first moment.
        changes: the last steps, oldest first.
    """

    level: int
    name: str
    pressure: float
    signals: Mapping[str, Any]
    thresholds: Mapping[str, float]
    open_streams: int
    workers_a_stream: float
    capacity: int | None
    changes: tuple[LevelChange, ...]
