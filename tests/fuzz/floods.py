"""Floods: very many of something at once, or again and again, each of which alone is allowed."""

import asyncio
import random
from collections.abc import Sequence
from itertools import repeat

from aiortc import AudioStreamTrack
from attempts import Attempt, Kind, Outcome, Target, at_once
from audio_files import TRANSCRIBE
from protobufs import TRITON, called
from socket_frames import BINARY, LISTEN, PING, TEXT, close_code, frame
from wire import UPGRADE, Connection, asked, head, meanwhile, post, talked, upgraded

from lab_kit import datasets
from lab_kit.audio.pcm import to_pcm16
from lab_kit.wires.webrtc import local_peer

SOCKETS = 300
"""More than streams fit into a server."""
OFFERS = 60
REQUESTS = 500
UPLOADS, UPLOAD_BYTES = 8, 20 * 2**20
CALLS, CALL_BYTES = 20, 8 * 2**20
FRAMES = 200
"""Frames written at once."""
SPEECH, SPEAKING = "two-cities-best-and-worst", 3
FLOOD_S = 3.0
FLOOD_BYTES = 40 * 2**20
"""A flood of one connection ends with the first of them."""


async def _open(target: Target) -> Sequence[Outcome]:
    """A stream that is opened, and left without a word."""
    return await asked(target, [head(target, "GET", LISTEN, *UPGRADE)])


async def _health(target: Target) -> Sequence[Outcome]:
    return await asked(target, [head(target, "GET", "/healthz")], is_public=True)


async def _upload(target: Target) -> Sequence[Outcome]:
    return await asked(target, post(target, TRANSCRIBE, "audio/wav", bytes(UPLOAD_BYTES)))


async def _call(target: Target) -> Sequence[Outcome]:
    return [await called(target, TRITON + "ModelInfer", [bytes(CALL_BYTES)])]


async def _offers(target: Target, chance: random.Random) -> Sequence[Outcome]:
    """The same offer many times; nobody comes to any of the calls."""
    peer = local_peer()
    peer.addTrack(AudioStreamTrack())
    peer.createDataChannel("x")
    await peer.setLocalDescription(await peer.createOffer())
    offer = peer.localDescription.sdp.encode()

    async def one(target: Target) -> Sequence[Outcome]:
        return await asked(target, post(target, "/v1/rtc", "application/sdp", offer))

    try:
        return await at_once(OFFERS, one)(target, chance)
    finally:
        await peer.close()


def poured(piece: bytes, reads: bool) -> Attempt:
    """One stream and the same bytes again and again; then the client goes.

    Args:
        reads: whether the client reads what it is answered.
    """

    async def pour(connection: Connection) -> Outcome:
        async with meanwhile(close_code(connection) if reads else asyncio.sleep(0)):
            try:
                async with asyncio.timeout(FLOOD_S):
                    is_taken = await connection.send(repeat(piece, FLOOD_BYTES // len(piece)))
            except TimeoutError:
                return Outcome("held back")
        return Outcome("taken" if is_taken else "ended")

    async def attempt(target: Target, chance: random.Random) -> Sequence[Outcome]:
        async def talk(connection: Connection) -> Outcome:
            return await upgraded(target, connection, LISTEN) or await pour(connection)

        return await talked(target, talk)

    return attempt


async def _faster_than_speech(target: Target, chance: random.Random) -> Sequence[Outcome]:
    """Speech on several streams, as fast as the server takes it."""
    said = frame(BINARY, to_pcm16(datasets.clip(SPEECH).samples))
    pour = poured(said, reads=True)
    streams = await asyncio.gather(*(pour(target, chance) for _ in range(SPEAKING)))
    return [outcome for outcomes in streams for outcome in outcomes]


KIND = Kind(
    {
        "requests": at_once(REQUESTS, _health),
        "pings unread": poured(frame(PING, bytes(125)) * FRAMES, reads=False),
        "tiny texts": poured(frame(TEXT, b"x") * FRAMES, reads=True),
        "faster than speech": _faster_than_speech,
        "tiny sounds": poured(frame(BINARY, bytes(2)) * FRAMES, reads=True),
        "uploads": at_once(UPLOADS, _upload),
        "gRPC calls": at_once(CALLS, _call),
        "streams": at_once(SOCKETS, _open),
        # last: calls that nobody comes to keep their places for a while
        "offers": _offers,
    },
    at_once=1,
)
