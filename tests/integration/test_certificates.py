"""TLS on every wire: what is shown and renewed, who must show what, and a token that is bound."""

import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx
import pytest
import trustme
from hang import HANG_S
from keyed_server import KeyedServer, keyed_server, lab
from server_process import eventually
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from lab_kit import datasets
from lab_kit.dialects.lab.protobuf import first_message, heard
from lab_kit.protocol.api_keys import NewKey
from lab_kit.protocol.proto_text import METHOD, SERVICE
from lab_kit.protocol.stream_messages import SessionBegun, StreamRequest

PHRASE = datasets.clip("two-cities-best")
RAW = {"content-type": "audio/l16;rate=16000"}


@dataclass(frozen=True)
class Mutual:
    """A server that asks clients for a certificate, and two who have one."""

    server: KeyedServer
    ca: Path
    one: Path
    other: Path

    def context(self, client: Path | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.ca))
        if client is not None:
            context.load_cert_chain(client)
        return context

    def http(self, client: Path | None = None, **headers: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self.server.tls,
            verify=self.context(client),
            headers=headers,
            trust_env=False,
            timeout=HANG_S,
        )


@pytest.fixture(scope="module")
def mutual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mutual]:
    folder = tmp_path_factory.mktemp("mutual")
    authority = {"LAB_AUTHORITY": str(folder / "authority")}
    for name in ("one", "other"):
        made = lab(
            "ca", "--client", f"{name}.example", "--into", str(folder / name), environ=authority
        )
        assert made.returncode == 0, made.stderr
    options = ("--tls-port", "0", "--grpc-tls-port", "0", "--client-authority", "own")
    with keyed_server(folder, *options, environ=authority) as server:
        ca = folder / "authority" / "ca.pem"
        yield Mutual(server, ca, folder / "one", folder / "other")


async def _token(mutual: Mutual, client: Path, key: str) -> str:
    async with mutual.http(client) as http:
        form = {"grant_type": "client_credentials"}
        answer = await http.post("/oauth/token", data=form, auth=(key[:16], key))
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])


async def test_only_who_shows_a_certificate_is_heard(mutual: Mutual, tmp_path: Path) -> None:
    stranger = trustme.CA().issue_cert("stranger.example")
    (tmp_path / "stranger").write_bytes(
        stranger.private_key_pem.bytes() + stranger.cert_chain_pems[0].bytes()
    )
    async with mutual.http(mutual.one) as http:
        assert (await http.get("/readyz")).status_code == 200
    for shown in (None, tmp_path / "stranger"):
        async with mutual.http(shown) as http:
            with pytest.raises(httpx.TransportError):
                await http.get("/readyz")


def test_an_older_tls_is_refused(mutual: Mutual) -> None:
    context = mutual.context(mutual.one)
    host, _, port = mutual.server.tls.removeprefix("https://").rpartition(":")
    for version, works in ((ssl.TLSVersion.TLSv1_3, True), (ssl.TLSVersion.TLSv1_2, False)):
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.maximum_version = version
        with socket.create_connection((host, int(port)), timeout=HANG_S) as plain:
            if works:
                with context.wrap_socket(plain, server_hostname="localhost") as encrypted:
                    assert encrypted.version() == "TLSv1.3"
            else:
                with pytest.raises(ssl.SSLError):
                    context.wrap_socket(plain, server_hostname="localhost")


async def test_a_stolen_token_is_worth_nothing_without_its_certificate(mutual: Mutual) -> None:
    made = await mutual.server.operator.make_key(NewKey("acme"))
    token = await _token(mutual, mutual.one, made.key)
    bearer = {"authorization": f"Bearer {token}"}
    async with mutual.http(mutual.one, **bearer, **RAW) as owner:
        answer = await owner.post("/v1/audio:transcribe", content=PHRASE.pcm16)
        assert answer.status_code == 200, answer.text
    # another client's certificate, and the port without TLS, where nobody can show one
    for url, context in (
        (mutual.server.tls, mutual.context(mutual.other)),
        (mutual.server.url, False),
    ):
        async with httpx.AsyncClient(
            base_url=url, verify=context, headers={**bearer, **RAW}, trust_env=False
        ) as thief:
            answer = await thief.post("/v1/audio:transcribe", content=PHRASE.pcm16)
            assert answer.status_code == 401
            assert "bound to a certificate" in answer.json()["error"]["message"]


async def test_a_stolen_token_opens_no_socket_and_no_call_either(mutual: Mutual) -> None:
    made = await mutual.server.operator.make_key(NewKey("acme"))
    address = mutual.server.tls.replace("https", "wss") + "/v1/stream"

    async def opened(client: Path, token: str) -> str:
        headers = {"authorization": f"Bearer {token}"}
        async with connect(
            address, ssl=mutual.context(client), additional_headers=headers, proxy=None
        ) as socket:
            return str(await socket.recv())

    with pytest.raises(InvalidStatus, match="401"):
        await opened(mutual.other, await _token(mutual, mutual.one, made.key))
    assert "session_begun" in await opened(mutual.one, await _token(mutual, mutual.one, made.key))
    refused = await _called(mutual, mutual.other, await _token(mutual, mutual.one, made.key))
    assert refused is grpc.StatusCode.UNAUTHENTICATED
    first = await _called(mutual, mutual.one, await _token(mutual, mutual.one, made.key))
    assert isinstance(first, bytes)
    assert isinstance(heard(first), SessionBegun)


async def _called(mutual: Mutual, client: Path, token: str) -> bytes | grpc.StatusCode:
    """The first message of a call over gRPC, or what it ended with."""
    pem = client.read_bytes()
    credentials = grpc.ssl_channel_credentials(mutual.ca.read_bytes(), pem, pem)
    target = mutual.server.grpc_tls.replace("127.0.0.1", "localhost")
    async with grpc.aio.secure_channel(target, credentials) as channel:
        call = channel.stream_stream(f"/{SERVICE}/{METHOD}")(
            iter((first_message(StreamRequest()),)),
            metadata=(("authorization", f"Bearer {token}"),),
            timeout=HANG_S,
        )
        try:
            return bytes(await anext(aiter(call)))
        except grpc.aio.AioRpcError as error:
            return error.code()


async def test_a_new_certificate_is_shown_and_open_streams_go_on(tmp_path: Path) -> None:
    authority = trustme.CA()
    ca, chain, key = tmp_path / "ca", tmp_path / "chain", tmp_path / "key"
    authority.cert_pem.write_to_path(ca)

    def write() -> None:
        issued = authority.issue_cert("127.0.0.1", "localhost")
        issued.private_key_pem.write_to_path(key)
        issued.cert_chain_pems[0].write_to_path(chain)

    write()
    options = ("--tls-port", "0", "--grpc-tls-port", "0")
    files = ("--tls-certificate", str(chain), "--tls-key", str(key))
    with keyed_server(tmp_path, *options, *files) as server:
        context = ssl.create_default_context(cafile=str(ca))
        address = server.tls.replace("https", "wss") + "/v1/stream"
        async with connect(address, ssl=context, proxy=None) as socket:
            await socket.recv()
            before = _shown(server.tls), _shown(f"https://{server.grpc_tls}")
            assert before[0] == before[1] == chain.read_text()
            write()
            for where in (server.tls, f"https://{server.grpc_tls}"):
                await eventually(lambda where=where: _shown(where) == chain.read_text(), where)
            key.write_text("nonsense")
            await socket.send('{"type": "finish"}')
            assert "session_ended" in [m async for m in socket][-1]
        await eventually(lambda: "stay as they were" in server.log.read_text(), "told")
        assert _shown(server.tls) == chain.read_text()


def _shown(url: str) -> str:
    """The certificate that a server shows, PEM."""
    host, _, port = url.removeprefix("https://").rpartition(":")
    return ssl.get_server_certificate((host, int(port)))


def test_what_cannot_be_shown_is_said_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("nonsense")
    for options, said in (
        (("--tls-key", "file"), "both, or neither"),
        (("--tls-certificate", "file", "--tls-key", "file"), "cannot be used"),
        (("--tls-certificate", "none", "--tls-key", "none"), "cannot be read"),
        (("--client-authority", "file"), "cannot be used"),
    ):
        command = [sys.executable, "-m", "lab_kit.cli", "serve", "--port", "0", "--tls-port", "0"]
        command += ["--repository", "repository", "--model", "scripted", *options]
        ended = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=HANG_S, check=False
        )
        assert (ended.returncode, said in ended.stderr) == (1, True), ended.stderr


def test_other_machines_reach_what_is_encrypted_alone(tmp_path: Path) -> None:
    with keyed_server(tmp_path, "--host", "0.0.0.0", "--tls-port", "0", "--key", "one") as server:
        assert server.url.startswith("http://127.0.0.1:")
        assert server.grpc.startswith("127.0.0.1:")
        assert server.tls.startswith("https://0.0.0.0:")


async def test_pages_of_elsewhere_read_nothing_unless_they_are_named(tmp_path: Path) -> None:
    page = {"origin": "https://app.example"}
    with keyed_server(tmp_path, "--allow-origin", "https://app.example") as server:
        async with httpx.AsyncClient(base_url=server.url, trust_env=False) as http:
            named = await http.get("/v1/models", headers=page)
            assert named.headers["access-control-allow-origin"] == "https://app.example"
            asked = {**page, "access-control-request-method": "POST"}
            asked["access-control-request-headers"] = "authorization"
            assert (await http.options("/v1/audio:transcribe", headers=asked)).status_code == 200
            other = await http.get("/v1/models", headers={"origin": "https://other.example"})
            assert other.status_code == 403
            assert "access-control-allow-origin" not in other.headers
            assert named.headers["x-content-type-options"] == "nosniff"
            assert named.headers["cache-control"] == "no-store"
