"""A stream that outlives its server: killed, told to stop, or lost behind a shared address."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from hashlib import sha256
from itertools import pairwise

import numpy as np
import pytest
from hang import HANG_S
from server_process import plain

from lab_kit import datasets
from lab_kit.bench import Bench
from lab_kit.client import (
    FailoverClient,
    NativeWire,
    ServerAddress,
    connect_anywhere,
    connect_session,
)
from lab_kit.core.errors import ConnectionFailed, Unauthenticated
from lab_kit.core.events import Final, StreamEnded, StreamOptions

CHUNK = 3_200
QUIET = np.zeros(9_600, "<i2").tobytes()
SPEECH = 3 * (datasets.clip("two-cities-best").pcm16 + QUIET)
SAID = 3 * ["it was the best of times"]
ENDINGS = [(wire, signal.SIGKILL) for wire in NativeWire] + [(NativeWire.WEBSOCKET, signal.SIGTERM)]


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench.start()


async def spoken(
    stream: FailoverClient, at: int, then: Callable[[], Awaitable[object]]
) -> tuple[list[Final], StreamEnded]:
    """The speech, twice as fast as it was spoken; something happens after ``at`` chunks."""
    finals: list[Final] = []
    ended: StreamEnded | None = None

    async def speak() -> None:
        for number, start in enumerate(range(0, len(SPEECH), CHUNK)):
            if number == at:
                await then()
            await stream.send(SPEECH[start : start + CHUNK])
            await asyncio.sleep(0.05)
        await stream.finish()

    async with asyncio.timeout(HANG_S), asyncio.TaskGroup() as both:
        both.create_task(speak())
        async for received in stream:
            if isinstance(received.event, Final):
                finals.append(received.event)
            if isinstance(received.event, StreamEnded):
                ended = received.event
    assert ended is not None
    return finals, ended


def check_whole(finals: list[Final], ended: StreamEnded) -> None:
    """Nothing lost, nothing twice, and all as of one stream."""
    heard = " ".join(plain(final.text) for final in finals)
    assert heard.split() == " ".join(SAID).split()
    assert all(b.start_s >= a.end_s - 0.25 for a, b in pairwise(finals)), "in order, and once"
    assert all(b.sequence > a.sequence for a, b in pairwise(finals))
    assert ended.audio_s == pytest.approx(len(SPEECH) / 32_000)
    assert ended.sha256 == sha256(SPEECH).hexdigest()
    for final in finals:
        assert all(final.start_s - 0.25 <= w.start_s <= w.end_s for w in final.words)


@pytest.mark.parametrize(
    ("wire", "ending"), ENDINGS, ids=[f"{wire.name}-{ending.name}" for wire, ending in ENDINGS]
)
async def test_it_goes_on_elsewhere_when_its_server_ends(
    bench: Bench, wire: NativeWire, ending: signal.Signals
) -> None:
    # another server than the one that others of this process use
    first = Bench.start(limits={"drain_s": 8.0})
    addresses = [first.address, bench.address]

    async def place() -> ServerAddress:
        return addresses.pop(0)

    async def end_it() -> None:
        os.kill(first.pid, ending)

    try:
        async with connect_anywhere(wire, place, StreamOptions()) as stream:
            check_whole(*await spoken(stream, len(SPEECH) // CHUNK // 2, end_it))
            assert len(stream.begun_again) == 1
            _, sent_again_s = stream.begun_again[0]
            assert sent_again_s < 4.0, "what had a final is not sent again"
    finally:
        first.stop()


async def test_a_session_that_is_lost_while_its_server_lives_is_begun_again(bench: Bench) -> None:
    stream: FailoverClient

    async def lose_it() -> None:
        """As when another process of the server answers: the session is not known there."""
        stream._client.name = "of-another-gateway"
        await stream._client._held.aclose()

    async def place() -> ServerAddress:
        return bench.address

    async with connect_anywhere(NativeWire.WEBSOCKET, place, StreamOptions()) as stream:
        check_whole(*await spoken(stream, 20, lose_it))
        assert len(stream.begun_again) == 1


async def test_nobody_else_there_ends_it_with_the_reason(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab_kit.client.sessions.failover.BEGIN_AGAIN_S", 0.3)
    first = Bench.start(limits={"drain_s": 3.0})

    async def place() -> ServerAddress:
        return first.address

    async def end_it() -> None:
        os.kill(first.pid, signal.SIGKILL)

    try:
        async with connect_anywhere(NativeWire.WEBSOCKET, place, StreamOptions()) as stream:
            with pytest.raises(BaseExceptionGroup) as raised:
                await spoken(stream, 10, end_it)
    finally:
        first.stop()
    assert raised.group_contains(ConnectionFailed)


async def test_what_would_fail_elsewhere_too_is_not_tried_elsewhere() -> None:
    keyed = Bench.start(key="the-right-one")
    asked = 0

    async def place() -> ServerAddress:
        nonlocal asked
        asked += 1
        return ServerAddress(keyed.url, "another")

    with pytest.raises(Unauthenticated):
        async with connect_anywhere(NativeWire.WEBSOCKET, place, StreamOptions()):
            pass
    assert asked == 1
    async with connect_session(NativeWire.WEBSOCKET, keyed.address, StreamOptions()) as session:
        await session.close()
        with pytest.raises(ConnectionFailed, match="a closed session"):
            await session.send(QUIET)
    keyed.stop()
