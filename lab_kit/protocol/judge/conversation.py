"""How a client speaks a dialect in order to judge it, and what its messages mean for the rules.

A conversation is pure: messages out, and what was recorded turned into what was seen. It asks for
nothing that only our own server has, so that it can be held with the provider's too.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from lab_kit.core.errors import InvalidMessage
from lab_kit.protocol.judge.capture import Capture, Line
from lab_kit.protocol.judge.seen import Closed, Finished, Happening, Opened, Refused, Seen, Sound


class Carrier(StrEnum):
    """What carries a dialect."""

    WEBSOCKET = "websocket"
    GRPC = "grpc"
    EVENTS = "sse"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls which server, and when: what a signed address is made of.

    Attributes:
        host: with its port, as in the header of that name.
        now_s: since 1970.
    """

    host: str
    key: str | None
    now_s: float


class Reading(Protocol):
    """What a dialect's messages mean."""

    def seen(self, message: Mapping[str, Any], by_client: bool) -> "Sequence[Told]":
        """What a recorded message means."""
        ...


class Conversation(Reading, Protocol):
    """One dialect on one wire, from the client's side.

    Attributes:
        carrier: a WebSocket or gRPC.
        rate_hz: of the PCM16 that `sound` takes.
        bytes_per_s: of that sound.
    """

    carrier: Carrier
    rate_hz: int
    bytes_per_s: float

    def target(self, caller: Caller) -> str:
        """The path with its query, or the gRPC method."""
        ...

    def headers(self, key: str) -> Mapping[str, str]:
        """What shows a key; metadata for gRPC."""
        ...

    def first(self) -> Sequence[str | bytes]:
        """What is said before any sound."""
        ...

    def sound(self, pcm: bytes) -> str | bytes:
        """The message that carries it."""
        ...

    def finish(self) -> Sequence[str | bytes]:
        """What says that no more will come; a gRPC call is half-closed then, too."""
        ...

    def is_over(self, message: Mapping[str, Any]) -> bool:
        """Whether a client that has finished hangs up after this message of the server's."""
        ...

    def noted(self, message: str | bytes, by_client: bool) -> dict[str, Any]:
        """The message as JSON, with the length of sound in its place."""
        ...


_UNREADABLE = (
    *(ValueError, TypeError, LookupError, AttributeError),
    *(RecursionError, ArithmeticError),
)
"""What taking a message apart may raise that has not the form of its dialect."""


def heard(spoken: Conversation, content: str | bytes) -> tuple[dict[str, Any], bool]:
    """What a capture notes of a server's message, and whether the client hangs up after it.

    Raises:
        InvalidMessage: it is none of the dialect.
    """
    try:
        noted = spoken.noted(content, by_client=False)
        json.dumps(noted, ensure_ascii=False, allow_nan=False).encode()
        return noted, spoken.is_over(noted)
    except _UNREADABLE as error:
        raise _unreadable(content, error) from error


def _unreadable(content: str | bytes, error: Exception) -> InvalidMessage:
    return InvalidMessage(
        f"the message {content[:80]!r} ({type(error).__name__})",
        "one that has the form of the dialect",
        "see what the server sent, or name another dialect",
    )


HALF_CLOSE = {"half_close": True}
"""How a capture notes that a gRPC client will send no more."""
Told = tuple[Happening, int | None]
"""What is told, and its number, where the dialect numbers its messages."""


def seen_in(capture: Capture, reading: Reading) -> list[Seen]:
    """What was seen of a recorded stream; lines count from the file's first."""
    seen = []
    for number, line in enumerate(capture.lines, 2):
        try:
            told = _told(line, capture.head.bytes_per_s, reading)
        except _UNREADABLE as error:
            raise _unreadable(f"line {number}: {line.message or line.sound}", error) from error
        seen += [Seen(number, what, sequence) for what, sequence in told]
    return seen


def _told(line: Line, bytes_per_s: float | None, reading: Reading) -> Sequence[Told]:
    if line.opened:
        return [(Opened(), None)]
    if line.refused is not None:
        return [(Refused(line.refused.get("status", "")), None)]
    if line.sound is not None:
        return [(sound_of(line.sound.get("bytes", 0), bytes_per_s), None)]
    if line.closed is not None:
        return [(Closed(line.closed.get("code"), line.by == "client"), None)]
    if line.message == HALF_CLOSE:
        return finished()
    return reading.seen(line.message or {}, line.by == "client")


def sound_of(size_bytes: int, bytes_per_s: float | None) -> Sound:
    """So much sound."""
    return Sound(None if not bytes_per_s else size_bytes / bytes_per_s)


def finished() -> list[Told]:
    """The client will send no more."""
    return [(Finished(), None)]
