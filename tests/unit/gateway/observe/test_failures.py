"""What nobody foresaw: the call ends, it is counted, and the log has one line of it."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator

import pytest
from hang import HANG_S
from small_server import UPGRADE, serving, until
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from lab_kit.core.units import ms
from lab_kit.gateway.door.identify import IdentifyCalls
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.observe.failures import MOST_CHARACTERS, EndFailedCalls, Failures
from lab_kit.gateway.observe.metrics import Metrics

SECRET = "what a client sent\nand more " * 100


async def fails(_: Request) -> Response:
    raise RuntimeError(SECRET)


async def fails_in_ours(_: Request) -> Response:
    return Response(str(ms("two")))  # type: ignore[arg-type]


async def breaks_off(_: Request) -> Response:
    async def half() -> AsyncIterator[bytes]:
        yield b"half"
        raise RuntimeError(SECRET)

    return StreamingResponse(half())


async def reads(request: Request) -> Response:
    return Response(await request.body())


async def stays_shut(socket: WebSocket) -> None:
    raise RuntimeError(SECRET)


async def opens(socket: WebSocket) -> None:
    await socket.accept()
    await socket.receive()
    raise RuntimeError(SECRET)


async def hears_nobody(socket: WebSocket) -> None:
    await socket.accept()
    await socket.receive_text()


class Watched:
    """An application whose failures are told."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.app = Starlette(
            routes=[
                Route("/fails", fails),
                Route("/ours", fails_in_ours),
                Route("/breaks", breaks_off),
                Route("/reads", reads, methods=["POST"]),
                WebSocketRoute("/shut", stays_shut),
                WebSocketRoute("/opens", opens),
                WebSocketRoute("/hears", hears_nobody),
            ]
        )
        self.app.add_middleware(EndFailedCalls, failures=Failures(self.metrics))
        self.app.add_middleware(IdentifyCalls)

    def counted(self) -> float:
        text = self.metrics.exposition()[0].decode()
        found = re.findall(r"^lab_unexpected_errors_total\S+ (\S+)$", text, re.MULTILINE)
        return sum(map(float, found))


@pytest.fixture
def watched() -> Watched:
    return Watched()


def only_line(caplog: pytest.LogCaptureFixture) -> str:
    """The one line that was logged, without a traceback below it."""
    (record,) = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert record.exc_info is None
    assert "\n" not in record.getMessage()
    return record.getMessage()


def test_a_request_ends_with_500_and_one_line(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    answer = TestClient(watched.app).get("/fails")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "INTERNAL")
    assert "a client" not in answer.text
    assert "RuntimeError 'what a client sent" in only_line(caplog)
    assert len(only_line(caplog)) < MOST_CHARACTERS + 100
    assert watched.counted() == 1


def test_the_line_names_the_innermost_place_of_ours(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    TestClient(watched.app).get("/ours")
    assert re.search(r" at core/units\.py:\d+$", only_line(caplog))


def test_an_upgrade_is_refused_with_500(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    client = TestClient(watched.app)
    with (
        pytest.raises(WebSocketDenialResponse) as refused,
        client.websocket_connect("/shut"),
    ):
        pass
    assert refused.value.status_code == 500
    assert only_line(caplog)
    assert watched.counted() == 1


def test_an_open_socket_is_closed_with_1011(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    with TestClient(watched.app).websocket_connect("/opens") as socket:
        socket.send_text("go")
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_text()
    assert closed.value.code == 1011
    assert only_line(caplog)
    assert watched.counted() == 1


async def test_an_answer_that_breaks_off_is_one_line_too(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(watched.app, Limits()) as server:
        reader, writer = await server.connect()
        writer.write(b"GET /breaks HTTP/1.1\r\nHost: here\r\n\r\n")
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(reader.readuntil(b"0\r\n\r\n"), HANG_S)
        writer.close()
    assert only_line(caplog)
    assert watched.counted() == 1


async def test_a_hang_up_is_no_failure(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(watched.app, Limits()) as server:
        for begun in (
            b"POST /reads HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\nabc",
            UPGRADE.replace(b"/socket", b"/hears") + b"\r\n",
        ):
            _, writer = await server.connect()
            writer.write(begun)
            await until(lambda: len(server.state.tasks) == 1)
            writer.transport.abort()
            await until(lambda: not server.state.tasks)
    assert caplog.records == []
    assert watched.counted() == 0
