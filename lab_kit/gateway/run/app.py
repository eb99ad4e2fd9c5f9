"""The application: its routes as a list, and what every answer has in common."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from lab_kit.core.errors import InvalidParameter, LabError
from lab_kit.gateway.api.errors import error_response
from lab_kit.gateway.api.models import model_routes
from lab_kit.gateway.api.recordings import recording_routes
from lab_kit.gateway.door.foreign_pages import RefuseForeignPages
from lab_kit.gateway.door.uploads import CLIENT_CLOSED
from lab_kit.gateway.observe.middleware import TimeRequests, TraceRequests
from lab_kit.gateway.operator.degradation_api import degradation_routes
from lab_kit.gateway.operator.versions_api import version_routes
from lab_kit.gateway.providers.deepgram.listen import listen_routes
from lab_kit.gateway.providers.open_inference.http import open_inference_routes
from lab_kit.gateway.providers.openai.realtime import openai_realtime_routes
from lab_kit.gateway.providers.openai.transcriptions import openai_upload_routes
from lab_kit.gateway.run.health import health_routes
from lab_kit.gateway.run.server import Server


def create_app(server: Server, is_local: bool = False) -> FastAPI:
    """Build the application on the server's parts; nothing is loaded or started here.

    Args:
        is_local: it listens on this machine alone, so that no other name for it can be right.
    """
    # whoever only wants this package's names should not wait for a WebRTC library
    from lab_kit.gateway.providers.deepgram.rtc import rtc_routes

    app = FastAPI(title="lab_kit", docs_url=None, redoc_url=None)
    door, streams, limits = server.door, server.streams, server.limits
    versions, watch, metrics = server.versions, server.watch, server.metrics
    for router in (
        health_routes(door, versions, watch, metrics, server.background, lambda: server.grpc_port),
        model_routes(door.keys, versions),
        recording_routes(door, limits, server.uploads),
        listen_routes(door, streams),
        version_routes(door.keys, versions),
        degradation_routes(door, watch, streams, server.dead_letters),
        open_inference_routes(door, server.bare_model, server.uploads),
        openai_upload_routes(door, limits, server.uploads),
        openai_realtime_routes(door, streams),
        rtc_routes(door, streams),
    ):
        app.include_router(router)
    app.add_exception_handler(LabError, _refuse)
    app.add_exception_handler(RequestValidationError, _correct)
    app.add_exception_handler(ClientDisconnect, _leave)
    app.add_exception_handler(Exception, _fail)
    app.add_middleware(RefuseForeignPages, keys=door.keys, is_local=is_local)
    # the last one added is the outermost: durations need the trace that is around them
    app.add_middleware(TimeRequests, metrics=metrics)
    app.add_middleware(TraceRequests, tracer=server.spans.tracer)
    return app


async def _refuse(_: Request, error: Exception) -> Response:
    assert isinstance(error, LabError)
    return error_response(error)


async def _correct(_: Request, error: Exception) -> Response:
    """What the framework found wrong with a request, in the same envelope."""
    assert isinstance(error, RequestValidationError)
    wrong = "; ".join(f"{' '.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
    return error_response(
        InvalidParameter(
            wrong, "a request that fits the schema", "send these fields as the schema has them"
        )
    )


async def _leave(_: Request, __: Exception) -> Response:
    """For the count of requests; the client hung up, and nobody reads it."""
    return Response(status_code=CLIENT_CLOSED)


async def _fail(_: Request, __: Exception) -> Response:
    """What nobody foresaw, in the same envelope; the framework raises it again for the log."""
    received = "the server failed while it answered"
    return error_response(
        LabError(received, "an answer", "ask whoever runs the server to read its log")
    )
