"""Spans read back from the file that a server writes while somebody reads it."""

from pathlib import Path

from opentelemetry import trace

from lab_kit.core.spans import read_traces
from lab_kit.gateway.observe.trace_file import TraceFile
from lab_kit.gateway.observe.tracing import Spans


def test_what_a_server_wrote_is_put_together_again(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    spans = Spans(TraceFile(path, share=1.0))
    root = spans.tracer.start_span("stream", attributes={"kind": "test"})
    child = spans.tracer.start_span("chunk", trace.set_span_in_context(root))
    root.add_event("step skipped", {"step": "numerals"})
    child.end()
    root.end()
    open_still = spans.tracer.start_span("stream")
    spans.tracer.start_span("chunk", trace.set_span_in_context(open_still)).end()
    spans.stop()
    (read,) = read_traces(path.read_text().splitlines())
    assert read.root.attributes["kind"] == "test"
    assert read.root.events == ("step skipped",)
    assert [span.name for span in read.spans] == ["stream", "chunk"]
    assert read.named("chunk")[0].parent_id == read.root.span_id
    assert read.root.length_s >= read.lengths_s("chunk")[0] >= 0


def test_half_a_line_is_still_being_written() -> None:
    assert read_traces(['{"name": "stre']) == []
    assert read_traces([]) == []
