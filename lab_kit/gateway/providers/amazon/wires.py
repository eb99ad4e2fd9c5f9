"""Frames over a WebSocket, a message each, and over HTTP, whose two bodies flow at once."""

from collections.abc import Mapping

from starlette.types import Receive, Send
from starlette.websockets import WebSocketDisconnect

from lab_kit.dialects.amazon.event_stream import FrameSplitter
from lab_kit.gateway.live.live_stream import ClientGone
from lab_kit.gateway.live.socket_wire import SocketWire
from lab_kit.protocol.live import Ending

MEDIA_TYPE = "application/vnd.amazon.eventstream"


class FrameSocketWire(SocketWire):
    """Binary messages both ways."""

    async def send(self, message: bytes) -> None:  # type: ignore[override]
        """Send a frame; returns when the socket has taken it."""
        try:
            await self._socket.send_bytes(message)
        except (RuntimeError, WebSocketDisconnect) as error:  # as where text is sent
            raise ClientGone from error


class BodyWire:
    """One request and its answer, which has begun before the request has ended.

    Args:
        headers: of the answer.
    """

    def __init__(self, receive: Receive, send: Send, headers: Mapping[str, str]) -> None:
        self._receive = receive
        self._send = send
        self._headers = {"content-type": MEDIA_TYPE, **headers}
        self._splitter = FrameSplitter()
        self._has_ended = False

    async def open(self) -> None:
        """Send the status, for which clients wait before they send any sound."""
        headers = [(n.encode(), v.encode("latin-1")) for n, v in self._headers.items()]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        # some servers keep the head until there is a body
        await self._send({"type": "http.response.body", "body": b"", "more_body": True})

    async def receive(self) -> bytes | None:
        """The next frame, or what cannot be one; None once the client has said all."""
        while (frame := self._splitter.next()) is None:
            if self._has_ended:
                return self._splitter.rest() or None
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            self._splitter.push(message.get("body", b""))
            self._has_ended = not message.get("more_body", False)
        return frame

    async def send(self, message: bytes) -> None:
        """Send a frame; waits while the client's window is full."""
        await self._send({"type": "http.response.body", "body": message, "more_body": True})

    async def close(self, ending: Ending) -> None:
        """End the answer."""
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})
