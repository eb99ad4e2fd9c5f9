"""What becomes of admitted work, as it is told to whoever counts it.

Names, seconds and versions, and never a word that was spoken.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from lab_kit.core.events import Event, Final, Interim
from lab_kit.core.ids import StreamIdentity, TenantId

OK, CANCELLED = "OK", "CANCELLED"
"""How a recording or an inference ends that raised no error: whole, or given up by its caller."""


class WorkKind(StrEnum):
    """What was asked for."""

    STREAM = "stream"
    RECORDING = "recording"
    INFERENCE = "inference"
    SPEECH = "speech"


@dataclass(frozen=True, slots=True)
class Work:
    """One stream, recording or inference that was let in.

    Attributes:
        tenant: whose it is.
        version: of the model that does it; 0 for the voice, which has one alone.
        key_id: of the API key that it was asked for with; empty where there was none.
        is_operation: nobody waits for it, and after a restart it goes on: what of it was used is
            told by whoever keeps its results.
    """

    kind: WorkKind
    identity: StreamIdentity
    tenant: TenantId
    version: int
    key_id: str = ""
    is_operation: bool = False


class Outcome(StrEnum):
    """Who decided that a live stream ends: its client, or this server; a client may also vanish, or
    ask for what cannot be."""

    SERVED = "served"
    FAILED = "failed"
    REFUSED = "refused"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class LiveResult:
    """Of a result with words on a stream whose sound came as it was spoken.

    Attributes:
        since_start_s: from the arrival of the sound that its segment begins with.
        since_end_s: from the arrival of the last sound that it covers, which for a final is the end
            of what was said.
    """

    since_start_s: float
    since_end_s: float


@dataclass(frozen=True, slots=True)
class Delivery:
    """One result that was handed over.

    Attributes:
        is_final: it will not be revised.
        audio_s: the stretch of sound that it is about.
        wait_s: from the decision that its segment ended; None for what is no final of a stream.
        trace_id: of its stream; empty where it is not sampled.
        until_s: where in the sound it ends.
        live: how long it took; None where that means nothing.
    """

    is_final: bool
    audio_s: float
    wait_s: float | None = None
    trace_id: str = ""
    until_s: float = 0.0
    live: LiveResult | None = None


@dataclass(frozen=True, slots=True)
class Reached:
    """How far work has got, from its beginning.

    Attributes:
        told_s: sound that its caller has been told about: by a result, by usage, or by the end.
        submitted_s: sound that came.
        processed_s: of it, what was gone through for speech or given to the model; what was spoken.
        characters: of a text, that were spoken.
        tokens: that the model wrote in finals.
        compute_ns: time of the device.
        channels: of the sound, as it came.
        features: what was asked for beyond finals, by name.
    """

    told_s: float = 0.0
    submitted_s: float = 0.0
    processed_s: float = 0.0
    characters: int = 0
    tokens: int = 0
    compute_ns: int = 0
    channels: int = 1
    features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ended:
    """How work ended, and how much of it there was.

    Attributes:
        code: the wire's own for a stream; `OK`, `CANCELLED` or an error's reason otherwise.
        outcome: of a stream.
        owed: finals that were decided and not told.
    """

    code: int | str
    reached: Reached
    outcome: Outcome = Outcome.LEFT
    owed: int = 0


class Listener(Protocol):
    """Whoever counts work. All of it is called on the event loop and must not wait."""

    def opened(self, work: Work) -> None:
        """It begins."""
        ...

    def telling(self, work: Work, reached: Reached) -> None:
        """Its caller is told next that it has got so far."""
        ...

    def delivered(self, work: Work, delivery: Delivery) -> None:
        """One result of it was handed over."""
        ...

    def ended(self, work: Work, ended: Ended) -> None:
        """Nothing more of it will come, whatever the reason."""
        ...


def delivery_of(
    event: Event, sent_ns: int, trace_id: str, *, is_live: bool = True
) -> Delivery | None:
    """An event of a stream as listeners hear of it; None for one that is no result.

    Args:
        is_live: whether its sound came as it was spoken.
    """
    if not isinstance(event, Interim | Final):
        return None
    live = _live(event, sent_ns) if is_live and event.text else None
    audio_s = event.end_s - event.start_s
    if isinstance(event, Interim):
        return Delivery(False, audio_s, None, trace_id, event.end_s, live)
    wait_s = max(0.0, (sent_ns - event.timing.decided_ns) / 1e9)
    return Delivery(True, audio_s, wait_s, trace_id, event.end_s, live)


def _live(event: Interim | Final, sent_ns: int) -> LiveResult:
    """The sound was sent as it was spoken, so it came as long before the newest as it was said."""
    timing = event.timing
    since_s = (sent_ns - timing.received_ns) / 1e9 + timing.trigger_audio_s
    return LiveResult(since_s - event.start_s, since_s - event.end_s)
