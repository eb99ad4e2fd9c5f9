"""Things that were found, and what each of them opened where it was tried: words only."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from lab_kit.core.table import Table

_HEAD_CHARS, _END_CHARS = 24, 6


class Opens(StrEnum):
    """What a credential still opens."""

    NOTHING = "nothing"
    RECORDINGS = "recordings"
    STREAMS = "streams"
    EVERYTHING = "everything"


class Way(StrEnum):
    """A way in that is tried."""

    RECORDING = "recording"
    WEBSOCKET = "stream, WebSocket"
    GRPC = "stream, gRPC"
    SPEECH = "speech"


@dataclass(frozen=True, slots=True)
class Found:
    """Something that was found.

    Attributes:
        where: it was found, and what is known of it.
        question: that leads to what it opens.
        credential: the key or the token itself.
    """

    where: str
    question: str
    credential: str

    @property
    def shown(self) -> str:
        """Its beginning and its end."""
        if len(self.credential) <= _HEAD_CHARS + _END_CHARS:
            return self.credential
        return f"{self.credential[:_HEAD_CHARS]}…{self.credential[-_END_CHARS:]}"


class Loot(Mapping[int, Found]):
    """Everything that was found, by number from 1."""

    def __init__(self, found: Mapping[int, Found]) -> None:
        self._found = dict(found)

    def __getitem__(self, number: int) -> Found:
        return self._found[number]

    def __iter__(self) -> Iterator[int]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    @property
    def table(self) -> Table:
        """A row for each, without what it opens."""
        rows = [(str(number), one.where, one.shown) for number, one in self.items()]
        return Table("thing found", ("", "where it was found", "what was found"), rows, left=3)


@dataclass(frozen=True, slots=True)
class Tried:
    """One thing, tried on every way in.

    Attributes:
        refusals: what the server said on each way in; empty where it opened.
    """

    found: Found
    refusals: Mapping[Way, str]

    @property
    def opens(self) -> Opens:
        """What it opened, in one word."""
        is_open = {way for way, words in self.refusals.items() if not words}
        is_stream = bool(is_open & {Way.WEBSOCKET, Way.GRPC})
        if is_stream and is_open >= {Way.RECORDING, Way.SPEECH}:
            return Opens.EVERYTHING
        if is_stream:
            return Opens.STREAMS
        return Opens.RECORDINGS if Way.RECORDING in is_open else Opens.NOTHING

    @property
    def said(self) -> str:
        """How the server refused a stream, else anything else; empty where it refused nothing."""
        words = (self.refusals[Way.WEBSOCKET], *self.refusals.values())
        return next(filter(None, words), "")

    @property
    def table(self) -> Table:
        """A row for each way in."""
        rows = [
            (way.value, f"refused: {words}" if words else "opened")
            for way, words in self.refusals.items()
        ]
        return Table("way in", ("way in", "the server"), rows, left=2)


class TriedLoot(Mapping[int, Tried]):
    """All of the loot, tried, by number."""

    def __init__(self, tried: Mapping[int, Tried]) -> None:
        self._tried = dict(tried)

    def __getitem__(self, number: int) -> Tried:
        return self._tried[number]

    def __iter__(self) -> Iterator[int]:
        return iter(self._tried)

    def __len__(self) -> int:
        return len(self._tried)

    @property
    def still_open(self) -> int:
        """How many of them open anything."""
        return sum(one.opens is not Opens.NOTHING for one in self.values())

    @property
    def table(self) -> Table:
        """A row for each: what it opened, and what the server said where it refused."""
        rows = [
            (str(number), one.found.where, one.opens.value, one.said)
            for number, one in self.items()
        ]
        head = ("", "where it was found", "opens", "what the server refused")
        return Table("thing found", head, rows, left=4)
