"""Connections that end: a WebSocket whose stream is over is released, read or not.

uvicorn closes a connection when the application has returned, but closing waits until everything
written has been sent, and a client that does not read never lets that happen. The socket and its
buffers would stay as long as the client does.
"""

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

    return Releasing
