"""A WebSocket as the server holds it."""

from collections.abc import Sequence

from starlette.websockets import WebSocket, WebSocketDisconnect

from lab_kit.gateway.live.live_stream import ClientGone
from lab_kit.protocol.live import Ending

Header = tuple[bytes, bytes]


class SocketWire:
    """Text and binary messages in, text out.

    Args:
        subprotocol: the one of the client's offers that is taken.
        headers: sent with the upgrade.
    """

    def __init__(
        self, socket: WebSocket, subprotocol: str | None = None, headers: Sequence[Header] = ()
    ) -> None:
        self._socket = socket
        self._subprotocol = subprotocol
        self._headers = list(headers)

    async def open(self) -> None:
        """Upgrade the connection."""
        try:
            await self._socket.accept(self._subprotocol, self._headers)
        except WebSocketDisconnect as error:
            raise ClientGone from error

    async def receive(self) -> bytes | str:
        """The next message."""
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise ClientGone
        data = message.get("bytes")
        return data if data is not None else message.get("text") or ""

    async def send(self, message: str) -> None:
        """Send text; returns when the socket has taken it."""
        try:
            await self._socket.send_text(message)
        except (RuntimeError, WebSocketDisconnect) as error:
            # how the framework says that the connection was closed while we were about to send
            raise ClientGone from error

    async def close(self, ending: Ending) -> None:
        """Send the close frame."""
        try:
            await self._socket.close(int(ending.code), ending.reason)
        except (RuntimeError, WebSocketDisconnect) as error:  # as above
            raise ClientGone from error


def subprotocols(socket: WebSocket) -> list[str]:
    """What the client offers."""
    return list(socket.scope.get("subprotocols") or [])
