"""Our errors in Google's words: the status of a call that is refused or breaks."""

from lab_kit.core.errors import (
    Code,
    GoingAway,
    InvalidMessage,
    LabError,
    ModelNotLoaded,
    OperationNotFound,
    PayloadTooLarge,
    QuotaExceeded,
    SlowConsumer,
    StreamIdle,
    SystemOverloaded,
)
from lab_kit.dialects.google.versions import V1, ApiVersion
from lab_kit.protocol.live import Ending

_STATUSES: dict[type[LabError], str] = {
    SystemOverloaded: "RESOURCE_EXHAUSTED",
    ModelNotLoaded: "FAILED_PRECONDITION",
    SlowConsumer: "ABORTED",
    GoingAway: "ABORTED",
    StreamIdle: "OUT_OF_RANGE",
    OperationNotFound: "NOT_FOUND",
    QuotaExceeded: "RESOURCE_EXHAUSTED",
}
"""Never UNAVAILABLE: the provider's client would try again for over an hour."""
_WHO = (Code.UNAUTHENTICATED, Code.PERMISSION_DENIED)
"""About who calls: told by the same code, whatever of it is wrong, also of a stream that is open
when its key ends."""
STREAM_LIMIT = "stream_audio_s"
"""As an error's details name it."""
_IDLE = (
    "Audio Timeout Error: Long duration elapsed without audio. Audio should be sent close to real"
    " time."
)


def stream_status(api: ApiVersion, error: LabError) -> Ending:
    """The status that a refused or broken stream ends with."""
    default = "INVALID_ARGUMENT" if error.http_status < 500 else "INTERNAL"
    if error.code in _WHO:
        default = error.code.value
    code = _STATUSES.get(type(error), default)
    text = f"{error.received} ({error.expected}; {error.next_step})"
    if isinstance(error, StreamIdle):
        text = _IDLE
    if isinstance(error, PayloadTooLarge):
        code = api.too_long
        if error.details.get("limit") == STREAM_LIMIT:
            limit_s = float(error.details["value"])
            told = api.too_long_text.format(limit_s=limit_s, limit_min=limit_s / 60)
            text = f"{told} ({error})"
    return Ending(code, text)


def too_long(longest_s: float) -> PayloadTooLarge:
    """Why a stream ends that has been open for so long."""
    return PayloadTooLarge(
        f"a stream that was open for {longest_s:g} s",
        "a shorter one",
        "send what follows on another stream",
        details={"limit": STREAM_LIMIT, "value": f"{longest_s:g}"},
    )


def recording_status(api: ApiVersion, error: LabError) -> Ending:
    """The status of a call that is refused: a stream's, but for what is too long."""
    if isinstance(error, PayloadTooLarge):
        text = f"Sync input too long. {error.received} ({error.expected}; {error.next_step})"
        return Ending("INVALID_ARGUMENT", text)
    return stream_status(api, error)


def operation_status(error: LabError) -> Ending:
    """The status of a call about operations that is refused."""
    if isinstance(error, PayloadTooLarge):
        return Ending("INVALID_ARGUMENT", str(error))
    return stream_status(V1, error)


def malordered(expected: str) -> InvalidMessage:
    """The provider's error for messages in the wrong order."""
    return InvalidMessage(
        "Malordered Data Received.", expected, "send one config, then audio, then half-close"
    )
