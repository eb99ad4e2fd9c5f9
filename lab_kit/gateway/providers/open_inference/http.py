"""The Open Inference Protocol over HTTP: health, metadata, the repository's index, inference.

Errors are ``{"error": "text"}`` here, as the protocol's clients read them, and not the envelope
of the server's own API.
"""

import zlib
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from lab_kit.core.errors import INTERNAL_FAILURE, InvalidParameter, LabError, PayloadTooLarge
from lab_kit.dialects.open_inference import server
from lab_kit.dialects.open_inference.errors import error_body
from lab_kit.dialects.open_inference.json_form import HEADER_LENGTH
from lab_kit.dialects.open_inference.messages import InferRequest
from lab_kit.gateway.door.call import http_call
from lab_kit.gateway.door.door import Door
from lab_kit.gateway.door.uploads import (
    CLIENT_CLOSED,
    Body,
    Uploads,
    retry_after,
    unless_gone,
)
from lab_kit.gateway.observe.failures import Failures
from lab_kit.gateway.providers.open_inference.model import (
    BareModel,
    Prepared,
    alone,
    refuse_steps,
    server_metadata,
)
from lab_kit.stream.sink.steps import asked_for

_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
"""zlib finds out by itself which of the two a body is."""


def plain_errors(failures: Failures) -> type[APIRoute]:
    """Routes whose failures are all in the protocol's form."""

    class PlainErrors(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            """The framework's handler, its errors caught."""
            handle = super().get_route_handler()

            async def handled(request: Request) -> Response:
                try:
                    return await handle(request)
                except LabError as error:
                    return JSONResponse(error_body(error), error.http_status, retry_after(error))
                except ClientDisconnect:
                    return Response(status_code=CLIENT_CLOSED)
                except Exception as error:
                    failures.tell(self.path, error)
                    return JSONResponse({"error": INTERNAL_FAILURE}, 500)

            return handled

    return PlainErrors


def open_inference_routes(
    door: Door, bare: BareModel, uploads: Uploads, failures: Failures
) -> APIRouter:
    """The routes, bound to the server's parts."""
    router = APIRouter(prefix="/v2", route_class=plain_errors(failures))

    async def enter(request: Request) -> AsyncIterator[None]:
        async with door.open(http_call(request)):
            yield

    inside = Depends(enter)

    @router.get("/health/live")
    async def live() -> Response:
        """The process answers."""
        return Response()

    @router.get("/health/ready")
    async def ready() -> Response:
        """It may be sent work."""
        return Response(status_code=200 if door.is_ready else 503)

    @router.get("", dependencies=[inside])
    async def metadata() -> dict[str, Any]:
        """What the server is."""
        return server_metadata()

    @router.post("/repository/index", dependencies=[inside])
    async def index() -> list[dict[str, Any]]:
        """Every version in the repository."""
        return [asdict(entry) for entry in await bare.index()]

    @router.get("/models/{model}", dependencies=[inside])
    @router.get("/models/{model}/versions/{version}", dependencies=[inside])
    async def model_metadata(model: str, version: str | None = None) -> dict[str, Any]:
        """What a model takes and gives."""
        return server.model_metadata(await bare.metadata(model, version))

    @router.get("/models/{model}/ready", dependencies=[inside])
    @router.get("/models/{model}/versions/{version}/ready", dependencies=[inside])
    async def model_ready(model: str, version: str | None = None) -> Response:
        """Whether it would be served now."""
        return Response(status_code=200 if bare.is_ready(model, version) else 503)

    @router.post("/models/{model}/infer")
    @router.post("/models/{model}/versions/{version}/infer")
    async def infer(request: Request, model: str, version: str | None = None) -> Response:
        """Run the model once."""
        async with door.open(http_call(request)) as admitted:
            refuse_steps(asked_for(request.query_params))
            call = bare.lease(admitted, model, version)
            request.state.version = call.work.version  # for the count of requests
            encoding = request.headers.get("content-encoding")
            length = request.headers.get(HEADER_LENGTH)

            def prepare(body: Body) -> Prepared:
                return bare.prepare(_read(body.data, encoding, length, uploads.most_bytes))

            with uploads.memory.share(call.caller) as share:
                prepared = await uploads.decoded(request, call.caller, share, prepare)
                answered = await unless_gone(request, bare.run(call, prepared))
        answer = server.encode_response(*answered)
        return Response(answer.content, headers=answer.headers)

    return router


def _read(body: bytes, encoding: str | None, length: str | None, most_bytes: int) -> InferRequest:
    if encoding in ("gzip", "deflate"):
        body = _inflated(body, most_bytes)
    elif encoding not in (None, "identity"):
        raise InvalidParameter(
            f"a body encoded as {encoding}",
            "gzip or deflate",
            "compress with one of these, or send the body as it is",
        )
    return alone(server.parse_request(body, length))


def _inflated(body: bytes, most_bytes: int) -> bytes:
    inflater = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        plain = inflater.decompress(body, most_bytes)
    except zlib.error as error:
        raise InvalidParameter(
            f"a body that is no gzip or deflate ({error})",
            "the encoding that its header names",
            "compress the body, or leave content-encoding out",
        ) from error
    if inflater.unconsumed_tail:
        raise PayloadTooLarge(
            f"the body unpacks to more than {most_bytes:,} bytes",
            "at most that",
            "send the audio in shorter requests",
        )
    if not inflater.eof:
        raise InvalidParameter(
            "a compressed body that ends too early", "all of it", "send the body to its last byte"
        )
    return plain
