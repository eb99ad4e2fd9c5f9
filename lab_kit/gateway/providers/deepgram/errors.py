"""Refusals of HTTP requests in Deepgram's words."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import JSONResponse, Response

from lab_kit.core.errors import LabError
from lab_kit.dialects import deepgram
from lab_kit.gateway.door.call import request_id_of

REFUSED: dict[int | str, dict[str, Any]] = {
    "default": {"description": "A refusal, in the provider's words."}
}
"""How its routes can end otherwise, for their description."""


class DeepgramErrors(APIRoute):
    """Errors in the provider's words."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The framework's handler, its errors caught."""
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except LabError as error:
                refusal = deepgram.refusal(error, str(request_id_of(request)))
                return JSONResponse(refusal.body, refusal.status, refusal.headers)

        return handled
