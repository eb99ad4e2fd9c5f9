"""Our errors in ElevenLabs's words: a refused request, and how a socket is closed.

Statuses that the provider's documentation names are its own; all others are ours, in small letters.
What does not fit the schema has the form that FastAPI gives it, as the provider's.
"""

from dataclasses import dataclass
from typing import Any

from lab_kit.core.errors import (
    GoingAway,
    InvalidAudioFormat,
    InvalidParameter,
    LabError,
    ModelNotFound,
    PayloadTooLarge,
    QuotaExceeded,
    StreamIdle,
    SystemOverloaded,
    Unauthenticated,
)

_STATUSES: dict[type[LabError], str] = {
    Unauthenticated: "invalid_api_key",
    QuotaExceeded: "too_many_concurrent_requests",
    SystemOverloaded: "system_busy",
    ModelNotFound: "model_not_found",
    InvalidAudioFormat: "invalid_content",
    PayloadTooLarge: "file_too_large",
    InvalidParameter: "invalid_parameters",
    StreamIdle: "input_timeout_exceeded",
}


class TooManyCharacters(InvalidParameter):
    """More text than one request may have."""

    reason = "MAX_CHARACTER_LIMIT_EXCEEDED"


class Unprocessable(InvalidParameter):
    """A value that does not fit the schema; ``place`` leads to it, as ``("body", "text")``."""

    reason = "UNPROCESSABLE"
    http_status = 422

    def __init__(
        self, place: tuple[str | int, ...], received: str, expected: str, next_step: str
    ) -> None:
        super().__init__(received, expected, next_step)
        self.place = place


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP answer to a request that is refused."""

    status: int
    body: dict[str, Any]


def refusal(error: LabError) -> Refusal:
    """How a request or an upgrade is refused."""
    detail: Any = {"status": status_of(error), "message": str(error)}
    if isinstance(error, Unprocessable):
        detail = [{"type": "value_error", "loc": list(error.place), "msg": str(error)}]
    return Refusal(error.http_status, {"detail": detail})


def status_of(error: LabError) -> str:
    """The provider's word for it."""
    return _STATUSES.get(type(error), error.reason.lower())


@dataclass(frozen=True, slots=True)
class CloseFrame:
    """A WebSocket close: code and reason."""

    code: int
    reason: str


NORMAL = CloseFrame(1000, "")
POLICY = 1008
"""What the provider closes with whenever a client is to blame."""


def close_frame(error: LabError, word: str) -> CloseFrame:
    """How a socket is closed because of ``error``, for which the socket has a word."""
    if isinstance(error, GoingAway):
        return CloseFrame(1001, "server stops")
    code = 1011 if error.http_status >= 500 else POLICY
    # a close frame's reason holds at most 123 bytes (RFC 6455, 5.5)
    reason = f"{word}: {error.received}"
    return CloseFrame(code, reason.encode()[:123].decode(errors="ignore"))
