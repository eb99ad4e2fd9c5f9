"""Whose turn it is, and from when on an answer is worth beginning.

    LISTENING    the caller speaks, or nobody does; the model reads along
    THINKING     the caller paused: an answer is made, and its sound held back
    SPEAKING     the turn was over, and the answer is heard

Half of all pauses end in more speech. An answer that was begun at one is thrown away then, and what
it cost is processor time; in the other half it is ready when the silence is long enough.
"""

from dataclasses import dataclass
from enum import StrEnum

from lab_kit.core.replies import already_answering


class State(StrEnum):
    """Whose turn it is."""

    LISTENING = "listening"
    THINKING = "thinking"
    SPEAKING = "speaking"


@dataclass(frozen=True, slots=True)
class Read:
    """Have the model read what was said so far; more of the turn will follow."""

    text: str


@dataclass(frozen=True, slots=True)
class Think:
    """Begin an answer, and hold its sound back.

    Attributes:
        text: the caller's turn; None for an answer to what was said before.
        is_ahead: the turn may go on.
    """

    number: int
    text: str | None
    is_ahead: bool


@dataclass(frozen=True, slots=True)
class Drop:
    """Throw an answer away; nobody has heard of it."""

    number: int


@dataclass(frozen=True, slots=True)
class Release:
    """Let an answer be heard.

    Attributes:
        dropped: answers of this turn that were thrown away.
    """

    number: int
    dropped: int


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Stop an answer that is heard."""

    number: int


Act = Read | Think | Drop | Release | Interrupt


class Turns:
    """The state of one conversation.

    Attributes:
        state: whose turn it is.
        answers: whether turns are answered without being asked to.
        yields: whether an answer stops when the caller speaks.
        last_turn: what was said in the turn that ended last.
    """

    def __init__(self, *, answers: bool = True, yields: bool = True) -> None:
        self.state = State.LISTENING
        self.answers = answers
        self.yields = yields
        self.last_turn = ""
        self._number = 0
        self._said: list[str] = []
        self._thought = ""
        self._dropped = 0

    def heard(self, text: str) -> list[Act]:
        """The caller's words so far; the last of them may change."""
        if self.state is not State.LISTENING or not self.answers:
            return []
        words = self._turn(text).split()[:-1]
        return [Read(" ".join(words))] if words else []

    def paused(self, text: str) -> list[Act]:
        """The caller paused, having said this."""
        if self.state is State.SPEAKING or not self.answers or not self._turn(text):
            return []
        return [*self._drop(), self._think(self._turn(text), is_ahead=True)]

    def resumed(self) -> list[Act]:
        """It was no pause."""
        return self._drop()

    def said(self, text: str, *, is_over: bool) -> list[Act]:
        """What was said for good, and whether the turn is over with it."""
        whole = self._turn(text)
        if not is_over:
            self._said = [whole] if whole else []
            return self._drop()
        self._said, self.last_turn = [], whole
        if self.state is State.SPEAKING or not self.answers or not whole:
            return self._drop()
        if self.state is State.THINKING and _bare(whole) == _bare(self._thought):
            return [self._release()]
        return [*self._drop(), self._think(whole, is_ahead=False), self._release()]

    def asked(self) -> list[Act]:
        """The client wants an answer now.

        Raises:
            AlreadyAnswering: there is one.
        """
        if self.state is State.SPEAKING:
            raise already_answering()
        return [*self._drop(), self._think(None, is_ahead=False), self._release()]

    def spoke(self) -> list[Act]:
        """The caller began to speak."""
        if self.state is State.SPEAKING and self.yields:
            return self.stopped()
        return []

    def stopped(self) -> list[Act]:
        """The answer is to stop."""
        if self.state is not State.SPEAKING:
            return self._drop()
        self.state = State.LISTENING
        return [Interrupt(self._number)]

    def over(self, number: int) -> None:
        """An answer was heard to its end, or failed."""
        if self.state is State.SPEAKING and number == self._number:
            self.state = State.LISTENING

    def _turn(self, text: str) -> str:
        return " ".join(part for part in (*self._said, text) if part)

    def _think(self, text: str | None, *, is_ahead: bool) -> Think:
        self._number += 1
        self._thought = text or ""
        self.state = State.THINKING
        return Think(self._number, text, is_ahead)

    def _release(self) -> Release:
        self.state = State.SPEAKING
        dropped, self._dropped = self._dropped, 0
        return Release(self._number, dropped)

    def _drop(self) -> list[Act]:
        if self.state is not State.THINKING:
            return []
        self.state = State.LISTENING
        self._dropped += 1
        return [Drop(self._number)]


def _bare(text: str) -> str:
    """By letters and digits alone: how the last sound faded may change a comma."""
    return "".join(letter for letter in text.lower() if letter.isalnum())
