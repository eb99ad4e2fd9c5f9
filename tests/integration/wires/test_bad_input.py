"""Bad clients against a real server: the documented error, a clean release, no harm to the others.

Every case runs beside a healthy stream whose transcript must be what it always is.
"""

import asyncio
import json
import re
import socket as sockets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress

import httpx
import psutil
import pytest
from hang import HANG_S
from server_process import (
    CLIP,
    RAW,
    ServerProcess,
    eventually,
    healthy,
    is_at_rest,
    metrics,
    open_sockets,
    plain,
    raw_stream,
    rest_of,
    said,
    speech,
    talk,
)
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from lab_kit import datasets
from lab_kit.measure.accuracy import word_error_rate

SECOND = bytes(32_000)
HEARD = "lab_audio_seconds_total|stream"


@pytest.fixture
async def beside(strict_server: ServerProcess) -> AsyncIterator[ServerProcess]:
    """The server, with a neighbour who speaks meanwhile and must be understood as ever."""
    url = strict_server.url
    neighbour = asyncio.create_task(healthy(url))
    yield strict_server
    heard = await asyncio.wait_for(neighbour, HANG_S)
    truth = datasets.clip("two-cities-best-and-worst").text
    assert word_error_rate(truth, heard) <= 0.1, heard
    await eventually(lambda: is_at_rest(url), "at rest")


@asynccontextmanager
async def refused(url: str, **query: str) -> AsyncIterator[InvalidStatus]:
    """The refusal of an upgrade."""
    with pytest.raises(InvalidStatus) as answer:
        async with raw_stream(url, **query):
            pass
    yield answer.value


# -- refused before the upgrade ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"encoding": "speex"}, "speex"),
        ({"encoding": "opus", "sample_rate": "44100"}, "44,100 Hz"),
        ({"encoding": "\x00\r\nx-evil: 1"}, "encoding"),
        ({"encoding": "x" * 5_000}, "encoding"),
        ({"sample_rate": "fast"}, "sample_rate"),
        ({"sample_rate": "4000"}, "4,000 Hz"),
        ({"channels": "99"}, "channels"),
        ({"interim_results": "perhaps"}, "interim_results"),
    ],
)
async def test_a_stream_that_cannot_be_is_refused_in_the_providers_form(
    strict_server: ServerProcess, query: dict[str, str], named: str
) -> None:
    async with refused(strict_server.url, **query) as answer:
        response = answer.response
        assert response.status_code == 400
        body = json.loads(response.body)
        assert set(body) == {"err_code", "err_msg", "request_id"}
        assert body["err_code"] == "INVALID_QUERY_PARAMETER"
        assert named in body["err_msg"]
        assert response.headers["dg-request-id"] == body["request_id"]
        assert response.headers["dg-error"][:40] == " ".join(body["err_msg"].split())[:40] or (
            "\x00" in query.get("encoding", "")
        )
        assert "x-evil" not in response.headers


async def test_without_an_encoding_a_file_is_sent_to_the_upload(
    strict_server: ServerProcess,
) -> None:
    address = strict_server.url.replace("http", "ws") + "/v1/listen?model=nova-3"
    with pytest.raises(InvalidStatus) as answer:
        async with connect(address, proxy=None):
            pass
    assert b"audio:transcribe" in answer.value.response.body


async def test_a_full_server_refuses_the_next_and_takes_it_when_one_has_left(
    strict_server: ServerProcess,
) -> None:
    await eventually(lambda: is_at_rest(strict_server.url), "at rest")
    async with asyncio.TaskGroup() as group, asyncio.timeout(HANG_S):
        leave = asyncio.Event()

        async def stay() -> None:
            async with raw_stream(strict_server.url) as socket:
                while not leave.is_set():
                    await socket.send('{"type":"KeepAlive"}')
                    await asyncio.sleep(0.2)

        for _ in range(6):
            group.create_task(stay())
        await eventually(lambda: metrics(strict_server.url)["lab_streams"] == 6, "full")
        async with refused(strict_server.url) as answer:
            assert answer.response.status_code == 503
            assert json.loads(answer.response.body)["err_code"] == "TOO_MANY_REQUESTS"
            assert int(answer.response.headers["retry-after"]) >= 1
        leave.set()
    await eventually(lambda: is_at_rest(strict_server.url), "at rest")
    assert await healthy(strict_server.url, pace=8) != ""


# -- on an open stream ---------------------------------------------------------------------------


async def test_odd_bytes_end_the_stream_after_what_was_said_before(beside: ServerProcess) -> None:
    async with raw_stream(beside.url) as socket:
        await talk(socket, speech("two-cities-best"), pace=8)
        await socket.send(bytes(3_201))
        messages, code, reason = await rest_of(socket)
    assert (code, reason.split(":")[0]) == (1008, "DATA-0000")
    assert "3,201 bytes" in reason
    assert "best of times" in plain(said(messages))
    assert messages[-1]["type"] == "Metadata"


@pytest.mark.parametrize(
    ("encoding", "channels", "data", "named"),
    [
        (
            "linear32",
            1,
            bytes(3_202),
            "3,202 bytes; linear32 with 1 channel(s) needs a multiple of 4",
        ),
        (
            "linear16",
            2,
            bytes(3_202),
            "3,202 bytes; linear16 with 2 channel(s) needs a multiple of 4",
        ),
        ("mulaw", 2, bytes(801), "801 bytes; mulaw with 2 channel(s) needs a multiple of 2"),
        ("opus", 1, bytes(3_201), "3,201 bytes is no opus packet; opus needs exactly one whole"),
        ("opus", 1, b"RIFF", "4 bytes is no opus packet"),
    ],
)
async def test_a_message_that_is_not_whole_ends_its_stream_by_name(
    beside: ServerProcess, encoding: str, channels: int, data: bytes, named: str
) -> None:
    async with raw_stream(beside.url, encoding=encoding, channels=str(channels)) as socket:
        await socket.send(data)
        messages, code, reason = await rest_of(socket)
    assert (code, reason.split(":")[0]) == (1008, "DATA-0000")
    assert named in reason
    assert [message["type"] for message in messages] == ["Metadata"]


async def test_text_where_audio_belongs_is_answered_and_the_stream_goes_on(
    beside: ServerProcess,
) -> None:
    async with raw_stream(beside.url) as socket:
        for text in ("hello", "[" * 50_000, '{"type":"Dance"}', "", "null"):
            await socket.send(text)
            answer = json.loads(await asyncio.wait_for(socket.recv(), HANG_S))
            assert (answer["type"], answer["variant"]) == ("Error", "SchemaError")
        await talk(socket, speech("two-cities-best"), pace=8)
        await socket.send('{"type":"CloseStream"}')
        messages, code, _ = await rest_of(socket)
    assert code == 1000
    assert "best of times" in plain(said(messages))


async def test_floats_that_are_no_numbers_are_not_audio(beside: ServerProcess) -> None:
    async with raw_stream(beside.url, encoding="linear32") as socket:
        await socket.send(b"\x00\x00\xc0\x7f" * 1_600)
        _, code, reason = await rest_of(socket)
    assert (code, reason.split(":")[0]) == (1008, "DATA-0000")


async def test_a_message_too_large_is_refused_unread(beside: ServerProcess) -> None:
    async with raw_stream(beside.url) as socket:
        await socket.send(bytes(100_002))
        _, code, _ = await rest_of(socket)
    assert code == 1009


@pytest.mark.parametrize("sound", [bytes(64_000), speech()[:64_000]], ids=["silence", "speech"])
async def test_a_hundred_megabytes_end_at_the_limit_of_audio(
    beside: ServerProcess, sound: bytes
) -> None:
    """Sent as fast as it goes. What a socket takes says nothing of what the server took: it reads
    on behind its close frame, and discards."""
    before = metrics(beside.url)
    async with raw_stream(beside.url) as socket:
        pouring = asyncio.create_task(pour(socket, sound, 100_000_000))
        messages, code, reason = await rest_of(socket)
        await pouring
    assert (code, reason.split(":")[0]) == (1008, "DATA-0000")
    assert "more than 20 s of audio" in reason
    assert messages[-1]["duration"] == 20.0
    await eventually(lambda: has_ended(beside.url, before), "ended")
    heard_s = metrics(beside.url)[HEARD] - before.get(HEARD, 0)
    neighbours_s = datasets.clip(CLIP).duration_s
    assert any(heard_s == pytest.approx(20.0 + s, abs=0.01) for s in (0, neighbours_s))


async def pour(socket: ClientConnection, sound: bytes, size: int) -> None:
    """Send it again and again, until the server has enough."""
    with suppress(ConnectionClosed):
        for _ in range(0, size, len(sound)):
            await socket.send(sound)
            await asyncio.sleep(0)  # a socket with room never waits, and nobody would read


async def test_a_client_that_says_nothing_is_let_go(beside: ServerProcess) -> None:
    async with raw_stream(beside.url) as socket:
        messages, code, reason = await rest_of(socket)
    assert (code, reason.split(":")[0]) == (1011, "NET-0001")
    assert [m["type"] for m in messages] == ["Metadata"]


async def test_keep_alive_keeps_a_silent_stream_open(strict_server: ServerProcess) -> None:
    async with raw_stream(strict_server.url) as socket:
        for _ in range(35):
            await socket.send('{"type":"KeepAlive"}')
            await asyncio.sleep(0.2)  # 7 s in all; the limit is 5
        await socket.send('{"type":"CloseStream"}')
        messages, code, _ = await rest_of(socket)
    assert code == 1000
    assert [m["type"] for m in messages] == ["Metadata"]  # and no reply to any of them


# -- clients that do not read, or are gone -------------------------------------------------------


@pytest.mark.parametrize("ask", ['{"type":"Finalize"}', "x" * 120], ids=["finals", "errors"])
async def test_results_that_nobody_reads_end_the_stream_and_the_connection(
    beside: ServerProcess, ask: str
) -> None:
    """A client that asks and never reads: buffers fill, then the server lets go, though the client
    keeps its socket open. Finals fill the outbox; errors fill the socket."""
    ends = metrics(beside.url)
    client = deaf_client(beside.url)
    flooding = asyncio.create_task(asyncio.to_thread(flood, client, ask.encode()))
    try:
        await eventually(lambda: has_ended(beside.url, ends), "ended")
        await eventually(lambda: not is_connected(beside.pid, client.getsockname()[1]), "released")
    finally:
        await flooding
        client.close()


def has_ended(url: str, before: dict[str, float]) -> bool:
    """Whether a stream ended for a reason since, other than the neighbour's good one."""
    after = metrics(url)
    names = {f"lab_stream_ends_total|{code}" for code in (1006, 1008)}
    return any(after.get(name, 0) > before.get(name, 0) for name in names)


def is_connected(pid: int, port: int) -> bool:
    """Whether the server still holds its end of the connection from the client's ``port``."""
    held = psutil.Process(pid).net_connections("tcp")
    return any(connection.raddr and connection.raddr.port == port for connection in held)


async def test_a_client_that_vanishes_while_it_speaks_leaves_nothing_behind(
    beside: ServerProcess,
) -> None:
    ends = metrics(beside.url)
    async with raw_stream(beside.url, interim_results="true") as socket:
        await talk(socket, speech()[:64_000], pace=4)
        port = socket.local_address[1]
        socket.transport.abort()  # no close frame, no farewell
    await eventually(lambda: has_ended(beside.url, ends), "ended")
    await eventually(lambda: not is_connected(beside.pid, port), "released")


async def test_many_broken_streams_cost_nothing_for_good(strict_server: ServerProcess) -> None:
    url = strict_server.url
    await healthy(url, pace=8)
    await eventually(lambda: is_at_rest(url), "at rest")
    await eventually(lambda: open_sockets(strict_server.pid) == 0, "without sockets")
    before = held(strict_server)

    async def broken(number: int) -> None:
        kind = number % 5
        with pytest.raises((ConnectionClosed, InvalidStatus)) if kind in (0, 1) else nullcontext():
            query = {"encoding": "speex"} if kind == 0 else {}
            async with raw_stream(url, interim_results="true", **query) as socket:
                await talk(socket, speech()[:32_000], pace=20)
                if kind == 1:
                    await socket.send(bytes(3))
                    while True:
                        await socket.recv()
                elif kind == 2:
                    socket.transport.abort()
                elif kind == 3:
                    await socket.send("nonsense")

    for first in range(0, 30, 5):
        await asyncio.gather(*(broken(n) for n in range(first, first + 5)))
    await eventually(lambda: is_at_rest(url), "at rest")
    await eventually(lambda: held(strict_server)[0] <= before[0], "back to its sockets")
    descriptors, threads = held(strict_server)[1:]
    assert descriptors <= before[1] + 2
    assert threads <= before[2] + 2
    log = strict_server.log.read_text()
    assert "Traceback" not in log, re.findall(r"\n\w*Error[^\n]*|\n\w+\.\w+[^\n]*:[^\n]*", log)
    assert "never retrieved" not in strict_server.log.read_text()


def held(server: ServerProcess) -> tuple[int, int, int]:
    """Sockets, file descriptors and threads of the server."""
    process = psutil.Process(server.pid)
    return open_sockets(server.pid), process.num_fds(), process.num_threads()


def deaf_client(url: str) -> sockets.socket:
    """A WebSocket by hand with the smallest receive buffer there is; it reads only the upgrade."""
    host, port = url.removeprefix("http://").split(":")
    client = sockets.socket()
    client.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4_096)
    client.settimeout(HANG_S)
    client.connect((host, int(port)))
    query = "&".join(f"{name}={value}" for name, value in RAW.items())
    client.sendall(
        f"GET /v1/listen?{query} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    head = b""
    while b"\r\n\r\n" not in head:
        head += client.recv(1)
    assert b" 101 " in head.splitlines()[0]
    return client


def flood(client: sockets.socket, text: bytes) -> None:
    """Send one text message again and again; each is answered with some 500 bytes or more."""
    frame = bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text
    client.settimeout(HANG_S)
    try:
        while True:
            client.sendall(frame * 50)
    except OSError:
        return  # the server has let go


# -- uploads -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        (b"", "audio/wav", 400, "INVALID_AUDIO_FORMAT"),
        (b"not audio at all", "audio/wav", 400, "INVALID_AUDIO_FORMAT"),
        (bytes(33), "audio/l16;rate=16000", 400, "INVALID_AUDIO_FORMAT"),
        (bytes(32), "audio/l16;rate=fast", 400, "INVALID_PARAMETER"),
        (bytes(32), "audio/l16;channels=0", 400, "INVALID_PARAMETER"),
        (bytes(32), "audio/l16;rate=0", 400, "UNSUPPORTED_SAMPLE_RATE"),
        (bytes(32_000 * 21), "audio/l16", 413, "PAYLOAD_TOO_LARGE"),
        (bytes(1_600_000), "audio/wav", 413, "PAYLOAD_TOO_LARGE"),
    ],
)
async def test_a_bad_upload_is_refused_in_the_apis_envelope(
    strict_server: ServerProcess, content: bytes, kind: str, status: int, code: str
) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(
            f"{strict_server.url}/v1/audio:transcribe",
            content=content,
            headers={"content-type": kind},
        )
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["reason"] == code
    assert error["retryable"] is False
    assert len(error["message"].split("; ")) >= 3  # received; expected; what to do


async def test_silence_is_an_answer_without_words(strict_server: ServerProcess) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=HANG_S) as client:
        answer = await client.post(
            f"{strict_server.url}/v1/audio:transcribe",
            content=SECOND * 2,
            headers={"content-type": "audio/l16"},
        )
    body = answer.json()
    assert (answer.status_code, body["text"], body["segments"]) == (200, "", [])
    assert body["audio_s"] == 2.0
