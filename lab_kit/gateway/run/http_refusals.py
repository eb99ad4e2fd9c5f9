"""What a client is told whose request never reached the application."""

from lab_kit.core.errors import Code, InvalidMessage, LabError, PayloadTooLarge, SystemOverloaded
from lab_kit.core.ids import RequestId
from lab_kit.gateway.api.errors import error_response

RETRY_AFTER_S = 5.0
"""Half the time after which silent connections are closed, and their places free."""


class HeadTooLarge(PayloadTooLarge):
    """A request's line and headers exceed what the server reads of them."""

    reason = "HEAD_TOO_LARGE"
    http_status = 431


class RequestTimeout(LabError):
    """A request did not arrive in time."""

    code = Code.DEADLINE_EXCEEDED
    reason = "REQUEST_TIMEOUT"
    http_status = 408
    retryable = True


def head_too_large(limit: str) -> LabError:
    """More than ``limit``."""
    return HeadTooLarge(
        f"a request's head of more than {limit}", "a smaller one", "send less of it"
    )


def too_slow(limit_s: float) -> LabError:
    """Nothing more within ``limit_s``, or too little on average."""
    return RequestTimeout(
        f"a request that made no headway for {limit_s:g} s",
        "one that arrives without such pauses",
        "send it again, or use a stream for sound that is still being recorded",
    )


def malformed() -> LabError:
    """It cannot be parsed."""
    return InvalidMessage("no HTTP request", "HTTP/1.1", "send one, or check the address")


def full() -> SystemOverloaded:
    """Every place is taken."""
    return SystemOverloaded(
        "too many connections", "a free place", "close one, or try again later", RETRY_AFTER_S
    )


def rendered(error: LabError) -> bytes:
    """The whole answer, after which the connection is closed."""
    answer = error_response(error, RequestId.new())
    lines = [b"HTTP/1.1 %d " % answer.status_code]
    lines += [b"%s: %s" % header for header in answer.raw_headers]
    return b"\r\n".join([*lines, b"connection: close", b"", bytes(answer.body)])
