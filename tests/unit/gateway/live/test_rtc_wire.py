"""A WebRTC peer's sound, without a network: when the library can make nothing of it."""

import asyncio
from collections.abc import Callable
from typing import Any

import av
import pytest
from aiortc.mediastreams import MediaStreamError
from hang import HANG_S

from lab_kit.core.errors import PayloadTooLarge
from lab_kit.gateway.live.live_stream import ClientGone
from lab_kit.gateway.providers.deepgram.rtc import (
    CHANNELS,
    LONGEST_GAP_SAMPLES,
    MOST_LINGERING,
    MOST_WAITING,
    MOST_WAITING_BYTES,
    RATE_HZ,
    RtcWire,
)


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
    """Stands for the library's data channel: keeps what it is to call, and what was sent."""

    readyState, bufferedAmount = "open", 1

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


class LateTrack:
    """Sound of which each packet says that two seconds before it were lost."""

    kind = "audio"

    def __init__(self, packets: int) -> None:
        self._left, self._due = packets, 0

    async def recv(self) -> Any:
        if not self._left:
            raise MediaStreamError
        self._left -= 1
        frame = av.AudioFrame("s16", "stereo", RATE_HZ // 50)
        frame.sample_rate, frame.pts = RATE_HZ, self._due
        self._due += frame.samples + LONGEST_GAP_SAMPLES
        return frame


async def heard_by(wire: RtcWire) -> int:
    """Bytes of sound that come out, until a message does."""
    sound = 0
    while isinstance(message := await asyncio.wait_for(wire.receive(), HANG_S), bytes):
        sound += len(message)
    return sound


async def test_silence_for_lost_packets_is_not_kept_without_end() -> None:
    peer = Peer()
    wire = RtcWire(peer, 1.0, lambda text: False)  # type: ignore[arg-type]
    peer.handlers["track"](LateTrack(10_000))
    await asyncio.sleep(0)
    held = sum(len(wire._inbox.get_nowait() or b"") for _ in range(wire._inbox.qsize()))
    assert MOST_WAITING_BYTES * 0.8 < held <= MOST_WAITING_BYTES
    with pytest.raises(PayloadTooLarge, match="bytes of sound"):
        await wire.receive()


async def test_sound_that_is_read_makes_room_for_more() -> None:
    peer, channel = Peer(), Channel()
    wire = RtcWire(peer, 1.0, lambda text: False)  # type: ignore[arg-type]
    peer.handlers["datachannel"](channel)
    total = 0
    for _ in range(5):  # each time nearly as much as may wait
        peer.handlers["track"](LateTrack(8))
        wire._hearing = None  # the next track is heard, too
        await asyncio.sleep(0)
        channel.handlers["message"]("read so far")
        total += await heard_by(wire)
    packet, gap = (2 * CHANNELS * samples for samples in (RATE_HZ // 50, LONGEST_GAP_SAMPLES))
    assert total == 5 * (8 * packet + 7 * gap) > 4 * MOST_WAITING_BYTES


class Sctp:
    """Stands for the library's transport: nothing that was sent is acknowledged."""

    _advertised_rwnd = 0
    _sent_queue = ("the last words",)


async def test_not_many_peers_are_waited_for_that_acknowledge_nothing() -> None:
    waits = []
    for _ in range(MOST_LINGERING + 1):
        peer = Peer()
        peer.sctp = Sctp()  # type: ignore[assignment]
        wire = RtcWire(peer, HANG_S, lambda text: False)  # type: ignore[arg-type]
        peer.handlers["datachannel"](Channel())
        waits.append(asyncio.create_task(wire.linger()))
    await waits[-1]
    assert not any(wait.done() for wait in waits[:-1])
    for wait in waits:
        wait.cancel()
    await asyncio.gather(*waits, return_exceptions=True)
    again = RtcWire(peer, 0.01, lambda text: False)  # type: ignore[arg-type]
    peer.handlers["datachannel"](Channel())
    waiting = asyncio.create_task(again.linger())
    await asyncio.sleep(0)
    assert not waiting.done(), "who is gone leaves room"
    await waiting
