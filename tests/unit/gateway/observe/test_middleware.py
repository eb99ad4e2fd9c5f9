"""Durations to the last byte, exemplars that lead to a trace, and the order that keeps them."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from lab_kit.core.errors import InvalidParameter
from lab_kit.core.spans import read_traces
from lab_kit.gateway.door.identify import IdentifyCalls
from lab_kit.gateway.observe.metrics import Metrics
from lab_kit.gateway.observe.middleware import TimeRequests, TraceRequests
from lab_kit.gateway.observe.trace_file import TraceFile
from lab_kit.gateway.observe.tracing import Spans

BODY_S = 0.05


async def streamed(_: Request) -> Response:
    """Headers at once, the last byte a while later."""

    async def body() -> AsyncIterator[bytes]:
        yield b"first"
        await asyncio.sleep(BODY_S)
        yield b"last"

    return StreamingResponse(body())


def application(metrics: Metrics, spans: Spans, *, traced_inside: bool = False) -> Starlette:
    app = Starlette(routes=[Route("/words", streamed)])
    if traced_inside:
        app.add_middleware(TraceRequests, tracer=spans.tracer)
        app.add_middleware(TimeRequests, metrics=metrics)
    else:
        app.add_middleware(TimeRequests, metrics=metrics)
        app.add_middleware(TraceRequests, tracer=spans.tracer)
    app.add_middleware(IdentifyCalls)
    return app


def exposed(metrics: Metrics) -> str:
    body, content_type = metrics.exposition("application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    return body.decode()


def seconds(text: str, until: str) -> float:
    found = re.search(rf'lab_request_seconds_sum{{route="/words",until="{until}"}} (\S+)', text)
    assert found is not None
    return float(found.group(1))


def test_the_whole_response_is_timed_and_not_its_headers(tmp_path: Path) -> None:
    metrics = Metrics()
    TestClient(application(metrics, Spans())).get("/words")
    text = exposed(metrics)
    assert seconds(text, "whole") - seconds(text, "headers") >= BODY_S


def test_a_slow_answers_exemplar_names_a_trace_that_is_in_the_file(tmp_path: Path) -> None:
    metrics, spans = Metrics(), Spans(TraceFile(tmp_path / "traces.jsonl", share=1.0))
    TestClient(application(metrics, spans)).get("/words")
    spans.stop()
    named = set(re.findall(r'# \{trace_id="([0-9a-f]{32})"\}', exposed(metrics)))
    (trace,) = read_traces((tmp_path / "traces.jsonl").read_text().splitlines())
    assert named == {trace.trace_id}
    assert trace.root.name == "request"
    assert trace.root.attributes["route"] == "/words"
    assert trace.root.length_s >= BODY_S


def test_in_the_other_order_the_exemplars_are_gone(tmp_path: Path) -> None:
    metrics, spans = Metrics(), Spans(TraceFile(tmp_path / "traces.jsonl", share=1.0))
    TestClient(application(metrics, spans, traced_inside=True)).get("/words")
    spans.stop()
    text = exposed(metrics)
    assert 'lab_request_seconds_count{route="/words",until="whole"} 1.0' in text
    whole = [line for line in text.splitlines() if 'until="whole"' in line]
    assert not any("trace_id" in line for line in whole)


def test_the_servers_own_order_keeps_them() -> None:
    """The outermost is the last that was added, and the first in Starlette's list."""
    from lab_kit.gateway.run import app

    source = Path(app.__file__).read_text("utf-8")
    assert source.index("TimeRequests, metrics") < source.index("TraceRequests, tracer")


def test_what_is_not_sampled_has_durations_and_no_exemplar(tmp_path: Path) -> None:
    metrics, spans = Metrics(), Spans(TraceFile(tmp_path / "traces.jsonl", share=0.0))
    TestClient(application(metrics, spans)).get("/words")
    spans.stop()
    assert "trace_id" not in exposed(metrics)
    assert read_traces((tmp_path / "traces.jsonl").read_text().splitlines()) == []


def test_prometheus_older_text_is_given_to_who_does_not_ask() -> None:
    body, content_type = Metrics().exposition()
    assert content_type.startswith("text/plain")
    assert b"# EOF" not in body


def test_a_trace_file_that_has_grown_is_put_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab_kit.gateway.observe.tracing.LARGEST_BYTES", 10)
    path = tmp_path / "traces.jsonl"
    path.write_text(json.dumps({"old": "x" * 20}))
    Spans(TraceFile(path)).stop()
    assert path.read_text() == ""
    assert "old" in path.with_suffix(".old").read_text()


def test_a_share_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match="0 to 1"):
        Spans(TraceFile(tmp_path / "t", share=2.0))
