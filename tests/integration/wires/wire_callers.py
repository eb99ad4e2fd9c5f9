"""A caller on each live wire who says what a provider's client never would, and hears the answer.

What comes back is told in the wire's own terms, so that a test can compare it with what is
documented of that wire.
"""

import asyncio
import base64
import fractions
import json
import re
import socket as sockets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import grpc
import httpx
from aiortc.rtcsctptransport import WEBRTC_STRING
from amazon_calls import ASKED, signed_query
from av.packet import Packet
from google.cloud import speech_v1, speech_v2
from hang import HANG_S
from server_process import RAW, eventually, is_at_rest, plain, speech
from test_openai_realtime import SPEECH, TRANSCRIPT
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from lab_kit.client import ServerAddress
from lab_kit.dialects.amazon.client import MOST_BYTES, audio_frame
from lab_kit.dialects.amazon.event_stream import decoded
from lab_kit.dialects.amazon.options import SOCKET_PATH
from lab_kit.wires.grpc_call import status_of
from lab_kit.wires.webrtc import FRAME_S, RtcCall, open_rtc_call


class LiveWire(StrEnum):
    """The wires of live streams, in whose words each speaks."""

    DEEPGRAM = "Deepgram"
    OPENAI = "OpenAI"
    GOOGLE_1 = "Google v1"
    GOOGLE_2 = "Google v2"
    WEBRTC = "WebRTC"
    ASSEMBLYAI = "AssemblyAI"
    TRANSCRIBE = "Transcribe"
    ELEVENLABS = "ElevenLabs"


UNREAD_BYTES = 65_536
"""Of datagrams that the kernel may hold for a server: a third of what it drops the next ones at."""
LOST = "lost"
"""How a connection ends about which nothing is said."""
CHUNK_BYTES = 4_800
"""At most a quarter of what one of Google's messages may hold."""
RATE_HZ = 16_000
RECEIVE_BUFFER_BYTES = 4_096
_NARROW = [("grpc.http2.lookahead_bytes", 256), ("grpc.http2.bdp_probe", 0)]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a stream ended, or was refused.

    Attributes:
        code: the HTTP status of a refusal, else a close frame's code, a call's status, or the code
            of the Close message.
        reason: the refusal's body, the close frame's or the Close message's reason, or the details
            of the status.
        said: the text of the finals, in plain words.
        finals: how many of them have words.
        errors: codes of the errors that were told on the open stream.
        headers: of a refusal over HTTP.
    """

    code: int | str
    reason: str
    said: str = ""
    finals: int = 0
    errors: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):
    """The stream was refused before it was open; how is in ``outcome``."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(f"{outcome.code} {outcome.reason}")
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Asked:
    """What a caller asks for when it connects.

    Attributes:
        options: Deepgram's query, for the wires that have it; on others, the fields of the
            configuration.
        host: whose name the request is sent under; None sends the server's address.
        offer: what is made of WebRTC's offer before it is sent; None sends it as it is.
        reads_little: the system holds little for this caller while it does not read.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    host: str | None = None
    offer: Callable[[str], str] | None = None
    reads_little: bool = False


class Caller:
    """An open stream.

    Attributes:
        heard: every message so far.
        is_over: the stream has been heard out.
    """

    speech = speech("two-cities-best")
    pause = bytes(16_000)
    """Half a second of silence, after which what was said before is owed."""
    rate_hz = RATE_HZ

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.is_over = False
        self._new = asyncio.Event()

    @property
    def phrase(self) -> bytes:
        """Some words and a pause."""
        return self.speech[: 2 * self.rate_hz] + self.pause

    async def audio(self, data: bytes) -> None:
        """One message of audio, whatever it holds."""
        raise NotImplementedError

    async def text(self, data: bytes) -> None:
        """One message where the wire has commands, whatever it holds."""
        raise NotImplementedError

    async def keep_alive(self) -> None:
        """Keep the stream open, without audio."""
        raise NotImplementedError

    async def finalize(self) -> None:
        """Ask for a final."""
        raise NotImplementedError

    async def finish(self) -> None:
        """Say that no more will come."""
        raise NotImplementedError

    async def taken(self) -> None:
        """Wait until the server has taken what was sent, where the wire has a way to ask."""

    def stop_reading(self) -> None:
        """Take nothing more that the server sends."""

    def read_again(self) -> None:
        """Take what was sent meanwhile."""

    async def hear_out(self) -> Outcome:
        """Everything up to the end."""
        raise NotImplementedError

    def texts(self) -> list[str]:
        """Of the finals so far, in their order."""
        raise NotImplementedError

    def spoken(self) -> tuple[str, int]:
        """The finals' words, and how many finals have any."""
        texts = [text for text in self.texts() if text]
        return plain(" ".join(texts)), len(texts)

    async def say(self, data: bytes | None = None) -> None:
        """Speech and a pause behind it, or ``data``, as fast as it goes."""
        data = self.speech + self.pause if data is None else data
        for start in range(0, len(data), CHUNK_BYTES):
            await self.audio(data[start : start + CHUNK_BYTES])

    async def until_final(self, number: int = 1) -> None:
        """Wait for so many finals with words."""
        await self.until(lambda: self.spoken()[1] >= number)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for messages till it holds, or till none will come; they are heard elsewhere."""
        async with asyncio.timeout(HANG_S):
            while not holds() and not self.is_over:
                self._new.clear()
                await self._new.wait()

    def over(self) -> None:
        """No more will be heard."""
        self.is_over = True
        self._new.set()

    def _hear(self, message: Any) -> None:
        self.heard.append(message)
        self._new.set()


class DeepgramCaller(Caller):
    """Binary audio and JSON commands on a WebSocket."""

    def __init__(self, socket: ClientConnection) -> None:
        super().__init__()
        self.socket = socket

    async def send(self, message: Any, text: bool | None = None) -> None:
        """A message, or its frames; what the server closed takes none, and says why by itself."""
        with suppress(ConnectionClosed):
            await self.socket.send(message, text=text)
            await asyncio.sleep(0)  # a socket with room never waits, and nobody would read

    async def audio(self, data: bytes) -> None:
        await self.send(self.sound(data))

    async def burst(self, data: bytes, count: int) -> None:
        """So many messages of sound, and only then others' turn: a busy machine is no defence."""
        message = self.sound(data)
        with suppress(ConnectionClosed):
            for _ in range(count):
                await self.socket.send(message)
            await asyncio.sleep(0)

    def sound(self, data: bytes) -> bytes | str:
        """The message that holds it."""
        return data

    async def text(self, data: bytes) -> None:
        await self.send(data, text=True)

    async def keep_alive(self) -> None:
        await self.send('{"type":"KeepAlive"}')

    async def finalize(self) -> None:
        await self.send('{"type":"Finalize"}')

    async def finish(self) -> None:
        await self.send('{"type":"CloseStream"}')

    async def taken(self) -> None:
        """A text that is no command is answered in its turn."""
        await self.text(b"is that all?")
        await self.until(lambda: any(m["type"] == "Error" for m in self.heard))

    def stop_reading(self) -> None:
        self.socket.transport.pause_reading()

    def read_again(self) -> None:
        self.socket.transport.resume_reading()

    async def hear_out(self) -> Outcome:
        try:
            while True:
                self._hear(json.loads(await self.socket.recv()))
        except ConnectionClosed as closed:
            if closed.rcvd is None:
                return self.outcome(LOST, "")
            return self.outcome(closed.rcvd.code, closed.rcvd.reason)

    async def until_error(self) -> None:
        """Wait until an error was told on the open stream."""
        await self.until(lambda: bool(self.outcome("", "").errors))

    def outcome(self, code: int | str, reason: str) -> Outcome:
        """What Deepgram's messages said, and this end."""
        errors = tuple(m["variant"] for m in self.heard if m["type"] == "Error")
        return Outcome(code, reason, *self.spoken(), errors)

    def texts(self) -> list[str]:
        finals = [m for m in self.heard if m["type"] == "Results" and m["is_final"]]
        return [m["channel"]["alternatives"][0]["transcript"] for m in finals]


class OpenAICaller(DeepgramCaller):
    """The same socket, with audio as base64 in JSON."""

    speech = SPEECH
    pause = bytes(24_000)
    rate_hz = 24_000

    def sound(self, data: bytes) -> str:
        audio = base64.b64encode(data).decode()
        return json.dumps({"type": "input_audio_buffer.append", "audio": audio})

    async def keep_alive(self) -> None:
        await self.update()

    async def taken(self) -> None:
        await self.update()
        await self.until(lambda: any(m["type"] == "session.updated" for m in self.heard))

    async def finalize(self) -> None:
        await self.audio(bytes(CHUNK_BYTES))
        await self.event("input_audio_buffer.commit")

    async def finish(self) -> None:
        """The dialect has no word for the end: a client closes when it has heard enough."""
        await self.socket.close()

    async def update(self, **audio_input: Any) -> None:
        """Choose; without a choice, the session is told again."""
        session = {"type": "transcription", "audio": {"input": audio_input}}
        await self.event("session.update", session=session)

    async def event(self, kind: str, **fields: Any) -> None:
        """One event."""
        await self.send(json.dumps({"type": kind, **fields}))

    def outcome(self, code: int | str, reason: str) -> Outcome:
        errors = tuple(m["error"]["code"] for m in self.heard if m["type"] == "error")
        return Outcome(code, reason, *self.spoken(), errors)

    def texts(self) -> list[str]:
        return [m["transcript"] for m in self.heard if m["type"] == TRANSCRIPT + "completed"]


class ElevenLabsCaller(OpenAICaller):
    """Audio as base64 in JSON, committed by silence or by the client."""

    speech = DeepgramCaller.speech
    pause = DeepgramCaller.pause
    rate_hz = DeepgramCaller.rate_hz

    def sound(self, data: bytes) -> str:
        audio = base64.b64encode(data).decode()
        return json.dumps({"message_type": "input_audio_chunk", "audio_base_64": audio})

    async def keep_alive(self) -> None:
        await self.audio(b"")

    async def taken(self) -> None:
        """A message of no use is answered in its turn."""
        await self.text(b"is that all?")
        await self.until_error()

    async def finalize(self) -> None:
        await self.audio(bytes(3 * CHUNK_BYTES))
        await self.send(json.dumps({**json.loads(self.sound(b"")), "commit": True}))

    def outcome(self, code: int | str, reason: str) -> Outcome:
        errors = tuple(m["message_type"] for m in self.heard if "error" in m)
        return Outcome(code, reason, *self.spoken(), errors)

    def texts(self) -> list[str]:
        return [m["text"] for m in self.heard if m["message_type"] == "committed_transcript"]


class AssemblyAICaller(DeepgramCaller):
    """Binary audio and JSON commands, told by turns."""

    async def finalize(self) -> None:
        await self.send('{"type":"ForceEndpoint"}')

    async def finish(self) -> None:
        await self.send('{"type":"Terminate"}')

    async def taken(self) -> None:
        """Nothing that a client says is answered in its turn."""

    def outcome(self, code: int | str, reason: str) -> Outcome:
        """The reason is the message's, if there was one: not every one fits into a close frame."""
        errors = [m for m in self.heard if m["type"] == "Error"]
        told = errors[-1]["error"] if errors else reason
        codes = tuple(str(m["error_code"]) for m in errors)
        return Outcome(code, told, *self.spoken(), codes)

    def texts(self) -> list[str]:
        return [m["transcript"] for m in self.heard if m["type"] == "Turn" and m["end_of_turn"]]


class TranscribeCaller(DeepgramCaller):
    """The same socket, with sound and results in event-stream frames; the last may be an exception,
    whose name and text are the reason then."""

    def sound(self, data: bytes) -> bytes:
        return audio_frame(data)

    async def finish(self) -> None:
        await self.audio(b"")

    async def taken(self) -> None:
        """There is no way to ask."""

    async def hear_out(self) -> Outcome:
        told = ""
        try:
            while True:
                frame = decoded(await self.socket.recv(decode=False), MOST_BYTES)
                body = json.loads(frame.payload)
                if frame.headers[":message-type"] == "exception":
                    told = f"{frame.headers[':exception-type']}: {body['Message']}"
                else:
                    self._hear(body)
        except ConnectionClosed as closed:
            if closed.rcvd is None:
                return Outcome(LOST, told, *self.spoken())
            return Outcome(closed.rcvd.code, told or closed.rcvd.reason, *self.spoken())

    def texts(self) -> list[str]:
        results = [result for body in self.heard for result in body["Transcript"]["Results"]]
        finals = [result for result in results if not result["IsPartial"]]
        return [result["Alternatives"][0]["Transcript"] for result in finals]


class GoogleCaller(Caller):
    """A call of StreamingRecognize; the two versions differ in their messages.

    Attributes:
        configuration: the first message.
    """

    def __init__(self, call: Any, first: Any, audio: str) -> None:
        super().__init__()
        kind = type(first)
        self.configuration: bytes = kind.serialize(first)
        self._call = call
        self._status = status_of(call)
        self._kind = kind
        self._audio = audio
        self._reads = asyncio.Event()
        self._reads.set()

    async def audio(self, data: bytes) -> None:
        await self.text(self._kind.serialize(self._kind({self._audio: data})))

    async def text(self, data: bytes) -> None:
        """A call that has ended takes no more, and says why by itself."""
        with suppress(grpc.RpcError, grpc.aio.UsageError, asyncio.InvalidStateError):
            await self._call.write(data)

    async def keep_alive(self) -> None:
        await self.audio(b"")

    async def finish(self) -> None:
        await self._call.done_writing()

    def stop_reading(self) -> None:
        self._reads.clear()

    def read_again(self) -> None:
        self._reads.set()

    async def hear_out(self) -> Outcome:
        # a call that has broken has no more to read, and its status says why
        with suppress(grpc.RpcError):
            while (
                await self._reads.wait() and (data := await self._call.read()) is not grpc.aio.EOF
            ):
                self._hear(data)
        status = await self._status
        return Outcome(status.code.name, status.details, *self.spoken())

    def texts(self) -> list[str]:
        api = speech_v1 if self._audio == "audio_content" else speech_v2
        read = api.StreamingRecognizeResponse.deserialize
        finals = [r for data in self.heard for r in read(data).results if r.is_final]
        return [r.alternatives[0].transcript for r in finals]


class WebRtcCaller(DeepgramCaller):
    """Opus over UDP, Deepgram's words on a data channel; 20 ms a packet."""

    def __init__(self, call: RtcCall, url: str) -> None:
        Caller.__init__(self)
        self._call = call
        self._url = url
        sdp = call._peer.remoteDescription.sdp
        self._server_ports = set(map(int, re.findall(r"a=candidate:.* (\d+) typ host", sdp)))
        assert self._server_ports, sdp

    async def send(self, message: Any, text: bool | None = None) -> None:
        """A text on the channel; one that is closed takes none."""
        if self._call.channel.readyState == "open":
            self._call.channel.send(message)

    async def audio(self, data: bytes) -> None:
        """Nobody holds back who sends by UDP, and what comes too fast is lost: five times as fast
        as it was spoken, and no faster than the server reads its sockets."""
        self._call.send_audio(data)
        await asyncio.sleep(len(data) / 32_000 / 5)
        async with asyncio.timeout(HANG_S):
            while unread_datagrams_bytes(self._server_ports) > UNREAD_BYTES:
                await asyncio.sleep(0.01)

    async def text(self, data: bytes) -> None:
        """As a string, though it may be none, and longer than the peer says it takes."""
        sctp = self._call._peer.sctp
        sctp._data_channel_queue.append((self._call.channel, WEBRTC_STRING, data))
        await sctp._data_channel_flush()

    async def until_let_go(self) -> None:
        """Wait until the server holds nothing for anybody, which says nothing to a peer that waits;
        the library would find out after half a minute."""
        await eventually(lambda: is_at_rest(self._url), "at rest")
        self._call.channel.emit("close")

    async def no_opus_packet(self) -> None:
        """Behind the sound, one packet after another that is none."""
        track, sound = self._call._track, self._call._track.recv
        packets = 0

        async def recv() -> Any:
            nonlocal packets
            if track._sound:
                return await sound()
            await asyncio.sleep(FRAME_S)
            packets += 1
            packet = Packet(b"RIFF" * 8)
            packet.pts = track._samples + packets * round(RATE_HZ * FRAME_S)
            packet.time_base = fractions.Fraction(1, RATE_HZ)
            return packet

        track.recv = recv  # type: ignore[method-assign]
        self._call.send_audio(bytes(2 * round(RATE_HZ * FRAME_S)))

    async def finish(self) -> None:
        self._call.flush_audio()
        await super().finish()

    def stop_reading(self) -> None:
        async def lose(_: Any) -> None: ...

        self._call._peer.sctp._receive_data_chunk = lose

    def read_again(self) -> None:
        del self._call._peer.sctp._receive_data_chunk

    async def hear_out(self) -> Outcome:
        async for arrived in self._call.messages():
            message = json.loads(arrived.text)
            if message["type"] == "Close":
                return self.outcome(message["code"], message["reason"])
            self._hear(message)
        return self.outcome(LOST, "")


def unread_datagrams_bytes(ports: set[int]) -> int:
    """What the kernel holds for these UDP ports; where it does not tell, nothing."""
    try:
        lines = Path("/proc/net/udp").read_text("ascii").splitlines()[1:]
    except FileNotFoundError:
        return 0
    # sl, local address:port, remote address:port, state, tx_queue:rx_queue, all hexadecimal
    held = [line.split() for line in lines]
    return sum(
        int(entry[4].split(":")[1], 16)
        for entry in held
        if int(entry[1].split(":")[1], 16) in ports
    )


# -- connecting ----------------------------------------------------------------------------------


@asynccontextmanager
async def _socket(server: ServerAddress, path: str, asked: Asked) -> AsyncIterator[Any]:
    address = urlsplit(server.url)
    plug = sockets.socket()
    if asked.reads_little:  # before there is a connection, whose window must not shrink
        plug.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    plug.connect((address.hostname, address.port))
    key = {} if server.key is None else {"Authorization": f"Token {server.key}"}
    try:
        async with connect(
            f"ws://{asked.host or address.netloc}{path}",
            sock=plug,
            additional_headers=key | dict(asked.headers),
            compression=None,
            proxy=None,
            max_queue=None,
            close_timeout=2,
            ping_interval=None,  # a pong waits behind what the server has not come to yet
        ) as socket:
            yield socket
    except InvalidStatus as refused:
        answer = refused.response
        body = (answer.body or b"").decode()
        raise Refused(Outcome(answer.status_code, body, headers=answer.headers)) from refused


@asynccontextmanager
async def _deepgram(server: ServerAddress, asked: Asked) -> AsyncIterator[Caller]:
    path = "/v1/listen?" + urlencode({**RAW, **asked.options})
    async with _socket(server, path, asked) as socket:
        yield DeepgramCaller(socket)


@asynccontextmanager
async def _openai(server: ServerAddress, asked: Asked) -> AsyncIterator[Caller]:
    async with _socket(server, "/v1/realtime?intent=transcription", asked) as socket:
        caller = OpenAICaller(socket)
        if asked.options:
            await caller.update(**asked.options)
        yield caller


@asynccontextmanager
async def _assemblyai(server: ServerAddress, asked: Asked) -> AsyncIterator[Caller]:
    turns = {"min_turn_silence": 200, "max_turn_silence": 200}
    path = "/v3/ws?" + urlencode({"sample_rate": RATE_HZ, **turns, **asked.options})
    async with _socket(server, path, asked) as socket:
        yield AssemblyAICaller(socket)


@asynccontextmanager
async def _elevenlabs(server: ServerAddress, asked: Asked) -> AsyncIterator[Caller]:
    chosen = {"commit_strategy": "vad", "vad_silence_threshold_secs": 0.3, **asked.options}
    path = "/v1/speech-to-text/realtime?" + urlencode({"model_id": "any", **chosen})
    async with _socket(server, path, asked) as socket:
        yield ElevenLabsCaller(socket)


@asynccontextmanager
async def _transcribe(server: ServerAddress, asked: Asked) -> AsyncIterator[Caller]:
    host = asked.host or urlsplit(server.url).netloc
    query = signed_query(server.key or "any", host, {**ASKED, **asked.options})
    async with _socket(server, f"{SOCKET_PATH}?{query}", asked) as socket:
        yield TranscribeCaller(socket)


@asynccontextmanager
async def _google_1(server: ServerAddress, asked: Asked) -> AsyncIterator[Caller]:
    config = {"encoding": 1, "sample_rate_hertz": 16_000, "language_code": "en-US"}
    chosen = {"streaming_config": {"config": config | dict(asked.options)}}
    first = speech_v1.StreamingRecognizeRequest(chosen)
    async with _call(server, "v1", asked) as call:
        caller = GoogleCaller(call, first, "audio_content")
        await caller.text(caller.configuration)
        yield caller


@asynccontextmanager
async def _google_2(server: ServerAddress, asked: Asked) -> AsyncIterator[Caller]:
    decoding = {"encoding": 1, "sample_rate_hertz": 16_000, "audio_channel_count": 1}
    config = {"explicit_decoding_config": decoding | dict(asked.options)}
    chosen = {"streaming_config": {"config": config | {"language_codes": ["en-US"]}}}
    first = speech_v2.StreamingRecognizeRequest(chosen)
    async with _call(server, "v2", asked) as call:
        caller = GoogleCaller(call, first, "audio")
        await caller.text(caller.configuration)
        yield caller


@asynccontextmanager
async def _call(server: ServerAddress, version: str, asked: Asked) -> AsyncIterator[Any]:
    method = f"/google.cloud.speech.{version}.Speech/StreamingRecognize"
    metadata = [] if server.key is None else [("x-goog-api-key", server.key)]
    options = _NARROW if asked.reads_little else []
    async with grpc.aio.insecure_channel(server.grpc, options=options) as channel:
        call = channel.stream_stream(method)(metadata=metadata)
        try:
            yield call
        finally:
            call.cancel()


@asynccontextmanager
async def _webrtc(server: ServerAddress, asked: Asked) -> AsyncIterator[Caller]:
    host = {} if asked.host is None else {"host": asked.host}
    key = {} if server.key is None else {"authorization": f"Bearer {server.key}"}
    headers = {"content-type": "application/sdp", **key, **host, **asked.headers}

    async def exchange(offer: str) -> str:
        offer = offer if asked.offer is None else asked.offer(offer)
        async with httpx.AsyncClient(trust_env=False, timeout=HANG_S) as http:
            answer = await http.post(
                f"{server.url}/v1/rtc", content=offer, params=asked.options, headers=headers
            )
        if answer.status_code != 201:
            raise Refused(Outcome(answer.status_code, answer.text, headers=answer.headers))
        return answer.text

    async with open_rtc_call(RATE_HZ, exchange) as call:
        yield WebRtcCaller(call, server.url)


_Connect = Callable[[ServerAddress, Asked], AbstractAsyncContextManager[Caller]]
_CONNECT: dict[LiveWire, _Connect] = {
    LiveWire.DEEPGRAM: _deepgram,
    LiveWire.OPENAI: _openai,
    LiveWire.GOOGLE_1: _google_1,
    LiveWire.GOOGLE_2: _google_2,
    LiveWire.WEBRTC: _webrtc,
    LiveWire.ASSEMBLYAI: _assemblyai,
    LiveWire.TRANSCRIBE: _transcribe,
    LiveWire.ELEVENLABS: _elevenlabs,
}


def connected(
    wire: LiveWire, server: ServerAddress, asked: Asked | None = None
) -> AbstractAsyncContextManager[Caller]:
    """Connect.

    Raises:
        Refused: the server does not want it.
    """
    return _CONNECT[wire](server, asked or Asked())


Act = Callable[[Any], Awaitable[None]]


async def outcome_of(
    wire: LiveWire, server: ServerAddress, act: Act | None = None, asked: Asked | None = None
) -> Outcome:
    """Connect, do what ``act`` does, and hear the stream out meanwhile."""
    try:
        async with asyncio.timeout(HANG_S), connected(wire, server, asked) as caller:
            hearing = asyncio.create_task(caller.hear_out())
            hearing.add_done_callback(lambda _: caller.over())
            try:
                if act is not None:
                    await act(caller)
                return await hearing
            finally:
                hearing.cancel()
    except Refused as refused:
        return refused.outcome
