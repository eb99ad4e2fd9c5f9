"""What Prometheus scrapes: counters, gauges and histograms in base units."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from lab_kit.engine.api import Engine
from lab_kit.events import Event, Final, Interim

_LATENCY_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """The server's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.streams = Gauge("lab_streams", "Live streams open.", registry=self.registry)
        self.stream_ends = Counter(
            "lab_stream_ends", "Streams by how they ended.", ["code"], registry=self.registry
        )
        self.audio = Counter(
            "lab_audio_seconds", "Audio received.", ["kind"], registry=self.registry
        )
        self.results = Counter("lab_results", "Results sent.", ["kind"], registry=self.registry)
        self.final_wait = Histogram(
            "lab_final_wait_seconds",
            "From the decision that a segment ended to its final.",
            buckets=_LATENCY_BUCKETS_S,
            registry=self.registry,
        )
        self.requests = Counter(
            "lab_requests", "HTTP requests.", ["route", "status"], registry=self.registry
        )

    def watch(self, engine: Engine) -> None:
        """Report the engine's queue whenever somebody scrapes."""
        waiting = Gauge("lab_engine_waiting", "Decodes not started.", registry=self.registry)
        running = Gauge("lab_engine_running", "Decodes under way.", registry=self.registry)
        waiting.set_function(lambda: engine.load().waiting)
        running.set_function(lambda: engine.load().running)

    def count(self, event: Event, sent_ns: int) -> None:
        """Account for an event that was sent."""
        if isinstance(event, Interim):
            self.results.labels("interim").inc()
        elif isinstance(event, Final):
            self.results.labels("final").inc()
            self.final_wait.observe((sent_ns - event.timing.decided_ns) / 1e9)

    def exposition(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self.registry)
