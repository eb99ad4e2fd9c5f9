"""What all live streams of a server share: the door, limits, metrics, traces, optional steps."""

import time
from dataclasses import replace

from opentelemetry.trace import Tracer

from lab_kit.capacity.watch import Watch
from lab_kit.core.events import Event, StreamOptions
from lab_kit.gateway.door.door import Door
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.observe.dead_letters import DeadLetters
from lab_kit.gateway.observe.metrics import Metrics
from lab_kit.gateway.versions.lease import Lease
from lab_kit.stream.pipeline import PipelineServices, StreamPipeline
from lab_kit.stream.sink.steps import STEPS, Step
from lab_kit.stream.tracing import Tracing


class StepSwitchedOff(Exception):
    """An operator wanted to see an optional step fail."""


class StreamServices:
    """The live streams of one server.

    Attributes:
        door: counts who is in.
        failing_steps: optional steps that an operator made fail, to see that they fail alone.
    """

    def __init__(
        self,
        door: Door,
        limits: Limits,
        metrics: Metrics,
        watch: Watch,
        tracer: Tracer,
        dead_letters: DeadLetters,
    ) -> None:
        self.door = door
        self.limits = limits
        self.metrics = metrics
        self.failing_steps: set[str] = set()
        self._watch = watch
        self._services = PipelineServices(
            tracing=Tracing(tracer, metrics.time_stage),
            interim_stretch=watch.interim_stretch,
            steps={name: self._switchable(name, step) for name, step in STEPS.items()},
            on_skipped=metrics.count_skipped,
            on_failed_decode=dead_letters.keep,
        )

    def pipeline(self, lease: Lease, options: StreamOptions) -> StreamPipeline:
        """The pipeline of one stream.

        Raises:
            InvalidParameter, UnsupportedSampleRate: the options cannot be met.
        """
        longest_s = self.limits.stream_audio_s
        return StreamPipeline(lease.engine, lease.new_scorer(), options, longest_s, self._services)

    def sent(self, event: Event, pipeline: StreamPipeline, version: int) -> None:
        """A stream's event was handed to the socket: account for it everywhere."""
        sent_ns = time.perf_counter_ns()
        pipeline.sent(event, sent_ns)
        self.metrics.count(event, sent_ns, version, pipeline.trace_id)
        self._watch.sent(event, sent_ns, pipeline.options.priority_class)

    def _switchable(self, name: str, step: Step) -> Step:
        def apply(text: str) -> str:
            if name in self.failing_steps:
                raise StepSwitchedOff(name)
            return step.apply(text)

        return replace(step, apply=apply)
