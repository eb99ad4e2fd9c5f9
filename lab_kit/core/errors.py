"""Every error the lab raises on purpose, with what a caller needs to react to it.

An error says what was received, what was expected and what to do next. It carries a machine
code, the HTTP status it maps to and whether trying again can help; dialects translate those
three into their provider's own form. Nothing here knows a provider.
"""

from typing import ClassVar


class LabError(Exception):
    """Base of the tree.

    Args:
        received: what arrived or happened, as a phrase.
        expected: what would have been right, as a phrase.
        next_step: what the reader can do about it, as an imperative.
    """

    code: ClassVar[str] = "INTERNAL"
    http_status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(self, received: str, expected: str, next_step: str) -> None:
        self.received = received
        self.expected = expected
        self.next_step = next_step
        super().__init__(f"{received}; {expected}; {next_step}")


INTERNAL_FAILURE = "the server failed; its log says why"
"""All that a caller is told of a failure that nobody foresaw: the rest is the log's."""


class InvalidAudioFormat(LabError):
    """The bytes cannot be read as the audio they claim to be."""

    code = "INVALID_AUDIO_FORMAT"
    http_status = 400


class UnsupportedSampleRate(LabError):
    """The sample rate is outside what the resampler accepts."""

    code = "UNSUPPORTED_SAMPLE_RATE"
    http_status = 400


class InvalidParameter(LabError):
    """A parameter of a request has no meaning here."""

    code = "INVALID_PARAMETER"
    http_status = 400


class InvalidMessage(LabError):
    """A message on an open stream cannot be understood; the stream stays open."""

    code = "INVALID_MESSAGE"
    http_status = 400


class Unauthenticated(LabError):
    """No key, or not the right one."""

    code = "UNAUTHENTICATED"
    http_status = 401


class Forbidden(LabError):
    """Whoever asks may not, whatever key they show."""

    code = "FORBIDDEN"
    http_status = 403


class OperatorLocked(LabError):
    """The operator's API is asked for on a server that was given no operator's key."""

    code = "OPERATOR_LOCKED"
    http_status = 403


class ModelNotFound(LabError):
    """No model of that name is in the catalog or loaded."""

    code = "MODEL_NOT_FOUND"
    http_status = 404


class VersionNotFound(LabError):
    """The repository has no version of that number, or no version carries that label."""

    code = "VERSION_NOT_FOUND"
    http_status = 404


class VersionConflict(LabError):
    """A version is not in the state from which what was asked is possible."""

    code = "VERSION_CONFLICT"
    http_status = 409


class VersionFailed(LabError):
    """A version could not be loaded, or did not answer; the others serve on."""

    code = "VERSION_FAILED"
    http_status = 422


class PayloadTooLarge(LabError):
    """More audio than one request or one stream may hold."""

    code = "PAYLOAD_TOO_LARGE"
    http_status = 413


class StreamIdle(LabError):
    """Nothing arrived on an open stream for too long."""

    code = "STREAM_IDLE"
    http_status = 408
    retryable = True


class SlowConsumer(LabError):
    """The client does not read its results; what waits for it has reached its limit."""

    code = "SLOW_CONSUMER"
    http_status = 408


class GoingAway(LabError):
    """The server stops and ends an open stream, after everything that was owed."""

    code = "GOING_AWAY"
    http_status = 503
    retryable = True


class ModelNotLoaded(LabError):
    """The weights are missing, or the server is not ready yet."""

    code = "MODEL_NOT_LOADED"
    http_status = 503
    retryable = True


class SystemOverloaded(LabError):
    """Every place is taken; ``retry_after_s`` says when to come back."""

    code = "SYSTEM_OVERLOADED"
    http_status = 503
    retryable = True

    def __init__(
        self, received: str, expected: str, next_step: str, retry_after_s: float = 1.0
    ) -> None:
        super().__init__(received, expected, next_step)
        self.retry_after_s = retry_after_s


class ModelStoreError(LabError):
    """Weights could not be fetched, verified or read; nothing half-written is left."""

    code = "MODEL_STORE"


class ServerFailed(LabError):
    """A server process did not become ready, or ended on its own."""

    code = "SERVER_FAILED"


class ConnectionFailed(LabError):
    """The client could not reach the server, was refused, or lost the connection.

    ``close_code`` is what the server closed a socket with; None if it said none.
    """

    code = "CONNECTION_FAILED"
    retryable = True

    def __init__(
        self, received: str, expected: str, next_step: str, close_code: int | None = None
    ) -> None:
        super().__init__(received, expected, next_step)
        self.close_code = close_code


class AudioDeviceUnavailable(LabError):
    """No sound library, no sound card, or the card refuses what was asked of it."""

    code = "AUDIO_DEVICE_UNAVAILABLE"


class DatasetError(LabError):
    """A clip is unknown, or what was built is not what the manifest promises."""

    code = "DATASET"
