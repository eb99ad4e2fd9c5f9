"""Our errors in Deepgram's words: a refused request, a message that is not understood, a close."""

from dataclasses import dataclass

from lab_kit.core.errors import (
    GoingAway,
    InvalidAudioFormat,
    InvalidMessage,
    InvalidParameter,
    LabError,
    PayloadTooLarge,
    QuotaExceeded,
    SlowConsumer,
    StreamIdle,
    SystemOverloaded,
    Unauthenticated,
)

MAX_HEADER_CHARACTERS = 500
"""Clients give up on header lines of some thousand bytes; the body holds the whole sentence."""


class PayloadError(InvalidMessage):
    """The body of a request is not what it should be."""

    reason = "PAYLOAD_ERROR"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP answer to a request that is refused."""

    status: int
    body: dict[str, str]
    headers: dict[str, str]


def refusal(error: LabError, request_id: str) -> Refusal:
    """How a REST request or an upgrade is refused."""
    codes = {
        Unauthenticated: "INVALID_AUTH",
        InvalidParameter: "INVALID_QUERY_PARAMETER",
        QuotaExceeded: "TOO_MANY_REQUESTS",
        SystemOverloaded: "TOO_MANY_REQUESTS",
        PayloadError: "PAYLOAD_ERROR",
        InvalidAudioFormat: "Bad Request",
    }
    default = "INVALID_QUERY_PARAMETER" if error.http_status == 400 else error.reason
    code = codes.get(type(error), default)
    headers = {"dg-request-id": request_id, "dg-error": _latin(str(error))}
    if isinstance(error, SystemOverloaded) or error.retry_after_s is not None:
        headers["retry-after"] = str(max(1, round(error.retry_after_s or 1.0)))
    body = {"err_code": code, "err_msg": str(error), "request_id": request_id}
    return Refusal(error.http_status, body, headers)


def error_message(error: LabError, text: str) -> dict[str, str]:
    """What a stream is told about a text message it sent; the stream stays open."""
    return {
        "type": "Error",
        "variant": "SchemaError",
        "code": error.reason,
        "description": str(error),
        "message": text[:200],
    }


@dataclass(frozen=True, slots=True)
class CloseFrame:
    """A WebSocket close: code and reason."""

    code: int
    reason: str


NORMAL = CloseFrame(1000, "")
GOING_AWAY = CloseFrame(1001, "server stops")


def close_frame(error: LabError) -> CloseFrame:
    """How a stream is closed because of ``error``.

    1008 blames what the client sent, 1011 says that the server gave up.
    """
    if isinstance(error, GoingAway):
        return GOING_AWAY
    codes: dict[type[LabError], tuple[int, str]] = {
        InvalidAudioFormat: (1008, "DATA-0000"),
        PayloadTooLarge: (1008, "DATA-0000"),
        StreamIdle: (1011, "NET-0001"),
        SlowConsumer: (1008, "SLOW-CONSUMER"),
    }
    code, name = codes.get(type(error), (1011, error.reason))
    # a close frame's reason holds at most 123 bytes (RFC 6455, 5.5)
    reason = f"{name}: {error.received}; {error.expected}"
    return CloseFrame(code, reason.encode()[:123].decode(errors="ignore"))


def _latin(text: str) -> str:
    """Text as a header's value: Latin-1 without control characters (RFC 9110, 5.5), one short line.

    Some of it is what the client said; a header it could break would cost it the whole answer.
    """
    known = text[:MAX_HEADER_CHARACTERS].encode("latin-1", errors="replace").decode("latin-1")
    return " ".join("".join(c if c.isprintable() else " " for c in known).split())
