"""WebRTC: an offer by HTTP POST, sound as Opus over UDP, results as JSON on a data channel.

The exchange has the shape of WHIP (an SDP offer up, 201 and an SDP answer down); the words on the
channel are Deepgram's, as on the WebSocket. A packet that is lost stays lost: its place is filled
with silence, so that the stream's time stays true.
"""

import asyncio
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from aiortc import (
    MediaStreamTrack,
    RTCDataChannel,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
)
from aiortc.exceptions import OperationError
from aiortc.jitterbuffer import JitterBuffer
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame
from starlette.requests import Request
from starlette.responses import Response

from lab_kit.core.errors import InvalidMessage, LabError, PayloadTooLarge
from lab_kit.core.personal_data import joined
from lab_kit.core.shown import shown
from lab_kit.dialects import deepgram
from lab_kit.gateway.door.call import http_call, request_id_of
from lab_kit.gateway.door.door import Door, small_body
from lab_kit.gateway.live.live_stream import ClientGone, LiveStream
from lab_kit.gateway.live.stream_services import StreamServices
from lab_kit.gateway.observe.failures import Failures
from lab_kit.gateway.providers.deepgram.listen import Deepgram
from lab_kit.protocol.live import Ending
from lab_kit.wires.webrtc import local_peer

SDP = "application/sdp"
MAX_OFFER_BYTES = 64_000
CONNECT_S = 10.0
SETTLE_S = 0.15
"""Sound and commands travel apart: so long after CloseStream the last packets are let in."""
CLOSE_S = 1.0
MOST_LINGERING = 32
"""Peers whose stream is over and who have not acknowledged its last words. They hold a socket each
and no place; where there are so many, the next one is released at once."""
MAX_UNSENT_BYTES = 65_536
"""On the data channel; beyond it, sending waits, as a socket's would."""
MOST_WAITING = 1_024
"""Packets and messages: twice what comes in the eight seconds for which a stream that is owed
finals is not read."""
WINDOW, WINDOW_BYTES = "_advertised_rwnd", 2**20
"""What the library lets a peer send of messages that are not whole yet. It tells the peer, and
takes more all the same: below zero, the peer has sent more than it was allowed."""
SENT = "_sent_queue"
"""What the library has sent and the peer has not acknowledged. What is lost is sent again a second
later, and the last packet has none behind it that would show the loss sooner."""
JITTER_PACKETS = 4
"""Of 20 ms each, a power of two. The library's own 16 would hold speech back for 320 ms after a
single lost packet, and then for good."""
JITTER_BUFFER = "_RTCRtpReceiver__jitter_buffer"
RATE_HZ, CHANNELS = 48_000, 2
"""What the library decodes Opus to."""
LONGEST_GAP_SAMPLES = RATE_HZ * 2
MOST_WAITING_BYTES = 16 * RATE_HZ * CHANNELS * 2
"""Of sound, the same sixteen seconds: a packet that claims to come two seconds late brings as much
silence, and takes a hundred times the room of another."""
_SOUND = {"encoding": "linear16", "sample_rate": str(RATE_HZ), "channels": str(CHANNELS)}

_OFFERED = (["audio"], ["application", "audio"])
"""The library decodes every track that it is offered, and keeps the pictures of those that nobody
reads."""
_MOST_NAMED = 5
MOST_HIDDEN = 16
"""Addresses that browsers hide behind a name: the library asks the local network for each."""

_log = logging.getLogger(__name__)
_running: set[asyncio.Task[None]] = set()
_lingering: set["RtcWire"] = set()


async def answered(
    request: Request, door: Door, streams: StreamServices, failures: Failures
) -> Response:
    """The answer to an offer; its stream runs until one side ends it.

    Raises:
        LabError: it is refused.
    """
    answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    # the stream outlives this request, and the door is left only when it has ended
    task = asyncio.create_task(_serve(door, streams, failures, request, answer))
    _running.add(task)
    task.add_done_callback(_running.discard)
    headers = {"dg-request-id": str(request_id_of(request))}
    return Response(await answer, 201, headers, media_type=SDP)


async def _serve(
    door: Door,
    streams: StreamServices,
    failures: Failures,
    request: Request,
    answer: asyncio.Future[str],
) -> None:
    """Answer an offer and serve its stream; gives everything back, whatever happened.

    Args:
        answer: is given the SDP, or why there is none.
    """
    call = http_call(request)
    wire: RtcWire | None = None
    try:
        async with door.open(call) as admitted:
            options = deepgram.parse_query(joined(request.query_params.multi_items()) | _SOUND)
            place = admitted.stream(options.priority_class)
            described = await _offered(request)
            peer = local_peer()  # it makes keys and a certificate, so for nobody who is refused
            wire = RtcWire(peer, streams.limits.unsent_s, _is_close)
            dialect = Deepgram(options, str(call.request_id), place.lease.engine.model)
            stream = LiveStream(streams, place, wire, dialect)
            said = await _answered(peer, described)
            if not answer.cancelled():  # by a caller who hung up; the peer finds out by itself
                answer.set_result(said)
            await stream.run()
        # nothing is decoded any more, while a client may still have to read
        await wire.linger()
    except Exception as error:
        if answer.done():
            failures.tell(deepgram.RTC_PATH, error)
        else:
            answer.set_exception(error)
    finally:
        if wire is not None:
            await wire.release()


async def _close(peer: RTCPeerConnection) -> None:
    """Free the peer; one that was made half of a strange offer may not be able to close."""
    try:
        await peer.close()
    except Exception as error:  # whatever its half-made parts raise
        _log.warning("a peer could not be closed: %s: %s", type(error).__name__, error)


async def _offered(request: Request) -> RTCSessionDescription:
    text = (await small_body(request, MAX_OFFER_BYTES)).decode(errors="replace")
    lines = text.splitlines()  # the library's own way to find them
    media = sorted(line[2:].split(" ")[0] for line in lines if line.startswith("m="))
    if not text.startswith("v=0") or media not in _OFFERED:
        offered = ", ".join(shown(kind) for kind in media[:_MOST_NAMED]) or "no media"
        raise InvalidMessage(
            f"a body of {len(text):,} characters that offers {offered}",
            f"an SDP offer as {SDP}, of one audio track and at most one data channel",
            "send the peer's local description",
        )
    candidates = [line.split() for line in lines if line.startswith("a=candidate:")]
    hidden = {words[4] for words in candidates if len(words) > 4 and words[4].endswith(".local")}
    if len(hidden) > MOST_HIDDEN:
        raise InvalidMessage(
            f"{len(hidden)} hidden addresses",
            f"at most {MOST_HIDDEN}",
            "offer the addresses of this machine",
        )
    return RTCSessionDescription(text, "offer")


async def _answered(peer: RTCPeerConnection, offered: RTCSessionDescription) -> str:
    _take_opus_alone(peer)
    try:
        await peer.setRemoteDescription(offered)
        await peer.setLocalDescription(await peer.createAnswer())
    except OperationError as error:
        raise InvalidMessage(
            "an offer without a codec that is spoken here", "Opus", "offer the audio track as Opus"
        ) from error
    # the library looks for parts that a strange offer does not have, and says so in many ways
    except (ValueError, LookupError, AssertionError, AttributeError, TypeError) as error:
        raise InvalidMessage(
            f"an offer that cannot be answered ({error})",
            "audio and a data channel",
            "offer one audio track and one data channel",
        ) from error
    return str(peer.localDescription.sdp)


def _take_opus_alone(peer: RTCPeerConnection) -> None:
    """The library also decodes G.722 and G.711, at rates that are not `RATE_HZ`."""
    known = RTCRtpReceiver.getCapabilities("audio")
    assert known is not None, "None stands for a kind of track that the library does not have"
    opus = [codec for codec in known.codecs if codec.mimeType == "audio/opus"]
    peer.addTransceiver("audio", direction="recvonly").setCodecPreferences(opus)


class RtcWire:
    """One peer as the server holds it.

    Args:
        unsent_s: time for the client to take what is left once the stream is over.
        is_close: whether a text on the channel ends the stream, so that the last sound has to come
            before it.
    """

    def __init__(
        self, peer: RTCPeerConnection, unsent_s: float, is_close: Callable[[str], bool]
    ) -> None:
        self._peer = peer
        self._unsent_s = unsent_s
        self._is_close = is_close
        self._inbox: asyncio.Queue[bytes | str | None] = asyncio.Queue()
        self._waiting_bytes = 0
        self._channel: asyncio.Future[RTCDataChannel] = asyncio.get_running_loop().create_future()
        self._hearing: asyncio.Task[None] | None = None
        self._gone = asyncio.Event()
        self._excess: PayloadTooLarge | None = None
        peer.on("track", self._listen)
        peer.on("datachannel", self._take_channel)
        peer.on("connectionstatechange", self._look)

    async def open(self) -> None:
        """Wait for the client's data channel."""
        try:
            await asyncio.wait_for(asyncio.shield(self._channel), CONNECT_S)
        except TimeoutError as error:
            raise ClientGone from error

    async def receive(self) -> bytes | str:
        """Sound as PCM16, or a command.

        Raises:
            PayloadTooLarge: more came than could be kept.
        """
        self._check_window()
        if self._excess is not None:
            raise self._excess
        message = await self._inbox.get()
        if message is None:
            raise ClientGone
        self._waiting_bytes -= len(message)
        if isinstance(message, str) and self._is_close(message):
            await asyncio.sleep(SETTLE_S)
            return self._settled(message)
        return message

    async def send(self, message: str) -> None:
        """Send text; waits while the client has not taken what was sent before."""
        channel = self._channel.result()
        while channel.readyState == "open" and channel.bufferedAmount > MAX_UNSENT_BYTES:
            await asyncio.sleep(0.02)
        self._put(message)

    async def close(self, ending: Ending) -> None:
        """Say how it ends, for a data channel has no word for it; then give the client a moment.

        It stands behind what was not taken yet and does not wait for that: who takes messages again
        a moment later should learn why no more will come.
        """
        last = {"type": "Close", "code": ending.code, "reason": ending.reason}
        self._put(json.dumps(last))
        await self._wait_for_goodbye()

    async def linger(self) -> None:
        """Stay until the client has what is left, if anything is; not for ever, nor among many."""
        if not self._is_owing or len(_lingering) >= MOST_LINGERING:
            return
        self._stop_hearing()
        _lingering.add(self)
        try:
            with suppress(TimeoutError):  # whoever takes nothing is released all the same
                async with asyncio.timeout(self._unsent_s):
                    while self._is_owing:
                        await asyncio.sleep(0.02)
                    await self._wait_for_goodbye()
        finally:
            _lingering.discard(self)

    async def release(self) -> None:
        """Free the peer's sockets and threads."""
        self._stop_hearing()
        await _close(self._peer)

    def _stop_hearing(self) -> None:
        if self._hearing is not None:
            self._hearing.cancel()

    async def _wait_for_goodbye(self) -> None:
        with suppress(TimeoutError):  # whoever stays connected is released all the same
            await asyncio.wait_for(self._gone.wait(), CLOSE_S)

    @property
    def _is_owing(self) -> bool:
        """Whether something has not reached a client that could take it."""
        if self._gone.is_set() or not self._channel.done():
            return False
        channel, sctp = self._channel.result(), self._peer.sctp
        if channel.readyState != "open" or sctp is None:
            return False
        return bool(channel.bufferedAmount or getattr(sctp, SENT))

    def _put(self, message: str) -> None:
        channel = self._channel.result()
        if channel.readyState != "open":
            raise ClientGone
        channel.send(message)

    def _settled(self, close: str) -> bytes | str:
        """Sound that came after the command goes before it; then no bytes, the other end mark."""
        waiting = [self._inbox.get_nowait() for _ in range(self._inbox.qsize())]
        self._waiting_bytes = 0
        sound = b"".join(piece for piece in waiting if isinstance(piece, bytes))
        if not sound:
            return close
        self._inbox.put_nowait(b"")
        return sound

    def _take_channel(self, channel: RTCDataChannel) -> None:
        if self._channel.done():
            return
        channel.on("message", self._command)
        channel.on("close", self._look)
        self._channel.set_result(channel)

    def _command(self, message: bytes | str) -> None:
        if isinstance(message, str):
            self._keep(message)

    def _check_window(self) -> None:
        """The pieces of a message that is not whole yet are the library's to keep."""
        if self._peer.sctp is not None and getattr(self._peer.sctp, WINDOW) < 0:
            self._excess = PayloadTooLarge(
                f"a message of more than {WINDOW_BYTES:,} bytes on the data channel",
                "commands; sound goes by the audio track",
                "send what the API is documented with",
            )

    def _keep(self, message: bytes | str) -> None:
        """Until it is asked for; UDP and the data channel cannot be held back."""
        held_bytes = self._waiting_bytes + len(message)
        if self._inbox.qsize() < MOST_WAITING and held_bytes <= MOST_WAITING_BYTES:
            self._waiting_bytes = held_bytes
            self._inbox.put_nowait(message)
        else:
            self._excess = PayloadTooLarge(
                f"more than {MOST_WAITING} packets and messages, or "
                f"{MOST_WAITING_BYTES:,} bytes of sound, that wait",
                "sound at the pace at which it is spoken",
                "send no faster than that",
            )

    def _listen(self, track: MediaStreamTrack) -> None:
        if track.kind != "audio" or self._hearing is not None:
            return
        for transceiver in self._peer.getTransceivers():
            _shorten_jitter_buffer(transceiver.receiver)
        self._hearing = asyncio.create_task(self._hear(track))

    async def _hear(self, track: MediaStreamTrack) -> None:
        due: int | None = None
        try:
            while True:
                frame = await track.recv()
                assert isinstance(frame, AudioFrame)
                missing = 0 if due is None or frame.pts is None else frame.pts - due
                if 0 < missing <= LONGEST_GAP_SAMPLES:
                    self._keep(bytes(2 * CHANNELS * missing))
                self._keep(frame.to_ndarray().tobytes())
                due = None if frame.pts is None else frame.pts + frame.samples
        except MediaStreamError:
            return  # the client stopped its track; the channel may have more to say
        except Exception as error:  # sound that the library cannot take apart; no more will come
            _log.error("the sound of a stream cannot be heard: %s: %s", type(error).__name__, error)
            self._inbox.put_nowait(None)

    def _look(self, *_: Any) -> None:
        channel_closed = self._channel.done() and self._channel.result().readyState == "closed"
        if channel_closed or self._peer.connectionState in ("failed", "closed"):
            self._gone.set()
            self._inbox.put_nowait(None)


def _is_close(text: str) -> bool:
    try:
        return deepgram.parse_command(text) is deepgram.Command.CLOSE_STREAM
    except LabError:
        return False


def _shorten_jitter_buffer(receiver: RTCRtpReceiver) -> None:
    """The library has no setting for it; a test sees to it that the name still means this."""
    setattr(receiver, JITTER_BUFFER, JitterBuffer(JITTER_PACKETS, prefetch=1))
