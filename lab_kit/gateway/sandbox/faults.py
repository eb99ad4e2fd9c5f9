"""What a fault is as an error: each refusal is one that this server knows, in every dialect."""

from lab_kit.core.errors import (
    Forbidden,
    GoingAway,
    IdempotencyConflict,
    IdempotencyMismatch,
    InferenceTimeout,
    InvalidParameter,
    LabError,
    ModelNotFound,
    PayloadTooLarge,
    QuotaExceeded,
    StreamIdle,
    SystemOverloaded,
    Unauthenticated,
)
from lab_kit.protocol.sandbox import Fault

_KINDS: dict[int, type[LabError]] = {
    kind.http_status: kind
    for kind in (
        InvalidParameter,
        Unauthenticated,
        Forbidden,
        ModelNotFound,
        StreamIdle,
        IdempotencyConflict,
        PayloadTooLarge,
        IdempotencyMismatch,
        QuotaExceeded,
        LabError,
        SystemOverloaded,
        InferenceTimeout,
    )
}
_CLOSE_CODES = (*range(1000, 1004), *range(1007, 1015), *range(3000, 5000))
"""What a close frame may say [Source: RFC 6455, 7.4]."""
_WHAT = "a fault that was asked for with the sandbox key"


def check(fault: Fault) -> None:
    """Make sure that a fault can be met.

    Raises:
        InvalidParameter: it says two things at once, or what no call is answered with.
    """
    if sum((fault.status is not None, fault.close_code is not None, fault.is_silent)) > 1:
        raise InvalidParameter(
            "a fault that refuses, closes or falls silent at once",
            "one of status, close_code and is_silent",
            "send several faults, one for each call",
        )
    if fault.status is not None and fault.status not in _KINDS:
        raise InvalidParameter(
            f"status {fault.status}",
            f"one of {', '.join(map(str, sorted(_KINDS)))}",
            "choose what the server answers with itself",
        )
    if fault.close_code is not None and fault.close_code not in _CLOSE_CODES:
        raise InvalidParameter(
            f"close_code {fault.close_code}",
            "1000 to 1003, 1007 to 1014, or 3000 to 4999",
            "choose one that a close frame may say",
        )


def refusal(fault: Fault) -> LabError | None:
    """The error that a call is refused with; None if it is not."""
    if fault.status is None:
        return None
    return _KINDS[fault.status](
        _WHAT, "no fault", "try again, or change the key's faults", fault.retry_after_s
    )


def cut() -> LabError:
    """Why a call over gRPC ends."""
    return GoingAway(_WHAT, "no fault", "connect again, or change the key's faults")
