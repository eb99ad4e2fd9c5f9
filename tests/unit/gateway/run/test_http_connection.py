"""What a client may send over HTTP, how long it may take, and who is heard when it is full."""

import asyncio
import logging
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hang import HANG_S
from small_server import UPGRADE, SmallServer, rest, serving, until

from lab_kit.gateway.door.connections import connections
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.live.releasing import ReleasingConnection
from lab_kit.gateway.run.http_connection import MOST_HEADERS, MOST_PIPELINED, PROBES

PATIENT = Limits(unreceived_s=HANG_S, unsent_s=HANG_S, head_bytes=1_000)
HASTY = replace(PATIENT, unreceived_s=0.2)
PART_S = HASTY.unreceived_s / 20
POST = b"POST %s HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n"
GET = b"GET %s HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"


class Application:
    """Answers with the length of the body; what happens to it is counted."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.may_read = asyncio.Event()
        self.may_read.set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.seen[scope["path"]] += 1
        if scope["path"] == "/refused":
            await self.answer(send, 401, b"")
        elif scope["path"] == "/endless":
            await asyncio.gather(self.go_on(send), self.hear(receive))
        else:
            await self.may_read.wait()
            body = await self.hear(receive)
            await self.answer(send, 200, b"%d bytes" % len(body))

    async def hear(self, receive: Any) -> bytes:
        body, more = b"", True
        while more:
            message = await receive()
            self.seen[message["type"]] += 1
            more = message.get("more_body", False) or (
                message["type"] != "http.disconnect" and self.seen["/endless"] > 0
            )
            body += message.get("body", b"")
        return body

    async def answer(self, send: Any, status: int, body: bytes) -> None:
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def go_on(self, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not self.seen["http.disconnect"]:
            await send({"type": "http.response.body", "body": bytes(65_536), "more_body": True})
            await asyncio.sleep(0)


@pytest.fixture
def app() -> Application:
    return Application()


@pytest.fixture
async def patient(app: Application) -> AsyncIterator[SmallServer]:
    """A server that waits for everybody."""
    async with serving(app, PATIENT) as server:
        yield server


@pytest.fixture
async def hasty(app: Application) -> AsyncIterator[SmallServer]:
    """A server that waits for nobody for long."""
    async with serving(app, HASTY) as server:
        yield server


async def drip(writer: asyncio.StreamWriter, data: bytes) -> None:
    """Send a byte at a time, as long as somebody takes it."""
    try:
        while True:
            writer.write(data)
            await writer.drain()
            await asyncio.sleep(PART_S)
    except ConnectionError:
        return


async def dripped(server: SmallServer, begin: bytes, data: bytes) -> bytes:
    """The answer to somebody who sends ``begin`` and then ``data`` without end."""
    reader, writer = await server.connect()
    writer.write(begin)
    dripping = asyncio.create_task(drip(writer, data))
    try:
        async with asyncio.timeout(HANG_S):
            return await reader.read()
    except ConnectionResetError:
        return b""  # what was on its way to the server when it closed may overtake the answer
    finally:
        dripping.cancel()
        writer.close()


# -- a head's size -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * 995,
        b"GET / HTTP/1.1\r\nx: " + b"a" * 981,
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 164,
        b"\r\n" * 500,
    ],
    ids=["address", "header", "headers", "nothing"],
)
async def test_a_head_without_end_is_refused_at_the_limit(
    patient: SmallServer, app: Application, head: bytes
) -> None:
    answer = await patient.answer(head)
    assert len(head) == PATIENT.head_bytes
    assert answer.startswith(b"HTTP/1.1 431 ") or (head == b"\r\n" * 500 and answer == b"")
    assert not app.seen


async def test_a_head_within_the_limit_is_served(patient: SmallServer) -> None:
    head = GET.replace(b"\r\n\r\n", b"\r\nx: ") % b"/"
    assert b"200 OK" in await patient.answer(head + b"a" * (995 - len(head)) + b"\r\n\r\n")


async def test_headers_are_counted_too(app: Application) -> None:
    async with serving(app, replace(PATIENT, head_bytes=32_768)) as server:
        answer = await server.answer(b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * (MOST_HEADERS + 2))
    assert answer.startswith(b"HTTP/1.1 431 ")


async def test_trailers_without_end_are_refused_like_a_head(
    patient: SmallServer, app: Application
) -> None:
    chunked = b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nx: "
    answer = await patient.answer(chunked + 2 * b"a" * PATIENT.head_bytes)
    assert answer.startswith(b"HTTP/1.1 431 ")
    await until(lambda: app.seen["http.disconnect"] == 1)


async def test_a_trailer_is_no_header() -> None:
    seen: list[list[tuple[bytes, bytes]]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["headers"])
        await Application().answer(send, 200, b"")

    chunked = b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n"
    async with serving(app, PATIENT) as server:
        _, writer = await server.connect()
        writer.write(chunked + b"0\r\nauthorization: Bearer key\r\n\r\n")
        await until(lambda: seen)
        writer.close()
    assert [name for name, _ in seen[0]] == [b"host", b"transfer-encoding"]


async def test_a_body_may_be_larger_than_a_head(patient: SmallServer) -> None:
    reader, writer = await patient.connect()
    writer.write(POST % (b"/", 100_000) + bytes(100_000))
    async with asyncio.timeout(HANG_S):
        assert b"100000 bytes" in await reader.readuntil(b"bytes")
    writer.close()


async def test_few_requests_may_wait_behind_one(patient: SmallServer, app: Application) -> None:
    app.may_read.clear()
    waiting = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n" * (MOST_PIPELINED + 2)
    assert await patient.answer(waiting) == b""


# -- how long it takes ---------------------------------------------------------------------------


@pytest.mark.parametrize("sent", [b"", b"\r\n"])
async def test_who_says_nothing_is_let_go(hasty: SmallServer, sent: bytes) -> None:
    assert await hasty.answer(sent) == b""


async def test_who_says_nothing_more_after_an_answer_is_let_go(hasty: SmallServer) -> None:
    answer = await hasty.answer(GET.replace(b"close", b"keep-alive") % b"/")
    assert answer.count(b"HTTP/1.1 ") == 1


async def test_a_head_has_a_time_however_it_drips(hasty: SmallServer) -> None:
    assert (await hasty.answer(b"GET / HT")).startswith(b"HTTP/1.1 408 ")
    assert b"HTTP/1.1 200" not in await dripped(hasty, b"GET / HTTP/1.1\r\n", b"a: b\r\n")


async def test_a_body_that_stops_ends_the_request_as_a_hang_up_does(app: Application) -> None:
    """However much has come before, which would be enough for long on average."""
    async with serving(app, replace(HASTY, body_bytes_per_s=1)) as server:
        answer = await server.answer(POST % (b"/", 1_000) + bytes(500))
        assert answer.startswith(b"HTTP/1.1 408 ")
        await until(lambda: app.seen["http.disconnect"] == 1)


async def test_so_does_one_that_takes_too_long_as_a_whole(app: Application) -> None:
    async with serving(app, replace(HASTY, body_bytes_per_s=1_000_000)) as server:
        await dripped(server, POST % (b"/", 10_000_000), b"a")
    assert app.seen["http.disconnect"] == 1


async def test_a_body_that_goes_on_is_read_to_its_end(app: Application) -> None:
    async with serving(app, replace(HASTY, body_bytes_per_s=1)) as server:
        reader, writer = await server.connect()
        writer.write(POST % (b"/", 40))
        for _ in range(40):
            writer.write(b"a")
            await asyncio.sleep(PART_S)
        async with asyncio.timeout(HANG_S):
            assert b"40 bytes" in await reader.readuntil(b"bytes")
        writer.close()


async def test_no_time_counts_while_nobody_asks_for_the_body(
    hasty: SmallServer, app: Application
) -> None:
    app.may_read.clear()
    reader, writer = await hasty.connect()
    writer.write(POST % (b"/", 3))
    await asyncio.sleep(5 * HASTY.unreceived_s)
    writer.write(b"abc")
    app.may_read.set()
    async with asyncio.timeout(HANG_S):
        assert b"3 bytes" in await reader.readuntil(b"bytes")
    writer.close()


def test_a_loop_that_was_held_up_reads_before_it_blames() -> None:
    """What holds up uvloop while it reads others has its timers run before it reads again."""
    uvloop = pytest.importorskip("uvloop")

    async def answered() -> bytes:
        loop = asyncio.get_running_loop()
        limits = replace(HASTY, unreceived_s=1.0, body_bytes_per_s=1)
        async with serving(Application(), limits) as server:
            here, there = socket.socketpair()
            with (
                socket.create_connection(("127.0.0.1", server.port), HANG_S) as client,
                here,
                there,
            ):
                client.sendall(POST % (b"/", 9))
                for _ in range(8):
                    client.sendall(b"a")
                    await asyncio.sleep(0.1)
                await asyncio.sleep(0.4)

                def hold_up() -> None:
                    loop.remove_reader(here)
                    client.sendall(b"a")
                    time.sleep(3.0)

                loop.add_reader(here, hold_up)
                there.send(b"go")
                await asyncio.sleep(0.1)
                client.setblocking(False)
                return await asyncio.wait_for(loop.sock_recv(client, 65_536), HANG_S)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert b"200 OK" in runner.run(answered())


async def test_a_body_that_nobody_wants_is_discarded_for_a_while(
    hasty: SmallServer, app: Application
) -> None:
    answer = await dripped(hasty, POST % (b"/refused", 10_000_000), b"a")
    assert answer.count(b"HTTP/1.1") <= 1
    await until(lambda: hasty.places.open == 0)


async def test_an_answer_that_nobody_takes_ends_as_a_hang_up_does(app: Application) -> None:
    async with serving(app, replace(PATIENT, unsent_s=0.2, unreceived_s=0.2)) as server:
        reader, writer = await server.connect()
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(GET % b"/endless")
        await until(lambda: app.seen["http.disconnect"] == 1)
        await until(lambda: server.places.open == 0)
        writer.close()


# -- how many ------------------------------------------------------------------------------------


@pytest.fixture
async def full(app: Application) -> AsyncIterator[SmallServer]:
    """A server whose places are all taken by silent clients."""
    async with serving(app, replace(PATIENT, connections=4, probe_connections=2)) as server:
        clients = [await server.connect() for _ in range(3)]
        await until(lambda: server.places.open == 3)  # three quarters: all are from one address
        yield server
        for _, writer in clients:
            writer.close()


async def test_a_full_server_says_when_to_come_back(full: SmallServer, app: Application) -> None:
    answer = await full.answer(GET % b"/v1/models")
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nretry-after: " in answer
    assert b"SYSTEM_OVERLOADED" in answer
    assert (await full.answer(UPGRADE + b"\r\n")).startswith(b"HTTP/1.1 503 ")
    assert not app.seen


@pytest.mark.parametrize("path", [path.encode() for path in sorted(PROBES)])
async def test_probes_are_heard_all_the_same(full: SmallServer, path: bytes) -> None:
    silent = [await full.connect() for _ in range(5)]
    answer = await full.answer((GET % path).replace(b"Connection: close\r\n", b""))
    assert b" 200 OK" in answer
    assert b"connection: close" in answer
    first, writer = silent[0]
    assert await rest(first, writer) == b""  # whoever was silent for longest has gone
    for _, writer in silent:
        writer.close()


async def test_a_probes_path_is_no_way_in_for_others(full: SmallServer, app: Application) -> None:
    assert (await full.answer(POST % (b"/healthz", 0))).startswith(b"HTTP/1.1 503 ")
    assert not app.seen


async def test_when_the_probes_places_are_taken_by_who_has_spoken_the_next_is_refused(
    full: SmallServer, app: Application
) -> None:
    app.may_read.clear()
    probes = [await full.connect() for _ in range(2)]
    for _, writer in probes:
        writer.write(GET % b"/healthz")
    await until(lambda: app.seen["/healthz"] == 2)
    assert (await full.answer(b"")).startswith(b"HTTP/1.1 503 ")
    app.may_read.set()
    for reader, writer in probes:
        assert b" 200 OK" in await rest(reader, writer)
    assert b" 200 OK" in await full.answer(GET % b"/healthz")


async def test_a_place_is_free_again_when_its_connection_ends(app: Application) -> None:
    async with serving(app, replace(PATIENT, connections=2)) as server:
        for _ in range(5):
            assert b" 200 OK" in await server.answer(GET % b"/")
            await until(lambda: server.places.open == 0)


def test_connections_leave_descriptors_for_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (100, 4_096))
    places = connections(Limits())
    assert [places.enter(object(), "here") for _ in range(38)] == [True] * 37 + [False]
    assert [places.enter(object(), f"there {n}") for n in range(14)] == [True] * 13 + [False]


async def test_an_answer_that_breaks_off_is_not_taken_for_whole(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})

    with caplog.at_level(logging.INFO):
        async with serving(broken, PATIENT) as server:
            with pytest.raises((ConnectionResetError, AssertionError)):
                assert (await server.answer(GET % b"/")).endswith(b"0\r\n\r\n")
    assert caplog.records == []


@pytest.mark.parametrize(
    ("head", "status"), [(GET % b"/many", b"200"), (UPGRADE + b"\r\n", b"403")]
)
async def test_calls_that_come_together_begin_in_turns(head: bytes, status: bytes) -> None:
    """Connections are open and say all at once what they want; a probe is the last."""
    order: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        order.append(scope["path"])
        turns.append(turn)
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        else:
            await Application().answer(send, 200, b"")

    turn, turns = 0, []
    async with serving(app, PATIENT) as server:
        many = [await server.connect() for _ in range(20)]
        probe = await server.connect()
        for _, writer in many:
            writer.write(head)
        probe[1].write(GET % b"/healthz")
        while len(order) < 21:
            turn += 1
            await asyncio.sleep(0)
        for reader, writer in many:
            assert (await rest(reader, writer)).startswith(b"HTTP/1.1 " + status)
        assert (await rest(*probe)).startswith(b"HTTP/1.1 200")
    assert order.index("/healthz") <= 2
    # an upgrade's application begins in the turn behind its own, beside what then has its turn
    assert max(Counter(turns).values()) <= 2


async def test_a_body_waits_for_no_turn(patient: SmallServer, app: Application) -> None:
    """It comes in many pieces, and only its head begins a request."""
    reader, writer = await patient.connect()
    writer.write(POST % (b"/body", 50_000))
    for _ in range(50):
        writer.write(bytes(1_000))
        await asyncio.sleep(0)
    assert await reader.readuntil(b"50000 bytes")
    writer.close()


async def test_who_goes_while_waiting_begins_nothing() -> None:
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["path"])
        await Application().answer(send, 200, b"")

    async with serving(app, PATIENT) as server:
        many = [await server.connect() for _ in range(20)]
        for number, (_, writer) in enumerate(many):
            writer.write(GET % b"/stays" if number % 2 else GET % b"/goes")
            if not number % 2:
                await writer.drain()
                writer.transport.abort()
        for reader, writer in many[1::2]:
            assert (await rest(reader, writer)).startswith(b"HTTP/1.1 200")
        await until(lambda: server.places.open == 0)
    assert seen.count("/stays") == 10


async def test_an_upgrade_that_fails_gives_its_place_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("a defect of ours")

    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    monkeypatch.setattr(ReleasingConnection, "connection_made", fail)
    async with serving(Application(), PATIENT) as server:
        reader, writer = await server.connect()
        writer.write(UPGRADE + b"\r\n")
        with suppress(ConnectionResetError):
            assert await rest(reader, writer) == b""
        await until(lambda: server.places.open == 0)
    assert "a defect of ours" in str(told[0]["exception"])
