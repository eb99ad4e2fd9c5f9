"""WebRTC on one machine: Opus over UDP there, text on a data channel back.

Peers gather no address but 127.0.0.1 and ask no STUN or TURN server, so this crosses no network
address translator: it is for a lab. A real deployment begins with a TURN server.
"""

import asyncio
import fractions
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aioice import ice
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from av import AudioFrame

from lab_kit.core.errors import ConnectionFailed

OPEN_TIMEOUT_S = 10.0
FRAME_S = 0.02
"""One Opus packet."""
FLUSH_FRAMES = 8
"""Silence behind the last audio, which pushes it through the receiver's jitter buffer."""
CHANNEL = "results"
_CLOSED = "closed"


def local_peer() -> RTCPeerConnection:
    """A peer that knows no address but this machine's loopback, for the life of its process."""
    # aioice skips the loopback and has no option for it; see its get_host_addresses
    ice.get_host_addresses = _loopback
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


def _loopback(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    return ["127.0.0.1"]


@dataclass(frozen=True, slots=True)
class StampedMessage:
    """A text message and when it arrived, on this process's monotonic clock."""

    text: str
    received_ns: int


class PushedAudio(MediaStreamTrack):
    """An audio track whose sound is pushed in; packets leave as soon as they are full.

    Args:
        rate_hz: of the PCM16 that is pushed; the codec resamples it.
    """

    kind = "audio"

    def __init__(self, rate_hz: int) -> None:
        super().__init__()
        self._rate_hz = rate_hz
        self._frame_bytes = 2 * round(rate_hz * FRAME_S)
        self._sound = bytearray()
        self._changed = asyncio.Event()
        self._samples = 0

    def push(self, pcm: bytes) -> None:
        """Add sound."""
        self._sound += pcm
        self._changed.set()

    async def recv(self) -> AudioFrame:
        """The next frame, when there is sound for it."""
        while len(self._sound) < self._frame_bytes:
            self._changed.clear()
            await self._changed.wait()
        frame = AudioFrame(format="s16", layout="mono", samples=self._frame_bytes // 2)
        frame.planes[0].update(bytes(self._sound[: self._frame_bytes]))
        del self._sound[: self._frame_bytes]
        frame.sample_rate = self._rate_hz
        frame.time_base = fractions.Fraction(1, self._rate_hz)
        frame.pts = self._samples
        self._samples += frame.samples
        return frame


class RtcCall:
    """An open connection: sound goes up by packets, text both ways by the data channel."""

    def __init__(self, peer: RTCPeerConnection, track: PushedAudio) -> None:
        self._peer = peer
        self._track = track
        self._inbox: asyncio.Queue[StampedMessage | None] = asyncio.Queue()
        self.channel = peer.createDataChannel(CHANNEL)
        self.is_open = asyncio.Event()
        self.channel.on("open", self.is_open.set)
        self.channel.on("message", self._hear)
        self.channel.on("close", lambda: self._inbox.put_nowait(None))
        peer.on("connectionstatechange", self._look)

    def send_audio(self, pcm: bytes) -> int:
        """Queue sound for the next packets; returns when."""
        self._track.push(pcm)
        return time.perf_counter_ns()

    def flush_audio(self) -> None:
        """Push the last sound out with silence behind it."""
        self._track.push(bytes(self._track._frame_bytes * FLUSH_FRAMES))

    def send_text(self, text: str) -> None:
        """Send a command.

        Raises:
            ConnectionFailed: the channel is closed.
        """
        if self.channel.readyState != "open":
            raise _broken(self.channel.readyState)
        self.channel.send(text)

    async def messages(self) -> AsyncIterator[StampedMessage]:
        """Text until the other end closes.

        Raises:
            ConnectionFailed: the connection was lost.
        """
        while (arrived := await self._inbox.get()) is not None:
            yield arrived
        if self._peer.connectionState == "failed":
            raise _broken("failed")

    def _hear(self, message: str | bytes) -> None:
        if isinstance(message, str):
            self._inbox.put_nowait(StampedMessage(message, time.perf_counter_ns()))

    def _look(self) -> None:
        if self._peer.connectionState in ("failed", _CLOSED):
            self._inbox.put_nowait(None)


@asynccontextmanager
async def open_rtc_call(
    rate_hz: int, exchange: Callable[[str], Awaitable[str]]
) -> AsyncIterator[RtcCall]:
    """Connect; open once the data channel is.

    Args:
        exchange: takes our description to the other end and brings its back.

    Raises:
        ConnectionFailed: no packet came through.
    """
    peer = local_peer()
    track = PushedAudio(rate_hz)
    peer.addTrack(track)
    call = RtcCall(peer, track)
    try:
        await peer.setLocalDescription(await peer.createOffer())
        answer = await exchange(peer.localDescription.sdp)
        await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        try:
            await asyncio.wait_for(call.is_open.wait(), OPEN_TIMEOUT_S)
        except TimeoutError as error:
            raise _broken(f"not open after {OPEN_TIMEOUT_S:.0f} s") from error
        yield call
    finally:
        await peer.close()


def _broken(state: str) -> ConnectionFailed:
    return ConnectionFailed(
        f"the peer connection is {state}", "connected", "see the server's log, or try again"
    )
