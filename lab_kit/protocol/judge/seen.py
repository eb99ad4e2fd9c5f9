"""What was seen of a live stream on its wire, in no provider's words: what the rules look at.

A dialect that has no word for a thing leaves it out; what is None was not said. Times named ``*_s``
count from the stream's first sample.
"""

from collections.abc import Sequence

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from lab_kit.core.events import Event, Final, Interim, SpeechStarted, StreamEnded, UtteranceEnd

_STRICT = ConfigDict(strict=True, allow_inf_nan=False)
"""Servers of any make are read: a time that is no number is found where it is read."""


@dataclass(frozen=True, slots=True, config=_STRICT)
class Opened:
    """The connection is open."""


@dataclass(frozen=True, slots=True, config=_STRICT)
class Refused:
    """The server refused to open it; ``status`` is HTTP's or gRPC's."""

    status: str


@dataclass(frozen=True, slots=True, config=_STRICT)
class Sound:
    """The client sent sound; ``audio_s`` is None where its length cannot be told."""

    audio_s: float | None


@dataclass(frozen=True, slots=True, config=_STRICT)
class AskedForFinal:
    """The client wants a final of what was heard so far."""


@dataclass(frozen=True, slots=True, config=_STRICT)
class Finished:
    """The client will send no more."""


@dataclass(frozen=True, slots=True, config=_STRICT)
class Begun:
    """The server says that the session begins."""


@dataclass(frozen=True, slots=True, config=_STRICT)
class Resumed:
    """The session goes on over this connection; ``after`` is the last number the client has."""

    after: int


@dataclass(frozen=True, slots=True, config=_STRICT)
class Speech:
    """Somebody began to speak."""

    at_s: float


@dataclass(frozen=True, slots=True, config=_STRICT)
class Spoken:
    """A word of a result."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True, config=_STRICT)
class Result:
    """An interim or a final.

    Attributes:
        segment: names the stretch of speech, where the dialect does.
        revision: counts the results of a segment.
        requested: the server says that the client asked for it.
    """

    text: str
    is_final: bool
    start_s: float | None = None
    end_s: float | None = None
    segment: str | None = None
    revision: int | None = None
    stable_chars: int | None = None
    requested: bool = False
    words: tuple[Spoken, ...] = ()


@dataclass(frozen=True, slots=True, config=_STRICT)
class UtteranceOver:
    """Nothing was said for some time after the word that ended then."""

    last_word_end_s: float


@dataclass(frozen=True, slots=True, config=_STRICT)
class Used:
    """Sound that is accounted for; without ``from_s`` it is all until then."""

    until_s: float
    from_s: float | None = None


@dataclass(frozen=True, slots=True, config=_STRICT)
class Renewed:
    """Another credential counts for the session from now on."""


@dataclass(frozen=True, slots=True)
class Failed:
    """An error; a fatal one ends the stream."""

    reason: str
    is_fatal: bool


@dataclass(frozen=True, slots=True, config=_STRICT)
class Ended:
    """Everything was said; ``audio_s`` of sound was heard."""

    audio_s: float | None = None


@dataclass(frozen=True, slots=True, config=_STRICT)
class Closed:
    """The connection is over.

    Attributes:
        code: WebSocket's close code or gRPC's status; None where it was lost without a word.
        by_client: the client ended it.
    """

    code: str | None
    by_client: bool = False

    @property
    def is_well(self) -> bool:
        """Whether it says that all is well."""
        return self.code in ("1000", "OK")


Happening = (
    Opened
    | Refused
    | Sound
    | AskedForFinal
    | Finished
    | Begun
    | Resumed
    | Speech
    | Result
    | UtteranceOver
    | Used
    | Renewed
    | Failed
    | Ended
    | Closed
)


@dataclass(frozen=True, slots=True, config=_STRICT)
class Seen:
    """One thing that was seen.

    Attributes:
        line: where in the capture; from 1.
        sequence: the number that the server gave it, where it numbers what it says.
    """

    line: int
    what: Happening
    sequence: int | None = None


def of_events(events: Sequence[Event]) -> list[Seen]:
    """What our own client has heard of a stream, as if it was a capture of the server's side."""
    return [Seen(line, _of_event(event)) for line, event in enumerate(events, 1)]


def _of_event(event: Event) -> Happening:
    match event:
        case SpeechStarted():
            return Speech(event.at_s)
        case Interim() | Final():
            is_final = isinstance(event, Final)
            return Result(
                text=event.text,
                is_final=is_final,
                start_s=event.start_s,
                end_s=event.end_s,
                stable_chars=event.stable_chars if isinstance(event, Interim) else None,
                words=tuple(Spoken(w.text, w.start_s, w.end_s) for w in event.words),
            )
        case UtteranceEnd():
            return UtteranceOver(event.last_word_end_s)
        case StreamEnded():
            return Ended(event.audio_s)
