"""Where spans go: sampled by stream or request, written as JSON lines to a file, sent to a
collector where one is named.

A sampled trace is whole: the decision is made at its root and every span below follows it. One in
a hundred is enough to find a slow one by its exemplar; a lab looks at all of them, as long as they
are few: spans of every chunk of 24 streams took near half of the server's Python time, and whoever
watches must not be what is slow.
"""

import threading
from collections.abc import Callable, Sequence
from typing import TextIO, TypeAlias

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    ConsoleSpanExporter,
    SpanExportResult,
)
from opentelemetry.sdk.trace.sampling import (
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import Link, SpanKind, Tracer, TraceState
from opentelemetry.util.types import Attributes

from lab_kit.gateway.observe.otlp import ToCollector
from lab_kit.gateway.observe.trace_file import TraceFile

MOST_AT_ONCE = 4
"""Traces that may be open at one moment; streams and requests beyond them are not sampled."""
_FLUSH_MS = 200
Note: TypeAlias = Callable[[str, BaseException], None]
LARGEST_BYTES = 64_000_000
"""A file that has grown so large is put aside when the server starts; the one before it goes."""


def _ignore(*_: object) -> None:
    """Nobody wants to know."""


class BoundedSampler(Sampler, SpanProcessor):
    """Samples a share of the traces, and no more than so many that are open at one moment.

    Asked at the root of each trace; as a processor it learns which of them are open.
    """

    def __init__(self, share: float, most: int = MOST_AT_ONCE) -> None:
        self._share = TraceIdRatioBased(share)
        self._most = most
        self._open = 0
        self._lock = threading.Lock()

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Whether a trace that begins is sampled."""
        if self._open >= self._most:
            return SamplingResult(Decision.DROP)
        return self._share.should_sample(
            parent_context, trace_id, name, kind, attributes, links, trace_state
        )

    def get_description(self) -> str:
        """For whoever lists samplers."""
        return f"at most {self._most} at once of {self._share.get_description()}"

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """A sampled span began."""
        self._count(span, 1)

    def on_end(self, span: ReadableSpan) -> None:
        """A sampled span ended."""
        self._count(span, -1)

    def _count(self, span: ReadableSpan, change: int) -> None:
        if span.parent is None:
            with self._lock:
                self._open += change


class Spans:
    """The server's tracer, and the file behind it; without a file nothing is recorded.

    Args:
        note: told, with the task's name, when spans could not be written, as to a full disk.
        collector: an address that takes them by OTLP, too.

    Raises:
        InvalidParameter, NotInstalled: nothing can be sent there.
    """

    def __init__(
        self, target: TraceFile | None = None, note: Note = _ignore, collector: str | None = None
    ) -> None:
        self._provider: TracerProvider | None = None
        self.tracer: Tracer = trace.NoOpTracer()
        if target is None:
            return
        sends = None if collector is None else ToCollector(collector, note)
        target.path.parent.mkdir(parents=True, exist_ok=True)
        if target.path.is_file() and target.path.stat().st_size > LARGEST_BYTES:
            target.path.replace(target.path.with_suffix(".old"))
        self._file = target.path.open("a", encoding="utf-8")
        few = BoundedSampler(target.share)
        self._provider = TracerProvider(
            sampler=ParentBased(few),
            resource=Resource.create({"service.name": "lab_kit"}),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(few)
        self._note = note
        self._provider.add_span_processor(
            BatchSpanProcessor(_Writer(self._file, note), schedule_delay_millis=_FLUSH_MS)
        )
        if sends is not None:
            self._provider.add_span_processor(
                BatchSpanProcessor(sends, schedule_delay_millis=_FLUSH_MS)
            )
        self.tracer = self._provider.get_tracer("lab_kit")

    def stop(self) -> None:
        """Write what is left and close the file."""
        if self._provider is not None:
            self._provider.shutdown()
            try:
                self._file.close()
            except OSError as error:  # its last lines; whoever stops has more to release
                self._note("traces", error)


def current_trace_id() -> str:
    """The trace that runs now, as 32 hexadecimal digits; empty outside one that is sampled."""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.trace_flags.sampled else ""


class _Writer(ConsoleSpanExporter):
    """Writes spans as lines; those that cannot be written are lost, and that is told."""

    def __init__(self, file: TextIO, note: Note) -> None:
        super().__init__(out=file, formatter=_line)
        self._note = note

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Write; called on the exporter's own thread."""
        try:
            return super().export(spans)
        except OSError as error:
            self._note("traces", error)
            return SpanExportResult.FAILURE


def _line(span: ReadableSpan) -> str:
    return str(span.to_json(indent=None)) + "\n"
