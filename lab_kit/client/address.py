"""Where a server is, on every wire that it speaks."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from lab_kit.core.call_record import Traffic


class Wire(StrEnum):
    """How a stream travels; in the order in which labs list them."""

    WEBSOCKET = "WebSocket"
    REALTIME = "WebSocket, base64"
    GRPC = "gRPC"
    UPLOAD = "upload, SSE"
    WEBRTC = "WebRTC"


class Route(Protocol):
    """Something between two WebRTC peers: it changes the addresses that they tell each other."""

    def offer(self, sdp: str) -> str:
        """The client's description as the server is to see it."""
        ...

    def answer(self, sdp: str) -> str:
        """The server's description as the client is to see it."""
        ...


class Meter(Protocol):
    """Counts what passes between a client and a server."""

    def traffic(self) -> Traffic:
        """Bytes so far."""
        ...


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """A server's addresses, and the caller's key.

    Attributes:
        url: HTTP and WebSocket, such as ``http://127.0.0.1:8300``.
        grpc: such as ``127.0.0.1:8301``; None where it is not known.
        route: what is between the peers of WebRTC; None if nothing is.
        meter: counts the bytes; None if nobody does.
    """

    url: str
    key: str | None = None
    grpc: str | None = None
    route: Route | None = None
    meter: Meter | None = None
