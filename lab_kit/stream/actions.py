"""What a stream's session wants done: the whole of what crosses to the pipeline."""

from dataclasses import dataclass

from lab_kit.core.events import Event
from lab_kit.engine.api import DecodeRequest
from lab_kit.stream.segment import Asked


@dataclass(frozen=True, slots=True)
class Emit:
    """Tell the client."""

    event: Event


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the engine; answer with `StreamSession.answer` under the same number."""

    number: int
    request: DecodeRequest


@dataclass(frozen=True, slots=True)
class Renew:
    """Put newer audio under an ask that may still wait; tell `StreamSession.renewed` if it did."""

    asked: Asked
    request: DecodeRequest


@dataclass(frozen=True, slots=True)
class Drop:
    """The answer to that number is not wanted any more."""

    number: int


Action = Emit | Ask | Renew | Drop
