"""How a session ends, on each wire; and an error as a message."""

from dataclasses import dataclass

from lab_kit.core.errors import (
    GoingAway,
    InvalidAudioFormat,
    LabError,
    PayloadTooLarge,
    SlowConsumer,
    StreamIdle,
    SystemOverloaded,
)
from lab_kit.core.ids import RequestId
from lab_kit.protocol.error_body import ErrorEnvelope
from lab_kit.protocol.live import Ending
from lab_kit.protocol.stream_messages import EndReason, Numbered, StreamError

NORMAL, GOING_AWAY, NOT_THAT, POLICY, TOO_BIG, FAILED, TRY_LATER = (
    *(1000, 1001, 1007, 1008, 1009, 1011, 1013),
)
"""Close codes [Source: RFC 6455, 7.4.1; IANA, WebSocket Close Code Number Registry]."""
REPLACED = 4001
"""The session goes on over another connection."""
_CODES: dict[type[LabError], int] = {
    GoingAway: GOING_AWAY,
    InvalidAudioFormat: NOT_THAT,
    StreamIdle: POLICY,
    SlowConsumer: POLICY,
    PayloadTooLarge: TOO_BIG,
    SystemOverloaded: TRY_LATER,
}
_REASONS: dict[type[LabError], EndReason] = {
    GoingAway: EndReason.GOING_AWAY,
    StreamIdle: EndReason.IDLE,
    SlowConsumer: EndReason.SLOW_CONSUMER,
}
_MOST_REASON_BYTES = 120
"""A close frame has room for 123 [Source: RFC 6455, 5.5]."""


@dataclass(frozen=True, slots=True)
class SessionEnding(Ending):
    """How a session ends.

    Attributes:
        last_words: messages that come before it, and that a client may still ask for afterwards.
        status: the same as gRPC's status.
    """

    last_words: tuple[Numbered, ...] = ()
    status: str = "OK"


def close_code(error: LabError | None) -> int:
    """A WebSocket's, for a session that ends with that error, or with none."""
    return NORMAL if error is None else _CODES.get(type(error), FAILED)


def close_reason(error: LabError | None) -> str:
    """The reason beside it: the error's kind, then as much of its sentence as fits."""
    text = "" if error is None else f"{error.reason}: {error}"
    return text.encode()[:_MOST_REASON_BYTES].decode(errors="ignore")


def end_reason(error: LabError | None) -> EndReason:
    """Why the session is over."""
    return EndReason.FINISHED if error is None else _REASONS.get(type(error), EndReason.FAILED)


def error_message(error: LabError, request_id: RequestId, fatal: bool) -> StreamError:
    """The error as a message."""
    return StreamError(fatal=fatal, error=ErrorEnvelope.of(error, request_id).error)
