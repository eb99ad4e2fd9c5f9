"""The application: its routes as a list, and what every answer has in common."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.responses import Response

from lab_kit.core.errors import InvalidParameter, LabError
from lab_kit.gateway.api.recordings import error_response, http_routes
from lab_kit.gateway.door.serving import Serving
from lab_kit.gateway.observe.middleware import TimeRequests, TraceRequests
from lab_kit.gateway.operator.degradation_api import service_level_routes
from lab_kit.gateway.operator.versions_api import operator_routes
from lab_kit.gateway.providers.deepgram.listen import listen_routes
from lab_kit.gateway.providers.open_inference.http import open_inference_routes
from lab_kit.gateway.providers.openai.realtime import openai_realtime_routes
from lab_kit.gateway.providers.openai.transcriptions import openai_upload_routes
from lab_kit.gateway.run.health import health_routes


def create_app(serving: Serving) -> FastAPI:
    """Build the application on the server's state; nothing is loaded or started here."""
    # whoever only wants this package's names should not wait for a WebRTC library
    from lab_kit.gateway.providers.deepgram.rtc import rtc_routes

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
    return error_response(
        InvalidParameter(
            wrong, "a request that fits the schema", "change the fields that are named"
        )
    )


def _place(location: tuple[str | int, ...]) -> str:
    return " ".join(map(str, location))


async def _fail(_: Request, __: Exception) -> Response:
    """What nobody foresaw, in the same envelope; the framework raises it again for the log."""
    received = "the server failed while it answered"
    return error_response(LabError(received, "an answer", "read the server's log"))
