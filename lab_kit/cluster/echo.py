"""A replica that sends back what it is sent, to measure the way there: the same code by two doors.

One is Ray Serve's: its proxy takes the WebSocket and passes each message to a replica. The other is
a port that the replica itself listens on. What differs between them is the proxy alone.
"""

import socket
import threading

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

from lab_kit.cluster.replica import keep_to_the_loopback
from lab_kit.core.child_process import HOST, bind

echo_api = FastAPI(openapi_url=None)


@echo_api.websocket("/")
async def echo(connection: WebSocket) -> None:
    """Send each message back."""
    await connection.accept()
    try:
        while True:
            await connection.send_bytes(await connection.receive_bytes())
    except WebSocketDisconnect:
        return


class Echo:
    """What Ray runs."""

    def __init__(self) -> None:
        keep_to_the_loopback()
        listener: socket.socket = bind(HOST, 0)
        self._address = f"ws://{HOST}:{listener.getsockname()[1]}/"
        server = uvicorn.Server(uvicorn.Config(echo_api, lifespan="off", log_level="warning"))
        threading.Thread(target=server.run, args=([listener],), daemon=True).start()

    def address(self) -> str:
        """Of its own door."""
        return self._address
