"""Traces to a collector: a small one that reads the protocol's own messages."""

from pathlib import Path

import pytest
from collector import collecting, spans_of

from lab_kit.core.errors import InvalidParameter
from lab_kit.core.spans import read_traces
from lab_kit.gateway.observe.otlp import traces_endpoint
from lab_kit.gateway.observe.trace_file import TraceFile
from lab_kit.gateway.observe.tracing import Spans


def test_a_collector_gets_what_the_file_gets(tmp_path: Path) -> None:
    file = TraceFile(tmp_path / "traces.jsonl", 1.0)
    with collecting() as (url, taken):
        spans = Spans(file, collector=url)
        with (
            spans.tracer.start_as_current_span("stream", attributes={"request_id": "one"}),
            spans.tracer.start_as_current_span("infer"),
        ):
            pass
        spans.stop()
    assert {path for path, _ in taken} == {"/v1/traces"}
    sent = [span for _, message in taken for span in spans_of(message)]
    (kept,) = read_traces(file.path.read_text().splitlines())
    assert {span.name for span in sent} == {"stream", "infer"}
    assert {span.trace_id.hex() for span in sent} == {kept.trace_id}
    (root,) = (span for span in sent if span.name == "stream")
    assert [(one.key, one.value.string_value) for one in root.attributes] == [("request_id", "one")]
    named = {
        one.key: one.value.string_value for one in taken[0][1].resource_spans[0].resource.attributes
    }
    assert named["service.name"] == "lab_kit"


def test_what_a_collector_does_not_take_is_told_and_nobody_waits(tmp_path: Path) -> None:
    told: list[tuple[str, str]] = []
    with collecting(status=400) as (url, taken):
        file = TraceFile(tmp_path / "traces.jsonl", 1.0)
        spans = Spans(file, lambda task, error: told.append((task, str(error))), url)
        with spans.tracer.start_as_current_span("stream"):
            pass
        spans.stop()
    assert len(taken) == 1, "a refusal is not tried again"
    assert [task for task, _ in told] == ["otlp"]
    assert "1 spans that" in told[0][1]
    assert len(read_traces(file.path.read_text().splitlines())) == 1, "the file has them"


def test_a_collector_that_is_not_there_does_not_hold_up_the_end(tmp_path: Path) -> None:
    told: list[str] = []
    file = TraceFile(tmp_path / "traces.jsonl", 1.0)
    spans = Spans(file, lambda task, _: told.append(task), "http://127.0.0.1:9")
    with spans.tracer.start_as_current_span("stream"):
        pass
    spans.stop()
    assert told == ["otlp"]


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
        ("https://collector.example/", "https://collector.example/v1/traces"),
        ("http://collector.example/own/path", "http://collector.example/own/path"),
    ],
)
def test_the_path_is_the_protocols_own_where_none_is_given(url: str, endpoint: str) -> None:
    assert traces_endpoint(url) == endpoint


@pytest.mark.parametrize("url", ["127.0.0.1:4318", "grpc://collector:4317", "http://", ""])
def test_no_address_over_http_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match="the collector"):
        Spans(TraceFile(tmp_path / "traces.jsonl", 1.0), collector=url)
    assert not (tmp_path / "traces.jsonl").exists()
