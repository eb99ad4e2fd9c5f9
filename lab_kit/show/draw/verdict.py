"""What a run came to, in a sentence, and whether that is inside a limit."""

from dataclasses import dataclass
from enum import Enum


class Sign(Enum):
    """What stands before a verdict."""

    NONE = "nothing is limited"
    INSIDE = "inside the limit"
    OVER = "over the limit"
    UNSAID = "cannot be said"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The first thing to be read of a picture.

    Attributes:
        told: what came out, in sentences computed from the run.
        sign: how that is to a limit.
        guess: how far off the reader was; empty where nobody asked.
    """

    told: str = ""
    sign: Sign = Sign.NONE
    guess: str = ""

    @property
    def text(self) -> str:
        """All of it, for who cannot see the picture."""
        return "\n".join(part for part in (self.told, self.guess) if part)


def within(value: float, limit: float) -> Sign:
    """The sign of a value that has a limit."""
    return Sign.INSIDE if value <= limit else Sign.OVER
