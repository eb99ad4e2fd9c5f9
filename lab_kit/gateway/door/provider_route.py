"""HTTP routes of a provider, refused in its words."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from lab_kit.core.errors import LabError

REFUSED: dict[int | str, dict[str, Any]] = {
    "default": {"description": "A refusal, in the provider's words."}
}
"""How its routes can end otherwise, for their description."""


class ProviderRoute(APIRoute):
    """A route whose errors are told as its provider tells them."""

    def refused(self, request: Request, error: LabError) -> Response:
        """The answer to a request that is refused."""
        raise NotImplementedError

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The framework's handler, its errors caught."""
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except LabError as error:
                return self.refused(request, error)

        return handled
