"""Connections that are lost in the middle of a request, as the client of our own messages sees it.

The post's server is a double: which answer is lost, no real one can be told.
"""

import asyncio

import httpx
import pytest

from lab_kit.client.sessions.events import EventsLine
from lab_kit.core.errors import ConnectionFailed
from lab_kit.wires.websocket import open_websocket


async def test_a_post_whose_answer_was_lost_is_posted_again_by_its_number() -> None:
    posted: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        posted.append(request.url.params["number"])
        if len(posted) < 3:
            raise httpx.ReadError("lost")
        return httpx.Response(200, json={"taken": 7})

    transport = httpx.MockTransport(answer)
    async with httpx.AsyncClient(base_url="http://server", transport=transport) as http:
        await EventsLine(http, "/v1/streams/s", httpx.Response(200)).send(b"12", 7)
    assert posted == ["7", "7", "7"]


async def test_a_handshake_that_is_cut_in_its_answer_is_a_failed_connection() -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switch")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(cut, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ConnectionFailed, match="no connection"):
            async with open_websocket(f"ws://127.0.0.1:{port}/", {}):
                pass
