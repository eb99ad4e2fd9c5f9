"""What writes answers: whatever a language model is, a conversation needs no more of it."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Protocol

from lab_kit.core.replies import FunctionCall, ReplyOptions, Said
from lab_kit.gateway.door.door import Spoken


@dataclass(frozen=True, slots=True)
class Written:
    """A clause of an answer.

    Attributes:
        tokens: of it; where nobody counts them, its words.
        token_ns: when its first token was there, on the monotonic clock.
        written_ns: when it was whole.
    """

    text: str
    tokens: int
    token_ns: int
    written_ns: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """The answer is over.

    Attributes:
        prompt_tokens: that the model read for it.
        is_cut: it was longer than was asked for.
    """

    prompt_tokens: int
    is_cut: bool


Part = Written | FunctionCall | Stopped


class Author(Protocol):
    """Writes the answers of one conversation."""

    async def begin(self, said: Sequence[Said]) -> None:
        """Get ready, and read what every answer follows.

        Raises:
            LabError: it cannot.
        """
        ...

    async def read(self, said: Sequence[Said]) -> None:
        """Read along: the last text is going to be longer."""
        ...

    def close(self) -> None:
        """The conversation is over."""
        ...

    def answer(
        self, call: Spoken, said: Sequence[Said], options: ReplyOptions
    ) -> AsyncGenerator[Part, None]:
        """An answer, clause by clause; last comes `Stopped`. Whoever closes it stops the model.

        Raises:
            LabError: it cannot be written.
        """
        ...


class Language(Protocol):
    """A language model, for all conversations of a server."""

    name: str

    def author(self, caller: str) -> Author:
        """One for a conversation; whoever has it closes it.

        Args:
            caller: by what name it takes turns.

        Raises:
            SystemOverloaded: there are too many.
        """
        ...

    def stop(self) -> None:
        """Begin nothing any more."""
        ...
