"""What a decoder answers: the most probable next token, and how probable it was."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Choice:
    """What the decoder thinks comes next, for one sequence and one position."""

    token: int
    log_probability: float
