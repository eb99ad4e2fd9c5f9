"""The messages of our own live stream: one schema, whatever carries it.

A WebSocket and server-sent events carry them as JSON, gRPC as the protobuf messages that
`protocol.proto_text` writes from the same classes. What the server says is numbered, from one and
without a hole, over all connections of a session: who lost one asks for what comes after the last
number that it has seen. What the client says is counted in the same way, and each message of the
server tells how many it has taken.

Times named ``*_s`` count from the stream's first sample. ``sent_ns`` is the server's monotonic
clock.
"""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from lab_kit.core.events import PriorityClass, Timing
from lab_kit.core.personal_data import Redaction
from lab_kit.protocol.error_body import ErrorBody
from lab_kit.protocol.recordings import Word

STREAMS_PATH = "/v1/streams"
SOCKET_PATH = "/v1/stream"
SUBPROTOCOL = "lab.v1"
"""Of the WebSocket, for clients that offer one."""
ERROR_METADATA = "lab-error"
"""Where a refused call over gRPC has the error's fields, as JSON."""
RESUME_WINDOW_S = 30.0
"""How long a session waits for its client to come back: a phone that changes from one network to
another takes seconds, a person who speaks to nobody gives up sooner."""
USAGE_EVERY_S = 10.0
"""Of sound: so often a client learns that its sound arrives, though nobody speaks."""


def number(field: int) -> Any:
    """A field's number in protobuf, which is its name on the wire and never changes."""
    return Field(json_schema_extra={"x-protobuf-number": field})


class StreamRequest(BaseModel):
    """What a client chooses when it begins a session.

    Attributes:
        encoding: how the sound is written, one of `audio.codecs.LIVE_ENCODINGS`.
        endpoint_silence_s: silence that ends an utterance; 0 switches that off.
        unfinished_silence_s: silence that ends one which did not sound finished after
            ``endpoint_silence_s``; 0 lets silence alone decide.
        finished_probability: from what probability on an utterance sounds finished.
        interim_words: whether interims carry the times of their words, as finals do.
        punctuate, numerals, redact: optional steps that results go through.
        redact_kinds: the kinds of personal data to redact, with commas between them; empty for all.
        model: the model by its name, one of its versions as ``NAME@3``, or ``production``; empty
            leaves it to the server.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    encoding: Annotated[str, number(1)] = "linear16"
    sample_rate_hz: Annotated[int, number(2)] = 16_000
    channels: Annotated[int, number(3)] = 1
    interim_results: Annotated[bool, number(4)] = True
    interim_words: Annotated[bool, number(5)] = False
    endpoint_silence_s: Annotated[float, number(6)] = 0.2
    unfinished_silence_s: Annotated[float, number(7)] = 0.0
    finished_probability: Annotated[float, Field(ge=0, le=1), number(8)] = 0.5
    priority_class: Annotated[PriorityClass, number(9)] = PriorityClass.INTERACTIVE
    punctuate: Annotated[bool, number(10)] = False
    numerals: Annotated[bool, number(11)] = False
    redact: Annotated[bool, number(12)] = False
    model: Annotated[str, number(13)] = ""
    redact_kinds: Annotated[str, number(14)] = ""


class Command(StrEnum):
    """What a client may say besides sound."""

    FINALIZE = "finalize"
    KEEP_ALIVE = "keep_alive"
    FINISH = "finish"
    REFRESH = "refresh"


class CommandMessage(BaseModel):
    """A command, as JSON; sound is a binary message, or a body.

    Attributes:
        token: with ``refresh``, the access token that takes the place of the one before.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Command
    token: Annotated[str | None, Field(max_length=4_096, repr=False)] = None


class SessionOpened(BaseModel):
    """A session that was begun by a post.

    Attributes:
        resume_window_s: how long it waits for whoever reads its events.
    """

    model_config = ConfigDict(frozen=True)

    session: str
    resume_window_s: float


class Taken(BaseModel):
    """The answer to a message that was posted.

    Attributes:
        taken: messages of the client's so far.
    """

    model_config = ConfigDict(frozen=True)

    taken: int


class _Told(BaseModel):
    """What every numbered message of the server has.

    Attributes:
        sequence: 1, 2, 3, ... over all connections of the session.
        taken: messages of the client's that the server has taken by now.
    """

    model_config = ConfigDict(frozen=True)

    sequence: Annotated[int, number(1)] = 0
    taken: Annotated[int, number(2)] = 0
    sent_ns: Annotated[int, number(3)] = 0


class SessionBegun(_Told):
    """The first message.

    Attributes:
        session: what it is called, to come back to it.
        resume_window_s: how long it waits for a client that lost its connection.
    """

    type: Literal["session_begun"] = "session_begun"
    session: Annotated[str, number(4)]
    request_id: Annotated[str, number(5)]
    model: Annotated[str, number(6)]
    model_version: Annotated[str, number(7)]
    device: Annotated[str, number(8)]
    resume_window_s: Annotated[float, number(9)]


class SpeechBegan(_Told):
    """Somebody began to speak."""

    type: Literal["speech_started"] = "speech_started"
    at_s: Annotated[float, number(4)]


class InterimResult(_Told):
    """A segment's text so far.

    Attributes:
        segment: 1, 2, 3, ...; all results of one stretch of speech have the same.
        revision: 1, 2, 3, ... of the segment.
        stable_chars: how long its beginning is that two passes agreed on.
        timing: when the work behind it happened, on the server's clock.
    """

    type: Literal["interim"] = "interim"
    segment: Annotated[int, number(4)]
    revision: Annotated[int, number(5)]
    start_s: Annotated[float, number(6)]
    end_s: Annotated[float, number(7)]
    text: Annotated[str, number(8)]
    stable_chars: Annotated[int, number(9)]
    confidence: Annotated[float, number(10)]
    words: Annotated[tuple[Word, ...], number(11)] = ()
    timing: Annotated[Timing, number(12)]


class FinalResult(_Told):
    """A segment's text for good.

    Attributes:
        endpoint: silence closed the segment, rather than its length or the stream's end.
        requested: the client asked for it.
        finished_probability: that the speaker had finished, by how it sounded; None where silence
            alone decided.
        redactions: what was taken out of the text, where that was asked for.
    """

    type: Literal["final"] = "final"
    segment: Annotated[int, number(4)]
    revision: Annotated[int, number(5)]
    start_s: Annotated[float, number(6)]
    end_s: Annotated[float, number(7)]
    text: Annotated[str, number(8)]
    confidence: Annotated[float, number(10)]
    words: Annotated[tuple[Word, ...], number(11)] = ()
    timing: Annotated[Timing, number(12)]
    endpoint: Annotated[bool, number(13)]
    requested: Annotated[bool, number(14)]
    finished_probability: Annotated[float | None, number(15)] = None
    redactions: Annotated[tuple[Redaction, ...], number(16)] = ()


class Usage(_Told):
    """Sound that was taken since the last such message; each goes on where the last one ended."""

    type: Literal["usage"] = "usage"
    from_s: Annotated[float, number(4)]
    until_s: Annotated[float, number(5)]


class Refreshed(_Told):
    """Another access token was taken in place of the one before.

    Attributes:
        valid_s: for so long, from now on.
    """

    type: Literal["refreshed"] = "refreshed"
    valid_s: Annotated[float, number(4)]


class StreamError(_Told):
    """Something went wrong.

    Attributes:
        fatal: the session ends for it; else one message was refused, and it goes on.
    """

    type: Literal["error"] = "error"
    fatal: Annotated[bool, number(4)]
    error: Annotated[ErrorBody, number(5)]


class EndReason(StrEnum):
    """Why a session is over."""

    FINISHED = "finished"
    IDLE = "idle"
    GOING_AWAY = "going_away"
    SLOW_CONSUMER = "slow_consumer"
    FAILED = "failed"


class SessionEnded(_Told):
    """The last message.

    Attributes:
        audio_s: of all sound; None where the session failed before that was known.
        sha256: of the sound's bytes as they were taken.
    """

    type: Literal["session_ended"] = "session_ended"
    reason: Annotated[EndReason, number(4)]
    audio_s: Annotated[float | None, number(5)] = None
    sha256: Annotated[str | None, number(6)] = None


class Resume(BaseModel):
    """What a client says first on a connection that goes on with a session.

    Attributes:
        after: the number of the last message that it has seen; 0 for none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    session: Annotated[str, number(1)]
    after: Annotated[int, Field(ge=0), number(2)] = 0


class SessionResumed(BaseModel):
    """The first message of a connection that goes on with a session; it has no number.

    Attributes:
        after: the last number that the client has seen; what comes after it follows.
        taken: messages of the client's that the server has; the client sends the later ones again.
    """

    model_config = ConfigDict(frozen=True)

    type: Literal["session_resumed"] = "session_resumed"
    session: Annotated[str, number(4)]
    after: Annotated[int, number(1)]
    taken: Annotated[int, number(2)]


Numbered = (
    SessionBegun
    | SpeechBegan
    | InterimResult
    | FinalResult
    | Usage
    | Refreshed
    | StreamError
    | SessionEnded
)
ServerMessage = Numbered | SessionResumed
MESSAGE_KINDS: tuple[type[ServerMessage], ...] = (
    SessionBegun,
    SpeechBegan,
    InterimResult,
    FinalResult,
    Usage,
    StreamError,
    SessionEnded,
    SessionResumed,
    Refreshed,
)
server_message: TypeAdapter[ServerMessage] = TypeAdapter(
    Annotated[ServerMessage, Field(discriminator="type")]
)
"""Reads and writes any of them as JSON."""
