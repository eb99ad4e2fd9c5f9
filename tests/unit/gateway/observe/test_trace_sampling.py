"""Which traces are recorded: a share of them, and never many at the same moment."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry import trace

from lab_kit.core.spans import read_traces
from lab_kit.gateway.observe.trace_file import TraceFile
from lab_kit.gateway.observe.tracing import MOST_AT_ONCE, Spans


@pytest.fixture
def spans(tmp_path: Path) -> Iterator[Spans]:
    made = Spans(TraceFile(tmp_path / "traces.jsonl", share=1.0))
    yield made
    made.stop()


def test_whoever_comes_in_a_crowd_is_not_traced_and_afterwards_again(spans: Spans) -> None:
    crowd = [spans.tracer.start_span("stream") for _ in range(MOST_AT_ONCE + 3)]
    assert [span.is_recording() for span in crowd] == [True] * MOST_AT_ONCE + [False] * 3
    crowd[-1].end()  # one that was not traced makes no room
    assert not spans.tracer.start_span("stream").is_recording()
    crowd[0].end()
    assert spans.tracer.start_span("stream").is_recording()


def test_a_trace_is_whole_however_many_spans_it_has(spans: Spans, tmp_path: Path) -> None:
    root = spans.tracer.start_span("stream")
    below = trace.set_span_in_context(root)
    chunks = [spans.tracer.start_span("chunk", below) for _ in range(3 * MOST_AT_ONCE)]
    assert all(chunk.is_recording() for chunk in chunks)
    for span in (*chunks, root):
        span.end()
    spans.stop()
    (whole,) = read_traces((tmp_path / "traces.jsonl").read_text().splitlines())
    assert len(whole.spans) == 1 + 3 * MOST_AT_ONCE
