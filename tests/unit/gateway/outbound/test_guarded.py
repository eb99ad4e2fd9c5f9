"""Addresses that callers give: what only the server can reach is never asked."""

import asyncio
import contextlib
import socket
from typing import Any

import pytest
from receiver import Receiver

from lab_kit.core.errors import AddressRefused, ConnectionFailed, InvalidParameter, LabError
from lab_kit.gateway.outbound import guarded
from lab_kit.gateway.outbound.guarded import Outbound, is_public


@pytest.mark.parametrize(
    "number",
    [
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "2002:7f00:0001::",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
    ],
)
def test_what_only_the_server_can_reach_is_not_public(number: str) -> None:
    assert not is_public(number)


@pytest.mark.parametrize("number", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"])
def test_what_anybody_can_reach_is(number: str) -> None:
    assert is_public(number)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f.0.0.1/",
        "https://localhost/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://169.254.169.254/latest/meta-data",
        "https://0/",
        "http://example.com/",
    ],
)
async def test_no_spelling_of_an_inner_address_is_asked(url: str) -> None:
    with pytest.raises((AddressRefused, ConnectionFailed)):
        await Outbound().target(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "here",
        "ftp://example.com/",
        "file:///etc/passwd",
        "https:///path",
        "https://user:pass@example.com/",
        "https://example.com/#part",
        f"https://example.com/{'x' * 2_000}",
        "https://exa mple.com/",
        "https://8.8.8.8:99999/",
        "https://8.8.8.8:999999999999999999999/",
        "https://8.8.8.8:0/",
        "https://xn--/",
        "https://xn--a/",
    ],
)
async def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(InvalidParameter):
        await Outbound().target(url)


async def test_a_name_that_stands_for_an_inner_address_among_others_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def found(*_: Any, **__: Any) -> list[Any]:
        numbers = ("93.184.216.34", "10.0.0.1")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 443)) for one in numbers]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    with pytest.raises(AddressRefused, match=r"10\.0\.0\.1"):
        await Outbound().target("https://example.com/")


async def test_the_connection_goes_to_what_was_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that stands for something else a moment later changes nothing."""
    with Receiver() as receiver:
        answers = iter(["127.0.0.1", "192.0.2.1"])

        def found(*_: Any, **__: Any) -> list[Any]:
            where = (next(answers), receiver.port)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", where)]

        outbound = Outbound({"lab.example"})
        monkeypatch.setattr(socket, "getaddrinfo", found)
        url = f"http://lab.example:{receiver.port}/told?a=b"
        answer = await outbound.post(url, b"body", {"x-one": "1"})
        assert answer.status_code == 204
        (request,) = receiver.requests
        assert request.path == "/told?a=b"
        assert request.headers["host"] == f"lab.example:{receiver.port}"
        assert request.headers["x-one"] == "1"
        assert request.body == b"body"


async def test_only_what_is_excepted_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver() as receiver:
        url = f"http://127.0.0.1:{receiver.port}/"
        for allowed in ((), ("localhost",), ("127.0.0.1:1",), ("127.0.0.2",)):
            with pytest.raises(LabError):
                await Outbound(allowed).post(url, b"", {})
        for allowed in (("127.0.0.1",), (f"127.0.0.1:{receiver.port}",)):
            await Outbound(allowed).post(url, b"", {})
        assert len(receiver.requests) == 2


async def test_a_redirect_is_not_followed() -> None:
    with Receiver() as receiver:
        receiver.answers.append((302, {"location": f"http://127.0.0.1:{receiver.port}/inner"}))
        url = f"http://127.0.0.1:{receiver.port}/"
        answer = await Outbound({"127.0.0.1"}).post(url, b"", {})
        assert answer.status_code == 302
        assert [one.path for one in receiver.requests] == ["/"]


async def test_an_answer_that_trickles_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded, "WHOLE_S", 0.3)

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX: ")
        with contextlib.suppress(ConnectionError):
            while not reader.at_eof():
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.02)
        writer.close()

    async with await asyncio.start_server(trickle, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ConnectionFailed, match="TimeoutError"):
            await Outbound({"127.0.0.1"}).post(f"http://127.0.0.1:{port}/", b"", {})
