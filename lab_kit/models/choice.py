"""What a decoder answers: the most probable next token, and how probable it was."""

from dataclasses import dataclass

from lab_kit.audio.pcm import FloatArray


@dataclass(frozen=True, slots=True)
class Choice:
    """What the decoder thinks comes next, for one sequence and one position.

    Attributes:
        query: what it asked the sound with while it chose, (heads, width) float32 of the heads
            that follow the words; see `word_times`.
    """

    token: int
    log_probability: float
    query: FloatArray
