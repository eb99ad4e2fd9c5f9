"""A WebRTC peer's sound, without a network: when the library can make nothing of it."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiortc.mediastreams import MediaStreamError

from lab_kit.core.errors import PayloadTooLarge
from lab_kit.gateway.live.live_stream import ClientGone
from lab_kit.gateway.providers.deepgram.rtc import MOST_WAITING, RtcWire

HANG_S = 30.0


class Peer:
    """Stands for the library's peer: keeps what it is to call."""

    connectionState = "connected"
    sctp = None

    def __init__(self) -> None:
        self.handlers: dict[str, Callable[..., None]] = {}

    def on(self, event: str, handler: Callable[..., None]) -> None:
        self.handlers[event] = handler

    def getTransceivers(self) -> list[Any]:
        return []


class Track:
    kind = "audio"

    def __init__(self, failure: Exception) -> None:
        self._failure = failure

    async def recv(self) -> Any:
        raise self._failure


async def test_sound_that_cannot_be_taken_apart_ends_the_stream_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    peer = Peer()
    wire = RtcWire(peer, 1.0, lambda text: False)  # type: ignore[arg-type]
    peer.handlers["track"](Track(ValueError("no such layout")))
    with pytest.raises(ClientGone):
        await asyncio.wait_for(wire.receive(), HANG_S)
    assert "no such layout" in caplog.text


async def test_a_track_that_ends_does_not_end_the_stream() -> None:
    peer = Peer()
    wire = RtcWire(peer, 1.0, lambda text: False)  # type: ignore[arg-type]
    peer.handlers["track"](Track(MediaStreamError()))
    await asyncio.sleep(0)
    waiting = asyncio.create_task(wire.receive())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()


class Channel:
    """Stands for the library's data channel: keeps what it is to call."""

    def __init__(self) -> None:
        self.handlers: dict[str, Callable[..., None]] = {}

    def on(self, event: str, handler: Callable[..., None]) -> None:
        self.handlers[event] = handler


async def test_messages_that_nobody_comes_to_read_are_not_kept_without_end() -> None:
    peer, channel = Peer(), Channel()
    wire = RtcWire(peer, 1.0, lambda text: False)  # type: ignore[arg-type]
    peer.handlers["datachannel"](channel)
    for number in range(MOST_WAITING):
        channel.handlers["message"](str(number))
    assert await wire.receive() == "0"
    for _ in range(10_000):
        channel.handlers["message"]("more")
    assert wire._inbox.qsize() == MOST_WAITING
    with pytest.raises(PayloadTooLarge, match="packets and messages"):
        await wire.receive()
