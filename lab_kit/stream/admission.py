"""How many streams fit: a promise is counted when it is made, not when it begins to cost.

A stream that was admitted a moment ago has cost nothing yet, so a server that looks at its load
alone lets in a crowd. Here each open stream counts with what streams have cost so far, in workers.
"""

from dataclasses import dataclass

PRIOR_COST = 0.06
"""Workers that a stream of speech keeps busy before anything was seen; Moonshine tiny on a core of
2023 takes about that."""
PRIOR_WEIGHT_S = 60.0
"""The prior counts as much as so many seconds of one stream."""
MEMORY_S = 600.0
"""Stream-seconds over which the cost is averaged."""
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

    @property
    def workers(self) -> float:
        """Workers that one stream keeps busy, on average over its speech and its pauses."""
        return self._busy_s / self._stream_s

    def observe(self, busy_s: float, streams: int, elapsed_s: float) -> None:
        """The workers were busy for ``busy_s`` while so many streams were open for so long."""
        stream_s = streams * elapsed_s
        if stream_s <= 0:
            return
        kept = min(1.0, MEMORY_S / (self._stream_s + stream_s))
        self._busy_s = (self._busy_s + busy_s) * kept
        self._stream_s = (self._stream_s + stream_s) * kept

    def capacity(self, workers: int) -> int:
        """Streams that so many workers can be promised to; one at least."""
        return max(1, int(workers * self.fill / self.workers))
