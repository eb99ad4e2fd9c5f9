"""Why a WebSocket is over, as a client tells it; the server is a real socket."""

import asyncio

import pytest
from websockets.server import ServerProtocol

from lab_kit.core.errors import ConnectionFailed
from lab_kit.wires.websocket import MAX_MESSAGE_BYTES, open_websocket


async def _begin_too_long_a_message(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Agree to the upgrade, begin a message beyond what a client takes, and say no more."""
    protocol = ServerProtocol()
    protocol.receive_data(await reader.readuntil(b"\r\n\r\n"))
    protocol.send_response(protocol.accept(protocol.events_received()[0]))
    length = (MAX_MESSAGE_BYTES + 1).to_bytes(8, "big")
    writer.write(b"".join(protocol.data_to_send()) + b"\x81\x7f" + length)
    await reader.read(1)  # the client's close frame, which is not answered
    writer.close()


async def test_an_end_that_the_client_made_is_told_as_such() -> None:
    server = await asyncio.start_server(_begin_too_long_a_message, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, open_websocket(f"ws://127.0.0.1:{port}", {}) as wire:
        with pytest.raises(ConnectionFailed, match="we ended it with 1009") as told:
            [message async for message in wire.messages()]
    assert told.value.close_code is None
