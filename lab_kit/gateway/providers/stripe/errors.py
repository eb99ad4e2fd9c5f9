"""Refusals of HTTP requests in Stripe's words, and the name that all its answers have."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from starlette.responses import JSONResponse, Response

from lab_kit.core.errors import LabError
from lab_kit.core.ids import RequestId
from lab_kit.dialects.stripe.errors import refusal
from lab_kit.gateway.door.call import request_id_of
from lab_kit.gateway.door.provider_route import ProviderRoute
from lab_kit.gateway.door.uploads import retry_after

_REQUEST_ID = "request-id"


class StripeErrors(ProviderRoute):
    """Errors in the provider's words."""

    def refused(self, request: Request, error: LabError) -> JSONResponse:
        """See `refused` of this module."""
        return refused(error, request_id_of(request))

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The framework's handler, its errors caught and its answers named."""
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            answer = await handle(request)
            answer.headers[_REQUEST_ID] = _named(request_id_of(request))
            return answer

        return handled


def refused(error: LabError, request_id: RequestId) -> JSONResponse:
    """A request that is refused."""
    answer = refusal(error)
    headers = {**retry_after(error), **answer.headers, _REQUEST_ID: _named(request_id)}
    return JSONResponse(answer.body, answer.status, headers)


def _named(request_id: RequestId) -> str:
    return f"req_{request_id.value.hex}"
