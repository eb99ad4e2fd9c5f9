"""WebRTC: a plain aiortc peer, as any client would have one, against a real server."""

import asyncio
import fractions
import inspect
import json
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
from aiortc import (
    AudioStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
)
from aiortc.jitterbuffer import JitterBuffer
from aiortc.rtcsctptransport import WEBRTC_STRING, RTCSctpTransport
from av import AudioFrame
from hang import HANG_S
from server_process import KEY, ServerProcess, eventually, is_at_rest, metrics, plain

from lab_kit import datasets
from lab_kit.audio.pcm import to_pcm16
from lab_kit.bench import Bench
from lab_kit.experiments.networks.network import ByteCounter, Network
from lab_kit.experiments.networks.rtc_route import RtcRoute
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.providers.deepgram import rtc
from lab_kit.wires.webrtc import local_peer

SAID = "it was the best of times"
SDP = {"content-type": "application/sdp"}


class Speaker(AudioStreamTrack):  # type: ignore[misc]
    """A microphone's track: speech, then silence for ever, 20 ms at a time."""

    def __init__(self) -> None:
        super().__init__()
        self._pcm = to_pcm16(datasets.clip("two-cities-best").samples)
        self.is_done = asyncio.Event()

    async def recv(self) -> AudioFrame:
        silence = await super().recv()  # paces us, 8 kHz
        piece, self._pcm = self._pcm[:640], self._pcm[640:]
        if not self._pcm:
            self.is_done.set()
        sound = np.frombuffer(piece.ljust(640, b"\0"), "<i2").reshape(1, -1)
        frame = AudioFrame.from_ndarray(sound, format="s16", layout="mono")
        frame.sample_rate, frame.time_base = 16_000, fractions.Fraction(1, 16_000)
        frame.pts = silence.pts * 2
        return frame


async def offered(peer: RTCPeerConnection, url: str, key: str = "any", **query: str) -> Any:
    await peer.setLocalDescription(await peer.createOffer())
    return await answered(peer.localDescription.sdp, url, key, **query)


async def answered(sdp: str, url: str, key: str = "any", **query: str) -> Any:
    async with httpx.AsyncClient(trust_env=False) as http:
        return await http.post(
            f"{url}/v1/rtc",
            content=sdp,
            params=query,
            headers=SDP | {"authorization": f"Bearer {key}"},
        )


async def talk(peer: RTCPeerConnection, url: str) -> list[dict[str, Any]]:
    """Speak the clip, ask for the end, and return what was said to that."""
    speaker, heard, closed = Speaker(), [], asyncio.Event()
    opened = asyncio.Event()
    peer.addTrack(speaker)
    channel = peer.createDataChannel("anything")
    channel.on("open", opened.set)

    @channel.on("message")
    def hear(text: str) -> None:
        heard.append(json.loads(text))
        if heard[-1]["type"] == "Close":
            closed.set()

    answer = await offered(peer, url, interim_results="true", vad_events="true")
    assert answer.status_code == 201, answer.text
    assert answer.headers["content-type"] == "application/sdp"
    await peer.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
    async with asyncio.timeout(HANG_S):
        await opened.wait()
        await speaker.is_done.wait()
        channel.send(json.dumps({"type": "Finalize"}))
        channel.send(json.dumps({"type": "CloseStream"}))
        await closed.wait()
    return heard


@pytest.mark.parametrize("make", [local_peer, lambda: RTCPeerConnection(RTCConfiguration([]))])
async def test_a_peer_speaks_and_reads_along(bench: Bench, make: Any) -> None:
    before = descriptors(bench)
    peer = make()
    try:
        heard = await talk(peer, bench.url)
    finally:
        await peer.close()
    kinds = [message["type"] for message in heard]
    assert kinds[0] == "SpeechStarted"
    assert kinds[-2:] == ["Metadata", "Close"]
    assert heard[-1]["code"] == 1000
    results = [m for m in heard if m["type"] == "Results"]
    assert any(not m["is_final"] for m in results)
    text = " ".join(m["channel"]["alternatives"][0]["transcript"] for m in results if m["is_final"])
    assert SAID in plain(text)
    await eventually(lambda: is_at_rest(bench.url), "at rest")
    await eventually(lambda: descriptors(bench) <= before + 1, "back to its sockets")


async def test_a_peer_that_vanishes_is_reclaimed(bench: Bench) -> None:
    peer = local_peer()
    peer.addTrack(AudioStreamTrack())
    peer.createDataChannel("x")
    answer = await offered(peer, bench.url)
    await peer.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
    await eventually(lambda: metrics(bench.url)["lab_streams"] == 1, "open")
    await peer.close()
    await eventually(lambda: is_at_rest(bench.url), "at rest")


async def test_a_peer_that_never_connects_is_reclaimed(bench: Bench) -> None:
    peer = local_peer()
    peer.addTrack(AudioStreamTrack())
    peer.createDataChannel("x")
    assert (await offered(peer, bench.url)).status_code == 201
    await peer.close()
    await eventually(lambda: is_at_rest(bench.url), "at rest")


async def test_many_offers_at_once_open_no_more_streams_than_fit(
    strict_server: ServerProcess,
) -> None:
    """Six fit here, and twice as many ask before the first of them is answered."""
    await eventually(lambda: is_at_rest(strict_server.url), "at rest")
    peers = [local_peer() for _ in range(12)]
    for peer in peers:
        peer.addTrack(AudioStreamTrack())
        peer.createDataChannel("x")
    answers = await asyncio.gather(*(offered(peer, strict_server.url) for peer in peers))
    await asyncio.gather(*(peer.close() for peer in peers))
    assert sorted(answer.status_code for answer in answers) == [201] * 6 + [503] * 6
    await eventually(lambda: is_at_rest(strict_server.url), "at rest")


@pytest.mark.parametrize("body", [b"", b"v=0\r\n", b"{}", b"v=0\r\nm=audio nonsense"])
async def test_what_is_no_offer_is_refused(bench: Bench, body: bytes) -> None:
    assert (await refused(bench, body))["reason"] == "INVALID_MESSAGE"


async def offer() -> str:
    """What a client of one track and a channel says."""
    peer = local_peer()
    peer.addTrack(AudioStreamTrack())
    peer.createDataChannel("x")
    await peer.setLocalDescription(await peer.createOffer())
    text = peer.localDescription.sdp
    await peer.close()
    return text


@pytest.mark.parametrize("line_end", ["\r\n", "\n", "\r", "\x0b", "\u2028"])
@pytest.mark.parametrize("kind", ["audio", "video"])
async def test_a_second_track_is_refused(bench: Bench, kind: str, line_end: str) -> None:
    """It would be decoded into a queue that nobody reads; lines end where the library ends them."""
    text = (await offer()).rstrip("\r\n")
    more = f"{text}{line_end}m={kind} 9 UDP/TLS/RTP/SAVPF 96{line_end}a=mid:9\r\n"
    said = (await refused(bench, more.encode()))["received"]
    assert f"'{kind}'" in said
    assert "'audio'" in said


@pytest.mark.parametrize("space", [" ", "\t"])
async def test_many_hidden_addresses_are_refused(bench: Bench, space: str) -> None:
    text = await offer()
    for n in range(rtc.MOST_HIDDEN + 1):
        text += f"a=candidate:1 1 udp 2 {n}.local{space}9 typ host\r\n"
    assert f"{rtc.MOST_HIDDEN + 1} hidden" in (await refused(bench, text.encode()))["received"]


async def refused(bench: Bench, body: bytes) -> dict[str, Any]:
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.post(f"{bench.url}/v1/rtc", content=body, headers=SDP)
    assert answer.status_code == 400
    await eventually(lambda: is_at_rest(bench.url), "at rest")
    error: dict[str, Any] = answer.json()["error"]
    return error


async def test_a_wrong_key_is_refused(keyed_bench: Bench) -> None:
    peer = local_peer()
    peer.addTrack(AudioStreamTrack())
    peer.createDataChannel("x")
    assert (await offered(peer, keyed_bench.url, "wrong")).status_code == 401
    await peer.close()
    assert KEY not in keyed_bench.log_tail()


async def test_a_message_without_end_is_not_kept(bench: Bench) -> None:
    """The library's peer on this side sends on, whatever window it is told."""
    peer, opened = local_peer(), asyncio.Event()
    peer.addTrack(Speaker())
    channel = peer.createDataChannel("anything")
    channel.on("open", opened.set)
    closes: list[str] = []
    channel.on("message", lambda text: closes.append(text) if "Close" in text else None)
    answer = await offered(peer, bench.url)
    await peer.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
    async with asyncio.timeout(HANG_S):
        await opened.wait()
    channel.transport._remote_max_message_size = 0  # or it would refuse to send that much
    channel.send("x" * 8_000_000)
    try:
        await eventually(lambda: bool(closes), "it says why")
    finally:
        await peer.close()
    close = json.loads(closes[0])
    assert close["code"] == 1008
    assert "on the data channel" in close["reason"]
    await eventually(lambda: is_at_rest(bench.url), "at rest")


async def test_text_that_is_none_ends_its_own_connection_with_one_line() -> None:
    """The library decodes text on a task that nobody awaits, and would leave pages in the log."""
    with ServerProcess(Limits()) as server:
        for _ in range(3):
            peer, opened = local_peer(), asyncio.Event()
            peer.addTrack(Speaker())
            channel = peer.createDataChannel("anything")
            channel.on("open", opened.set)
            answer = await offered(peer, server.url)
            await peer.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
            async with asyncio.timeout(HANG_S):
                await opened.wait()
            channel.transport._data_channel_queue.append((channel, WEBRTC_STRING, b"\xff\xfe"))
            await channel.transport._data_channel_flush()
            await eventually(lambda: is_at_rest(server.url), "the server is at rest")
            await peer.close()
        log = server.log.read_text()
    assert "File " not in log
    assert log.count("UnicodeDecodeError") == 2  # of three, the first and the second are written


LOST_S = 2.0
"""Longer than the server waits for a goodbye, and than the library for an acknowledgement."""


async def test_last_words_that_are_lost_on_the_way_are_sent_again(bench: Bench) -> None:
    is_lossy = False
    route = RtcRoute(Network(loss=0.5), lambda: 0.0 if is_lossy else 1.0, ByteCounter())
    peer, speaker, closed = local_peer(), Speaker(), asyncio.Event()
    peer.addTrack(speaker)
    channel, opened, heard = peer.createDataChannel("anything"), asyncio.Event(), []
    channel.on("open", opened.set)

    @channel.on("message")
    def hear(text: str) -> None:
        heard.append(json.loads(text)["type"])
        if heard[-1] == "Close":
            closed.set()

    try:
        await peer.setLocalDescription(await peer.createOffer())
        answer = await answered(await route.offer(peer.localDescription.sdp), bench.url)
        described = RTCSessionDescription(await route.answer(answer.text), "answer")
        await peer.setRemoteDescription(described)
        async with asyncio.timeout(HANG_S):
            await opened.wait()
            await speaker.is_done.wait()
            channel.send(json.dumps({"type": "CloseStream"}))
            await asyncio.sleep(rtc.SETTLE_S / 3)  # it is on its way, and not answered yet
            is_lossy = True
            await asyncio.sleep(LOST_S)
            assert not closed.is_set()
            is_lossy = False
            await closed.wait()
    finally:
        await peer.close()
        route.close()
    assert heard[-3:] == ["Results", "Metadata", "Close"]
    await eventually(lambda: is_at_rest(bench.url), "at rest")


def test_the_library_still_has_what_we_set_and_look_at() -> None:
    source = inspect.getsource(RTCRtpReceiver.__init__)
    assert "self.__jitter_buffer = JitterBuffer(" in source
    assert rtc.JITTER_BUFFER == "_RTCRtpReceiver__jitter_buffer"
    sctp = inspect.getsource(RTCSctpTransport)
    assert f"self.{rtc.WINDOW} -= len(" in sctp
    assert f"self.{rtc.WINDOW} = 1024 * 1024" in sctp
    assert rtc.WINDOW_BYTES == 1024 * 1024
    assert f"self.{rtc.SENT}.append(chunk)" in sctp
    assert f"self.{rtc.SENT}.popleft()" in sctp
    assert JitterBuffer(rtc.JITTER_PACKETS, prefetch=1).capacity == rtc.JITTER_PACKETS


def descriptors(bench: Bench) -> int:
    return int(psutil.Process(bench.pid).num_fds())
