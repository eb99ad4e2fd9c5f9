"""One connection of a session as its client holds it, whatever it is made of."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from lab_kit.protocol.stream_messages import CommandMessage, Resume, ServerMessage, StreamRequest


@dataclass(frozen=True, slots=True)
class Heard:
    """A message of the server's and when it arrived, on this process's monotonic clock."""

    message: ServerMessage
    received_ns: int


class Line(Protocol):
    """An open connection."""

    async def send(self, message: bytes | CommandMessage, number: int) -> int:
        """Send sound or a command, the client's message of that number; returns when it left.

        Raises:
            ConnectionFailed: the connection is gone.
        """
        ...

    def messages(self) -> AsyncIterator[Heard]:
        """What the server says, until the connection ends.

        Raises:
            ConnectionFailed: it was lost.
        """
        ...


class Lines(Protocol):
    """How connections are made to one server."""

    def use(self, key: str) -> None:
        """Connect with another key, or token, from now on."""
        ...

    def open(self, asked: StreamRequest | Resume) -> AbstractAsyncContextManager[Line]:
        """Connect, to begin a session or to go on with one.

        Raises:
            LabError: refused, or nobody listens.
        """
        ...
