"""Clients that do not read, on the wires where a provider's client could be one.

While nobody reads, the newest interim replaces the one that waits and finals wait, all of them; who
reads again in time has missed no final. Who does not is let go, for the reason that is documented.
"""

import asyncio
import base64
import fractions
import json
import re
import socket as sockets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import pytest
from aiortc import AudioStreamTrack, RTCPeerConnection, RTCSessionDescription
from av import AudioFrame
from hang import HANG_S
from server_process import (
    RAW,
    ServerProcess,
    eventually,
    is_at_rest,
    metrics,
    plain,
    rest_of,
    speech,
)
from test_openai_realtime import CHUNK, SAID, SPEECH, TAIL, TRANSCRIPT
from test_rtc import offered
from websockets.asyncio.client import ClientConnection, connect

from lab_kit.gateway.door.limits import Limits
from lab_kit.wires.webrtc import local_peer

UNSENT_S = 20.0
FEW = 16
"""Finals asked for at a time: of the 64 events that may wait for a client."""
STALL_S = 2.0
"""A server that sends nothing more for so long is held back by its socket."""
REALTIME = "/v1/realtime?intent=transcription"
LISTEN = "/v1/listen?" + urlencode(RAW)
FINALIZE = '{"type":"Finalize"}'
SENT = "lab_results_total|final"


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    """A server whose sockets take little before it notices that nobody reads."""
    with ServerProcess(Limits(unsent_s=UNSENT_S), send_buffer_bytes=4_096) as server:
        yield server


async def ask_until_blocked(url: str, ask: Callable[[], Awaitable[None]]) -> int:
    """Ask for finals until the server can send none; how many were asked for."""
    before = sent(url)
    for asked in range(FEW, 2_000, FEW):
        for _ in range(FEW):
            await ask()
        if not await asyncio.to_thread(sends, url, before + asked):
            return asked
    raise AssertionError("the server went on sending")


def sends(url: str, wanted: float) -> bool:
    """Whether the server sends ``wanted`` finals, as long as it goes on."""
    done, since_s = sent(url), time.monotonic()
    while done < wanted and time.monotonic() - since_s < STALL_S:
        time.sleep(0.02)
        if (now := sent(url)) > done:
            done, since_s = now, time.monotonic()
    return done == wanted


def sent(url: str) -> float:
    return metrics(url).get(SENT, 0)


@asynccontextmanager
async def narrow_socket(url: str, path: str) -> AsyncIterator[ClientConnection]:
    """A WebSocket that takes little."""
    host, port = url.removeprefix("http://").split(":")
    narrow = sockets.socket()
    narrow.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4_096)
    narrow.connect((host, int(port)))
    address = f"ws://{host}:{port}{path}"
    async with connect(
        address, sock=narrow, compression=None, close_timeout=1, max_queue=None
    ) as socket:
        yield socket


async def let_go(url: str, ask: Callable[[], Awaitable[None]]) -> None:
    """Ask for more and more, until the server counts the stream's end."""
    before = await asyncio.to_thread(ends, url)
    async with asyncio.timeout(HANG_S):
        while await asyncio.to_thread(ends, url) == before:
            for _ in range(FEW):
                await ask()


def ends(url: str) -> float:
    """Streams that were let go."""
    return metrics(url).get("lab_stream_ends_total|1008", 0)


# -- WebSockets ----------------------------------------------------------------------------------


async def append(socket: ClientConnection, data: bytes, pace: float) -> None:
    for start in range(0, len(data), CHUNK):
        audio = base64.b64encode(data[start : start + CHUNK]).decode()
        await socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": audio}))
        await asyncio.sleep(0.1 / pace)


async def commit(socket: ClientConnection) -> None:
    """Ask for a final, of silence."""
    await append(socket, bytes(CHUNK), pace=1_000)
    await socket.send('{"type":"input_audio_buffer.commit"}')


async def heard(socket: ClientConnection, is_last: Callable[[dict[str, Any]], bool]) -> list[Any]:
    events: list[Any] = []
    async with asyncio.timeout(HANG_S):
        while not events or not is_last(events[-1]):
            events.append(json.loads(await socket.recv()))
    return events


def completed(events: list[Any]) -> list[str]:
    return [e["transcript"] for e in events if e["type"] == TRANSCRIPT + "completed"]


def interims(events: list[Any]) -> int:
    deltas = [e for e in events if e["type"] == TRANSCRIPT + "delta"]
    return [e["lab"]["kind"] for e in deltas].count("Interim")


def says_something(event: dict[str, Any]) -> bool:
    return bool(event["type"] == TRANSCRIPT + "completed" and event["transcript"])


async def test_a_realtime_client_that_reads_late_has_missed_interims_and_no_final(
    server: ServerProcess,
) -> None:
    async with narrow_socket(server.url, REALTIME) as socket:
        await append(socket, SPEECH + TAIL, pace=1)
        read_along = interims(await heard(socket, says_something))
    async with narrow_socket(server.url, REALTIME) as socket:
        socket.transport.pause_reading()
        asked = await ask_until_blocked(server.url, lambda: commit(socket))
        await append(socket, SPEECH + TAIL, pace=2)
        socket.transport.resume_reading()
        events = await heard(socket, says_something)
    *empty, said = completed(events)
    assert len(empty) == asked
    assert SAID in plain(said)
    assert interims(events) <= 1 < read_along
    await eventually(lambda: is_at_rest(server.url), "at rest")


async def test_a_realtime_client_that_does_not_read_is_let_go_and_told_why(
    server: ServerProcess,
) -> None:
    """It reads again when all is over: what was sent is there without a gap, then the reason."""
    async with narrow_socket(server.url, REALTIME) as socket:
        socket.transport.pause_reading()
        await let_go(server.url, lambda: commit(socket))
        socket.transport.resume_reading()
        events, code, reason = await rest_of(socket)
    assert [e["event_id"] for e in events] == [f"event_{n + 1}" for n in range(len(events))]
    assert code == 1008
    assert re.match(r"SLOW_CONSUMER: \d+ results wait unread", reason)
    await eventually(lambda: is_at_rest(server.url), "at rest")


async def test_so_is_deepgrams(server: ServerProcess) -> None:
    async with narrow_socket(server.url, LISTEN) as socket:
        socket.transport.pause_reading()
        await let_go(server.url, lambda: socket.send(FINALIZE))
        socket.transport.resume_reading()
        messages, code, reason = await rest_of(socket)
    assert all(m["is_final"] and m["from_finalize"] for m in messages)
    sequences = [m["lab"]["sequence"] for m in messages]
    assert sequences == list(range(sequences[0], sequences[0] + len(messages)))
    assert (code, reason.split(":")[0]) == (1008, "SLOW-CONSUMER")
    await eventually(lambda: is_at_rest(server.url), "at rest")


# -- WebRTC --------------------------------------------------------------------------------------


class Microphone(AudioStreamTrack):  # type: ignore[misc]
    """Silence, 20 ms at a time, and the clip once somebody speaks."""

    def __init__(self) -> None:
        super().__init__()
        self._pcm = b""
        self._samples = 0
        self.is_done = asyncio.Event()

    def speak(self) -> None:
        self._pcm = speech("two-cities-best")

    async def recv(self) -> AudioFrame:
        await super().recv()  # paces us
        piece, self._pcm = self._pcm[:640], self._pcm[640:]
        if piece and not self._pcm:
            self.is_done.set()
        frame = AudioFrame(format="s16", layout="mono", samples=320)
        frame.planes[0].update(piece.ljust(640, b"\0"))
        frame.sample_rate, frame.time_base = 16_000, fractions.Fraction(1, 16_000)
        frame.pts = self._samples
        self._samples += 320
        return frame


class Peer:
    """A peer whose data channel can be made deaf: what arrives on it is lost, as on a bad link."""

    def __init__(self, peer: RTCPeerConnection) -> None:
        self.microphone = Microphone()
        self.heard: list[dict[str, Any]] = []
        self._peer = peer
        self._new = asyncio.Event()
        peer.addTrack(self.microphone)
        self._channel = peer.createDataChannel("results")
        self._channel.on("message", self._hear)

    async def connect(self, url: str) -> None:
        answer = await offered(self._peer, url, interim_results="true")
        await self._peer.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        await self.finalize_when_open()
        await self.until(lambda message: message["type"] == "Results")

    async def finalize_when_open(self) -> None:
        async with asyncio.timeout(HANG_S):
            while self._channel.readyState != "open":
                await asyncio.sleep(0.02)
        await self.finalize()

    async def finalize(self) -> None:
        self._channel.send(FINALIZE)

    def be_deaf(self) -> None:
        async def lose(_: Any) -> None: ...

        self._peer.sctp._receive_data_chunk = lose

    def listen_again(self) -> None:
        del self._peer.sctp._receive_data_chunk

    async def until(self, is_last: Callable[[dict[str, Any]], bool]) -> None:
        async with asyncio.timeout(HANG_S):
            while not any(map(is_last, self.heard)):
                self._new.clear()
                await self._new.wait()

    def _hear(self, text: str) -> None:
        self.heard.append(json.loads(text))
        self._new.set()


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Peer]:
    peer = local_peer()
    try:
        made = Peer(peer)
        await made.connect(url)
        yield made
    finally:
        await peer.close()


def is_speech(message: dict[str, Any]) -> bool:
    return bool(is_final(message) and text_of(message))


def is_final(message: dict[str, Any]) -> bool:
    return bool(message["type"] == "Results" and message["is_final"])


def text_of(message: dict[str, Any]) -> str:
    return str(message["channel"]["alternatives"][0]["transcript"])


def interim_results(heard: list[dict[str, Any]]) -> int:
    return sum(m["type"] == "Results" and not m["is_final"] for m in heard)


async def test_a_peer_that_reads_late_has_missed_interims_and_no_final(
    server: ServerProcess,
) -> None:
    async with connected(server.url) as along:
        along.microphone.speak()
        await along.until(is_speech)
    async with connected(server.url) as peer:
        peer.be_deaf()
        asked = await ask_until_blocked(server.url, peer.finalize)
        peer.microphone.speak()
        await asyncio.wait_for(peer.microphone.is_done.wait(), HANG_S)
        peer.listen_again()
        await peer.until(is_speech)
    assert interim_results(peer.heard) <= 1 < interim_results(along.heard)
    *empty, said = [text_of(message) for message in peer.heard if is_final(message)]
    assert len(empty) == asked + 1
    assert SAID in plain(said)
    await eventually(lambda: is_at_rest(server.url), "at rest")


async def test_a_peer_that_does_not_read_is_let_go_and_told_why(server: ServerProcess) -> None:
    async with connected(server.url) as peer:
        peer.be_deaf()
        await let_go(server.url, peer.finalize)
        peer.listen_again()
        await peer.until(lambda message: message["type"] == "Close")
    last = peer.heard[-1]
    assert (last["code"], last["reason"].split(":")[0]) == (1008, "SLOW-CONSUMER")
    sequences = [m["lab"]["sequence"] for m in peer.heard[:-1]]
    assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))
    await eventually(lambda: is_at_rest(server.url), "at rest")
