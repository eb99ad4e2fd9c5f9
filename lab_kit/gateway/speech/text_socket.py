"""A socket on which texts come and sound goes, both at once, in anybody's words."""

import asyncio

from starlette.websockets import WebSocket, WebSocketDisconnect

from lab_kit.core.errors import SlowConsumer, StreamIdle
from lab_kit.gateway.live.fair_timeout import fair_timeout
from lab_kit.gateway.live.live_stream import ClientGone


class TextSocket:
    """An open socket.

    Args:
        silent_s: how long it may bring nothing.
        unsent_s: how long the client may take nothing.
    """

    def __init__(self, socket: WebSocket, silent_s: float, unsent_s: float) -> None:
        self._socket = socket
        self._silent_s = silent_s
        self._unsent_s = unsent_s

    async def next(self, speaking: "asyncio.Task[None] | None") -> bytes | str:
        """The next message.

        Args:
            speaking: whatever ends this is raised meanwhile.

        Raises:
            ClientGone: there will be none.
            StreamIdle: there was none for too long.
        """
        receiving = asyncio.ensure_future(self._received())
        waited = {receiving} if speaking is None else {receiving, speaking}
        try:
            while True:
                await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
                if speaking is not None and speaking.done():
                    speaking.result()
                    waited.discard(speaking)
                if receiving.done():
                    return receiving.result()
        finally:
            receiving.cancel()

    async def send(self, message: bytes | str) -> None:
        """Hand a message over.

        Raises:
            ClientGone: nobody will take it.
            SlowConsumer: nobody took it for too long.
        """
        try:
            async with fair_timeout(self._unsent_s):
                if isinstance(message, bytes):
                    await self._socket.send_bytes(message)
                else:
                    await self._socket.send_text(message)
        except TimeoutError as error:
            raise SlowConsumer(
                f"sound that was not taken for {self._unsent_s:.0f} s",
                "a client that reads",
                "read what comes, and connect again",
            ) from error
        except (RuntimeError, WebSocketDisconnect) as error:
            raise ClientGone from error

    async def close(self, code: int, reason: str) -> None:
        """Send the close frame.

        Raises:
            ClientGone: nobody will take it.
        """
        try:
            await self._socket.close(code, reason)
        except (RuntimeError, WebSocketDisconnect) as error:
            raise ClientGone from error

    async def _received(self) -> bytes | str:
        try:
            async with fair_timeout(self._silent_s):
                message = await self._socket.receive()
        except TimeoutError as error:
            raise StreamIdle(
                f"no message for {self._silent_s:.0f} s", "one before that", "connect again"
            ) from error
        if message["type"] == "websocket.disconnect":
            raise ClientGone
        data = message.get("bytes")
        return data if data is not None else message.get("text") or ""
