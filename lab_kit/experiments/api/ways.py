"""One recording as a request, as an operation and as a stream; and each cut in the middle.

Times count from when the client begins: to send a recording that is there, or to speak. A stream
takes as long as the speech, so a long one is computed from a short one, and marked so.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from lab_kit import client
from lab_kit.audio.pcm import to_pcm16
from lab_kit.audio.sources.recordings import PacedRecording
from lab_kit.core.call_record import Received
from lab_kit.core.errors import ConnectionFailed, LabError
from lab_kit.core.events import Final, Interim, StreamOptions
from lab_kit.core.units import SAMPLE_RATE_HZ, samples
from lab_kit.datasets import Clip
from lab_kit.experiments.device.telemetry import DeviceWatch, watch_device
from lab_kit.experiments.load.speaking import speaking
from lab_kit.protocol.recordings import TRANSCRIBE_PATH

PCM = f"audio/l16;rate={SAMPLE_RATE_HZ}"
LONGEST_STREAM_S = 6.0
"""Longer speech is not streamed here: nobody wants to wait for it."""
LONGEST_OPERATION_S = 900.0
"""An operation that has not ended by then is given up: a busy machine needs minutes for twenty."""
_PAUSE_S, _SEED = 0.5, 7
_OPTIONS = StreamOptions(sample_rate_hz=SAMPLE_RATE_HZ)


class Way(StrEnum):
    """How a recording gets to a server, and its text back."""

    REQUEST = "request"
    OPERATION = "operation"
    STREAM = "stream"


class Target(Protocol):
    """A server and how to reach it, such as a bench."""

    @property
    def url(self) -> str: ...
    @property
    def key(self) -> str | None: ...
    @property
    def pid(self) -> int: ...


@dataclass(frozen=True, slots=True)
class WayTaken:
    """What one recording took on one way.

    Attributes:
        audio_s: length of the recording.
        first_words_s: until the client had any text; None if it got none.
        all_text_s: until it had all of it.
        connected_s: of that, how long it needed a connection that no fault may cut.
        grown_bytes: the most that the server's resident memory grew by meanwhile.
        refusal: why the server did not take it.
        is_measured: false where it follows from a shorter recording.
    """

    way: Way
    audio_s: float
    first_words_s: float | None
    all_text_s: float | None
    connected_s: float | None
    grown_bytes: int | None = None
    refusal: LabError | None = None
    is_measured: bool = True


_Take = Callable[[Target, PacedRecording], Awaitable[WayTaken]]


def recording(clips: Sequence[Clip], seconds: float) -> PacedRecording:
    """Clips of one voice with pauses between them: as many as fit into ``seconds``, or one.

    Raises:
        InvalidParameter: no clips.
    """
    return speaking(clips, seconds, _PAUSE_S, _SEED)


async def three_ways(
    target: Target,
    recordings: Sequence[PacedRecording],
    longest_stream_s: float = LONGEST_STREAM_S,
) -> list[WayTaken]:
    """Send each recording as a request, as an operation and as a stream, one after the other.

    A request that is refused is part of what comes out.

    Raises:
        ConnectionFailed: the server cannot be reached.
        LabError: an operation or a stream failed.
    """
    await _request(target, recordings[0])  # a server's first request is slower
    taken: list[WayTaken] = []
    streamed: WayTaken | None = None
    beyond_s = 0.0
    for source in recordings:
        taken.append(await _watched(target, _request, source))
        taken.append(await _watched(target, _operation, source))
        if length_s(source) <= longest_stream_s:
            streamed = await _watched(target, _stream, source)
            taken.append(streamed)
            beyond_s = (streamed.all_text_s or length_s(source)) - speech_end_s(source)
        else:
            first_s = None if streamed is None else streamed.first_words_s
            taken.append(computed_stream(source, first_s, beyond_s))
    return taken


def computed_stream(
    source: PacedRecording, first_words_s: float | None, beyond_s: float
) -> WayTaken:
    """What a stream of that length takes: the speech, and what a measured one took beyond it."""
    whole_s = speech_end_s(source) + beyond_s
    return WayTaken(
        Way.STREAM, length_s(source), first_words_s, whole_s, whole_s, is_measured=False
    )


def speech_end_s(source: PacedRecording) -> float:
    """Where its last word ends."""
    return source.spoken[-1].end_s if source.spoken else length_s(source)


def length_s(source: PacedRecording) -> float:
    """Length of a recording."""
    return len(source.audio) / SAMPLE_RATE_HZ


async def _watched(target: Target, take: _Take, source: PacedRecording) -> WayTaken:
    with watch_device(target.pid) as watching:
        taken = await take(target, source)
    return replace(taken, grown_bytes=grown_bytes(watching))


def grown_bytes(watching: DeviceWatch) -> int:
    """The most that the server's memory was above what it was at first."""
    seen = [sample.server_bytes for sample in watching.taken().samples]
    return max(seen) - seen[0] if seen else 0


async def _request(target: Target, source: PacedRecording) -> WayTaken:
    audio_s = length_s(source)
    try:
        call = await client.transcribe(
            target.url, to_pcm16(source.audio), PCM, source.name, key=target.key
        )
    except ConnectionFailed:
        raise  # nobody refused anything
    except LabError as refusal:
        return WayTaken(Way.REQUEST, audio_s, None, None, None, refusal=refusal)
    return WayTaken(Way.REQUEST, audio_s, call.total_s, call.total_s, call.total_s)


async def _operation(target: Target, source: PacedRecording) -> WayTaken:
    operations = client.Operations(target.url, target.key)
    began_s = time.perf_counter()
    operation = await operations.transcribe(to_pcm16(source.audio), PCM)
    given_s = time.perf_counter() - began_s
    operation = await operations.wait(operation.name, LONGEST_OPERATION_S)
    await operations.result(operation)
    whole_s = time.perf_counter() - began_s
    return WayTaken(Way.OPERATION, length_s(source), whole_s, whole_s, given_s)


async def _stream(target: Target, source: PacedRecording) -> WayTaken:
    call = await client.stream(target.url, source, _OPTIONS, target.key)
    told_s = [
        (one.received_ns - call.started_ns) / 1e9
        for one in call.received
        if isinstance(one.event, Interim | Final) and one.event.text
    ]
    whole_s = max(told_s, default=None)
    return WayTaken(Way.STREAM, length_s(source), min(told_s, default=None), whole_s, whole_s)


@dataclass(frozen=True, slots=True)
class Cut:
    """What it cost that a client went away in the middle.

    Attributes:
        sent_s: sound that it had sent.
        again_s: of it, what it had to send once more until it had all text.
        how: by what it went on.
        text: all of it, in the end.
    """

    way: Way
    sent_s: float
    again_s: float
    how: str
    text: str


async def cut_each(target: Target, source: PacedRecording, after_s: float) -> list[Cut]:
    """Cut each way's connection and go on until all text is there.

    The request's is cut when its body was sent, the operation's when its name was told, the
    stream's after so much speech.

    Raises:
        LabError: the server failed.
    """
    return [
        await _cut_request(target, source),
        await _cut_operation(target, source),
        await _cut_stream(target, source, after_s),
    ]


async def _cut_request(target: Target, source: PacedRecording) -> Cut:
    body = to_pcm16(source.audio)
    await send_and_leave(target, TRANSCRIBE_PATH, body, PCM)
    call = await client.transcribe(target.url, body, PCM, source.name, key=target.key)
    return Cut(Way.REQUEST, length_s(source), call.audio_s, "the same request", call.text)


async def send_and_leave(target: Target, path: str, body: bytes, content_type: str) -> None:
    """Send a request whole, and hang up instead of reading the answer.

    Raises:
        OSError: the server cannot be reached.
    """
    host, _, port = target.url.removeprefix("http://").partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(
            f"POST {path} HTTP/1.1\r\nhost: {host}:{port}\r\nauthorization: Token {target.key}\r\n"
            f"content-type: {content_type}\r\ncontent-length: {len(body)}\r\n\r\n".encode()
        )
        writer.write(body)
        await writer.drain()
    finally:
        writer.close()
        await writer.wait_closed()


async def _cut_operation(target: Target, source: PacedRecording) -> Cut:
    first = client.Operations(target.url, target.key)
    name = (await first.transcribe(to_pcm16(source.audio), PCM)).name
    # another client, that knows nothing but the name
    other = client.Operations(target.url, target.key)
    found = await other.result(await other.wait(name, LONGEST_OPERATION_S))
    return Cut(Way.OPERATION, length_s(source), 0.0, "asking by its name", found.text)


async def _cut_stream(target: Target, source: PacedRecording, after_s: float) -> Cut:
    finals: list[Final] = []

    def heard(_: int, received: Received) -> None:
        if isinstance(received.event, Final):
            finals.append(received.event)

    first = asyncio.create_task(
        client.stream(target.url, source, _OPTIONS, target.key, on_event=heard)
    )
    done, _ = await asyncio.wait({first}, timeout=after_s)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    if done:
        first.result()  # it ended by itself: an error, or speech that was too short to be cut
    sent_s = min(after_s, length_s(source))
    known_s = min(max((final.end_s for final in finals), default=0.0), sent_s)
    rest = replace(source, audio=source.audio[samples(known_s) :], spoken=())
    call = await client.stream(target.url, rest, _OPTIONS, target.key)
    later = [one.event for one in call.received if isinstance(one.event, Final)]
    text = " ".join(final.text for final in (*finals, *later) if final.text)
    how = "a new stream, behind the last final"
    return Cut(Way.STREAM, sent_s, sent_s - known_s, how, text)
