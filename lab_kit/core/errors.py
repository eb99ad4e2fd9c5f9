"""Every error the lab raises on purpose, with what a caller needs to react to it.

An error is data: what was received, what was expected and what to do next, a canonical code and a
reason for machines, the HTTP status it maps to, and whether and when trying again can help. Its
sentence is composed from them. Dialects translate it into their provider's own form; nothing here
knows a provider.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import ClassVar, Self


class Code(StrEnum):
    """The canonical codes, by which a client decides what to do [Source: gRPC, statuscodes.md]."""

    CANCELLED = "CANCELLED"
    UNKNOWN = "UNKNOWN"
    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    NOT_FOUND = "NOT_FOUND"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    RESOURCE_EXHAUSTED = "RESOURCE_EXHAUSTED"
    FAILED_PRECONDITION = "FAILED_PRECONDITION"
    ABORTED = "ABORTED"
    OUT_OF_RANGE = "OUT_OF_RANGE"
    UNIMPLEMENTED = "UNIMPLEMENTED"
    INTERNAL = "INTERNAL"
    UNAVAILABLE = "UNAVAILABLE"
    DATA_LOSS = "DATA_LOSS"
    UNAUTHENTICATED = "UNAUTHENTICATED"


class LabError(Exception):
    """Base of the tree.

    Args:
        received: what arrived or happened, as a phrase.
        expected: what would have been right, as a phrase.
        next_step: what the reader can do about it, as an imperative.
        retry_after_s: when trying again makes sense, where that is known.
        details: more for machines, by name.

    Attributes:
        code: the canonical code, which says how to react.
        reason: what it is, more exactly; no two kinds have the same.
        http_status: as an answer over HTTP.
        retryable: whether trying again can help.
    """

    code: ClassVar[Code] = Code.INTERNAL
    reason: ClassVar[str] = "INTERNAL"
    http_status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        received: str,
        expected: str,
        next_step: str,
        retry_after_s: float | None = None,
        details: Mapping[str, str] | None = None,
    ) -> None:
        self.received = received
        self.expected = expected
        self.next_step = next_step
        self.retry_after_s = retry_after_s
        self.details = dict(details or {})
        super().__init__(f"{received}; expected: {expected}; {next_step}")


INTERNAL_FAILURE = "the server failed; its log says why"
"""All that a caller is told of a failure that nobody foresaw: the rest is the log's."""


class InvalidAudioFormat(LabError):
    """The bytes cannot be read as the audio they claim to be."""

    code = Code.INVALID_ARGUMENT
    reason = "INVALID_AUDIO_FORMAT"
    http_status = 400


class UnsupportedSampleRate(LabError):
    """The sample rate is outside what the resampler accepts."""

    code = Code.INVALID_ARGUMENT
    reason = "UNSUPPORTED_SAMPLE_RATE"
    http_status = 400


class InvalidParameter(LabError):
    """A parameter of a request has no meaning here."""

    code = Code.INVALID_ARGUMENT
    reason = "INVALID_PARAMETER"
    http_status = 400


class InvalidMessage(LabError):
    """A message on an open stream cannot be understood; the stream stays open."""

    code = Code.INVALID_ARGUMENT
    reason = "INVALID_MESSAGE"
    http_status = 400


class InvalidContract(LabError):
    """A description of an interface cannot be read, or not compared with another."""

    code = Code.INVALID_ARGUMENT
    reason = "INVALID_CONTRACT"
    http_status = 400


class Unauthenticated(LabError):
    """No key, or not the right one."""

    code = Code.UNAUTHENTICATED
    reason = "UNAUTHENTICATED"
    http_status = 401


class KeyEnded(LabError):
    """The key that a stream was opened with was revoked, or is over; told after what was owed."""

    code = Code.UNAUTHENTICATED
    reason = "KEY_ENDED"
    http_status = 401


class ScopeMissing(LabError):
    """The key is valid, and not for this feature or this model."""

    code = Code.PERMISSION_DENIED
    reason = "SCOPE_MISSING"
    http_status = 403


class Forbidden(LabError):
    """Whoever asks may not, whatever key they show."""

    code = Code.PERMISSION_DENIED
    reason = "FORBIDDEN"
    http_status = 403


class PolicyDenied(LabError):
    """The rules about where speech may go and with whose consent do not allow it; ``details`` name
    them."""

    code = Code.PERMISSION_DENIED
    reason = "POLICY_DENIED"
    http_status = 403


class RegionDown(LabError):
    """Every region is down in which the call may be served; none of the others is an answer."""

    code = Code.UNAVAILABLE
    reason = "REGION_DOWN"
    http_status = 503
    retryable = True


class OperatorLocked(LabError):
    """The operator's API is asked for on a server that was given no operator's key."""

    code = Code.PERMISSION_DENIED
    reason = "OPERATOR_LOCKED"
    http_status = 403


class ApiKeyNotFound(LabError):
    """No API key has that id."""

    code = Code.NOT_FOUND
    reason = "API_KEY_NOT_FOUND"
    http_status = 404


class AuditNotKept(LabError):
    """The server keeps no audit log."""

    code = Code.NOT_FOUND
    reason = "AUDIT_NOT_KEPT"
    http_status = 404


class UnknownPath(LabError):
    """Nothing is served under that path."""

    code = Code.NOT_FOUND
    reason = "UNKNOWN_PATH"
    http_status = 404


class MethodNotAllowed(LabError):
    """The path is served, but not with that method."""

    code = Code.UNIMPLEMENTED
    reason = "METHOD_NOT_ALLOWED"
    http_status = 405


class NotInstalled(LabError):
    """It needs a package that this installation was made without."""

    code = Code.UNIMPLEMENTED
    reason = "NOT_INSTALLED"
    http_status = 501

    @classmethod
    def extra(cls, what: str, package: str, extra: str) -> Self:
        """The error for ``what``, which needs ``package`` of our ``extra``."""
        return cls(f"{what} without {package}", package, f"install lab_kit with its extra {extra}")


class ModelNotFound(LabError):
    """No model of that name is in the catalog or loaded."""

    code = Code.NOT_FOUND
    reason = "MODEL_NOT_FOUND"
    http_status = 404


class VersionNotFound(LabError):
    """The repository has no version of that number, or no version carries that label."""

    code = Code.NOT_FOUND
    reason = "VERSION_NOT_FOUND"
    http_status = 404


class OperationNotFound(LabError):
    """The caller has no operation of that name, or it has expired."""

    code = Code.NOT_FOUND
    reason = "OPERATION_NOT_FOUND"
    http_status = 404


class UploadNotFound(LabError):
    """The caller has sent no recording of that name ahead, or it has expired or was deleted."""

    code = Code.NOT_FOUND
    reason = "UPLOAD_NOT_FOUND"
    http_status = 404


class TranscriptionNotFound(LabError):
    """The caller has no transcription of that name, or it has expired or was deleted."""

    code = Code.NOT_FOUND
    reason = "TRANSCRIPTION_NOT_FOUND"
    http_status = 404


class RedactedAudioNotFound(LabError):
    """A transcription was not asked for with its sound, or is not kept any more."""

    code = Code.NOT_FOUND
    reason = "REDACTED_AUDIO_NOT_FOUND"
    http_status = 404


class MeterNotFound(LabError):
    """The caller has no meter of that name, or it was deleted."""

    code = Code.NOT_FOUND
    reason = "METER_NOT_FOUND"
    http_status = 404


class MeterExists(LabError):
    """The caller has a meter of that name."""

    code = Code.ALREADY_EXISTS
    reason = "METER_EXISTS"
    http_status = 409


class WebhookNotFound(LabError):
    """The caller has no webhook of that name, or it no such message."""

    code = Code.NOT_FOUND
    reason = "WEBHOOK_NOT_FOUND"
    http_status = 404


class SandboxKeyNotFound(LabError):
    """The operator made no sandbox key of that name, or removed it."""

    code = Code.NOT_FOUND
    reason = "SANDBOX_KEY_NOT_FOUND"
    http_status = 404


class SessionNotFound(LabError):
    """The caller has no session of that name, or it was without a connection for too long."""

    code = Code.NOT_FOUND
    reason = "SESSION_NOT_FOUND"
    http_status = 404


class SessionHistoryLost(LabError):
    """A session goes on, but what its client has missed is not kept any more."""

    code = Code.DATA_LOSS
    reason = "SESSION_HISTORY_LOST"
    http_status = 410


class MessageOutOfOrder(LabError):
    """A message came before another one that the client had sent first."""

    code = Code.FAILED_PRECONDITION
    reason = "MESSAGE_OUT_OF_ORDER"
    http_status = 409
    retryable = True


class AddressRefused(LabError):
    """An address that a caller gave, and that the server does not ask."""

    code = Code.PERMISSION_DENIED
    reason = "ADDRESS_REFUSED"
    http_status = 403


class UnderLegalHold(LabError):
    """What a legal hold keeps was to be deleted."""

    code = Code.FAILED_PRECONDITION
    reason = "UNDER_LEGAL_HOLD"
    http_status = 409


class OperationPending(LabError):
    """What was asked for needs an operation that has ended, and this one has not."""

    code = Code.FAILED_PRECONDITION
    reason = "OPERATION_PENDING"
    http_status = 409
    retryable = True


class OperationCancelled(LabError):
    """The caller cancelled it; an operation's outcome, and no refusal of a request."""

    code = Code.CANCELLED
    reason = "OPERATION_CANCELLED"
    http_status = 409


class IdempotencyConflict(LabError):
    """The first request with that key is not answered yet."""

    code = Code.ABORTED
    reason = "IDEMPOTENCY_CONFLICT"
    http_status = 409
    retryable = True


class IdempotencyMismatch(LabError):
    """The key was used before, for another request."""

    code = Code.INVALID_ARGUMENT
    reason = "IDEMPOTENCY_MISMATCH"
    http_status = 422


class QuotaExceeded(LabError):
    """One caller has as much as one caller may have; ``details`` name the limit."""

    code = Code.RESOURCE_EXHAUSTED
    reason = "QUOTA_EXCEEDED"
    http_status = 429
    retryable = True


class UnknownDeprecation(LabError):
    """No route of that name has a successor."""

    code = Code.NOT_FOUND
    reason = "UNKNOWN_DEPRECATION"
    http_status = 404


class RouteBrownedOut(LabError):
    """The route is to be gone, and for a rehearsal of that answers nobody for a while."""

    code = Code.UNAVAILABLE
    reason = "ROUTE_BROWNED_OUT"
    http_status = 503
    retryable = True


class RouteGone(LabError):
    """The route is past its sunset; ``details`` name its successor, and the guide."""

    code = Code.NOT_FOUND
    reason = "ROUTE_GONE"
    http_status = 410


class VersionConflict(LabError):
    """A version is not in the state from which what was asked is possible."""

    code = Code.FAILED_PRECONDITION
    reason = "VERSION_CONFLICT"
    http_status = 409


class VersionFailed(LabError):
    """A version could not be loaded, or did not answer; the others serve on."""

    code = Code.FAILED_PRECONDITION
    reason = "VERSION_FAILED"
    http_status = 422


class PayloadTooLarge(LabError):
    """More audio than one request or one stream may hold."""

    code = Code.INVALID_ARGUMENT
    reason = "PAYLOAD_TOO_LARGE"
    http_status = 413


class StreamIdle(LabError):
    """Nothing arrived on an open stream for too long."""

    code = Code.DEADLINE_EXCEEDED
    reason = "STREAM_IDLE"
    http_status = 408
    retryable = True


class InferenceTimeout(LabError):
    """The time that its caller gave it was over before it was begun, or done."""

    code = Code.DEADLINE_EXCEEDED
    reason = "INFERENCE_TIMEOUT"
    http_status = 504
    retryable = True


class SlowConsumer(LabError):
    """The client does not read its results; what waits for it has reached its limit."""

    code = Code.ABORTED
    reason = "SLOW_CONSUMER"
    http_status = 408


class GoingAway(LabError):
    """The server stops and ends an open stream, after everything that was owed."""

    code = Code.UNAVAILABLE
    reason = "GOING_AWAY"
    http_status = 503
    retryable = True


class ModelNotLoaded(LabError):
    """The weights are missing, or the server is not ready yet."""

    code = Code.UNAVAILABLE
    reason = "MODEL_NOT_LOADED"
    http_status = 503
    retryable = True


class SystemOverloaded(LabError):
    """Every place is taken; ``retry_after_s`` says when to come back."""

    code = Code.RESOURCE_EXHAUSTED
    reason = "SYSTEM_OVERLOADED"
    http_status = 503
    retryable = True

    def __init__(
        self,
        received: str,
        expected: str,
        next_step: str,
        retry_after_s: float | None = 1.0,
        details: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(received, expected, next_step, retry_after_s, details)


class ModelStoreError(LabError):
    """Weights could not be fetched, verified or read; nothing half-written is left."""

    code = Code.DATA_LOSS
    reason = "MODEL_STORE"


class StateUnusable(LabError):
    """What a server keeps beyond its end cannot be read or written."""

    code = Code.UNAVAILABLE
    reason = "STATE_UNUSABLE"
    http_status = 503


class InterruptedTooOften(LabError):
    """The server ended again and again while it was at this work, and nothing came of it."""

    code = Code.INTERNAL
    reason = "INTERRUPTED_TOO_OFTEN"
    http_status = 500


class ServerFailed(LabError):
    """A server process did not become ready, or ended on its own."""

    code = Code.UNAVAILABLE
    reason = "SERVER_FAILED"


class ConnectionFailed(LabError):
    """The client could not reach the server, was refused, or lost the connection.

    ``close_code`` is what the server closed a socket with; None if it said none.
    """

    code = Code.UNAVAILABLE
    reason = "CONNECTION_FAILED"
    retryable = True

    def __init__(
        self, received: str, expected: str, next_step: str, close_code: int | None = None
    ) -> None:
        super().__init__(received, expected, next_step)
        self.close_code = close_code


class AudioDeviceUnavailable(LabError):
    """No sound library, no sound card, or the card refuses what was asked of it."""

    code = Code.FAILED_PRECONDITION
    reason = "AUDIO_DEVICE_UNAVAILABLE"


class DatasetError(LabError):
    """A clip is unknown, or what was built is not what the manifest promises."""

    code = Code.DATA_LOSS
    reason = "DATASET"


def error_of(reason: str, received: str, expected: str, next_step: str) -> LabError | None:
    """The error of that reason, read from its fields again; None for a kind that is not known."""
    kinds = {kind.reason: kind for kind in _kinds(LabError)}
    return kinds[reason](received, expected, next_step) if reason in kinds else None


def _kinds(base: type[LabError]) -> Iterator[type[LabError]]:
    yield base
    for kind in base.__subclasses__():
        yield from _kinds(kind)
