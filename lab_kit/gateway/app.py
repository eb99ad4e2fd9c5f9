"""The application: its routes as a list, and what every answer has in common."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.responses import Response

from lab_kit.errors import InvalidParameter, LabError
from lab_kit.gateway.health import health_routes
from lab_kit.gateway.http_api import error_response, http_routes
from lab_kit.gateway.listen import listen_routes
from lab_kit.gateway.middleware import TimeRequests, TraceRequests
from lab_kit.gateway.open_inference import open_inference_routes
from lab_kit.gateway.openai_realtime import openai_realtime_routes
from lab_kit.gateway.openai_upload import openai_upload_routes
from lab_kit.gateway.operations import operator_routes
from lab_kit.gateway.service_level import service_level_routes
from lab_kit.gateway.serving import Serving


def create_app(serving: Serving) -> FastAPI:
    """Build the application on the server's state; nothing is loaded or started here."""
    # whoever only wants this package's names should not wait for a WebRTC library
    from lab_kit.gateway.rtc import rtc_routes

    app = FastAPI(title="lab_kit", docs_url=None, redoc_url=None)
    for router in (
        health_routes(serving),
        http_routes(serving),
        listen_routes(serving),
        operator_routes(serving),
        service_level_routes(serving),
        open_inference_routes(serving),
        openai_upload_routes(serving),
        openai_realtime_routes(serving),
        rtc_routes(serving),
    ):
        app.include_router(router)
    app.add_exception_handler(LabError, _refuse)
    app.add_exception_handler(RequestValidationError, _correct)
    app.add_exception_handler(Exception, _fail)
    # the last one added is the outermost: durations need the trace that is around them
    app.add_middleware(TimeRequests, metrics=serving.metrics)
    app.add_middleware(TraceRequests, tracer=serving.spans.tracer)
    return app


async def _refuse(_: Request, error: Exception) -> Response:
    assert isinstance(error, LabError)
    return error_response(error)


async def _correct(_: Request, error: Exception) -> Response:
    """What the framework found wrong with a request, in the same envelope."""
    assert isinstance(error, RequestValidationError)
    wrong = "; ".join(f"{_place(e['loc'])}: {e['msg']}" for e in error.errors())
    return error_response(InvalidParameter(wrong, "a request that fits", "correct it"))


def _place(location: tuple[str | int, ...]) -> str:
    return " ".join(map(str, location))


async def _fail(_: Request, __: Exception) -> Response:
    """What nobody foresaw, in the same envelope; the framework raises it again for the log."""
    received = "the server failed while it answered"
    return error_response(LabError(received, "an answer", "read the server's log"))
