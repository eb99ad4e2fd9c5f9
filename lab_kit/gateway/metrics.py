"""What Prometheus scrapes: counters, gauges and histograms in base units.

Whatever a version can do well or badly is labelled with its number, so that a canary's trouble
shows beside production's rest; sum over the label for the whole. Requests that no version served
have the label empty.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from lab_kit.engine.api import DecodeRequest, Engine, Hypothesis
from lab_kit.errors import SystemOverloaded
from lab_kit.events import Event, Final, Interim

_LATENCY_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """The server's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.streams = self._gauge("lab_streams", "Live streams open.", "version")
        self.stream_ends = self._counter(
            "lab_stream_ends", "Streams by how they ended.", "code", "version"
        )
        self.audio = self._counter("lab_audio_seconds", "Audio received.", "kind")
        self.results = self._counter("lab_results", "Results sent.", "kind", "version")
        self.final_wait = Histogram(
            "lab_final_wait_seconds",
            "From the decision that a segment ended to its final.",
            ["version"],
            buckets=_LATENCY_BUCKETS_S,
            registry=self.registry,
        )
        self.requests = self._counter(
            "lab_requests", "HTTP requests.", "route", "status", "version"
        )
        self._decodes = self._counter(
            "lab_decodes",
            "Decodes that ended: whole, truncated at the token limit, refused or failed.",
            "outcome",
            "kind",
            "priority_class",
            "version",
        )
        self._comparisons = self._counter(
            "lab_shadow_comparisons", "What the shadow was asked after production.", "outcome"
        )
        self._waiting = self._gauge("lab_engine_waiting", "Decodes not started.", "version")
        self._running = self._gauge("lab_engine_running", "Decodes under way.", "version")

    def watch(self, version: int, engine: Engine) -> None:
        """Report the engine's queue whenever somebody scrapes, and that no stream is on it yet."""
        self.streams.labels(version)
        self._waiting.labels(version).set_function(lambda: engine.load().waiting)
        self._running.labels(version).set_function(lambda: engine.load().running)

    def forget(self, version: int) -> None:
        """The version's engine is gone, and what was watched of it."""
        self._waiting.remove(version)
        self._running.remove(version)

    def count(self, event: Event, sent_ns: int, version: int) -> None:
        """Account for an event that was sent."""
        if isinstance(event, Interim):
            self.results.labels("interim", version).inc()
        elif isinstance(event, Final):
            self.results.labels("final", version).inc()
            wait_s = (sent_ns - event.timing.decided_ns) / 1e9
            self.final_wait.labels(version).observe(wait_s)

    def count_decode(
        self, version: int, request: DecodeRequest, outcome: Hypothesis | BaseException
    ) -> None:
        """Account for a decode that was not cancelled."""
        kind, urgency = request.priority.name.lower(), request.priority_class.value
        self._decodes.labels(_word(outcome), kind, urgency, version).inc()

    def count_comparison(self, outcome: str) -> None:
        """Account for one decode that the shadow should have repeated."""
        self._comparisons.labels(outcome).inc()

    def exposition(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self.registry)

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(name, what, labels, registry=self.registry)

    def _gauge(self, name: str, what: str, *labels: str) -> Gauge:
        return Gauge(name, what, labels, registry=self.registry)


def _word(outcome: Hypothesis | BaseException) -> str:
    if isinstance(outcome, SystemOverloaded):
        return "refused"
    if isinstance(outcome, BaseException):
        return "failed"
    return "truncated" if outcome.truncated else "whole"
