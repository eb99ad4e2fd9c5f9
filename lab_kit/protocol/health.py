"""Whether a server is alive and may be sent work."""

from typing import Literal

from pydantic.dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Alive:
    """The process answers; the stamps, on its monotonic clock, let a client compare clocks."""

    status: Literal["ok"]
    received_ns: int
    sent_ns: int


@dataclass(frozen=True, slots=True)
class Ready:
    """It may be sent work.

    Attributes:
        grpc_port: where it speaks gRPC.
        tls_port: where it speaks HTTP with TLS; None where it does not.
        degradation: how far its service is reduced; ``full`` if it is not.
        background_failures: how often each of its background tasks failed, by name.
    """

    status: Literal["ready"]
    model: str
    version: str
    device: str
    grpc_port: int
    degradation: str
    background_failures: dict[str, int]
    tls_port: int | None = None


@dataclass(frozen=True, slots=True)
class NotReady:
    """It may not; ``reason`` says why where that is a failure."""

    status: Literal["loading", "draining", "failed"]
    reason: str | None = None
