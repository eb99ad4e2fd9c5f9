"""A source that can be stopped between two chunks and knows when it first sounded."""

import time
from collections.abc import Iterator
from threading import Event

from lab_kit.audio.sources.recordings import Source, SourceChunk
from lab_kit.core.call_record import Spoken

_SETTLED_S = 0.5
"""An utterance cut off sooner after its end had no fair chance of an endpoint of its own."""


class LiveSource:
    """Another source until ``stop`` is set or ``most_s`` of it have been given.

    At least one chunk is always given, so that there is a call to speak of.

    Attributes:
        first_sound_ns: when the first sample sounded, for a source that waits itself.
    """

    def __init__(self, source: Source, stop: Event, most_s: float | None = None) -> None:
        self._source = source
        self._stop = stop
        self._most_s = most_s
        self._given_s = 0.0
        self._is_cut = False
        self.first_sound_ns: int | None = None

    @property
    def name(self) -> str:
        """The name of what is streamed."""
        return self._source.name

    @property
    def encoding(self) -> str:
        """How its chunks are written down."""
        return self._source.encoding

    @property
    def rate_hz(self) -> int:
        """Its sample rate."""
        return self._source.rate_hz

    @property
    def chunk_s(self) -> float:
        """The length of its chunks."""
        return self._source.chunk_s

    @property
    def waits_itself(self) -> bool:
        """Whether iterating takes as long as the sound."""
        return self._source.waits_itself

    @property
    def spoken(self) -> tuple[Spoken, ...]:
        """What was said in it, without what was cut off."""
        if not self._is_cut:
            return self._source.spoken
        heard_s = self._given_s - _SETTLED_S
        return tuple(one for one in self._source.spoken if one.end_s <= heard_s)

    def chunks(self) -> Iterator[SourceChunk]:
        """The sound in order, until it ends or is stopped."""
        for piece in self._source.chunks():
            if self.first_sound_ns is None and self.waits_itself:
                heard_ns = piece.heard_ns or time.perf_counter_ns()
                self.first_sound_ns = heard_ns - round(piece.end_s * 1e9)
            self._given_s = piece.end_s
            yield piece
            if self._stop.is_set() or self._is_enough():
                self._is_cut = True
                return

    def _is_enough(self) -> bool:
        return self._most_s is not None and self._given_s >= self._most_s - 1e-9
