"""Our errors in Stripe's words: an envelope with a type, a code and the parameter.

Clients look for the type, which follows from the status, and for the text that a repeated
identifier is refused with. The header says whether to send the same request again.
"""

from dataclasses import dataclass
from typing import Any

from lab_kit.core.errors import (
    IdempotencyConflict,
    IdempotencyMismatch,
    InvalidParameter,
    LabError,
    MeterExists,
    MeterNotFound,
    Unauthenticated,
)

RETRY = "stripe-should-retry"
_ANSWERS: dict[type[LabError], tuple[int, str | None]] = {
    IdempotencyConflict: (409, "idempotency_key_in_use"),
    IdempotencyMismatch: (400, None),
    MeterExists: (400, "resource_already_exists"),
    MeterNotFound: (404, "resource_missing"),
}
"""Status and code, where they are not what our error says."""


class Refused(InvalidParameter):
    """What Stripe has a code for; ``message`` is its own text, where programs look for it."""

    reason = "STRIPE_REFUSED"

    def __init__(
        self, received: str, expected: str, code: str | None, param: str | None = None
    ) -> None:
        super().__init__(received, expected, "send it so")
        self.error_code = code
        self.param = param


class DuplicateIdentifier(Refused):
    """An event with the identifier is there."""

    reason = "DUPLICATE_METER_EVENT"

    def __init__(self, identifier: str, *, is_v2: bool) -> None:
        message = f"An event already exists with identifier {identifier}."
        if is_v2:
            message = "A meter event with a duplicate identifier has already been submitted."
        super().__init__(message, "another one", "duplicate_meter_event" if is_v2 else None)
        self.is_v2 = is_v2


class SessionExpired(Unauthenticated):
    """The token of a meter event stream is over, or was none."""

    reason = "METER_EVENT_SESSION_EXPIRED"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP answer to a request that is refused."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str]


def refusal(error: LabError) -> Refusal:
    """How a request is refused."""
    status, code = _ANSWERS.get(type(error), (error.http_status, None))
    # a limit that is full stays so: what Stripe's clients may repeat is what passes by itself
    headers = {RETRY: "true" if status == 409 or status >= 500 else "false"}
    if isinstance(error, DuplicateIdentifier):
        told: dict[str, Any] = {"message": error.received}
        told |= {"code": error.error_code} if error.is_v2 else {"type": "invalid_request_error"}
        return Refusal(status, {"error": told}, headers)
    told = {"type": _type(error, status), "message": str(error)}
    if isinstance(error, SessionExpired):
        code = "billing_meter_event_session_expired"
    if isinstance(error, Refused):
        code = error.error_code
        if error.param is not None:
            told["param"] = error.param
    if status == 429:
        code = "rate_limit"
    if code is not None:
        told["code"] = code
    return Refusal(status, {"error": told}, headers)


def _type(error: LabError, status: int) -> str:
    if isinstance(error, SessionExpired):
        return "temporary_session_expired"
    if isinstance(error, IdempotencyMismatch):
        return "idempotency_error"
    return "api_error" if status >= 500 else "invalid_request_error"
