"""When each character of a spoken text is heard, as far as a voice can tell.

A voice that speaks piece by piece knows when the sound of each piece begins and ends, and nothing
of the characters in it. They share that time evenly; how long each of them really sounds is not
known.
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CharacterTimes:
    """Characters in order, each with its start and its end."""

    characters: list[str]
    starts_s: list[float]
    ends_s: list[float]

    def extend(self, other: "CharacterTimes") -> None:
        """Add those that follow."""
        self.characters.extend(other.characters)
        self.starts_s.extend(other.starts_s)
        self.ends_s.extend(other.ends_s)


@dataclass(frozen=True, slots=True)
class PieceTimes:
    """A piece of a text, and what was measured of its sound.

    Attributes:
        before, said, behind: its characters: before what the voice said, said, and behind it.
        quiet_s, voice_s, rest_s: its sound: until the voice begins, until it has ended, and what
            follows until the next piece.
    """

    before: str
    said: str
    behind: str
    quiet_s: float
    voice_s: float
    rest_s: float

    @property
    def duration_s(self) -> float:
        """Of all its sound."""
        return self.quiet_s + self.voice_s + self.rest_s

    def characters_from(self, from_s: float) -> CharacterTimes:
        """The times of its characters, if its sound begins at ``from_s``.

        What is silent has the silence; where there is no such character, the nearest has it.
        """
        voice_from_s = from_s + self.quiet_s
        voice_to_s = voice_from_s + self.voice_s
        end_s = from_s + self.duration_s
        told = CharacterTimes([], [], [])
        for text, start_s, stop_s in (
            (self.before, from_s, voice_from_s),
            (self.said, voice_from_s, voice_to_s),
            (self.behind, voice_to_s, end_s),
        ):
            edges_s = list(_edges(start_s, stop_s, len(text)))
            told.extend(CharacterTimes(list(text), edges_s[:-1], edges_s[1:]))
        told.starts_s[0], told.ends_s[-1] = from_s, end_s
        return told


def _edges(start_s: float, stop_s: float, count: int) -> Iterator[float]:
    """The edges of so many equal parts."""
    for number in range(count):
        yield start_s + (stop_s - start_s) * number / count
    yield stop_s
