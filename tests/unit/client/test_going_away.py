"""A server that goes away: a good end of a stream only where nothing more was owed."""

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from lab_kit.client import ServerAddress, connect
from lab_kit.client.realtime import connect_realtime
from lab_kit.core.errors import ConnectionFailed
from lab_kit.core.events import StreamEnded, StreamOptions

SOUND = bytes(3_200)
LEFT = "the stream was closed: 1001 server stops"


@asynccontextmanager
async def server(*script: dict[str, Any] | None, code: int = 1001) -> AsyncIterator[str]:
    """Says the messages of its script, hears one where that has none, and closes."""

    async def speak(socket: ServerConnection) -> None:
        for message in script:
            if message is None:
                await socket.recv()
            else:
                await socket.send(json.dumps(message))
        await socket.close(code, "server stops")

    async with serve(speak, "127.0.0.1", 0) as serving:
        yield f"http://127.0.0.1:{serving.sockets[0].getsockname()[1]}"


def ended(heard: bytes) -> dict[str, Any]:
    """The dialect's last message, which accounts for what was heard."""
    digest = hashlib.sha256(heard).hexdigest()
    lab = {"sent_ns": 1}
    return {"type": "Metadata", "duration": 0.1, "channels": 1, "sha256": digest, "lab": lab}


async def events(url: str) -> list[Any]:
    async with connect(url, StreamOptions()) as stream:
        await stream.send(SOUND)
        return [received.event async for received in stream]


async def test_going_away_after_everything_was_answered_is_a_good_end() -> None:
    async with server(None, ended(SOUND)) as url:
        assert isinstance((await events(url))[-1], StreamEnded)


@pytest.mark.parametrize("last", [[], [ended(SOUND[:1_600])]], ids=["no last word", "half heard"])
async def test_going_away_with_something_owed_is_an_error(last: list[dict[str, Any]]) -> None:
    async with server(None, *last) as url:
        with pytest.raises(ConnectionFailed, match=LEFT):
            await events(url)


@pytest.mark.parametrize("code", [1008, 1011])
async def test_no_last_word_makes_another_close_a_good_end(code: int) -> None:
    async with server(None, ended(SOUND), code=code) as url:
        with pytest.raises(ConnectionFailed, match=f"closed: {code}"):
            await events(url)


async def test_a_normal_close_is_the_end_whatever_was_said() -> None:
    async with server(None, code=1000) as url:
        assert await events(url) == []


async def test_a_realtime_server_that_goes_away_before_the_commit_is_answered_is_an_error() -> None:
    created, updated = {"type": "session.created"}, {"type": "session.updated"}
    async with (
        server(created, None, updated) as url,
        connect_realtime(ServerAddress(url), StreamOptions()) as stream,
    ):
        with pytest.raises(ConnectionFailed, match=LEFT):
            await anext(aiter(stream))
