"""A line in the log for each live stream that is over, with the ids that lead there.

The histogram's exemplar names a trace, the trace has its spans in the file of traces, and this line
names the same trace; the call is in front of every line. No word of what was said is in it.
"""

import logging
from dataclasses import dataclass

from lab_kit.core.ids import StreamId
from lab_kit.gateway.observe.work import Delivery, Ended, Reached, Work, WorkKind

NOT_SAMPLED = "-"
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Going:
    """Of one open stream: its trace, and the slowest of its finals."""

    trace_id: str = NOT_SAMPLED
    finals: int = 0
    slowest_s: float = 0.0


class StreamLog:
    """A listener that writes one line a stream, when that ends."""

    def __init__(self) -> None:
        self._open: dict[StreamId, _Going] = {}

    def opened(self, work: Work) -> None:
        """See `Listener`."""
        if work.kind is WorkKind.STREAM:
            self._open[work.identity.stream] = _Going()

    def telling(self, work: Work, reached: Reached) -> None:
        """See `Listener`; what is told is heard of once it was."""

    def delivered(self, work: Work, delivery: Delivery) -> None:
        """See `Listener`."""
        going = self._open.get(work.identity.stream)
        if going is None:
            return
        going.trace_id = delivery.trace_id or going.trace_id
        if delivery.is_final:
            going.finals += 1
        if delivery.is_final and delivery.live is not None:
            going.slowest_s = max(going.slowest_s, delivery.live.since_end_s)

    def ended(self, work: Work, ended: Ended) -> None:
        """See `Listener`."""
        going = self._open.pop(work.identity.stream, None)
        if going is not None:
            _log.info(
                "stream %s %s by %s: version %s, %.1f s of sound, %d finals, slowest %.3f s,"
                " trace %s",
                work.identity.stream,
                ended.outcome,
                ended.code,
                work.version,
                ended.reached.submitted_s,
                going.finals,
                going.slowest_s,
                going.trace_id,
            )
