"""Connections that end: a WebSocket whose stream is over is released, read or not.

uvicorn closes a connection when the application has returned, but closing waits until everything
written has been sent, and a client that does not read never lets that happen. The socket and its
buffers would stay as long as the client does. Nor would it ever write the close frame, so that who
reads again a moment later would not learn why the stream is over.

What a client sends ahead of its stream needs no care here. uvicorn reads on only when the
application has taken every message: it holds one read of the event loop, 256 KiB, and the message
that is not complete; the rest waits in the kernel. After the close frame it reads on and discards,
until the client answers it or the time is over, so that no reset overtakes the close frame.
"""

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


def releasing_protocol(unsent_s: float) -> type[WebSocketsSansIOProtocol]:
    """uvicorn's WebSocket protocol, which lets go of a connection at last.

    Args:
        unsent_s: time for the client to take what is left once the application has returned.
    """

    class Releasing(WebSocketsSansIOProtocol):
        async def run_asgi(self) -> None:
            """Serve the stream, then close, and abort what is still not closed."""
            try:
                await super().run_asgi()
            finally:
                self.loop.call_later(unsent_s, self.transport.abort)

        async def send(self, message: Any) -> None:
            """Hand a message over; the last one, a frame of 127 bytes at most, does not wait."""
            if message["type"] == "websocket.close":
                self.writable.set()
            await super().send(message)

    return Releasing
