"""The streams that are open, as whoever shares out the server sees them; which of them must end."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Protocol

from lab_kit.capacity.degradation import to_close
from lab_kit.core.errors import LabError, StreamIdle, SystemOverloaded
from lab_kit.core.events import PriorityClass

BEHIND_S = 4.0
"""A batch stream that has been owed a final for so long gets less than it brings: what is left for
batch work became less after it was admitted."""
RETRY_AFTER_S = 2.0
"""A conversation ends, or a burst passes, in about that; sooner, the same answer would be given."""


class OpenStream(Protocol):
    """A stream that the server can ask to come to its end."""

    @property
    def priority_class(self) -> PriorityClass:
        """How urgent it is."""
        ...

    @property
    def caller(self) -> str:
        """Whose it is."""
        ...

    @property
    def opened_ns(self) -> int:
        """When it was opened."""
        ...

    @property
    def last_audio_ns(self) -> int:
        """When it last got sound; its opening, if it got none."""
        ...

    @property
    def owed_since_ns(self) -> int | None:
        """When the oldest final that it owes was decided; None if it owes none."""
        ...

    @property
    def is_ahead(self) -> bool:
        """Whether its sound comes faster than speech, so that its decodes are batch work."""
        ...

    def close_early(self, reason: LabError) -> None:
        """Finish: send what is owed, tell the client why, then close."""
        ...


@dataclass(frozen=True, slots=True)
class Eviction:
    """A stream that must end before its client wants it to.

    Attributes:
        reason: a word for a metric.
        error: what its client is told.
    """

    stream: OpenStream
    reason: str
    error: LabError


def fair_share(places: int, streams: Collection[OpenStream], caller: str) -> int | None:
    """How many of the places may be one caller's, where the server is about to be full.

    Up to half of them anybody may take. From there on each caller has as much as any other: who has
    more gets no further one, and loses none.

    Returns:
        None while half of the places are free.
    """
    if 2 * len(streams) < places:
        return None
    return max(1, places // len({stream.caller for stream in streams} | {caller}))


def live_count(streams: Collection[OpenStream]) -> int:
    """How many of them are not batch work."""
    kinds = [stream.priority_class for stream in streams]
    return len(kinds) - kinds.count(PriorityClass.BATCH)


def evictions(
    streams: list[OpenStream], now_ns: int, no_audio_s: float, closes_low: bool
) -> Iterator[Eviction]:
    """Which streams must end now; one may be named twice, with two reasons.

    Args:
        no_audio_s: after so long without sound a stream's place is reclaimed.
        closes_low: whether the service level closes streams of low priority, one at a time.
    """
    if closes_low:
        ages = [(s.priority_class, (now_ns - s.opened_ns) / 1e9) for s in streams]
        if (chosen := to_close(ages)) is not None:
            yield _gives_way(streams[chosen], "overload")
    for stream in streams:
        since_ns = stream.owed_since_ns
        is_behind = since_ns is not None and now_ns - since_ns > BEHIND_S * 1e9
        if is_behind and stream.priority_class is PriorityClass.BATCH:
            yield _gives_way(stream, "behind")
        if (now_ns - stream.last_audio_ns) / 1e9 > no_audio_s:
            yield _unused(stream, no_audio_s)


def _gives_way(stream: OpenStream, reason: str) -> Eviction:
    error = SystemOverloaded(
        f"a stream of class {stream.priority_class} gives way to others",
        "room for those who speak",
        "come back after the stated delay",
        RETRY_AFTER_S,
    )
    return Eviction(stream, reason, error)


def _unused(stream: OpenStream, no_audio_s: float) -> Eviction:
    error = StreamIdle(
        f"no audio for {no_audio_s:.0f} s, whatever else was sent",
        "sound, be it silence, now and then",
        "open a new stream once there is sound to send",
    )
    return Eviction(stream, "no audio", error)
