"""The connection under a stream: what is read ahead, what a frame costs, what nobody reads."""

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from hang import HANG_S
from small_server import UPGRADE, SmallServer, serving, until

from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.live.releasing import UNHEARD_BYTES

LIMITS = Limits(unsent_s=HANG_S, message_frames=64)
MESSAGE = bytes([0x82, 0x80 | 126, *(3_200).to_bytes(2, "big"), 0, 0, 0, 0]) + bytes(3_200)
"""A tenth of a second of sound as a masked WebSocket frame."""
ONE_READ_BYTES = 262_144
"""What asyncio reads of a socket at a time."""
BUFFER_BYTES = 65_536
"""What the kernel is told to hold at either end; it doubles that."""
NO_MASK = bytes(4)
BEGIN, MORE, LAST = (bytes([first, 0x80]) + NO_MASK for first in (0x02, 0x00, 0x80))
"""Fragments of a message, without a byte in them."""


class Application:
    """Accepts, counts what it is told, and takes messages when it may."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.last: dict[str, Any] = {}
        self.may_take = asyncio.Event()
        self.may_take.set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        if scope["path"] == "/refused":
            headers = [(b"content-type", b"text/plain")]
            await send({"type": "websocket.http.response.start", "status": 401, "headers": headers})
            await send({"type": "websocket.http.response.body", "body": b"no"})
            return
        await send({"type": "websocket.accept"})
        while self.last.get("type") != "websocket.disconnect":
            await self.may_take.wait()
            self.last = await receive()
            self.seen[self.last["type"]] += 1


@pytest.fixture
def app() -> Application:
    return Application()


@asynccontextmanager
async def opened(
    app: Any, limits: Limits = LIMITS, buffer_bytes: int | None = None
) -> AsyncIterator[tuple[SmallServer, socket.socket]]:
    """A client whose upgrade was accepted, as a bare socket."""
    loop = asyncio.get_running_loop()
    async with serving(app, limits, buffer_bytes) as server:
        with socket.socket() as client:
            client.setblocking(False)
            if buffer_bytes is not None:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer_bytes)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
            await loop.sock_connect(client, ("127.0.0.1", server.port))
            await loop.sock_sendall(client, UPGRADE + b"\r\n")
            async with asyncio.timeout(HANG_S):
                assert b" 101 " in await loop.sock_recv(client, 4_096)
            yield server, client


async def sent(client: socket.socket, data: bytes) -> None:
    async with asyncio.timeout(HANG_S):
        await asyncio.get_running_loop().sock_sendall(client, data)


async def heard(client: socket.socket) -> bytes:
    """Everything until the server closes."""
    data = b""
    async with asyncio.timeout(HANG_S):
        while piece := await asyncio.get_running_loop().sock_recv(client, 65_536):
            data += piece
    return data


def close_frame(data: bytes) -> tuple[int, str]:
    """Code and reason of the close frame that ``data`` ends with."""
    at = data.rindex(b"\x88")
    return int.from_bytes(data[at + 2 : at + 4], "big"), data[at + 4 :].decode()


async def sent_until_held_back(client: socket.socket) -> int:
    """Bytes that the connection takes, until it takes none for a second."""
    sent, stalled = 0, 0
    while stalled < 50:
        try:
            sent += client.send(MESSAGE[sent % len(MESSAGE) :])
            stalled = 0
            await asyncio.sleep(0)
        except BlockingIOError:
            stalled += 1
            await asyncio.sleep(0.02)
    return sent


# -- what arrives --------------------------------------------------------------------------------


async def test_little_is_read_ahead_of_a_stream_that_takes_nothing(app: Application) -> None:
    app.may_take.clear()
    async with opened(app, buffer_bytes=BUFFER_BYTES) as (_, client):
        taken = await sent_until_held_back(client)
    assert taken <= 4 * BUFFER_BYTES + ONE_READ_BYTES + len(MESSAGE)


async def test_few_messages_are_parsed_ahead_of_it(app: Application) -> None:
    """Forty thousand empty messages fit into one read of the event loop."""
    app.may_take.clear()
    empty = bytes([0x82, 0x80]) + NO_MASK
    async with opened(app) as (server, client):
        await sent(client, empty * 10_000)
        (connection,) = server.state.connections
        await until(lambda: connection.queue.qsize() > 0)
        await asyncio.sleep(0.1)  # in which the rest could be parsed
        assert connection.queue.qsize() <= 1_000
        app.may_take.set()
        await until(lambda: app.seen["websocket.receive"] == 10_000)


async def test_others_have_their_turns_while_many_frames_are_parsed(app: Application) -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while not app.seen["websocket.receive"]:
            turns += 1
            await asyncio.sleep(0)

    frames = BEGIN + MORE * 30_000 + LAST
    async with opened(app, Limits(message_frames=40_000)) as (server, _):
        (connection,) = server.state.connections
        connection.data_received(frames)  # as one read
        await asyncio.wait_for(count(), HANG_S)
    assert turns >= 30


async def test_a_message_of_many_frames_is_taken(app: Application) -> None:
    async with opened(app) as (_, client):
        await sent(client, BEGIN + MORE * (LIMITS.message_frames - 2) + LAST)
        await until(lambda: app.seen["websocket.receive"] == 1)


async def test_one_of_too_many_is_closed_by_name(app: Application) -> None:
    async with opened(app) as (_, client):
        await sent(client, BEGIN + MORE * LIMITS.message_frames)
        code, reason = close_frame(await heard(client))
    assert (code, reason) == (1009, "a message of more than 64 frames")
    assert app.last["type"] == "websocket.disconnect"
    assert not app.seen["websocket.receive"]


async def test_who_goes_on_writing_is_not_reset_and_hears_why(app: Application) -> None:
    async with opened(app) as (server, client):
        await sent(client, BEGIN + MORE * LIMITS.message_frames)
        await until(lambda: app.last.get("type") == "websocket.disconnect")
        for _ in range(50):
            await sent(client, MORE * 1_000)
            await asyncio.sleep(0)
        assert close_frame(await heard(client))[0] == 1009
        client.close()
        await until(lambda: not server.state.connections)


async def test_who_never_stops_writing_is_let_go(app: Application) -> None:
    async def pour() -> None:
        for _ in range(2 * UNHEARD_BYTES // ONE_READ_BYTES):
            await sent(client, bytes(ONE_READ_BYTES))
            await asyncio.sleep(0)

    async with opened(app) as (server, client):
        await sent(client, BEGIN + MORE * LIMITS.message_frames)
        with pytest.raises(ConnectionError):
            await pour()
        await until(lambda: not server.state.connections)


async def test_a_text_that_is_none_is_closed_by_name_and_fills_no_log(
    app: Application, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        async with opened(app) as (_, client):
            await sent(client, bytes([0x81, 0x82]) + NO_MASK + b"\xff\xfe")
            assert close_frame(await heard(client)) == (1007, "a text that is not UTF-8")
    assert caplog.records == []


# -- what leaves ---------------------------------------------------------------------------------


def ping(number: int) -> bytes:
    """A masked ping with 125 bytes, a number first."""
    return bytes([0x89, 0x80 | 125]) + NO_MASK + number.to_bytes(4, "big") + bytes(121)


async def test_pongs_that_nobody_reads_do_not_pile_up_and_the_latest_comes(
    app: Application,
) -> None:
    last = 20_000
    async with opened(app, buffer_bytes=4_096) as (server, client):
        (connection,) = server.state.connections
        for number in range(1, last + 1, 100):
            await sent(client, b"".join(ping(n) for n in range(number, number + 100)))
            assert connection.transport.get_write_buffer_size() < 2 * BUFFER_BYTES
        await sent(client, ping(last + 1))
        await sent(client, MESSAGE)  # taken when all pings have been
        await until(lambda: app.seen["websocket.receive"] == 1)
        data = b""
        while not data.endswith(ping(last + 1)[6:]):
            data += await asyncio.wait_for(
                asyncio.get_running_loop().sock_recv(client, 65_536), HANG_S
            )
    assert len(data) < last * 127 / 2


async def test_who_reads_nothing_at_all_is_let_go(app: Application) -> None:
    async with opened(app, Limits(unsent_s=0.1), buffer_bytes=4_096) as (server, client):
        with suppress(ConnectionError):  # on a busy machine it is let go before it has sent all
            for number in range(2_000):
                await sent(client, ping(number))
        await until(lambda: app.last.get("type") == "websocket.disconnect")
        await until(lambda: not server.state.connections)
        assert server.places.open == 0
    assert (app.last["code"], app.last["reason"].split(":")[0]) == (1008, "SLOW_CONSUMER")


# -- upgrades that are refused -------------------------------------------------------------------


BAD_FRAME = bytes([0x83, 0x80]) + NO_MASK
"""Of a kind that no RFC knows."""


async def test_a_bad_frame_before_the_answer_ends_its_connection_and_nothing_else(
    app: Application,
) -> None:
    unforeseen: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: unforeseen.append(context))
    may_accept = asyncio.Event()

    async def slowly(scope: Any, receive: Any, send: Any) -> None:
        await may_accept.wait()
        await app(scope, receive, send)

    try:
        async with serving(slowly, LIMITS) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(UPGRADE + b"\r\n")
            await asyncio.sleep(0.1)
            writer.write(BAD_FRAME)
            await asyncio.sleep(0.1)
            may_accept.set()
            async with asyncio.timeout(HANG_S):
                while await reader.read(4_096):
                    pass
            writer.close()
    finally:
        loop.set_exception_handler(None)
    assert unforeseen == []


async def test_a_frame_before_the_answer_is_taken_after_it(app: Application) -> None:
    may_accept = asyncio.Event()

    async def slowly(scope: Any, receive: Any, send: Any) -> None:
        await may_accept.wait()
        await app(scope, receive, send)

    async with serving(slowly, LIMITS) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(UPGRADE + b"\r\n")
        await asyncio.sleep(0.1)
        for _ in range(3):
            writer.write(MESSAGE)
        await asyncio.sleep(0.1)
        may_accept.set()
        await until(lambda: app.seen["websocket.receive"] == 3)
        writer.close()


@pytest.mark.parametrize(
    ("extra", "status"),
    [(b"x: " + b"a" * 9_000 + b"\r\n", b"431"), (b"x y: z\r\n", b"400"), (b"", b"101")],
)
async def test_an_upgrade_is_answered_whatever_is_wrong_with_its_head(
    app: Application, extra: bytes, status: bytes
) -> None:
    async with serving(app, LIMITS) as server:
        reader, writer = await server.connect()
        writer.write(UPGRADE + extra + b"\r\n")
        async with asyncio.timeout(HANG_S):
            assert (await reader.readline()).startswith(b"HTTP/1.1 " + status)
            writer.close()
            await until(lambda: server.places.open == 0)


@pytest.mark.parametrize("path", [b"/refused", b"/socket"])
async def test_no_query_is_logged_for_a_key_may_stand_in_it(
    app: Application, caplog: pytest.LogCaptureFixture, path: bytes
) -> None:
    with caplog.at_level(logging.INFO):
        async with serving(app, LIMITS) as server:
            reader, writer = await server.connect()
            writer.write(UPGRADE.replace(b"/socket", path + b"?key=secret") + b"\r\n")
            async with asyncio.timeout(HANG_S):
                await reader.readline()
            writer.close()
            await until(lambda: server.places.open == 0)
    assert caplog.records == []
