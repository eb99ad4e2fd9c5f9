"""The operator's API on degradation: level, signals, last steps, failing steps, dead letters."""

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass


@dataclass(
    frozen=True,
    slots=True,
    config=ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"rise_s": 0.5, "fall_s": 3.0}]}
    ),
)
class ThresholdChange:
    """What shall count as pressure; None is as the server began.

    See `lab_kit.capacity.degradation.Thresholds` for what each means.

    Attributes:
        fill: share of the workers' time that may be promised to streams.
    """

    final_wait_s: float | None = None
    queue_wait_s: float | None = None
    busy: float | None = None
    saturated: float | None = None
    rise_s: float | None = None
    fall: float | None = None
    fall_s: float | None = None
    fill: float | None = None


@dataclass(
    frozen=True,
    slots=True,
    config=ConfigDict(extra="forbid", json_schema_extra={"examples": [{"fails": True}]}),
)
class StepSwitch:
    """Whether an optional step is made to fail."""

    fails: bool


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
    signals: dict[str, float | None]
    thresholds: dict[str, float]
    open_streams: int
    workers_a_stream: float
    capacity: int | None
    changes: tuple[LevelChange, ...]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One decode that failed for good.

    Attributes:
        number: counts letters, from 1.
        at: when, in UTC, as ISO 8601.
        request_id: names the call, as its answer, traces and logs do.
        stream_id: names the stream in the same way.
        trace_id: of its trace; empty where it was not sampled.
        audio_s: length of the sound.
        tries: how often it was tried.
        error: what the last try raised.
    """

    number: int
    at: str
    request_id: str
    stream_id: str
    trace_id: str
    audio_s: float
    tries: int
    error: str


@dataclass(frozen=True, slots=True)
class DeadLetterList:
    """The newest dead letters.

    Attributes:
        total: how many there ever were.
        letters: those kept, oldest first.
    """

    total: int
    letters: tuple[DeadLetter, ...]
