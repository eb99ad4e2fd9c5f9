"""The vocabulary of a spoken answer, in no provider's words: what was said, and what is told of it.

Stamps named ``*_ns`` are the server's monotonic clock.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from lab_kit.core.errors import InvalidMessage, LabError


class Role(StrEnum):
    """Who says something."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


@dataclass(frozen=True, slots=True)
class Function:
    """What a model may have called.

    Attributes:
        parameters: a JSON schema.
    """

    name: str
    description: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """What a model wants called.

    Attributes:
        id: by which its answer is known.
        arguments: JSON, as the model wrote it.
    """

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that was said.

    Attributes:
        call: what was called instead of saying anything.
        answers: the call that a tool's text answers.
    """

    role: Role
    text: str
    call: FunctionCall | None = None
    answers: str = ""


@dataclass(frozen=True, slots=True)
class ReplyOptions:
    """How an answer is made.

    Attributes:
        is_spoken: with sound; else it is text alone.
        speed: of the voice; 1 is its own.
        functions: what may be called.
        choice: ``auto``, ``none``, ``required``, or the name of the one to be called.
        most_tokens: of its text.
    """

    is_spoken: bool = True
    speed: float = 1.0
    functions: tuple[Function, ...] = ()
    choice: str = "auto"
    most_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class ReplyTiming:
    """When the first sound of an answer came to be.

    Attributes:
        speech_end_s: where in the caller's sound their turn ended, as it was heard.
        paused_ns: the sound with the first sign of the pause came; of a turn without one, its end.
        heard_ns: the words were known.
        token_ns: the model's first token.
        written_ns: the first clause.
        spoken_ns: its sound.
        ended_ns: the turn was known to be over.
        sent_ns: the sound left.
        is_ahead: it was begun at the pause, before the turn was known to be over.
        dropped: answers begun in this turn that were thrown away.
    """

    speech_end_s: float
    paused_ns: int
    heard_ns: int
    token_ns: int
    written_ns: int
    spoken_ns: int
    ended_ns: int
    sent_ns: int
    is_ahead: bool
    dropped: int


class Outcome(StrEnum):
    """How an answer ended."""

    COMPLETED = "completed"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"
    CUT = "cut"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ReplyBegun:
    """An answer is on its way; replies are numbered from 1."""

    reply: int
    options: ReplyOptions


@dataclass(frozen=True, slots=True)
class ReplyPiece:
    """A clause of it.

    Attributes:
        sound: in the caller's format; empty where the answer is text alone.
        timing: of the first piece.
    """

    reply: int
    text: str
    sound: bytes
    timing: ReplyTiming | None = None


@dataclass(frozen=True, slots=True)
class ReplyCalled:
    """It wants something called."""

    reply: int
    call: FunctionCall


@dataclass(frozen=True, slots=True)
class ReplyEnded:
    """Nothing more of it will come.

    Attributes:
        error: why it failed.
        prompt_tokens, tokens: that the model read, and wrote.
    """

    reply: int
    outcome: Outcome
    error: LabError | None = None
    prompt_tokens: int = 0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class ReplyRefused:
    """An answer that was asked for will not be given."""

    error: LabError


ReplyEvent = ReplyBegun | ReplyPiece | ReplyCalled | ReplyEnded | ReplyRefused


def turn_name(number: int) -> str:
    """By what name history has a caller's turn; the first is 1."""
    return f"turn {number}"


def reply_name(number: int) -> str:
    """By what name history has an answer."""
    return f"reply {number}"


def call_name(call_id: str) -> str:
    """By what name history has a call of a function."""
    return f"call {call_id}"


@dataclass(frozen=True, slots=True)
class TalkSettings:
    """How a conversation is held.

    Attributes:
        instructions: what the model is told before everything else.
        answers: whether turns are answered without being asked to.
        yields: whether an answer stops when the caller speaks.
        encoding: of the answer's sound: ``pcm``, ``mulaw`` or ``alaw``.
        rate_hz: of it.
    """

    instructions: str
    reply: ReplyOptions
    answers: bool
    yields: bool
    encoding: str
    rate_hz: int


@dataclass(frozen=True, slots=True)
class AddItem:
    """Something was said in writing.

    Attributes:
        after: the item that it stands behind; None for the last.
    """

    name: str
    said: Said
    after: str | None = None


@dataclass(frozen=True, slots=True)
class RemoveItem:
    """Something is to be forgotten."""

    name: str


@dataclass(frozen=True, slots=True)
class CutItem:
    """Of an answer only so much was heard."""

    name: str
    until_s: float


@dataclass(frozen=True, slots=True)
class AskReply:
    """An answer is wanted now.

    Attributes:
        instructions: in place of the conversation's; None for those.
    """

    options: ReplyOptions
    instructions: str | None = None


@dataclass(frozen=True, slots=True)
class CancelReply:
    """The answer is to stop."""


TalkRequest = AddItem | RemoveItem | CutItem | AskReply | CancelReply
"""What a client may ask of a conversation."""


class AlreadyAnswering(InvalidMessage):
    """An answer was asked for while there is one."""

    reason = "CONVERSATION_ALREADY_HAS_ACTIVE_RESPONSE"


def already_answering() -> AlreadyAnswering:
    """The error for an answer beside another."""
    return AlreadyAnswering(
        "a response while another is active",
        "one at a time",
        "wait for response.done, or send response.cancel",
    )
