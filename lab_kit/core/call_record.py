"""What was seen of one call, as records: raw stamps from which every metric is computed.

A record holds no figure that could be derived from it. Stamps named ``*_ns`` are the client's
monotonic clock unless they say ``remote``.
"""

from dataclasses import dataclass

from lab_kit.core.clock import ClockOffset
from lab_kit.core.events import Event, Final, TimedWord


@dataclass(frozen=True, slots=True)
class Spoken:
    """What was really said, and when: the truth that delays are counted from.

    Attributes:
        start_s, end_s: onset of the first word and end of the last, from the audio's first sample.
    """

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Sent:
    """One chunk on its way.

    Attributes:
        audio_end_s: end of the audio it completes.
        due_ns: when a microphone would have had it.
        sent_ns: when it was handed to the socket.
    """

    audio_end_s: float
    due_ns: int
    sent_ns: int


@dataclass(frozen=True, slots=True)
class Received:
    """One event as it arrived.

    Attributes:
        version: the model's version that answered; None where the message does not name it.
    """

    event: Event
    received_ns: int
    remote_sent_ns: int
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes seen on the wire between client and server, whatever they were for.

    Payload of TCP and of UDP, without the headers of IP beneath them.
    """

    up_bytes: int
    down_bytes: int


@dataclass(frozen=True, slots=True)
class StreamCall:
    """One live stream, from the caller's side.

    Attributes:
        name: what was streamed, for titles.
        started_ns: when the first sample was due; audio time ``a`` was due at ``started_ns + a``.
        spoken: the utterances in it; empty where nobody knows, as with a microphone.
        clock: how the server's clock relates to ours.
        device: where the model ran.
        wire: how it travelled.
        opening_ns, opened_ns: when connecting began, and when audio could be sent.
        traffic: bytes from the first of the set-up to the last; None where nobody counted.
    """

    name: str
    started_ns: int
    audio_s: float
    chunk_s: float
    spoken: tuple[Spoken, ...]
    sent: tuple[Sent, ...]
    received: tuple[Received, ...]
    clock: ClockOffset
    device: str
    wire: str = "WebSocket"
    opening_ns: int = 0
    opened_ns: int = 0
    traffic: Traffic | None = None

    @property
    def setup_s(self) -> float:
        """From the first step of connecting until audio could be sent."""
        return (self.opened_ns - self.opening_ns) / 1e9

    @property
    def versions(self) -> tuple[str, ...]:
        """The model's versions that answered, in the order of their first result."""
        named = (received.version for received in self.received)
        return tuple(dict.fromkeys(version for version in named if version is not None))

    @property
    def text(self) -> str:
        """What its finals say, in order."""
        finals = (r.event for r in self.received if isinstance(r.event, Final))
        return " ".join(final.text for final in finals)

    def due_ns(self, audio_s: float) -> int:
        """When that moment of the audio sounded."""
        return self.started_ns + round(audio_s * 1e9)


@dataclass(frozen=True, slots=True)
class RequestCall:
    """One recording transcribed in one request.

    Attributes:
        first_byte_ns: when the response's headers had arrived.
        remote_ns: the server's stamps in order: received, decoded, started, finished, responded.
        version: the model's version that answered; None where nobody said.
        words: those of the text, with their times.
    """

    name: str
    text: str
    audio_s: float
    sent_ns: int
    first_byte_ns: int
    received_ns: int
    remote_ns: dict[str, int]
    clock: ClockOffset
    device: str
    version: str | None = None
    words: tuple[TimedWord, ...] = ()

    @property
    def headers_s(self) -> float:
        """From the request's first byte out to the response's headers in."""
        return (self.first_byte_ns - self.sent_ns) / 1e9

    @property
    def total_s(self) -> float:
        """From the request's first byte out to the response's last byte in."""
        return (self.received_ns - self.sent_ns) / 1e9


@dataclass(frozen=True, slots=True)
class StageSpan:
    """One bar of a waterfall, in seconds from the call's zero."""

    name: str
    start_s: float
    end_s: float

    @property
    def length_s(self) -> float:
        """How long it took."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class Waterfall:
    """Where the time of one result went.

    Attributes:
        zero: what zero seconds means, as a phrase.
        stages: one after the other; together they are the whole.
        hidden: work that ran meanwhile and cost the caller no time.
        clock_error_s: how far the border between the network and the server may be off.
    """

    title: str
    zero: str
    stages: tuple[StageSpan, ...]
    hidden: tuple[StageSpan, ...]
    clock_error_s: float
    device: str

    @property
    def total_s(self) -> float:
        """From zero to the end of the last stage."""
        return self.stages[-1].end_s
