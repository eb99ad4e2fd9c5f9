"""The port with TLS: all over HTTP/1.1, one path over HTTP/2, and clients without manners."""

import asyncio
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from amazon_calls import signed_headers
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, ResponseReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError
from hang import HANG_S
from server_process import open_sockets, rest_of, said, wait_until
from transcribe_server import KEY, TlsServer, tls_server
from websockets.asyncio.client import connect

from lab_kit import datasets
from lab_kit.gateway.run.http2 import MOST_HEADERS, STREAMS_AT_ONCE

PATH = "/stream-transcription"
SAID = "This is the first thing that the script says."
LOUD = b"\x00\x20" * 16_000 + bytes(16_000)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsServer]:
    folder = tmp_path_factory.mktemp("tls")
    limits = ("unreceived_s=2", "unsent_s=2", "idle_s=5", "connections=16")
    options = [part for limit in limits for part in ("--limit", limit)]
    with tls_server(folder, *options, "--model", "scripted") as started:
        yield started
        state = httpx.get(f"{started.url}/readyz", trust_env=False).json()
        assert state["background_failures"] == {}
    assert "Traceback" not in started.log.read_text("utf-8")


@pytest.fixture
def trust(server: TlsServer) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(server.ca))


# -- HTTP/1.1: the same as without TLS ------------------------------------------------------------


async def test_requests_are_answered_as_on_the_other_port(
    server: TlsServer, trust: ssl.SSLContext
) -> None:
    async with httpx.AsyncClient(verify=trust, trust_env=False) as http:
        for host in ("127.0.0.1", "localhost"):
            url = f"https://{host}:{server.port}"
            assert (await http.get(f"{url}/readyz")).json()["tls_port"] == server.port
            assert (await http.get(f"{url}/v1/models")).status_code == 401
        sdk = openai.AsyncOpenAI(
            api_key=KEY, base_url=f"https://localhost:{server.port}/v1", http_client=http
        )
        file = ("a.wav", datasets.clip("two-cities-best").path.read_bytes())
        answer = await sdk.audio.transcriptions.create(model="whisper-1", file=file)
        assert answer.text


async def test_sockets_are_open_as_on_the_other_port(
    server: TlsServer, trust: ssl.SSLContext
) -> None:
    address = f"wss://localhost:{server.port}/v1/listen?encoding=linear16&sample_rate=16000"
    headers = {"Authorization": f"Token {KEY}"}
    async with connect(address, ssl=trust, additional_headers=headers, proxy=None) as socket:
        await socket.send(LOUD)
        await socket.send('{"type": "CloseStream"}')
        messages, code, _ = await rest_of(socket)
    assert (said(messages), code) == (SAID, 1000)


async def test_a_message_that_is_too_long_is_refused_there_too(
    server: TlsServer, trust: ssl.SSLContext
) -> None:
    address = f"wss://localhost:{server.port}/v1/listen?encoding=linear16&sample_rate=16000"
    headers = {"Authorization": f"Token {KEY}"}
    async with connect(address, ssl=trust, additional_headers=headers, proxy=None) as socket:
        await socket.send(bytes(1_000_001))
        _, code, _ = await rest_of(socket)
    assert code == 1009


async def test_a_page_of_elsewhere_is_refused_there_too(
    server: TlsServer, trust: ssl.SSLContext, tmp_path: Path
) -> None:
    with tls_server(tmp_path, "--model", "scripted", key=None) as keyless:
        context = ssl.create_default_context(cafile=str(keyless.ca))
        async with httpx.AsyncClient(verify=context, trust_env=False) as http:
            url = f"https://localhost:{keyless.port}/v1/models"
            assert (await http.get(url)).status_code == 200
            foreign = {"origin": "https://example.com"}
            assert (await http.get(url, headers=foreign)).status_code == 403


async def raw(server: TlsServer, trust: ssl.SSLContext, sent: bytes) -> bytes:
    """What is answered to bytes until the server closes."""
    reader, writer = await asyncio.open_connection(
        "localhost", server.port, ssl=trust, server_hostname="localhost"
    )
    writer.write(sent)
    try:
        return await reader.read()
    finally:
        writer.close()


async def test_heads_are_bounded_and_owed_there_too(
    server: TlsServer, trust: ssl.SSLContext
) -> None:
    too_large = b"GET / HTTP/1.1\r\nhost: localhost\r\nx: " + b"x" * 40_000
    assert b" 431 " in await raw(server, trust, too_large)
    assert b" 408 " in await raw(server, trust, b"GET / HTTP/1.1\r\nhost: localhost\r\n")


# -- the handshake -------------------------------------------------------------------------------


async def test_who_does_not_trust_us_is_gone_and_nobodys_failure(server: TlsServer) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncio.open_connection(
            "localhost", server.port, ssl=ssl.create_default_context(), server_hostname="localhost"
        )


async def test_who_shakes_no_hands_keeps_nobody_else_out(server: TlsServer) -> None:
    """One address has three quarters of the places for that, and not for long."""
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(40)]
    context = ssl.create_default_context(cafile=str(server.ca))
    for elsewhere in ("127.0.0.2", "127.0.0.3"):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", server.port, ssl=context, local_addr=(elsewhere, 0)
        )
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        assert b" 200 " in await reader.read()
        writer.close()
    for one in silent:
        with suppress(ConnectionError):
            assert await asyncio.to_thread(one.recv, 1) == b""
        one.close()


async def test_who_speaks_no_tls_or_nothing_is_let_go(server: TlsServer) -> None:
    for sent in (b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n", b"", b"\x16\x03\x01"):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(sent)
        with suppress(ConnectionError):  # closed with something unread
            assert b"HTTP" not in await reader.read()
        writer.close()


# -- HTTP/2 --------------------------------------------------------------------------------------


class Http2Client:
    """A client that speaks HTTP/2 by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self.h2.initiate_connection()
        self._unseen: list[Any] = []
        self.flush()

    def flush(self) -> None:
        """Send what waits."""
        self.writer.write(self.h2.data_to_send())

    def ask(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        *,
        body: bytes = b"",
        has_ended: bool = False,
    ) -> int:
        """Begin a request, with what of its body comes along at once; its stream."""
        stream = self.h2.get_next_available_stream_id()
        head = [(":method", method)]
        head += [(":path", path), (":scheme", "https")] if path else []  # a CONNECT has none
        head += [(":authority", headers.get("host", "localhost"))]
        head += [(name, value) for name, value in headers.items() if name != "host"]
        self.h2.send_headers(stream, head, end_stream=has_ended)
        if body:
            self.h2.send_data(stream, body)
        self.flush()
        return stream

    async def events(self) -> list[Any]:
        """What came next; nothing once the server has closed."""
        found: list[Any] = []
        while not found:
            try:
                data = await self.reader.read(65_536)
            except (ConnectionError, ssl.SSLError):
                return []
            if not data:
                return []
            found += self.h2.receive_data(data)
        for event in found:
            if isinstance(event, DataReceived):
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        self.flush()
        return found

    async def until(self, kind: type[Any]) -> Any:
        """The next event of a kind; None where the server closes first."""
        while True:
            while self._unseen:
                if isinstance(event := self._unseen.pop(0), kind):
                    return event
            self._unseen = await self.events()
            if not self._unseen:
                return None


@pytest.fixture
async def client(server: TlsServer) -> AsyncIterator[Http2Client]:
    context = ssl.create_default_context(cafile=str(server.ca))
    context.set_alpn_protocols(["h2"])
    reader, writer = await asyncio.open_connection(
        "localhost", server.port, ssl=context, server_hostname="localhost"
    )
    yield Http2Client(reader, writer)
    writer.transport.abort()


def headers(server: TlsServer) -> dict[str, str]:
    return signed_headers(KEY, f"localhost:{server.port}")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", "/readyz"), ("GET", PATH), ("POST", "/v1/audio:transcribe")),
        *(("POST", f"{PATH}/"), ("POST", "/ÿ"), ("CONNECT", "")),
    ],
)
async def test_every_other_path_is_told_to_come_by_http_1(
    client: Http2Client, method: str, path: str
) -> None:
    asked = {"authorization": f"Token {KEY}"}
    body = bytes(1_000) if method == "POST" else b""
    client.ask(method, path, asked, body=body, has_ended=method == "GET")
    assert (await client.until(StreamReset)).error_code == ErrorCodes.HTTP_1_1_REQUIRED
    again = client.ask("GET", "/healthz", {}, has_ended=True)  # and the connection stays
    assert (await client.until(StreamReset)).stream_id == again
    assert await client.until(ResponseReceived) is None  # silent for too long, it is closed


def test_a_program_that_can_do_both_does_so_by_itself(server: TlsServer) -> None:
    done = subprocess.run(
        [
            *("curl", "-s", "--cacert", str(server.ca), "-w", "%{http_version}", "-o", "/dev/null"),
            f"https://localhost:{server.port}/readyz",
        ],
        capture_output=True,
        text=True,
        timeout=HANG_S,
    )
    assert done.stdout == "1.1", done.stderr


async def test_a_request_without_its_key_is_answered_before_its_body(
    client: Http2Client, server: TlsServer
) -> None:
    stream = client.ask("POST", PATH, {"host": f"localhost:{server.port}"})
    response = await client.until(ResponseReceived)
    told = dict(response.headers)
    assert told[":status"] == "403"
    assert told["x-amzn-errortype"] == "UnrecognizedClientException"
    # who goes on all the same disturbs nobody: nobody reads it, and the connection stays
    data = bytes([0, 3, 232, 0, 0, 0, 0, 0, stream]) + bytes(1_000)
    client.writer.write(10 * data)
    again = client.ask("GET", "/readyz", {}, has_ended=True)
    while (reset := await client.until(StreamReset)).stream_id != again:
        assert reset.error_code in (ErrorCodes.NO_ERROR, ErrorCodes.STREAM_CLOSED)
    assert reset.error_code == ErrorCodes.HTTP_1_1_REQUIRED


async def test_an_answer_ends_though_its_request_does_not(
    client: Http2Client, server: TlsServer
) -> None:
    client.ask("POST", PATH, headers(server))
    assert dict((await client.until(ResponseReceived)).headers)[":status"] == "200"
    assert await client.until(StreamEnded)  # nothing came for too long
    assert (await client.until(StreamReset)).error_code == ErrorCodes.NO_ERROR


async def test_heads_are_bounded_over_http_2(client: Http2Client, server: TlsServer) -> None:
    many = {f"x-{number}": "x" for number in range(MOST_HEADERS)}
    client.ask("POST", PATH, headers(server) | many)
    assert (await client.until(StreamReset)).error_code == ErrorCodes.ENHANCE_YOUR_CALM
    client.ask("POST", PATH, headers(server) | {f"y-{n}": "y" * 1_000 for n in range(40)})
    assert await client.until(ResponseReceived) is None


async def test_streams_of_one_connection_are_bounded(
    client: Http2Client, server: TlsServer
) -> None:
    for _ in range(STREAMS_AT_ONCE):
        client.ask("POST", PATH, headers(server))
        assert dict((await client.until(ResponseReceived)).headers)[":status"] == "200"
    client.h2.remote_settings[3] = 100  # forget what the server allows
    client.h2.remote_settings.acknowledge()
    client.ask("POST", PATH, headers(server))
    assert await client.until(ResponseReceived) is None


async def test_who_begins_and_resets_without_end_is_let_go(
    client: Http2Client, server: TlsServer
) -> None:
    """Thousands of streams of one connection [Source: CVE-2023-44487]."""
    signed = headers(server)
    with suppress(ConnectionError, ssl.SSLError, ProtocolError):
        for _ in range(3_000):
            stream = client.ask("POST", PATH, signed)
            client.h2.reset_stream(stream, ErrorCodes.CANCEL)
            client.flush()
            await client.writer.drain()
    while await client.events():
        pass
    async with httpx.AsyncClient(trust_env=False) as http:
        assert (await http.get(f"{server.url}/readyz")).status_code == 200


async def test_who_only_pings_is_let_go_and_holds_nobody_up(
    client: Http2Client, server: TlsServer
) -> None:
    ping, asked = bytes([0, 0, 8, 6, 0, 0, 0, 0, 0]) + bytes(8), 0

    async def flood() -> None:
        while not client.writer.transport.is_closing():
            client.writer.write(1_000 * ping)
            await client.writer.drain()
            await asyncio.sleep(0)

    async def drop() -> None:
        with suppress(ConnectionError, ssl.SSLError):
            while await client.reader.read(65_536):
                pass

    flooding, dropping = asyncio.create_task(flood()), asyncio.create_task(drop())
    async with httpx.AsyncClient(trust_env=False, timeout=HANG_S) as http:
        while not dropping.done():
            assert (await http.get(f"{server.url}/healthz")).status_code == 200
            asked += 1
    assert asked > 10
    flooding.cancel()
    await asyncio.gather(flooding, dropping, return_exceptions=True)


async def test_who_never_reads_is_let_go(client: Http2Client, server: TlsServer) -> None:
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]
    client.ask("POST", PATH, headers(server))
    await asyncio.to_thread(
        wait_until, lambda: open_sockets(server.process.pid) <= 1, "the connection is gone"
    )


async def test_what_is_no_http_2_ends_the_connection(server: TlsServer) -> None:
    context = ssl.create_default_context(cafile=str(server.ca))
    context.set_alpn_protocols(["h2"])
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    for sent in (
        b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n",
        preface + b"\x00\x00\x01\x01\x04\x00\x00\x00\x01\xff",  # headers that are no HPACK
        preface + b"\xff\xff\xff\x00\x00\x00\x00\x00\x01",  # a frame of 16 MB
        preface + b"\x00\x00\x05\x02\x00\x00\x00\x00\x01\x00\x00\x00\x01\x00",  # depends on itself
        preface,
        b"",
    ):
        reader, writer = await asyncio.open_connection(
            "localhost", server.port, ssl=context, server_hostname="localhost"
        )
        writer.write(sent)
        with suppress(ConnectionError, ssl.SSLError):
            while await reader.read(65_536):
                pass
        writer.transport.abort()


async def test_connections_are_counted_whatever_they_speak(
    server: TlsServer, trust: ssl.SSLContext
) -> None:
    context = ssl.create_default_context(cafile=str(server.ca))
    context.set_alpn_protocols(["h2"])
    held = []
    for _ in range(12):  # three quarters of the server's, for one address
        held.append(
            await asyncio.open_connection(
                "localhost", server.port, ssl=context, server_hostname="localhost"
            )
        )
    try:
        answer = await raw(server, trust, b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert b" 503 " in answer
        reader, writer = await asyncio.open_connection(
            "localhost", server.port, ssl=context, server_hostname="localhost"
        )
        assert await reader.read() == b""
        writer.close()
    finally:
        for _, writer in held:
            writer.transport.abort()


# -- starting ------------------------------------------------------------------------------------


def test_a_port_that_is_taken_is_named(server: TlsServer, tmp_path: Path) -> None:
    options = ["--port", "0", "--tls-port", str(server.port), "--model", "scripted"]
    done = subprocess.run(
        [sys.executable, "-m", "lab_kit.cli", "serve", *options, "--repository", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=HANG_S,
    )
    assert done.returncode == 1
    assert f":{server.port} cannot be used" in done.stderr
    assert "--tls-port" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_its_packages_it_says_which(tmp_path: Path) -> None:
    """As where lab_kit was installed without that extra."""
    (tmp_path / "hidden.py").write_text(
        "import importlib.util as util, sys\n"
        "find = util.find_spec\n"
        "util.find_spec = lambda name, *rest: None if name == 'hypercorn' else find(name, *rest)\n"
        "sys.modules['hypercorn'] = None\n"
        "from lab_kit.cli import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    options = ["--port", "0", "--tls-port", "0", "--model", "scripted"]
    options += ["--repository", str(tmp_path / "versions")]
    done = subprocess.run(
        [sys.executable, str(tmp_path / "hidden.py"), "serve", *options],
        capture_output=True,
        text=True,
        timeout=HANG_S,
    )
    assert done.returncode == 1
    assert "install lab_kit with its extra tls" in done.stderr
    assert "Traceback" not in done.stderr
