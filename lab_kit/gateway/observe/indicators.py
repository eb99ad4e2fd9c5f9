"""What objectives are about, counted at the server: how long live callers wait, and who is served.

A listener, like the metrics beside it. It counts what happened and knows no objective: limits are
edges of the histograms, and which of them is promised to whom stands in files (`lab_kit.slo`).
Nothing has a tenant's name.

Zero is when sound *arrived*, as far as a server can know it: it was sent as it was spoken, so what
ended a second before the newest sound arrived a second before it. What the network took before and
after, and how long a client took to send and to read, is not in it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from lab_kit.core.ids import StreamId
from lab_kit.gateway.observe.work import Delivery, Ended, Outcome, Reached, Work, WorkKind
from lab_kit.slo.peak import Peak

EDGES_S = (0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0, 1.5, 2.5, 5.0, 10.0)
"""0.3 and 0.8 are what lab 12 promises; close to them lie more."""
EDGES_RTF = (0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.0, 2.0)
PEAK_WINDOW_S = 60.0
"""As long as the longest interval at which anybody scrapes."""


@dataclass(slots=True)
class _Heard:
    """Of one open stream: whether its segment has a result."""

    is_told: bool = False


class Indicators:
    """Counts for objectives, in a registry.

    Args:
        now_s: a monotonic clock, for the peak.
    """

    def __init__(
        self, registry: CollectorRegistry, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        def histogram(name: str, what: str, edges: tuple[float, ...]) -> Histogram:
            return Histogram(name, what, ("version",), buckets=edges, registry=registry)

        self._first = histogram(
            "lab_first_result_seconds",
            "From the first sound of a segment to the first words of it.",
            EDGES_S,
        )
        self._final = histogram(
            "lab_final_delay_seconds", "From the last sound of a segment to its final.", EDGES_S
        )
        self._age = histogram(
            "lab_result_age_seconds", "How old the newest sound was that a result covers.", EDGES_S
        )
        self._rtf = histogram(
            "lab_stream_rtf",
            "Time of the device a stream took, by the time of its sound.",
            EDGES_RTF,
        )
        self._missing = Counter(
            "lab_finals_missing", "Finals that streams ended without.", registry=registry
        )
        self._outcomes = Counter(
            "lab_stream_outcomes",
            "Streams by who decided their end.",
            ("outcome",),
            registry=registry,
        )
        for outcome in Outcome:
            self._outcomes.labels(outcome)  # at 0, or a sum over what is not there is nothing
        self._now_s = now_s
        self._peak = Peak(PEAK_WINDOW_S)
        Gauge(
            "lab_streams_peak",
            "Most streams open at one moment of the last minute, counted at each change.",
            registry=registry,
        ).set_function(lambda: self._peak.read(self._now_s()))
        self._open: dict[StreamId, _Heard] = {}

    def version_loaded(self, version: int) -> None:
        """Its counts are there, at 0: what is not there cannot be added up, nor found missing."""
        for histogram in (self._first, self._final, self._age, self._rtf):
            histogram.labels(version)

    def opened(self, work: Work) -> None:
        """See `Listener`."""
        if work.kind is WorkKind.STREAM:
            self._open[work.identity.stream] = _Heard()
            self._peak.changed(len(self._open), self._now_s())

    def telling(self, work: Work, reached: Reached) -> None:
        """See `Listener`; what is told is heard of once it was."""

    def delivered(self, work: Work, delivery: Delivery) -> None:
        """See `Listener`."""
        heard = self._open.get(work.identity.stream)
        if heard is None or (live := delivery.live) is None:
            return
        exemplar = {"trace_id": delivery.trace_id} if delivery.trace_id else None
        self._age.labels(work.version).observe(live.since_end_s, exemplar)
        if not heard.is_told:
            self._first.labels(work.version).observe(live.since_start_s, exemplar)
        if delivery.is_final:
            self._final.labels(work.version).observe(live.since_end_s, exemplar)
        heard.is_told = not delivery.is_final

    def ended(self, work: Work, ended: Ended) -> None:
        """See `Listener`."""
        heard = self._open.pop(work.identity.stream, None)
        if heard is None:
            return
        self._peak.changed(len(self._open), self._now_s())
        self._outcomes.labels(ended.outcome).inc()
        if ended.outcome is not Outcome.LEFT:
            self._missing.inc(ended.owed)
        if (submitted_s := ended.reached.submitted_s) > 0:
            self._rtf.labels(work.version).observe(ended.reached.compute_ns / 1e9 / submitted_s)

    def refused(self) -> None:
        """A stream was not let in, for what others take."""
        self._outcomes.labels(Outcome.REFUSED).inc()
