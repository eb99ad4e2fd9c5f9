"""Amazon Transcribe over a WebSocket, at an address that botocore has signed."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from amazon_calls import ASKED, REGION, signed_address, signed_headers
from amazon_transcribe.auth import StaticCredentialResolver
from amazon_transcribe.eventstream import (
    EventSigner,
    EventStreamBuffer,
    EventStreamMessageSerializer,
)
from hang import HANG_S
from server_process import OPERATOR_KEY, eventually, is_at_rest, plain, speech
from transcribe_server import CHUNK_BYTES, KEY, TlsServer, tls_server
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from lab_kit.client import Operator
from lab_kit.dialects.amazon.client import audio_frame
from lab_kit.protocol.sandbox import Fault

SAID = "it was the best of times it was the worst of times"
QUIET = bytes(16_000)
SIGNATURE = "X-Amz-Signature="


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsServer]:
    folder = tmp_path_factory.mktemp("transcribe")
    with tls_server(folder, "--limit", "idle_s=5") as started:
        yield started
    assert "Traceback" not in started.log.read_text("utf-8")


class Told(Exception):
    """What a stream ended with: an exception's frame, and the close behind it."""

    def __init__(self, name: str, text: str, code: int) -> None:
        super().__init__(f"{name}: {text}")
        self.name = name
        self.code = code


async def told(socket: ClientConnection) -> list[Any]:
    """Results, as the SDK's own decoder takes frames apart.

    Raises:
        Told: the last frame is an exception, or the socket is closed as if something were wrong.
    """
    heard: list[Any] = []
    exception: dict[str, str] = {}
    code = 0
    try:
        while True:
            buffer = EventStreamBuffer()
            buffer.add_data(await socket.recv(decode=False))
            frame = next(buffer)
            body = json.loads(frame.payload)
            assert not exception, "a frame behind the last"
            if frame.headers[":message-type"] == "exception":
                exception = {"name": frame.headers[":exception-type"], "text": body["Message"]}
            else:
                heard += body["Transcript"]["Results"]
    except ConnectionClosed as closed:
        code = closed.rcvd.code if closed.rcvd is not None else 1006
    if exception or code != 1000:
        raise Told(exception.get("name", ""), exception.get("text", ""), code)
    return heard


def said(heard: list[Any]) -> str:
    finals = [one for one in heard if not one["IsPartial"]]
    return plain(" ".join(one["Alternatives"][0]["Transcript"] for one in finals))


def chunks(data: bytes) -> list[bytes]:
    return [data[start : start + CHUNK_BYTES] for start in range(0, len(data), CHUNK_BYTES)]


async def heard_at(address: str, frames: list[bytes | str], pace_s: float = 0.0) -> list[Any]:
    async with connect(address, proxy=None, close_timeout=2) as socket:
        hearing = asyncio.create_task(told(socket))
        try:
            for frame in frames:
                await socket.send(frame)
                await asyncio.sleep(pace_s)
        except ConnectionClosed:
            pass  # the server says why by itself
        return await hearing


SPOKEN: list[bytes | str] = [audio_frame(chunk) for chunk in chunks(speech() + QUIET)]
END = audio_frame(b"")


async def test_words_come_at_the_pace_of_speech(server: TlsServer) -> None:
    heard = await heard_at(signed_address(KEY, server.url), [*SPOKEN, END], CHUNK_BYTES / 32_000)
    assert said(heard) == SAID
    assert heard[0]["IsPartial"]
    assert not heard[-1]["IsPartial"]
    assert len({one["ResultId"] for one in heard if not one["IsPartial"]}) == len(
        {one["ResultId"] for one in heard}
    )


@pytest.mark.parametrize("asked", [{"session-id": "01a229bd-f753-768f-a518-07a06b43dab0"}, {}])
async def test_the_session_is_named_in_the_upgrade(
    server: TlsServer, asked: dict[str, str]
) -> None:
    address = signed_address(KEY, server.url, ASKED | asked)
    async with connect(address, proxy=None) as socket:
        assert socket.response is not None
        name = socket.response.headers["x-amzn-transcribe-session-id"]
        assert asked.get("session-id", name) == name
        assert socket.response.headers["x-amzn-request-id"]
        await socket.send(END)
        assert await told(socket) == []


def signed_frames(address: str, sound: list[bytes], secret: str = KEY) -> list[bytes | str]:
    """Each event inside a signed frame, the last one empty, as the provider documents it."""
    before = bytes.fromhex(address.partition(SIGNATURE)[2][:64])
    signer, serializer = EventSigner("transcribe", REGION), EventStreamMessageSerializer()
    frames: list[bytes | str] = []
    for payload in [*map(audio_frame, sound), b""]:
        credentials = StaticCredentialResolver(KEY, secret)
        headers = signer.sign(payload, before, credentials)
        signature = headers[":chunk-signature"]
        assert isinstance(signature, bytes)
        before = signature
        frames.append(serializer.serialize(headers, payload))
    return frames


async def test_frames_may_be_signed_and_then_are_checked(server: TlsServer) -> None:
    sound = chunks(speech() + QUIET)
    address = signed_address(KEY, server.url)
    assert said(await heard_at(address, signed_frames(address, sound))) == SAID
    with pytest.raises(Told, match="BadRequestException: a chunk whose signature does not fit"):
        await heard_at(address, signed_frames(address, sound, "another"))


async def test_by_tls_it_is_the_same(server: TlsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(server.ca))
    address = signed_address(KEY, server.tls)
    assert address.startswith("wss://")
    assert said(await heard_at(address, [*SPOKEN, END])) == SAID


async def test_a_wrong_signature_is_told_on_the_open_socket(server: TlsServer) -> None:
    for address in (
        signed_address(KEY, server.url, secret="another"),
        signed_address(KEY, server.url).replace("sample-rate=16000", "sample-rate=8000"),
        signed_address(KEY, server.url.replace("127.0.0.1", "localhost")).replace(
            "localhost", "127.0.0.1"
        ),
    ):
        with pytest.raises(Told, match="signature that does not fit") as refused:
            await heard_at(address, SPOKEN)
        assert (refused.value.name, refused.value.code) == ("BadRequestException", 1008)


async def test_another_key_and_none_are_told_likewise(server: TlsServer) -> None:
    bare = signed_address(KEY, server.url).partition("?")[0]
    for address in (signed_address("another", server.url), bare, f"{bare}?sample-rate=16000"):
        with pytest.raises(Told, match="security token") as refused:
            await heard_at(address, SPOKEN)
        assert (refused.value.name, refused.value.code) == ("BadRequestException", 1008)


async def test_an_address_of_yesterday_has_expired(server: TlsServer) -> None:
    ago = datetime.now(UTC) - timedelta(days=1)
    with pytest.raises(Told, match="has expired"):
        await heard_at(signed_address(KEY, server.url, at=ago), SPOKEN)
    later = datetime.now(UTC) + timedelta(hours=1)
    with pytest.raises(Told, match="not yet current"):
        await heard_at(signed_address(KEY, server.url, at=later), SPOKEN)
    with pytest.raises(Told, match="1 to 300 seconds"):
        await heard_at(signed_address(KEY, server.url, expires_s=3_600), SPOKEN)


@pytest.mark.parametrize(
    ("frame", "named"),
    [
        ("is that all?", "Unexpected WebSocket frame received."),
        (b"is that all?", "12 bytes"),
        (audio_frame(bytes(32))[:-1], "a frame of 1"),
        (audio_frame(bytes(32)) * 2, "a frame of 1"),
        (audio_frame(bytes(32_770)), "32,770 bytes of audio"),
        (audio_frame(b"odd"), "multiple of 2"),
    ],
    ids=["text", "foreign", "cut off", "two at once", "too long", "half a sample"],
)
async def test_what_was_said_before_a_wrong_message_is_owed(
    server: TlsServer, frame: bytes | str, named: str
) -> None:
    heard: list[Any] = []
    async with connect(signed_address(KEY, server.url), proxy=None) as socket:
        for one in [*SPOKEN, frame]:
            await socket.send(one)
        buffer = EventStreamBuffer()
        while not said(heard):
            buffer.add_data(await socket.recv(decode=False))
            heard += json.loads(next(buffer).payload)["Transcript"]["Results"]
        with pytest.raises(Told, match=named) as ended:
            await told(socket)
    assert said(heard) == SAID
    assert (ended.value.name, ended.value.code) == ("BadRequestException", 1008)


async def test_who_falls_silent_is_told_so(server: TlsServer) -> None:
    with pytest.raises(Told, match="no new audio was received for 5 seconds"):
        await heard_at(signed_address(KEY, server.url), SPOKEN)


async def test_who_vanishes_leaves_nothing_behind(server: TlsServer) -> None:
    async with connect(signed_address(KEY, server.url), proxy=None) as socket:
        for frame in SPOKEN:
            await socket.send(frame)
        socket.transport.abort()
    await eventually(lambda: is_at_rest(server.url), "at rest")


async def test_a_sandbox_key_meets_its_faults(server: TlsServer) -> None:
    operator = Operator(server.url, OPERATOR_KEY)
    key = await operator.make_sandbox_key(
        Fault(status=503), Fault(close_code=1011, after_messages=1)
    )
    address = signed_address(key.key, server.url)
    with pytest.raises(Told, match="ServiceUnavailableException: a fault") as refused:
        await heard_at(address, SPOKEN)
    assert refused.value.code == 1011
    with pytest.raises(Told) as refused:
        await heard_at(address, [*SPOKEN, END])
    assert (refused.value.name, refused.value.code) == ("", 1011)
    assert said(await heard_at(address, [*SPOKEN, END])) == SAID
    journal = await operator.journal(key)
    assert [one.close_code for one in journal.entries] == [1011, 1011, 1000]
    assert {one.path for one in journal.entries} == {"/stream-transcription-websocket"}


async def test_the_same_frames_may_come_as_the_body_of_a_request(server: TlsServer) -> None:
    """Without TLS and HTTP/2, which the provider's SDK insists on, and others do not."""
    host = urlsplit(server.url).netloc
    headers = signed_headers(KEY, host)
    seed = headers["authorization"].rpartition("=")[2]
    frames = signed_frames(f"{SIGNATURE}{seed}", chunks(speech() + QUIET))

    async def body() -> AsyncIterator[bytes]:
        data = b"".join(one for one in frames if isinstance(one, bytes))
        for start in range(0, len(data), 1_000):  # frames are cut anywhere
            yield data[start : start + 1_000]

    async with httpx.AsyncClient(trust_env=False, timeout=HANG_S) as http:
        answer = await http.post(
            f"{server.url}/stream-transcription", content=body(), headers=headers
        )
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/vnd.amazon.eventstream"
    buffer = EventStreamBuffer()
    buffer.add_data(answer.content)
    heard = [one for f in buffer for one in json.loads(f.payload)["Transcript"]["Results"]]
    assert said(heard) == SAID


async def test_a_body_that_is_not_signed_is_refused(server: TlsServer) -> None:
    headers = signed_headers(KEY, urlsplit(server.url).netloc)
    body = b"".join(one for one in [*SPOKEN, END] if isinstance(one, bytes))
    async with httpx.AsyncClient(trust_env=False, timeout=HANG_S) as http:
        url = f"{server.url}/stream-transcription"
        answer = await http.post(url, content=body, headers=headers)
        assert answer.status_code == 200
        assert b"a signed chunk without" in answer.content
        unsigned = {name: value for name, value in headers.items() if name != "authorization"}
        answer = await http.post(url, content=body, headers=unsigned)
        assert answer.status_code == 403
        assert answer.headers["x-amzn-errortype"] == "UnrecognizedClientException"
        answer = await http.post(url, content=body, headers={**headers, "x-amz-date": "now"})
        assert answer.status_code == 403
        assert answer.headers["x-amzn-errortype"] == "InvalidSignatureException"
