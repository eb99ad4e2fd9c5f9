"""What all live streams of a server share: limits, metrics, traces, optional steps."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from opentelemetry.trace import Tracer

from lab_kit.audio.pcm import FloatArray
from lab_kit.capacity.watch import Watch
from lab_kit.core.events import Event, StreamOptions
from lab_kit.core.personal_data import united
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.door.place import Place
from lab_kit.gateway.live.turn_judge import TurnJudge
from lab_kit.gateway.observe.dead_letters import DeadLetters
from lab_kit.gateway.observe.failures import Failures
from lab_kit.gateway.observe.listeners import Listeners
from lab_kit.gateway.observe.metrics import Metrics
from lab_kit.gateway.observe.work import delivery_of
from lab_kit.stream.pipeline import PipelineServices, StreamPipeline
from lab_kit.stream.sink.steps import SwitchableSteps
from lab_kit.stream.tracing import Tracing


class StreamServices:
    """The live streams of one server."""

    def __init__(
        self,
        limits: Limits,
        metrics: Metrics,
        watch: Watch,
        tracer: Tracer,
        steps: SwitchableSteps,
        dead_letters: DeadLetters,
        failures: Failures,
        listeners: Listeners,
        turns: TurnJudge,
    ) -> None:
        self.failures = failures
        self.limits = limits
        self.listeners = listeners
        self._watch = watch
        self._turns = turns
        self._services = PipelineServices(
            tracing=Tracing(tracer, metrics.time_stage),
            interim_stretch=watch.interim_stretch,
            steps=steps.table,
            persons=steps.persons,
            on_skipped=metrics.count_skipped,
            on_failed_decode=dead_letters.keep,
        )

    def pipeline(
        self,
        place: Place,
        options: StreamOptions,
        longest_s: float | None = None,
        gate: Callable[[FloatArray], FloatArray] | None = None,
    ) -> StreamPipeline:
        """The pipeline of one stream.

        Args:
            longest_s: audio that it may hold, where that is less than the server's limit.
            gate: what is heard of what comes; None for all of it.

        Raises:
            InvalidParameter, UnsupportedSampleRate: the options cannot be met.
        """
        return StreamPipeline(
            place.lease.engine,
            place.lease.new_scorer(),
            replace(options, postprocess=united(*options.postprocess, *place.steps)),
            min(longest_s or self.limits.stream_audio_s, self.limits.stream_audio_s),
            replace(self._services, completeness=partial(self._turns, place.caller)),
            place.work.identity,
            gate,
        )

    def sent(self, event: Event, pipeline: StreamPipeline, place: Place) -> None:
        """A stream's event was handed to the socket: account for it everywhere."""
        sent_ns = time.perf_counter_ns()
        pipeline.sent(event, sent_ns)
        came_ahead = pipeline.came_ahead(event)
        is_live = not (came_ahead or pipeline.is_ahead)
        delivery = delivery_of(event, sent_ns, pipeline.trace_id, is_live=is_live)
        if delivery is not None:
            self.listeners.delivered(place.work, delivery)
        if not came_ahead:
            self._watch.sent(event, sent_ns, pipeline.options.priority_class)
