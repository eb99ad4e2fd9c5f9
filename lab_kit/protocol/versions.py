"""The operator's API on versions: their states, labels, caches and batching, how they compare."""

from collections.abc import Mapping
from dataclasses import asdict
from enum import StrEnum
from typing import Any, Literal

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass


class VersionState(StrEnum):
    """Where a version is between the disk and its callers."""

    UNLOADED = "unloaded"
    LOADING = "loading"
    READY = "ready"
    DRAINING = "draining"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """One version on the server.

    Attributes:
        labels: which of ``production``, ``canary`` and ``shadow`` it carries.
        share: the canary's share of new streams; None for every other version.
        reason: why it failed; empty otherwise.
        settings: what differs from the model's own, by name.
        published: when, in UTC, as ISO 8601.
        in_flight: streams and requests that it serves.
    """

    number: int
    state: VersionState
    labels: tuple[str, ...]
    share: float | None
    reason: str
    settings: Mapping[str, Any]
    published: str
    in_flight: int


@dataclass(frozen=True, slots=True)
class VersionList:
    """Every version in the repository of one model, in order."""

    model: str
    versions: tuple[VersionStatus, ...]


@dataclass(
    frozen=True,
    slots=True,
    config=ConfigDict(extra="forbid", json_schema_extra={"examples": [{"version": 1}]}),
)
class LabelMove:
    """Where a label goes; ``share`` for the canary alone."""

    version: int
    share: float | None = None


@dataclass(
    frozen=True,
    slots=True,
    config=ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"policy": "dynamic", "max_batch": 4, "max_wait_s": 0.02}]},
    ),
)
class BatchingPolicy:
    """A batching policy by its name, with the numbers that it takes and no others.

    Attributes:
        size, patience_s: of ``static``.
        max_batch: of ``dynamic`` and ``continuous``.
        max_wait_s: of ``dynamic``.
    """

    policy: Literal["none", "static", "dynamic", "continuous"]
    size: int | None = None
    patience_s: float | None = None
    max_batch: int | None = None
    max_wait_s: float | None = None

    def numbers(self) -> dict[str, int | float]:
        """Those that were given, by name."""
        given = {name: value for name, value in asdict(self).items() if value is not None}
        del given["policy"]
        return given


class EngineState(StrEnum):
    """What an engine's process is to the server."""

    STARTING = "starting"
    ASKED = "asked"
    STANDING_BY = "standing_by"
    LEAVING = "leaving"


@dataclass(frozen=True, slots=True)
class EngineProcess:
    """One process that decodes.

    Attributes:
        owed: requests that it was asked and has not answered.
    """

    pid: int
    state: EngineState
    owed: int


@dataclass(frozen=True, slots=True)
class EngineList:
    """The processes that decode with a version, the oldest first; none where the server's does."""

    processes: tuple[EngineProcess, ...]


@dataclass(frozen=True, slots=True)
class CacheFrame:
    """A decoder's cache at one moment.

    Attributes:
        at_ns: when, on the server's monotonic clock.
        reserved: slots given to sequences; a shared one counts once.
        written: of those, holding a token.
        runs: adjacent slots with one owner, as (owner, slots, slots that hold a token): the number
            of a sequence, 0 where they are free, -1 where several share them, -2 where they are
            kept in case the same tokens come again.
    """

    at_ns: int
    reserved: int
    written: int
    runs: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class CacheUse:
    """A decoder's cache: what it costs, and how it was used.

    Attributes:
        bytes_per_token: keys and values of one token of text, all layers together.
        bytes_per_audio_s: what a second of encoded audio adds while its sequence lives.
        slots: tokens that the cache holds; 0 where the runtime allocates as it goes.
        frames: one after each step of the decoder, oldest first.
    """

    bytes_per_token: int
    bytes_per_audio_s: int
    slots: int
    frames: tuple[CacheFrame, ...]

    @property
    def waste(self) -> float:
        """Share of the reserved slots that held nothing, over all frames, in [0, 1]."""
        reserved = sum(frame.reserved for frame in self.frames)
        written = sum(frame.written for frame in self.frames)
        return 1 - written / reserved if reserved else 0.0

    @property
    def fullest(self) -> CacheFrame | None:
        """The first frame with most slots reserved."""
        return max(self.frames, key=lambda frame: frame.reserved, default=None)


@dataclass(frozen=True, slots=True)
class ShadowPair:
    """Two answers to the same audio, of which the caller got production's.

    Attributes:
        word_error_rate: of ``shadow`` against ``production``; None where production heard no word.
    """

    audio_s: float
    production: str
    shadow: str
    word_error_rate: float | None


@dataclass(frozen=True, slots=True)
class ShadowReport:
    """How the shadow compares with production.

    Attributes:
        same, different: by their words; case and punctuation do not count.
        skipped: not asked, because the shadow had enough to do.
        failed: the shadow raised an error.
        word_error_rate: mean over the compared pairs in which production heard a word; None
            before the first.
        pairs: the last that differ, newest last.
    """

    version: int
    same: int
    different: int
    skipped: int
    failed: int
    word_error_rate: float | None
    pairs: tuple[ShadowPair, ...]

    @property
    def compared(self) -> int:
        """Pairs that were compared."""
        return self.same + self.different
