"""Our errors in a stream's words: a type of message for each, of those that its SDK knows."""

from lab_kit.core.errors import (
    InvalidAudioFormat,
    InvalidMessage,
    LabError,
    PayloadTooLarge,
    QuotaExceeded,
    SlowConsumer,
    StreamIdle,
    SystemOverloaded,
    Unauthenticated,
)


class CommitThrottled(InvalidMessage):
    """A commit with nothing worth it behind the last one."""

    reason = "COMMIT_THROTTLED"


class QueueOverflow(InvalidMessage):
    """More sound without a commit than one transcript may have."""

    reason = "QUEUE_OVERFLOW"


_TYPES: dict[type[LabError], str] = {
    CommitThrottled: "commit_throttled",
    QueueOverflow: "queue_overflow",
    SlowConsumer: "queue_overflow",
    InvalidMessage: "input_error",
    InvalidAudioFormat: "input_error",
    StreamIdle: "insufficient_audio_activity",
    PayloadTooLarge: "session_time_limit_exceeded",
    SystemOverloaded: "resource_exhausted",
    QuotaExceeded: "rate_limited",
    Unauthenticated: "auth_error",
}


def error_message(error: LabError) -> dict[str, str]:
    """What a stream is told."""
    usual = "transcriber_error" if error.http_status >= 500 else "invalid_request"
    return {"message_type": _TYPES.get(type(error), usual), "error": str(error)}
