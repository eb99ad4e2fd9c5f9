"""What a group and an engine's process tell each other: MessagePack, with its length before it.

Each frame is 4 bytes, big-endian, for the length of what follows, then one of the structs here as
an array that begins with its tag. Both ends are started from one installation, so that nothing is
negotiated. Moments are readings of the machine's monotonic clock (``perf_counter_ns``), which all
its processes share.
"""

import asyncio
from dataclasses import asdict
from typing import Any, TypeVar
from uuid import UUID

import msgspec
import numpy as np

from lab_kit.core.errors import LabError, error_of
from lab_kit.core.events import ModelInfo, PriorityClass
from lab_kit.core.ids import StreamId
from lab_kit.engine.api import CacheView, DecodeRequest, Hypothesis, Load, Priority
from lab_kit.engine.batching import Batching, Continuous, Dynamic, NoBatching, Static

MOST_FRAME_BYTES = 32 << 20
"""Eight minutes of sound in one request: more than any engine here takes."""
_LENGTH_BYTES = 4
POLICIES: dict[str, type[Any]] = {
    kind.__name__: kind for kind in (NoBatching, Static, Dynamic, Continuous)
}
"""The batching policies that can be named to another process."""


class Frame(msgspec.Struct, tag=True, array_like=True):
    """One message."""


class Ask(Frame):
    """Decode this; or this in place of what was asked under the number, if that has not begun.

    Attributes:
        revision: how often it was replaced before.
        audio: (samples,) float32 at 16 kHz, as bytes.
    """

    number: int
    revision: int
    is_new: bool
    audio: bytes
    priority: Priority
    max_tokens: int | None
    draft: tuple[int, ...]
    context: str
    stream: UUID | None
    priority_class: PriorityClass
    is_private: bool
    wants_words: bool
    deadline_ns: int | None
    utterance: int
    goes_on: bool


class Drop(Frame):
    """Nobody waits for that any more."""

    number: int


class Policy(Frame):
    """Batch so from now on."""

    name: str
    values: dict[str, float]


class ShowCache(Frame):
    """Say how the decoder's cache was used since then."""

    number: int
    since_ns: int


class Hello(Frame):
    """The first frame of an engine.

    Attributes:
        places: requests that this connection may have unanswered.
    """

    model: ModelInfo
    places: int


class Started(Frame):
    """The first pass of that request begins."""

    number: int


class Answer(Frame):
    """A request's hypothesis.

    Attributes:
        revision: of the request that was decoded.
        compute_ns: of the device, for this request, in all.
    """

    number: int
    revision: int
    hypothesis: Hypothesis
    compute_ns: int


class Failed(Frame):
    """A request has no hypothesis.

    Attributes:
        reason: of the lab's own errors; empty for any other, whose name is in ``received``.
    """

    number: int
    compute_ns: int
    reason: str
    received: str
    expected: str
    next_step: str
    retry_after_s: float | None


class Dropped(Frame):
    """What was dropped is gone; it cost so much. Told again where a pass of it went on."""

    number: int
    compute_ns: int


class Pulse(Frame):
    """The engine lives; sent every `PULSE_S`.

    Attributes:
        leaving: it takes no more, answers what it has, and ends.
    """

    load: Load
    leaving: bool


class CacheShown(Frame):
    """The answer to `ShowCache`."""

    number: int
    view: CacheView


FromGroup = Ask | Drop | Policy | ShowCache
FromEngine = Hello | Started | Answer | Failed | Dropped | Pulse | CacheShown
_Read = TypeVar("_Read")

_encoder = msgspec.msgpack.Encoder()
FROM_GROUP: "msgspec.msgpack.Decoder[FromGroup]" = msgspec.msgpack.Decoder(FromGroup)
FROM_ENGINE: "msgspec.msgpack.Decoder[FromEngine]" = msgspec.msgpack.Decoder(FromEngine)


def packed(frame: Frame) -> bytes:
    """A frame as it is sent.

    Raises:
        ValueError: it is longer than `MOST_FRAME_BYTES`.
    """
    body = _encoder.encode(frame)
    if len(body) > MOST_FRAME_BYTES:
        raise ValueError(f"a frame of {len(body):,} bytes; at most {MOST_FRAME_BYTES:,}")
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


async def read(reader: asyncio.StreamReader, decoder: "msgspec.msgpack.Decoder[_Read]") -> _Read:
    """The next frame.

    Raises:
        EOFError: the other end is gone.
        ValueError: a length that no frame has.
        msgspec.DecodeError: what came is no frame.
    """
    length = int.from_bytes(await reader.readexactly(_LENGTH_BYTES), "big")
    if length > MOST_FRAME_BYTES:
        raise ValueError(f"a frame of {length:,} bytes; at most {MOST_FRAME_BYTES:,}")
    return decoder.decode(await reader.readexactly(length))


def ask_of(number: int, revision: int, request: DecodeRequest, *, is_new: bool) -> Ask:
    """A request on its way; who is told of its passes stays here."""
    return Ask(
        number,
        revision,
        is_new,
        np.ascontiguousarray(request.audio, np.float32).tobytes(),
        request.priority,
        request.max_tokens,
        request.draft,
        request.context,
        None if request.stream is None else request.stream.value,
        request.priority_class,
        request.is_private,
        request.wants_words,
        request.deadline_ns,
        request.utterance,
        request.goes_on,
    )


def request_of(ask: Ask) -> DecodeRequest:
    """The request that came."""
    return DecodeRequest(
        audio=np.frombuffer(ask.audio, np.float32),
        priority=ask.priority,
        max_tokens=ask.max_tokens,
        draft=ask.draft,
        context=ask.context,
        stream=None if ask.stream is None else StreamId(ask.stream),
        priority_class=ask.priority_class,
        is_private=ask.is_private,
        wants_words=ask.wants_words,
        deadline_ns=ask.deadline_ns,
        utterance=ask.utterance,
        goes_on=ask.goes_on,
    )


def failed(number: int, compute_ns: int, error: BaseException) -> Failed:
    """How a failure is told."""
    if isinstance(error, LabError):
        said = error.received, error.expected, error.next_step
        return Failed(number, compute_ns, error.reason, *said, error.retry_after_s)
    return Failed(number, compute_ns, "", f"{type(error).__name__}: {error}", "", "", None)


def error_told(told: Failed) -> Exception:
    """The failure, read again: one of the lab's own, or what some library raised."""
    error = error_of(told.reason, told.received, told.expected, told.next_step)
    if error is None:
        return RuntimeError(told.received)
    error.retry_after_s = told.retry_after_s
    return error


def policy_of(batching: Batching) -> Policy:
    """A policy by its name and values.

    Raises:
        TypeError: it is none of `POLICIES`.
    """
    name = type(batching).__name__
    if name not in POLICIES:
        raise TypeError(f"the policy {name} cannot be named to another process")
    return Policy(name, asdict(batching))  # type: ignore[call-overload]  # it is a dataclass


def batching_told(policy: Policy) -> Batching:
    """The policy that was named.

    Raises:
        ValueError: there is none of that name, or not with such values.
    """
    if policy.name not in POLICIES:
        raise ValueError(f"no policy is named {policy.name!r}")
    values = {name: int(v) if v == int(v) else v for name, v in policy.values.items()}
    made: Batching = POLICIES[policy.name](**values)
    return made
