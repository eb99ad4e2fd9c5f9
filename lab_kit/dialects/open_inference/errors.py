"""Our errors in the protocol's words: a text over HTTP, a status with it over gRPC."""

from lab_kit.core.errors import LabError

_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    413: "INVALID_ARGUMENT",
    503: "UNAVAILABLE",
}


def error_body(error: LabError) -> dict[str, str]:
    """The JSON of a refused request."""
    return {"error": str(error)}


def grpc_status(error: LabError) -> str:
    """The name of the gRPC status that a refused call ends with."""
    return _STATUSES.get(error.http_status, "INTERNAL")
