"""One recording, and one text, sent to a server by every way that there is.

Live streams go in every dialect that the client speaks, and ours over its three wires; recordings
as requests and as what is kept until it is deleted; inference; and a text that is to be spoken.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from lab_kit import client
from lab_kit.audio.files import written_wav
from lab_kit.audio.pcm import FloatArray
from lab_kit.client.judging import recorded
from lab_kit.client.requests import refused, unreachable
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.protocol.judge.conversation import Carrier

PACE = 4.0
"""Times the pace of speech: what is kept does not depend on it."""
_TIMEOUT_S = 120.0
_WAIT_S = 0.1


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends, what, and where to."""

    address: client.ServerAddress
    audio: FloatArray
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back by one way.

    Attributes:
        told: all that the server said, as text; of a spoken text, nothing.
        forget: removes what the way keeps until then; None where it keeps nothing.
    """

    way: str
    told: str
    forget: Callable[[], Awaitable[None]] | None = None


async def send_by_every_way(sender: Sender, most: int | None = None) -> AsyncIterator[Answer]:
    """Send by one way after the other; gives what came back as it comes.

    Args:
        most: ways, spread over all that there are; None for all.

    Raises:
        LabError: the server refused, or cannot be reached.
    """
    every = 1 if most is None else -(-len(WAYS) // most)
    for way, send in list(WAYS.items())[::every]:
        told, forget = await send(sender)
        yield Answer(way, told, forget)


_Told = tuple[str, Callable[[], Awaitable[None]] | None]


def _live(dialect: str, carrier: Carrier = Carrier.WEBSOCKET) -> Callable[[Sender], Any]:
    async def send(sender: Sender) -> _Told:
        capture = await recorded(dialect, sender.address, sender.audio, carrier, pace=PACE)
        return "".join(capture.text()), None

    return send


async def _webrtc(sender: Sender) -> _Told:
    from lab_kit.audio.sources.recordings import PacedRecording
    from lab_kit.core.events import Final, StreamOptions

    call = await client.stream_over(
        client.Wire.WEBRTC,
        sender.address,
        PacedRecording("marked speech", sender.audio, ()),
        StreamOptions(sample_rate_hz=SAMPLE_RATE_HZ),
    )
    finals = [one.event.text for one in call.received if isinstance(one.event, Final)]
    return " ".join(finals), None


def _posted(
    path: str, *, form: dict[str, str] | None = None, field: str = "file", kind: str = "audio/wav"
) -> Callable[[Sender], Any]:
    """A recording as the body, or in a form."""

    async def send(sender: Sender) -> _Told:
        wav = written_wav(sender.audio)
        async with server_of(sender.address) as server:
            if form is None:
                answer = await server.post(path, content=wav, headers={"content-type": kind})
            else:
                answer = await server.post(path, data=form, files={field: ("speech.wav", wav)})
            return _whole(answer).text, None

    return send


async def _inference(sender: Sender) -> _Told:
    async with client.Inference(sender.address.url, sender.address.key) as model:
        return (await model.infer(sender.audio)).text, None


async def _operation(sender: Sender) -> _Told:
    operations = client.Operations(sender.address.url, sender.address.key)
    begun = await operations.transcribe(written_wav(sender.audio))
    done = await operations.wait(begun.name, _TIMEOUT_S)
    found = await operations.result(done)

    async def forget() -> None:
        async with server_of(sender.address) as server:
            _whole(await server.delete(f"/v1/{found.name}"))
            _whole(await server.delete(f"/v1/{begun.name}"))

    return found.text, forget


async def _sent_ahead(sender: Sender) -> _Told:
    """AssemblyAI's: an upload, and the transcript of it."""
    async with server_of(sender.address) as server:
        answer = await server.post("/v2/upload", content=written_wav(sender.audio))
        address = _whole(answer).json()["upload_url"]
        answer = await server.post("/v2/transcript", json={"audio_url": address})
        path = f"/v2/transcript/{_whole(answer).json()['id']}"
        async with asyncio.timeout(_TIMEOUT_S):
            while True:
                told = _whole(await server.get(path))
                if told.json()["status"] in ("completed", "error"):
                    break
                await asyncio.sleep(_WAIT_S)

    async def forget() -> None:
        async with server_of(sender.address) as server:
            _whole(await server.delete(path))

    return told.text, forget


async def _spoken(sender: Sender) -> _Told:
    async for _ in client.synthesize(sender.address.url, sender.text, key=sender.address.key):
        pass
    return "", None


def _spoken_at(path: str, **asked: str) -> Callable[[Sender], Any]:
    """A text that a provider's API speaks."""

    async def send(sender: Sender) -> _Told:
        body = {name: value.replace("TEXT", sender.text) for name, value in asked.items()}
        async with server_of(sender.address) as server:
            _whole(await server.post(path, json=body))
        return "", None

    return send


@asynccontextmanager
async def server_of(address: client.ServerAddress) -> AsyncIterator[httpx.AsyncClient]:
    """Requests to a server as they are, with the caller's key.

    Raises:
        ConnectionFailed: it cannot be reached.
    """
    url, key = address.url, address.key
    headers = {} if key is None else {"authorization": f"Token {key}"}
    async with httpx.AsyncClient(
        base_url=url, headers=headers, timeout=_TIMEOUT_S, trust_env=False
    ) as server:
        try:
            yield server
        except httpx.HTTPError as error:
            raise unreachable(url, error) from error


def _whole(answer: httpx.Response) -> httpx.Response:
    if not answer.is_success:
        raise refused(answer)
    return answer


WAYS: dict[str, Callable[[Sender], Awaitable[_Told]]] = {
    "own stream, WebSocket": _live("lab"),
    "own stream, events": _live("lab", Carrier.EVENTS),
    "own stream, gRPC": _live("lab", Carrier.GRPC),
    "Deepgram's stream": _live("deepgram"),
    "OpenAI's stream": _live("openai"),
    "Google's stream": _live("google"),
    "AssemblyAI's stream": _live("assemblyai"),
    "Amazon's stream": _live("amazon"),
    "ElevenLabs' stream": _live("elevenlabs"),
    "stream, WebRTC": _webrtc,
    "own request": _posted("/v1/audio:transcribe"),
    "Deepgram's request": _posted("/v1/listen?model=nova-3"),
    "OpenAI's request": _posted("/v1/audio/transcriptions", form={"model": "whisper-1"}),
    "ElevenLabs' request": _posted("/v1/speech-to-text", form={"model_id": "scribe_v1"}),
    "inference": _inference,
    "own operation": _operation,
    "AssemblyAI's transcript": _sent_ahead,
    "text to be spoken": _spoken,
    "OpenAI's text": _spoken_at("/v1/audio/speech", model="tts-1", voice="alloy", input="TEXT"),
    "Deepgram's text": _spoken_at("/v1/speak?encoding=linear16", text="TEXT"),
}
