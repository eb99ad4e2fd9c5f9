"""Our errors in the provider's words: an answer to a request, and the last frame of a stream.

Both are the name of an exception and a text. Names beside those of the service are the ones that
every service of the provider has for keys and signatures; only an answer over HTTP can carry them.
"""

import json
from dataclasses import dataclass

from lab_kit.core.errors import (
    GoingAway,
    IdempotencyConflict,
    LabError,
    ModelNotLoaded,
    QuotaExceeded,
    StreamIdle,
    SystemOverloaded,
    Unauthenticated,
)
from lab_kit.dialects.amazon.event_stream import Frame, encoded
from lab_kit.dialects.amazon.signature import InvalidSignature
from lab_kit.protocol.live import Ending

BAD_REQUEST, INTERNAL = "BadRequestException", "InternalFailureException"
ERROR_TYPE, REQUEST_ID = "x-amzn-errortype", "x-amzn-request-id"
FORBIDDEN = 403
_NAMES: dict[type[LabError], str] = {
    QuotaExceeded: "LimitExceededException",
    IdempotencyConflict: "ConflictException",
    GoingAway: "ServiceUnavailableException",
    ModelNotLoaded: "ServiceUnavailableException",
    SystemOverloaded: "ServiceUnavailableException",
}
_KEY_NAMES: dict[type[LabError], str] = {
    InvalidSignature: "InvalidSignatureException",
    Unauthenticated: "UnrecognizedClientException",
}
_CLOSE_CODES: dict[type[LabError], int] = {GoingAway: 1001}
"""Of a WebSocket behind the last frame; others are blamed on the client, 1008, or on us, 1011."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP answer to a request that is refused."""

    status: int
    body: dict[str, str]
    headers: dict[str, str]


def refusal(error: LabError, request_id: str) -> Refusal:
    """How a request is refused."""
    name = _KEY_NAMES.get(type(error), _name(error))
    status = FORBIDDEN if isinstance(error, Unauthenticated) else error.http_status
    headers = {ERROR_TYPE: name, REQUEST_ID: request_id}
    if error.retryable:
        headers["retry-after"] = str(max(1, round(error.retry_after_s or 1.0)))
    return Refusal(status, {"Message": _text(error)}, headers)


def exception_frame(error: LabError, idle_s: float) -> bytes:
    """What a stream is told last.

    Args:
        idle_s: the time without sound that ends a stream.
    """
    text = _text(error)
    if isinstance(error, StreamIdle):
        text = f"Your request timed out because no new audio was received for {idle_s:g} seconds."
    headers = {
        ":message-type": "exception",
        ":exception-type": _name(error),
        ":content-type": "application/json",
    }
    return encoded(Frame(headers, json.dumps({"Message": text}).encode()))


def ending(error: LabError) -> Ending:
    """How a WebSocket is closed behind the last frame."""
    code = _CLOSE_CODES.get(type(error), 1008 if error.http_status < 500 else 1011)
    # a close frame's reason holds at most 123 bytes (RFC 6455, 5.5)
    reason = f"{error.reason}: {error.received}".encode()[:123].decode(errors="ignore")
    return Ending(code, reason)


def _text(error: LabError) -> str:
    """The provider's own words for a key that is not known, which programs look for."""
    if type(error) is Unauthenticated:
        return "The security token included in the request is invalid."
    return str(error)


def _name(error: LabError) -> str:
    return _NAMES.get(type(error), BAD_REQUEST if error.http_status < 500 else INTERNAL)
