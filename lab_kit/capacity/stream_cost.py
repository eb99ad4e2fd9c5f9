"""What a stream costs, in workers, learnt from what streams have cost so far."""

from dataclasses import dataclass

PRIOR_COST = 0.06
"""Workers that a stream of speech keeps busy before anything was seen; Moonshine tiny on a core of
2023 takes about that."""
PRIOR_WEIGHT_S = 60.0
"""The prior counts as much as so many seconds of one stream."""
MEMORY_S = 600.0
"""Stream-seconds over which the cost is averaged."""
WINDOW_S = 10.0
"""Shorter than this, one looks at somebody's sentence or at somebody's pause."""
TELLING_BUSY = 0.5
"""Below it streams cost more than they will among others: their steps are their own, and every
interim is granted. So a window below it can only show that they cost far less than was thought."""
FAR_LESS = 0.5
ELASTIC = 0.65
"""What interims cost where the service level makes them fewer, in parts of their full cost. Over an
utterance of four seconds that is 10 passes for 19, and half of the sound; the rest is left for what
bursts cost. With it 21 to 24 places were promised where 24 streams were served well with
200 ms of silence."""
FILL = 0.85
"""Of the workers' time, so much may be promised; what is left takes up bursts."""


@dataclass(slots=True)
class StreamCost:
    """What a stream costs, learnt from what all have cost.

    Attributes:
        fill: share of the workers' time that may be promised.
    """

    fill: float = FILL
    _busy_s: float = PRIOR_COST * PRIOR_WEIGHT_S
    _stream_s: float = PRIOR_WEIGHT_S
    _window_busy_s: float = 0.0
    _window_spare_s: float = 0.0
    _window_stream_s: float = 0.0
    _window_worker_s: float = 0.0

    @property
    def workers(self) -> float:
        """Workers that one stream keeps busy, on average over its speech and its pauses."""
        return self._busy_s / self._stream_s

    def observe(
        self,
        busy_s: float,
        streams: int,
        elapsed_s: float,
        workers: int,
        spare_interim_s: float = 0.0,
    ) -> None:
        """The workers were busy for ``busy_s`` while so many streams sent sound for so long.

        Args:
            spare_interim_s: the part of it that went into interims at full service.
        """
        self._window_busy_s += busy_s
        self._window_spare_s += spare_interim_s * (1 - ELASTIC)
        self._window_stream_s += streams * elapsed_s
        self._window_worker_s += workers * elapsed_s
        if self._window_worker_s >= workers * WINDOW_S:
            self._close_window()

    def capacity(self, workers: int) -> int:
        """Streams that so many workers can be promised to; one at least."""
        return max(1, int(workers * self.fill / self.workers))

    def _close_window(self) -> None:
        is_telling = self._window_busy_s / self._window_worker_s >= TELLING_BUSY
        busy_s = self._window_busy_s - self._window_spare_s
        stream_s = self._window_stream_s
        self._window_busy_s = self._window_spare_s = 0.0
        self._window_stream_s = self._window_worker_s = 0.0
        if stream_s <= 0 or not (is_telling or busy_s / stream_s < self.workers * FAR_LESS):
            return
        kept = min(1.0, MEMORY_S / (self._stream_s + stream_s))
        self._busy_s = (self._busy_s + busy_s) * kept
        self._stream_s = (self._stream_s + stream_s) * kept
