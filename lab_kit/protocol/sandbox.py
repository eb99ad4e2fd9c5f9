"""The operator's API on sandbox keys: the faults that calls with one meet, and their journal."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

MOST_FAULTS = 100
LONGEST_S = 600.0
"""A test that waits longer waits for nothing."""
Wire = Literal["http", "websocket", "grpc"]


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class Fault:
    """What a call meets; of ``status``, ``close_code`` and ``is_silent`` one at most.

    Attributes:
        times: calls that meet it; None for every one.
        delay_s: before the call is looked at.
        status: it is refused with, in the words of the provider whose API was called.
        retry_after_s: told with a refusal that may be tried again.
        close_code: the server ends a WebSocket with; a stream over gRPC ends as it does where the
            server goes away. An answer over HTTP is not cut.
        is_silent: nothing more is sent, and the connection stays.
        after_messages: that the server has sent, before it closes or falls silent.
        each_s: before each message, or piece of an answer.
    """

    times: Annotated[int, Field(ge=1, le=1_000_000)] | None = 1
    delay_s: Annotated[float, Field(ge=0, le=LONGEST_S)] = 0.0
    status: int | None = None
    retry_after_s: Annotated[float, Field(ge=0, le=LONGEST_S)] | None = None
    close_code: int | None = None
    is_silent: bool = False
    after_messages: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    each_s: Annotated[float, Field(ge=0, le=LONGEST_S)] = 0.0


@dataclass(
    frozen=True,
    slots=True,
    config=ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"faults": [{"status": 429, "retry_after_s": 1.0}]}]},
    ),
)
class FaultPlan:
    """The faults of a key in the order in which calls meet them, one a call.

    A call beyond them is served as any other.
    """

    faults: Annotated[tuple[Fault, ...], Field(max_length=MOST_FAULTS)] = ()


@dataclass(
    frozen=True,
    slots=True,
    config=ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"lines": ["A large pizza, please."]}]}
    ),
)
class Script:
    """What a key's calls are answered with, whatever they sound like.

    Attributes:
        lines: what the utterances of each call are, in order, then again from the first; none to
            have them recognized.
    """

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SandboxKey:
    """A key as it was made; the key itself is told this once.

    Attributes:
        name: for the operator's paths.
        key: for a client, wherever it puts a provider's key.
    """

    name: str
    key: str


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One call with a sandbox key.

    Attributes:
        number: counts the key's calls, from 1.
        at: when it came, in UTC, as ISO 8601.
        began_s: when it came, since the key was made.
        request_id: names the call, as its answer does.
        wire: how it was spoken.
        method, path, query: of the request; over gRPC the method is the path.
        status: it was answered with over HTTP, 101 for an upgrade, or gRPC's number; None as long
            as it was not.
        close_code: of a WebSocket, whoever closed it; None while it is open.
        received_messages, received_bytes: from the client: messages of a stream, pieces of a body.
        sent_messages, sent_bytes: to the client.
        kinds: messages of text that came, by what their ``type`` says, of a stream.
        fault: what it met, None for nothing.
        duration_s: from its arrival to its end; None while it goes on.
    """

    number: int
    at: str
    began_s: float
    request_id: str
    wire: Wire
    method: str
    path: str
    query: str
    status: int | None
    close_code: int | None
    received_messages: int
    received_bytes: int
    sent_messages: int
    sent_bytes: int
    kinds: dict[str, int]
    fault: Fault | None
    duration_s: float | None


@dataclass(frozen=True, slots=True)
class Journal:
    """A key's calls, oldest first.

    Attributes:
        forgotten: older ones that made room.
    """

    entries: tuple[JournalEntry, ...]
    forgotten: int
