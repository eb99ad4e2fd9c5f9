"""What Prometheus scrapes: counters, gauges and histograms in base units.

Whatever a version can do well or badly is labelled with its number, so that a canary's trouble
shows beside production's rest; sum over the label for the whole. Requests that no version served
have the label empty.
"""

from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder

from lab_kit.capacity.degradation import LevelChange
from lab_kit.core.errors import SystemOverloaded
from lab_kit.core.events import PriorityClass
from lab_kit.engine.api import DecodeRequest, Engine, Hypothesis
from lab_kit.gateway.observe.background_failures import BackgroundFailures
from lab_kit.gateway.observe.indicators import Indicators
from lab_kit.gateway.observe.work import Delivery, Ended, Reached, Work, WorkKind
from lab_kit.stream.sink.steps import Skipped
from lab_kit.stream.stages import RULES, Stage

_STAGE_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5)
_LATENCY_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """The server's metrics, in a registry of their own.

    Attributes:
        background_failures: of tasks and threads that nobody waits for.
        indicators: what objectives are about, in the same registry.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.indicators = Indicators(self.registry)
        self._streams = self._gauge("lab_streams", "Live streams open.", "version")
        self._stream_ends = self._counter(
            "lab_stream_ends", "Streams by how they ended.", "code", "version"
        )
        self._audio = self._counter("lab_audio_seconds", "Audio received.", "kind")
        self._results = self._counter(
            "lab_results",
            "Results handed over: streams' interims and finals, recordings' finals, inferences.",
            "kind",
            "version",
        )
        self._final_wait = self._histogram(
            "lab_final_wait_seconds",
            "From the decision that a segment ended to its final.",
            _LATENCY_BUCKETS_S,
            "version",
        )
        stages = self._histogram(
            "lab_stage_seconds", "What a stage of the pipeline took.", _STAGE_BUCKETS_S, "stage"
        )
        # looked up once: two stages of every chunk are timed
        self._stages = {stage: stages.labels(stage) for stage in Stage}
        self._over_budget = self._counter(
            "lab_stage_over_budget", "Times that a stage took more than its budget.", "stage"
        )
        self._compute = self._counter(
            "lab_compute_seconds", "Time of the device that callers' work took.", "kind"
        )
        self._skipped = self._counter(
            "lab_steps_skipped", "Results that an optional step was left out of.", "step", "reason"
        )
        self._request_seconds = self._histogram(
            "lab_request_seconds",
            "From a request's arrival to its answer's headers, and to its last byte.",
            _LATENCY_BUCKETS_S,
            "route",
            "until",
        )
        self.tasks = Gauge(
            "lab_tasks", "Tasks on the event loop, streams' and others'.", registry=self.registry
        )
        self._connections = Gauge(
            "lab_connections",
            "HTTP and WebSocket connections open.",
            registry=self.registry,
        )
        self._level = Gauge(
            "lab_degradation_level",
            "0 full service, 1 fewer interims, 2 no new low priority, 3 no new, 4 closing low.",
            registry=self.registry,
        )
        self._level_changes = self._counter(
            "lab_degradation_changes", "Steps of the level of service.", "level", "direction"
        )
        self._refusals = self._counter(
            "lab_streams_refused",
            "Streams and recordings that were turned away.",
            "priority_class",
            "reason",
        )
        self._closed_early = self._counter(
            "lab_streams_closed_early", "Streams that the server ended.", "priority_class", "reason"
        )
        self.requests = self._counter(
            "lab_requests", "HTTP requests.", "route", "status", "version"
        )
        self.usage_events = self._counter(
            "lab_usage_events",
            "Usage events: written, or put off because the disk took nothing.",
            "outcome",
        )
        self.audit_records = self._counter("lab_audit_records", "Records of the audit log written.")
        self.audit_lost = self._counter(
            "lab_audit_records_lost", "What the audit log had no room for; it says so, too."
        )
        self._replaced = self._counter(
            "lab_replaced_route_calls",
            "Calls of routes that have a successor, served or refused for what is planned.",
            "route",
            "outcome",
        )
        self._decodes = self._counter(
            "lab_decodes",
            "Decodes that ended: whole, truncated at the token limit, refused or failed.",
            "outcome",
            "kind",
            "priority_class",
            "version",
        )
        self._session_connections = self._counter(
            "lab_session_connections",
            "Connections of sessions by how they ended: with the session, lost, replaced, unread.",
            "end",
        )
        self._answers = self._counter(
            "lab_answers", "Spoken answers that callers were told of.", "outcome"
        )
        self._answers_ahead = self._counter(
            "lab_answers_ahead",
            "Answers begun at a pause; those of them that were thrown away.",
            "what",
        )
        self._comparisons = self._counter(
            "lab_shadow_comparisons", "What the shadow was asked after production.", "outcome"
        )
        self._background_failures = self._counter(
            "lab_background_failures", "Failures where nobody waits for it.", "task"
        )
        self._unexpected = self._counter(
            "lab_unexpected_errors", "Calls that ended for what nobody foresaw.", "route"
        )
        self.background_failures = BackgroundFailures(
            lambda task: self._background_failures.labels(task).inc()
        )
        self._engines_ended = self._counter(
            "lab_engine_processes_ended", "Engine processes that died, or hung and were killed."
        )
        self._waiting = self._gauge("lab_engine_waiting", "Decodes not started.", "version")
        self._running = self._gauge("lab_engine_running", "Decodes under way.", "version")

    def listening(self, count_connections: Callable[[], float]) -> None:
        """Report the connections whenever somebody scrapes."""
        self._connections.set_function(count_connections)

    def engine_loaded(self, version: int, engine: Engine) -> None:
        """Report the engine's queue whenever somebody scrapes, and that no stream is on it yet."""
        self._streams.labels(version)
        self.indicators.version_loaded(version)
        self._waiting.labels(version).set_function(lambda: engine.load().waiting)
        self._running.labels(version).set_function(lambda: engine.load().running)

    def engine_process_ended(self) -> None:
        """An engine's process ended that was not asked to; another is started."""
        self._engines_ended.inc()

    def engine_freed(self, version: int) -> None:
        """The version's engine is gone, and what was watched of it."""
        self._waiting.remove(version)
        self._running.remove(version)

    def opened(self, work: Work) -> None:
        """Account for a stream that begins."""
        if work.kind is WorkKind.STREAM:
            self._streams.labels(work.version).inc()

    def telling(self, work: Work, reached: Reached) -> None:
        """See `Listener`; what is counted here is counted when it is over."""

    def delivered(self, work: Work, delivery: Delivery) -> None:
        """Account for a result that was handed over."""
        kind: str = work.kind
        if work.kind is WorkKind.STREAM:
            kind = "final" if delivery.is_final else "interim"
        self._results.labels(kind, work.version).inc()
        if delivery.wait_s is not None:
            exemplar = _exemplar(delivery.trace_id)
            self._final_wait.labels(work.version).observe(delivery.wait_s, exemplar)

    def ended(self, work: Work, ended: Ended) -> None:
        """Account for work that is over, and for the sound that it brought."""
        self._audio.labels(work.kind).inc(ended.reached.submitted_s)
        if work.kind is WorkKind.STREAM:
            self._stream_ends.labels(ended.code, work.version).inc()
            self._streams.labels(work.version).dec()

    def time_stage(self, stage: Stage, seconds: float, trace_id: str) -> None:
        """Account for a stage's work on one chunk or result."""
        self._stages[stage].observe(seconds, _exemplar(trace_id))
        if seconds > RULES[stage].budget_s:
            self._over_budget.labels(stage).inc()

    def time_request(self, route: str, until: str, seconds: float, trace_id: str) -> None:
        """Account for an HTTP answer that has got as far as ``until``."""
        self._request_seconds.labels(route, until).observe(seconds, _exemplar(trace_id))

    def failed(self, route: str) -> None:
        """Account for a call that ended for what nobody foresaw."""
        self._unexpected.labels(route).inc()

    def replaced_route_asked(self, route: str, outcome: str) -> None:
        """Account for a call of a route that has a successor; whose it was is the operator's."""
        self._replaced.labels(route, outcome).inc()

    def level_changed(self, change: LevelChange) -> None:
        """Account for a step of the service level."""
        self._level.set(change.after)
        direction = "up" if change.after > change.before else "down"
        self._level_changes.labels(change.after.name.lower(), direction).inc()

    def refused(self, priority_class: PriorityClass, reason: str, *, is_stream: bool) -> None:
        """Account for a stream or a recording that was turned away."""
        self._refusals.labels(priority_class.value, reason).inc()
        if is_stream:
            self.indicators.refused()

    def stream_evicted(self, priority_class: PriorityClass, reason: str) -> None:
        """Account for a stream that the server asked to end."""
        self._closed_early.labels(priority_class.value, reason).inc()

    def count_compute(self, kind: WorkKind, seconds: float) -> None:
        """The device took that long for callers' work of that kind."""
        self._compute.labels(kind).inc(seconds)

    def count_skipped(self, skipped: Skipped) -> None:
        """Account for an optional step that was left out of a result."""
        self._skipped.labels(skipped.step, skipped.reason).inc()

    def count_decode(
        self, version: int, request: DecodeRequest, outcome: Hypothesis | BaseException
    ) -> None:
        """Account for a decode that was not cancelled."""
        kind, urgency = request.priority.name.lower(), request.priority_class.value
        self._decodes.labels(_word(outcome), kind, urgency, version).inc()

    def count_session_connection(self, end: str) -> None:
        """Account for a connection of a session that is over."""
        self._session_connections.labels(end).inc()

    def count_answer(self, outcome: str) -> None:
        """Account for a spoken answer that is over."""
        self._answers.labels(outcome).inc()

    def count_answer_ahead(self, what: str) -> None:
        """Account for an answer that was begun at a pause, or thrown away."""
        self._answers_ahead.labels(what).inc()

    def count_comparison(self, outcome: str) -> None:
        """Account for one decode that the shadow should have repeated."""
        self._comparisons.labels(outcome).inc()

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """Everything in the format that is asked for, and its content type.

        Exemplars are in OpenMetrics' format alone; Prometheus' older text has no place for them.
        """
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(name, what, labels, registry=self.registry)

    def _histogram(self, name: str, what: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(name, what, labels, buckets=buckets, registry=self.registry)

    def _gauge(self, name: str, what: str, *labels: str) -> Gauge:
        return Gauge(name, what, labels, registry=self.registry)


def _exemplar(trace_id: str) -> dict[str, str] | None:
    return {"trace_id": trace_id} if trace_id else None


def _word(outcome: Hypothesis | BaseException) -> str:
    if isinstance(outcome, SystemOverloaded):
        return "refused"
    if isinstance(outcome, BaseException):
        return "failed"
    return "truncated" if outcome.truncated else "whole"
