"""An error as our own API sends it: the fields of a `LabError`, and the call that it ended.

The server writes it, a client reads the same error from it again; nobody takes a sentence apart.
"""

from typing import Any, Self

from pydantic import BaseModel, ValidationError

from lab_kit.core.errors import Code, LabError, error_of
from lab_kit.core.ids import RequestId


class ErrorBody(BaseModel):
    """What stands under ``error``.

    Attributes:
        code: the canonical code.
        reason: the kind of error, in upper snake case.
        message: the sentence for people, composed from the three fields after it.
        retry_after_s: when trying again makes sense, where that is known.
        request_id: the call; None where no server was asked.
    """

    code: Code
    reason: str
    message: str
    received: str
    expected: str
    next_step: str
    retryable: bool
    retry_after_s: float | None = None
    details: dict[str, str] = {}
    request_id: str | None = None


class ErrorEnvelope(BaseModel):
    """The one form of a refusal, whatever was asked for."""

    error: ErrorBody

    @classmethod
    def of(cls, error: LabError, request_id: RequestId | None) -> Self:
        """The envelope of an error."""
        body = ErrorBody(
            code=error.code,
            reason=error.reason,
            message=str(error),
            received=error.received,
            expected=error.expected,
            next_step=error.next_step,
            retryable=error.retryable,
            retry_after_s=error.retry_after_s,
            details=error.details,
            request_id=None if request_id is None else str(request_id),
        )
        return cls(error=body)

    def json_body(self) -> dict[str, Any]:
        """As JSON's values."""
        return self.model_dump(mode="json")

    def raised(self) -> LabError | None:
        """The error that was sent, of its own kind; None for a kind that is not known here."""
        body = self.error
        error = error_of(body.reason, body.received, body.expected, body.next_step)
        if error is None:
            return None
        error.retry_after_s = body.retry_after_s
        error.details = dict(body.details)
        return error


def told_error(text: str | bytes) -> LabError | None:
    """The error of an envelope, or of its body, as JSON; None where the text is neither."""
    for form in (ErrorEnvelope, ErrorBody):
        try:
            read = form.model_validate_json(text)
        except ValidationError:
            continue
        envelope = read if isinstance(read, ErrorEnvelope) else ErrorEnvelope(error=read)
        return envelope.raised()
    return None
