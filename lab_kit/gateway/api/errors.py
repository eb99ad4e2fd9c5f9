"""Errors in the form of our own API."""

from typing import Any

from starlette.responses import JSONResponse

from lab_kit.core.errors import LabError
from lab_kit.core.ids import RequestId
from lab_kit.gateway.door.uploads import retry_after
from lab_kit.protocol.error_body import ErrorEnvelope

REFUSALS: dict[int | str, dict[str, Any]] = {
    "default": {"model": ErrorEnvelope, "description": "A refusal, or a failure of the server."}
}
"""How a route of our own API can end otherwise, for its description."""


def error_response(error: LabError, request_id: RequestId) -> JSONResponse:
    """The envelope as an answer."""
    body = ErrorEnvelope.of(error, request_id).json_body()
    return JSONResponse(body, error.http_status, retry_after(error))
