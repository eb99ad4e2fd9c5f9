"""Probes and metrics. ``/healthz``: the process answers. ``/readyz``: it may be sent work."""

import time
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from lab_kit.gateway.door.serving import Serving


def health_routes(serving: Serving) -> APIRouter:
    """The routes, bound to the server's state."""
    router = APIRouter()

    @router.get("/healthz")
    async def healthz() -> dict[str, Any]:
        """Alive; the stamps let a client compare clocks."""
        received_ns = time.perf_counter_ns()
        return {"status": "ok", "received_ns": received_ns, "sent_ns": time.perf_counter_ns()}

    @router.get("/readyz")
    async def readyz() -> Response:
        """Ready once production is loaded and warm, until the server begins to stop."""
        if serving.ready:
            model = serving.versions.production
            return JSONResponse(
                {
                    "status": "ready",
                    "model": model.name,
                    "version": model.version,
                    "device": model.device,
                    "grpc_port": serving.grpc_port,
                    "degradation": serving.watch.level,
                }
            )
        if serving.versions.failure is not None:
            return JSONResponse({"status": "failed", "reason": serving.versions.failure}, 503)
        state = "draining" if serving.draining else "loading"
        return JSONResponse({"status": state}, 503, {"retry-after": "1"})

    @router.get("/metrics")
    def metrics(request: Request) -> Response:
        """Everything measured, as Prometheus' text, or as OpenMetrics with exemplars if asked."""
        body, content_type = serving.metrics.exposition(request.headers.get("accept", ""))
        return Response(body, headers={"content-type": content_type})

    return router
