"""OpenAI's one form of an error, for uploads, for events in a stream and for refused upgrades."""

from typing import Any

from lab_kit.core.errors import (
    InvalidMessage,
    LabError,
    ModelNotFound,
    SystemOverloaded,
    Unauthenticated,
)

_CODES: dict[type[LabError], str] = {
    Unauthenticated: "invalid_api_key",
    ModelNotFound: "model_not_found",
    SystemOverloaded: "server_overloaded",
}


def error_object(error: LabError, param: str | None = None) -> dict[str, Any]:
    """The object that stands under ``error``."""
    kind = "server_error" if error.http_status >= 500 else "invalid_request_error"
    code = _CODES.get(type(error), error.reason.lower())
    return {"message": str(error), "type": kind, "param": param, "code": code}


class CommitEmpty(InvalidMessage):
    """A commit with nothing worth it in the buffer."""

    reason = "INPUT_AUDIO_BUFFER_COMMIT_EMPTY"


class BufferFull(InvalidMessage):
    """More audio in the buffer than one item may have."""

    reason = "INPUT_AUDIO_BUFFER_FULL"
