"""Pure ASGI middleware: what is seen of every HTTP answer, message by message as it leaves.

Starlette's convenience base class runs the application in another task, so that it neither sees the
last byte leave nor shares the context in which the trace is current.

The order matters. A duration is given an exemplar from the trace that is current when it is noted,
so `TraceRequests` has to be outside of `TimeRequests`; the other way round the trace has ended, and
the exemplars are gone without an error anywhere.
"""

import time

from opentelemetry import trace
from opentelemetry.trace import Tracer
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lab_kit.gateway.door.call import request_id_of
from lab_kit.gateway.observe.metrics import Metrics
from lab_kit.gateway.observe.tracing import current_trace_id

HEADERS, WHOLE = "headers", "whole"
"""The two moments: a response begins, its last byte has been handed over."""


class TraceRequests:
    """A span around every HTTP request, from its arrival to the last byte of its answer."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application run inside the span."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        named = {"method": scope["method"], "request_id": str(request_id_of(HTTPConnection(scope)))}
        with self._tracer.start_as_current_span("request", attributes=named):
            await self._app(scope, receive, send)
            trace.get_current_span().set_attribute("route", route_of(scope))


class TimeRequests:
    """Counts answers by route, status and version, and times them to headers and to the end."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on; note the moments."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_ns = time.perf_counter_ns()
        ended_ns: int | None = None

        async def timed(message: Message) -> None:
            nonlocal ended_ns
            if message["type"] == "http.response.start":
                version = scope.get("state", {}).get("version", "")
                self._metrics.requests.labels(route_of(scope), message["status"], version).inc()
                self._note(scope, HEADERS, time.perf_counter_ns() - began_ns)
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                ended_ns = time.perf_counter_ns()

        try:
            await self._app(scope, receive, timed)
        finally:  # an answer that broke off lasted too; what runs after the last byte did not
            self._note(scope, WHOLE, (ended_ns or time.perf_counter_ns()) - began_ns)

    def _note(self, scope: Scope, until: str, lasted_ns: int) -> None:
        seconds = lasted_ns / 1e9
        self._metrics.time_request(route_of(scope), until, seconds, current_trace_id())


def route_of(scope: Scope) -> str:
    """The route's pattern, known once the application has matched it; ``none`` without one."""
    return str(getattr(scope.get("route"), "path", "none"))
