"""The application: its routes as a list, and what every answer has in common."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lab_kit.errors import InvalidParameter, LabError
from lab_kit.gateway.health import health_routes
from lab_kit.gateway.http_api import error_response, http_routes
from lab_kit.gateway.listen import listen_routes
from lab_kit.gateway.open_inference import open_inference_routes
from lab_kit.gateway.openai_realtime import openai_realtime_routes
from lab_kit.gateway.openai_upload import openai_upload_routes
from lab_kit.gateway.operations import operator_routes
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
        open_inference_routes(serving),
        openai_upload_routes(serving),
        openai_realtime_routes(serving),
        rtc_routes(serving),
    ):
        app.include_router(router)
    app.add_exception_handler(LabError, _refuse)
    app.add_exception_handler(RequestValidationError, _correct)
    app.add_exception_handler(Exception, _fail)
    app.add_middleware(CountRequests, serving=serving)
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


class CountRequests:
    """Pure ASGI middleware: counts HTTP answers by route, status and the version that served.

    Starlette's convenience base class would buffer between tasks; this sees each message as it
    leaves.
    """

    def __init__(self, app: ASGIApp, serving: Serving) -> None:
        self._app = app
        self._serving = serving

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on; note the status when the answer starts."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "none")
                version = scope.get("state", {}).get("version", "")
                requests = self._serving.metrics.requests
                requests.labels(route, message["status"], version).inc()
            await send(message)

        await self._app(scope, receive, counted)
