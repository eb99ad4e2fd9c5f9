"""Where spans go: sampled by stream or request, written as JSON lines to a file.

A sampled trace is whole: the decision is made at its root and every span below follows it. One in
a hundred is enough to find a slow one by its exemplar; a lab looks at all of them.
"""

from dataclasses import dataclass
from pathlib import Path

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Tracer

from lab_kit.errors import InvalidParameter

DEFAULT_SHARE = 0.01
FILE_VARIABLE = "LAB_TRACE_FILE"
SHARE_VARIABLE = "LAB_TRACE_SHARE"
_FLUSH_MS = 200
LARGEST_BYTES = 64_000_000
"""A file that has grown so large is put aside when the server starts; the one before it goes."""


@dataclass(frozen=True, slots=True)
class TraceFile:
    """A file that sampled spans are appended to.

    Attributes:
        share: of streams and requests that are sampled.
    """

    path: Path
    share: float = DEFAULT_SHARE


class Spans:
    """The server's tracer, and the file behind it; without a file nothing is recorded."""

    def __init__(self, target: TraceFile | None = None) -> None:
        self._provider: TracerProvider | None = None
        self.tracer: Tracer = trace.NoOpTracer()
        if target is None:
            return
        if not 0 <= target.share <= 1:
            raise InvalidParameter(
                f"a trace share of {target.share}", "0 to 1", f"correct {SHARE_VARIABLE}"
            )
        target.path.parent.mkdir(parents=True, exist_ok=True)
        if target.path.is_file() and target.path.stat().st_size > LARGEST_BYTES:
            target.path.replace(target.path.with_suffix(".old"))
        self._file = target.path.open("a", encoding="utf-8")
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(target.share)),
            resource=Resource.create({"service.name": "lab_kit"}),
            shutdown_on_exit=False,
        )
        exporter = ConsoleSpanExporter(out=self._file, formatter=_line)
        self._provider.add_span_processor(
            BatchSpanProcessor(exporter, schedule_delay_millis=_FLUSH_MS)
        )
        self.tracer = self._provider.get_tracer("lab_kit")

    def stop(self) -> None:
        """Write what is left and close the file."""
        if self._provider is not None:
            self._provider.shutdown()
            self._file.close()


def current_trace_id() -> str:
    """The trace that runs now, as 32 hexadecimal digits; empty outside one that is sampled."""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.trace_flags.sampled else ""


def _line(span: ReadableSpan) -> str:
    return str(span.to_json(indent=None)) + "\n"
