"""What a stream's session wants done: the whole of what crosses to the pipeline."""

from dataclasses import dataclass

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.events import Event
from lab_kit.engine.api import DecodeRequest
from lab_kit.stream.segment import PendingDecode


@dataclass(frozen=True, slots=True)
class Emit:
    """Tell the client."""

    event: Event


@dataclass(frozen=True, slots=True)
class Submit:
    """Submit a decode; its answer goes to `StreamSession.answer` under the same number."""

    number: int
    request: DecodeRequest


@dataclass(frozen=True, slots=True)
class Refresh:
    """Give a decode that may still wait newer audio; tell `StreamSession.refreshed` if it did."""

    pending: PendingDecode
    request: DecodeRequest


@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancel a decode: its answer is not wanted any more."""

    number: int


@dataclass(frozen=True, slots=True)
class Judge:
    """Find out whether the speaker has finished; tell `StreamSession.judged`, or nobody."""

    number: int
    audio: FloatArray


Action = Emit | Submit | Refresh | Cancel | Judge
