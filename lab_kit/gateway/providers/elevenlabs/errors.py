"""Refusals of HTTP requests in ElevenLabs's words."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import JSONResponse, Response

from lab_kit.core.errors import LabError
from lab_kit.dialects.elevenlabs.errors import refusal
from lab_kit.gateway.door.uploads import retry_after

REFUSED: dict[int | str, dict[str, Any]] = {
    "default": {"description": "A refusal, in the provider's words."}
}
"""How its routes can end otherwise, for their description."""


class ElevenLabsErrors(APIRoute):
    """Errors in the provider's words."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The framework's handler, its errors caught."""
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except LabError as error:
                return refused(error)

        return handled


def refused(error: LabError) -> JSONResponse:
    """A request or an upgrade that is refused."""
    answer = refusal(error)
    return JSONResponse(answer.body, answer.status, retry_after(error))
