"""Errors in the form of our own API."""

from typing import Any

from starlette.responses import JSONResponse

from lab_kit.core.errors import LabError
from lab_kit.gateway.door.uploads import retry_after


def error_response(error: LabError) -> JSONResponse:
    """The envelope as an answer."""
    return JSONResponse(envelope(error), error.http_status, retry_after(error))


def envelope(error: LabError) -> dict[str, Any]:
    """The API's one form of an error: a code for machines, a sentence for people."""
    retry = {"retry_after_s": getattr(error, "retry_after_s", None)} if error.retryable else {}
    body = {"code": error.code, "message": str(error), "retryable": error.retryable, **retry}
    return {"error": body}
