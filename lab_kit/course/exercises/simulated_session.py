"""A session that a reader's client is judged by: connections that break where a test wants.

The server says one numbered message for each piece of speech that it takes. What it has said is
kept; a connection that is lost takes along what was on its way.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MOST_CONNECTIONS = 60
"""Whoever has connected so often is not going to stop."""


@dataclass(frozen=True, slots=True)
class Told:
    """A message of the server's.

    Attributes:
        number: 1, 2, 3, … over all connections.
    """

    number: int
    text: str


class NeverStops(BaseException):
    """The client connects again and again; no ``except Exception`` of a reader holds it up."""


class SimulatedSession:
    """The server's side.

    Args:
        cuts: after how many messages, both ways together, each connection breaks; those after the
            last never do.
        is_gone_after: connections, after which the session has been given up; None for never.

    Attributes:
        taken: the pieces, in the order in which they were taken.
        asked_after: the number that each connection was opened behind.
    """

    def __init__(self, cuts: Sequence[int] = (), is_gone_after: int | None = None) -> None:
        self.taken: list[str] = []
        self.asked_after: list[object] = []
        self._cuts: Iterator[int] = iter(cuts)
        self._is_gone_after = is_gone_after
        self._told: list[Told] = []
        self._is_finished = False

    def connect(self, after: object) -> "SimulatedLine":
        """Open a connection that goes on behind a number.

        Raises:
            LookupError: the session has been given up.
            ValueError: nobody can have seen that number.
        """
        if len(self.asked_after) >= MOST_CONNECTIONS:
            raise NeverStops
        self.asked_after.append(after)
        if self._is_gone_after is not None and len(self.asked_after) > self._is_gone_after:
            raise LookupError("no such session: it was without a connection for too long")
        if not isinstance(after, int) or not 0 <= after <= len(self._told):
            raise ValueError(f"after={after!r}; expected: a number from 0 to {len(self._told)}")
        return SimulatedLine(self, after, next(self._cuts, 10**9))

    def take(self, piece: str) -> None:
        """Take a piece of speech, and say what was heard in it."""
        if not self._is_finished:
            self.taken.append(piece)
            self._told.append(Told(len(self._told) + 1, piece.upper()))

    def finish(self) -> None:
        """No more will come."""
        self._is_finished = True

    def behind(self, number: int) -> Told | None:
        """The message that follows; None where all was said.

        Raises:
            RuntimeError: nothing is there, and the client has not finished: it would wait for ever.
        """
        if number < len(self._told):
            return self._told[number]
        if not self._is_finished:
            raise RuntimeError("receive() would wait for ever: nothing was sent, nor finish() said")
        return None


class SimulatedLine:
    """One connection.

    Attributes:
        taken: how many pieces the server had taken when it was opened.
    """

    def __init__(self, session: SimulatedSession, after: int, left: int) -> None:
        self.taken = len(session.taken)
        self._session = session
        self._seen = after
        self._left = left

    def send(self, piece: str) -> None:
        """Send one piece of speech.

        Raises:
            ConnectionError: the connection is lost, and the piece with it.
        """
        self._carry()
        self._session.take(piece)

    def finish(self) -> None:
        """Say that no more will come.

        Raises:
            ConnectionError: the connection is lost.
        """
        self._carry()
        self._session.finish()

    def receive(self) -> Told | None:
        """The next message; None once everything was said.

        Raises:
            ConnectionError: the connection is lost, and the message with it.
        """
        told = self._session.behind(self._seen)
        self._carry()
        if told is not None:
            self._seen = told.number
        return told

    def _carry(self) -> None:
        if self._left <= 0:
            raise ConnectionError("the connection was lost")
        self._left -= 1
