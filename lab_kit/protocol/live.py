"""What a client may say on a live stream, and what a dialect has to do: no provider's words here.

Messages are whatever the dialect's wire carries: text and bytes for a WebSocket, serialized
protobuf for gRPC. A dialect is pure: messages and events in, messages and inputs out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from lab_kit.core.errors import LabError
from lab_kit.core.events import Event, StreamOptions
from lab_kit.core.replies import TalkRequest


@dataclass(frozen=True, slots=True)
class Audio:
    """A chunk of sound, in the stream's encoding."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """A message that answers the client's at once, past the results that wait.

    Attributes:
        told_s: the sound that it tells of, from the stream's beginning; 0 for one that tells of
            none.
    """

    message: Any
    told_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Change:
    """How utterances begin and end from here on; nothing else of the options may differ."""

    options: StreamOptions


@dataclass(frozen=True, slots=True)
class Ask:
    """Something for whoever answers on this stream."""

    request: TalkRequest


class Control(Enum):
    """What a client may send besides audio."""

    KEEP_ALIVE = "stay open though no audio comes"
    FINALIZE = "say now what was heard"
    CLOSE = "no more audio will come"


Input = Audio | Reply | Change | Ask | Control
"""What a message from the client brings: audio, a command, or a mistake that is answered."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a stream ends on its wire.

    Attributes:
        code: the wire's own, such as 1000 or ``OK``.
        metadata: what gRPC sends beside the status.
    """

    code: int | str
    reason: str
    metadata: tuple[tuple[str, str], ...] = ()


class Dialect(Protocol):
    """The server's side of one stream in somebody's words."""

    @property
    def options(self) -> StreamOptions:
        """What the client has chosen; asked for when the first audio comes."""
        ...

    def greet(self) -> Sequence[Any]:
        """What is said before anything is heard."""
        ...

    def parse(self, message: Any) -> Sequence[Input]:
        """What a message means.

        Raises:
            LabError: it ends the stream, after what was heard before has been said.
        """
        ...

    def render(self, event: Event, sent_ns: int) -> Sequence[Any]:
        """The messages that tell an event; none where the dialect has no word for it."""
        ...

    def end(self, error: LabError | None) -> tuple[Sequence[Any], Ending]:
        """Last words, and how the stream ends: None if the client asked for it."""
        ...
