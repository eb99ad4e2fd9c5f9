"""Our errors as the provider closes a session for them: a message, then a close with its code.

A wrong key and a bad query, too, are told after the upgrade, as the provider's documentation has
it. 4031 is no code of its documentation, but one of its SDK's table; the others stand in both, but
for 1001, which any WebSocket server that goes away may send.
"""

import json

from lab_kit.core.errors import (
    Code,
    Forbidden,
    GoingAway,
    InvalidMessage,
    LabError,
    PayloadTooLarge,
    QuotaExceeded,
    SlowConsumer,
    StreamIdle,
    SystemOverloaded,
    Unauthenticated,
)
from lab_kit.protocol.live import Ending

NORMAL = Ending(1000, "")
LONGEST_REASON_BYTES = 123
"""Of a close frame [Source: RFC 6455, 5.5]."""
_ELSEWHERE = "See Error message for details"
_NO_KEY = "Unauthorized Connection: Missing Authorization header"
"""The provider's text for a wrong key, too."""
_EXPIRED = "Session Expired: Maximum session duration exceeded"


class SessionExpired(LabError):
    """The session is as old as one may be."""

    code = Code.DEADLINE_EXCEEDED
    reason = "SESSION_EXPIRED"
    http_status = 408


class WrongDuration(InvalidMessage):
    """A chunk of sound that is too short or too long for the provider."""

    reason = "INPUT_DURATION_VIOLATION"


_CLOSES: tuple[tuple[type[LabError], int, str], ...] = (
    (Unauthenticated, 1008, _NO_KEY),
    (Forbidden, 1008, "Unauthorized Connection: "),
    (SessionExpired, 3008, _EXPIRED),
    (WrongDuration, 3007, ""),
    (PayloadTooLarge, 3007, "Audio Transmission Rate Exceeded: "),
    (QuotaExceeded, 3009, "Unauthorized Connection: Too many concurrent sessions: "),
    (SystemOverloaded, 1013, ""),
    (GoingAway, 1001, ""),
    (StreamIdle, 4031, "Session idle for too long: "),
    (SlowConsumer, 3005, "Session Cancelled: "),
)
"""The first that fits: a code, and how its text begins; one that ends without a colon is all."""


def closing(error: LabError | None) -> tuple[list[str], Ending]:
    """The last message, and how the session is closed; None if the client asked for it.

    Who does not read gets no message, and what fits of it into the close frame.
    """
    if error is None:
        return [], NORMAL
    code, text = _told(error)
    if isinstance(error, SlowConsumer):
        return [], Ending(code, text.encode()[:LONGEST_REASON_BYTES].decode(errors="ignore"))
    message = {"type": "Error", "error_code": code, "error": text}
    reason = text if len(text.encode()) <= LONGEST_REASON_BYTES else _ELSEWHERE
    return [json.dumps(message)], Ending(code, reason)


def _told(error: LabError) -> tuple[int, str]:
    if isinstance(error, PayloadTooLarge) and error.details.get("limit") == "stream_audio_s":
        return 3008, f"{_EXPIRED}: {error}"
    for kind, code, text in _CLOSES:
        if isinstance(error, kind):
            return code, f"{text}{error}" if not text or text.endswith(": ") else text
    if error.http_status >= 500:
        return 3005, f"Session Cancelled: An error occurred: {error}"
    return 3006, str(error)
