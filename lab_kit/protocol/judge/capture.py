"""A stream as it was recorded: what each side sent, when, and how the connection ended.

As a file it is JSON, one line each. The first line says what is spoken and how sound is written;
each later one has ``at_ms``, since the connection was begun, ``by``, which side it was, and one of:

    "opened": true                     the connection is open
    "refused": {"status": "401"}       it was refused; HTTP's status or gRPC's
    "sound": {"bytes": 3200}           sound alone
    "message": {...}                   a message, as JSON; sound in it is a number of bytes
    "closed": {"code": "1000"}         the connection is over; without a code it was lost
    "closed": {"why": "…"}             the client has given up waiting for the end
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lab_kit.core.errors import InvalidMessage, PayloadTooLarge

_T = TypeVar("_T", bound=BaseModel)
MOST_LINES = 200_000
MOST_LINE_CHARS = 1_000_000
MOST_HEARD_BYTES = 64_000_000
"""Hours of a stream; what is larger is no capture."""


class Head(BaseModel):
    """The first line.

    Attributes:
        capture: the format's number.
        dialect: whose words are spoken.
        wire: what carries them.
        bytes_per_s: of the sound; None where its length cannot be told from its bytes.
    """

    model_config = ConfigDict(frozen=True)

    capture: Literal[1] = 1
    dialect: str
    wire: str
    bytes_per_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)


class Line(BaseModel):
    """A later line."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at_ms: float
    by: Literal["client", "server"]
    opened: bool = False
    refused: dict[str, str] | None = None
    sound: dict[str, int] | None = None
    message: dict[str, Any] | None = None
    closed: dict[str, str] | None = None


@dataclass(slots=True)
class Capture:
    """A head, and lines in order."""

    head: Head
    lines: list[Line] = field(default_factory=list)

    def unheard(self) -> str | None:
        """Why it is too little to say that the server keeps the rules; None if it is not."""
        last = self.lines[-1].closed if self.lines else None
        if last is not None and "why" in last:
            return last["why"]
        if last is not None and self.lines[-1].by == "server" and "code" not in last:
            return "the connection was lost without a word"
        if not any(line.by == "server" and line.message is not None for line in self.lines):
            return "the server said nothing"
        return None

    def text(self) -> Iterator[str]:
        """The file's lines, each with its end."""
        yield self.head.model_dump_json(exclude_none=True) + "\n"
        for line in self.lines:
            yield line.model_dump_json(exclude_defaults=True) + "\n"

    @classmethod
    def read(cls, lines: Iterable[str]) -> Self:
        """A capture from a file's lines.

        Raises:
            InvalidMessage: a line is none of a capture.
            PayloadTooLarge: there are too many.
        """
        read: list[Line] = []
        head: Head | None = None
        for number, text in enumerate(lines, 1):
            if number > MOST_LINES or len(text) > MOST_LINE_CHARS:
                raise PayloadTooLarge(
                    f"line {number} of {len(text):,} characters",
                    f"{MOST_LINES:,} lines of {MOST_LINE_CHARS:,} characters",
                    "judge a part of it",
                )
            if text.strip():
                if head is None:
                    head = _read(Head, number, text)
                else:
                    read.append(_read(Line, number, text))
        if head is None:
            raise InvalidMessage("an empty capture", "a head, then lines", "record one")
        return cls(head, read)


def _read(kind: type[_T], number: int, text: str) -> _T:
    try:
        return kind.model_validate(json.loads(text))
    except (ValidationError, ValueError, RecursionError) as error:
        raise InvalidMessage(
            f"line {number}: {text[:80]!r}",
            f"the {kind.__name__.lower()} of a capture, as JSON",
            "see the docstring of lab_kit.protocol.judge.capture",
        ) from error
