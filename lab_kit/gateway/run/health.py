"""Probes and metrics. ``/healthz``: the process answers. ``/readyz``: it may be sent work."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from lab_kit.capacity.watch import Watch
from lab_kit.gateway.door.door import Door
from lab_kit.gateway.observe.metrics import Metrics
from lab_kit.gateway.run.background import Background
from lab_kit.gateway.versions.versions import Versions
from lab_kit.protocol.health import Alive, NotReady, Ready


def readiness(
    door: Door,
    versions: Versions,
    watch: Watch,
    background: Background,
    ports: Callable[[], tuple[int, int | None]],
) -> Ready | NotReady:
    """Ready once production is loaded and warm, until the server begins to stop.

    Args:
        ports: where gRPC is spoken, and HTTP with TLS, if it is; known once the server has started.
    """
    if door.is_ready:
        model = versions.production
        grpc_port, tls_port = ports()
        return Ready(
            status="ready",
            model=model.name,
            version=model.version,
            device=model.device,
            grpc_port=grpc_port,
            tls_port=tls_port,
            degradation=watch.level,
            background_failures=dict(background.failures),
        )
    if versions.failure is not None:
        return NotReady("failed", versions.failure)
    return NotReady("draining" if door.is_draining else "loading")


def health_routes(readiness: Callable[[], Ready | NotReady], metrics: Metrics) -> APIRouter:
    """The routes.

    Args:
        readiness: whether the server may be sent work.
    """
    router = APIRouter()

    @router.get("/healthz")
    async def healthz() -> Alive:
        """Alive; the stamps let a client compare clocks."""
        return Alive("ok", received_ns=time.perf_counter_ns(), sent_ns=time.perf_counter_ns())

    @router.get("/readyz", response_model=Ready, responses={503: {"model": NotReady}})
    async def readyz() -> Ready | Response:
        """Ready once production is loaded and warm, until the server begins to stop."""
        state = readiness()
        if isinstance(state, Ready):
            return state
        return _not_ready(state, {} if state.status == "failed" else {"retry-after": "1"})

    @router.get("/metrics")
    def scrape(request: Request) -> Response:
        """Everything measured, as Prometheus' text, or as OpenMetrics with exemplars if asked."""
        body, content_type = metrics.exposition(request.headers.get("accept", ""))
        return Response(body, headers={"content-type": content_type})

    return router


def _not_ready(state: NotReady, headers: Mapping[str, str]) -> Response:
    told = {name: value for name, value in asdict(state).items() if value is not None}
    return JSONResponse(told, 503, headers)
