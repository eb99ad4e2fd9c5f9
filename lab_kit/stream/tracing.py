"""What one stream's stages did, when: spans for a trace, durations for metrics.

Under the stream's span there is one for each chunk, and under that the stages which the chunk
caused, inference and sending included, however much later. A stream that is not sampled costs next
to nothing: its spans are not recorded, its durations still are.

Spans carry the time of day, as OpenTelemetry wants it; it is the monotonic clock, shifted once.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from opentelemetry import trace
from opentelemetry.trace import Span, Tracer

from lab_kit.stream.stages import Stage

_NOWHERE = trace.NoOpTracer()
Observe = Callable[[Stage, float, str], None]
"""Told a stage, its duration in seconds and the trace it belongs to, which may be none (``""``)."""

_SHIFT_NS = time.time_ns() - time.perf_counter_ns()


def nobody(stage: Stage, seconds: float, trace_id: str) -> None:
    """Observes nothing."""


@dataclass(frozen=True, slots=True)
class Tracing:
    """Where a stream's spans and durations go; by default nowhere."""

    tracer: Tracer = _NOWHERE
    observe: Observe = nobody


class StreamTrace:
    """One stream's spans.

    Attributes:
        trace_id: as 32 hexadecimal digits; empty where the stream is not sampled.
    """

    def __init__(self, tracing: Tracing, attributes: dict[str, str | int]) -> None:
        self._tracing = tracing
        self._stream = tracing.tracer.start_span("stream", attributes=attributes)
        self._context = trace.set_span_in_context(self._stream)
        sampled = self._stream.is_recording()
        self.trace_id = f"{self._stream.get_span_context().trace_id:032x}" if sampled else ""

    def chunk(self, received_ns: int, size_bytes: int) -> Span:
        """A chunk arrived; end the span when it has been dealt with."""
        if not self.trace_id:
            return trace.INVALID_SPAN
        return self._tracing.tracer.start_span(
            "chunk",
            self._context,
            attributes={"bytes": size_bytes},
            start_time=received_ns + _SHIFT_NS,
        )

    def stage(
        self, chunk: Span, stage: Stage, began_ns: int, ended_ns: int, **attributes: str | int
    ) -> None:
        """A stage did its work for a chunk."""
        self._tracing.observe(stage, max(0, ended_ns - began_ns) / 1e9, self.trace_id)
        if not self.trace_id:
            return
        span = self._tracing.tracer.start_span(
            stage,
            trace.set_span_in_context(chunk),
            attributes=attributes,
            start_time=began_ns + _SHIFT_NS,
        )
        span.end(max(began_ns, ended_ns) + _SHIFT_NS)

    def note(self, name: str, **attributes: str | int) -> None:
        """Something happened to the stream, at no stage's usual work."""
        self._stream.add_event(name, attributes)

    def end(self) -> None:
        """The stream is over."""
        self._stream.end()
