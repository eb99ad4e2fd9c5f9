"""Our own live stream on a real server: the same session over WebSocket, SSE and gRPC."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import pytest
from cutting import cutting
from hang import HANG_S
from server_process import ServerProcess, eventually, is_at_rest, metrics, stop_softly
from test_slow_readers import narrow_socket
from test_wires_conform import address_of
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from lab_kit import datasets
from lab_kit.bench import Bench
from lab_kit.client import NativeWire, ServerAddress, SessionClient, connect_session
from lab_kit.core.errors import (
    GoingAway,
    InvalidAudioFormat,
    InvalidParameter,
    LabError,
    SessionNotFound,
    StreamIdle,
    Unauthenticated,
)
from lab_kit.core.events import Final, StreamOptions
from lab_kit.gateway.door.limits import Limits
from lab_kit.protocol.stream_messages import EndReason, SessionEnded, StreamError, Usage

SPEECH = datasets.clip("two-cities-best").pcm16
SAID = "it was the best of times"
CHUNK = 3_200
over_each = pytest.mark.parametrize("wire", NativeWire, ids=[wire.name for wire in NativeWire])


async def say(session: SessionClient, pcm: bytes = SPEECH, pause_s: float = 0.02) -> None:
    for start in range(0, len(pcm), CHUNK):
        await session.send(pcm[start : start + CHUNK])
        await asyncio.sleep(pause_s)


async def finals(session: SessionClient, texts: list[str] | None = None) -> list[str]:
    said: list[str] = [] if texts is None else texts
    async for received in session:
        if isinstance(received.event, Final):
            said.append(received.event.text)
    return said


async def whole(wire: NativeWire, address: ServerAddress) -> tuple[list[str], SessionClient]:
    """The speech from its beginning to its end."""
    async with asyncio.timeout(HANG_S), connect_session(wire, address, StreamOptions()) as session:
        speaking = asyncio.create_task(say(session))
        hearing = asyncio.create_task(finals(session))
        await speaking
        await session.finish()
        return await hearing, session


@over_each
async def test_a_session_survives_its_connections(bench: Bench, wire: NativeWire) -> None:
    uncut, _ = await whole(wire, bench.address)
    chance = random.Random(wire.value)
    async with cutting(bench.address, lambda: chance.randrange(12_000, 50_000)) as (address, cuts):
        said, session = await whole(wire, address)
    assert said == uncut
    assert cuts
    if wire is not NativeWire.EVENTS:  # whose posts are repeated, and the events go on
        assert session.resumed > 0
    assert [m.sequence for m in session.messages] == list(range(1, len(session.messages) + 1))
    usage = [m for m in session.messages if isinstance(m, Usage)]
    assert usage[-1].until_s == pytest.approx(len(SPEECH) / 32_000)
    await eventually(lambda: is_at_rest(bench.url), "at rest")


async def test_a_session_goes_on_over_any_wire(bench: Bench) -> None:
    """Begun over a WebSocket that breaks, said by posts, and read to its end as events."""
    async with asyncio.timeout(HANG_S):
        async with connect(socket_url(bench.url)) as socket:
            begun = json.loads(await socket.recv())
            await socket.send(SPEECH[: CHUNK * 10])
            await eventually(lambda: taken(bench.url), "taken")
            socket.transport.abort()
        name = begun["session"]
        async with httpx.AsyncClient(base_url=bench.url, trust_env=False, timeout=HANG_S) as http:
            messages = f"/v1/streams/{name}/messages"
            for number, part in ((2, SPEECH[32_000:90_000]), (2, b""), (3, SPEECH[90_000:])):
                posted = await http.post(messages, params={"number": number}, content=part)
                assert posted.json() == {"taken": number}
            await http.post(messages, params={"number": 4}, json={"type": "finish"})
            heard = [event async for event in events(http, name, {"Last-Event-ID": "1"})]
    assert heard[0]["event"] == "session_resumed"
    assert heard[1]["id"] == "2"
    told = [json.loads(event["data"]) for event in heard[1:]]
    assert [m["sequence"] for m in told] == list(range(2, 2 + len(told)))
    said = " ".join(m["text"] for m in told if m["type"] == "final")
    assert said.lower().startswith(SAID)
    assert told[-1]["type"] == "session_ended"


def taken(url: str) -> bool:
    return metrics(url).get("lab_streams", 0) > 0


def socket_url(url: str, **query: Any) -> str:
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    return url.replace("http", "ws") + f"/v1/stream?{asked}"


async def events(
    http: httpx.AsyncClient, name: str, headers: dict[str, str]
) -> AsyncIterator[dict[str, str]]:
    """Server-sent events, each as its fields."""
    event: dict[str, str] = {}
    async with http.stream("GET", f"/v1/streams/{name}/events", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        async for line in answer.aiter_lines():
            field, _, value = line.partition(": ")
            if field:
                event[field] = value
            elif event:
                yield event
                event = {}


# -- refusals ------------------------------------------------------------------------------------


@pytest.fixture
async def short(strict_server: ServerProcess) -> ServerAddress:
    """Of a server whose sessions wait five seconds when nothing is said, and two for a client."""
    return await address_of(strict_server)


@over_each
async def test_who_comes_back_too_late_is_told_so(short: ServerAddress, wire: NativeWire) -> None:
    async with asyncio.timeout(HANG_S), connect_session(wire, short, StreamOptions()) as session:
        await say(session)
        name = session.name
    await eventually(lambda: is_at_rest(short.url), "at rest")
    await asyncio.sleep(2.5)
    async with asyncio.timeout(HANG_S):
        with pytest.raises(SessionNotFound, match="for 2 s"):
            await gone_on(wire, short, name)


async def gone_on(wire: NativeWire, address: ServerAddress, name: str) -> None:
    async with connect_session(wire, address, StreamOptions()) as other:
        other.name, other._seen = name, 0  # what a client that was restarted has kept
        await other._held.aclose()
        await other._go_on()


@over_each
async def test_a_wrong_key_is_refused_by_name(keyed_bench: Bench, wire: NativeWire) -> None:
    address = ServerAddress(keyed_bench.url, "wrong", keyed_bench.address.grpc)
    async with asyncio.timeout(HANG_S):
        with pytest.raises(Unauthenticated):
            await whole(wire, address)


@over_each
async def test_what_cannot_be_met_is_refused_by_name(bench: Bench, wire: NativeWire) -> None:
    async with asyncio.timeout(HANG_S):
        with pytest.raises(InvalidParameter, match="endpoint_silence_s"):
            async with opened(wire, bench.address, endpoint_silence_s=0.01):
                pass


@asynccontextmanager
async def opened(
    wire: NativeWire, address: ServerAddress, **changes: Any
) -> AsyncIterator[SessionClient]:
    async with connect_session(wire, address, StreamOptions(**changes)) as session:
        yield session


async def test_an_option_that_is_not_known_is_refused(bench: Bench) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with connect(socket_url(bench.url, endpoint_ms=200)):
            pass
    assert refused.value.response.status_code == 400
    assert b"endpoint_ms" in (refused.value.response.body or b"")
    answer = httpx.post(f"{bench.url}/v1/streams", json={"rate": 1}, trust_env=False)
    assert answer.status_code == 400
    assert "rate" in answer.json()["error"]["message"]


async def test_a_session_is_nobody_elses(bench: Bench) -> None:
    one, other = [await bench.operator.make_sandbox_key() for _ in range(2)]
    try:
        async with connect(socket_url(bench.url), additional_headers=bearer(one.key)) as socket:
            name = json.loads(await socket.recv())["session"]
            with pytest.raises(InvalidStatus) as refused:
                await taken_over(bench, name, other.key)
            assert refused.value.response.status_code == 404
            await taken_over(bench, name, one.key)
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4001
    finally:
        for key in (one, other):
            await bench.operator.remove_sandbox_key(key)


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def taken_over(bench: Bench, name: str, key: str) -> None:
    url = socket_url(bench.url, session=name, after=0)
    async with connect(url, additional_headers=bearer(key)) as socket:
        assert json.loads(await socket.recv())["type"] == "session_resumed"
        await socket.send('{"type":"finish"}')
        async for _ in socket:
            pass


# -- endings: the same on every wire -------------------------------------------------------------


async def broken(session: SessionClient) -> tuple[list[str], LabError]:
    """The finals, and why the session ended."""
    said: list[str] = []
    with pytest.raises(LabError) as why:
        await finals(session, said)
    return said, why.value


def ends_with(session: SessionClient, reason: EndReason, kind: type[LabError]) -> None:
    """The last two messages say why."""
    error, ended = session.messages[-2:]
    assert isinstance(error, StreamError)
    assert error.fatal
    assert error.error.reason == kind.reason
    assert isinstance(ended, SessionEnded)
    assert ended.reason is reason


@over_each
async def test_a_bad_chunk_ends_it_after_what_was_said(bench: Bench, wire: NativeWire) -> None:
    async with asyncio.timeout(HANG_S), opened(wire, bench.address) as session:
        await say(session)
        await session.send(bytes(3_201))
        said, why = await broken(session)
    assert " ".join(said).lower().startswith(SAID)
    assert isinstance(why, InvalidAudioFormat)
    ends_with(session, EndReason.FAILED, InvalidAudioFormat)


@over_each
async def test_who_says_nothing_is_let_go(short: ServerAddress, wire: NativeWire) -> None:
    async with asyncio.timeout(HANG_S), opened(wire, short) as session:
        await say(session)
        said, why = await broken(session)
    assert " ".join(said).lower().startswith(SAID)
    assert isinstance(why, StreamIdle)
    ends_with(session, EndReason.IDLE, StreamIdle)


@over_each
async def test_a_server_that_stops_says_what_it_owes(wire: NativeWire) -> None:
    with ServerProcess(Limits()) as server:
        address = await address_of(server)
        async with asyncio.timeout(HANG_S), opened(wire, address) as session:
            await say(session, SPEECH[: CHUNK * 12])
            # one more, which it cannot have taken when it stops: the client has to be told
            session._number += 1
            session._untaken.append((session._number, b""))
            stop_softly(server)
            said, why = await broken(session)
    assert isinstance(why, GoingAway)
    assert " ".join(said).lower().startswith("it was")
    ends_with(session, EndReason.GOING_AWAY, GoingAway)


async def test_a_command_that_is_none_is_answered_and_the_session_goes_on(bench: Bench) -> None:
    async with asyncio.timeout(HANG_S), connect(socket_url(bench.url)) as socket:
        for text in ("", "[]", '{"type":"dance"}', '{"type":"finish","now":1}', "x" * 5_000):
            await socket.send(text)
        await socket.send('{"type":"finish"}')
        told = [json.loads(message) async for message in socket]
    errors = [m for m in told if m["type"] == "error"]
    assert [(m["fatal"], m["error"]["reason"]) for m in errors] == [(False, "INVALID_MESSAGE")] * 5
    assert told[-1]["reason"] == "finished"


async def test_who_does_not_read_loses_the_connection_and_comes_back() -> None:
    with ServerProcess(Limits(unsent_s=1.0), send_buffer_bytes=4_096) as server:
        async with asyncio.timeout(HANG_S), narrow_socket(server.url, "/v1/stream") as socket:
            name = json.loads(await socket.recv())["session"]
            socket.transport.pause_reading()
            asking = asyncio.create_task(ask_for_finals(socket))
            await eventually(lambda: is_at_rest_of(server.url), "held back")
            socket.transport.resume_reading()
            seen, code = await heard_until_closed(socket)
            asking.cancel()
            async with connect(socket_url(server.url, session=name, after=seen)) as other:
                assert json.loads(await other.recv())["after"] == seen
                await other.send('{"type":"finish"}')
                told = [json.loads(message) async for message in other]
    assert code == (1008, "SLOW_CONSUMER: nothing was read in time")
    assert [m["sequence"] for m in told] == list(range(seen + 1, seen + 1 + len(told)))
    assert told[-1]["type"] == "session_ended"


async def ask_for_finals(socket: ClientConnection) -> None:
    """As long as the connection takes it, and fewer at a time than may wait for a client."""
    with suppress(ConnectionClosed):
        while True:
            await socket.send(json.dumps({"type": "finalize"}))
            await asyncio.sleep(0.03)


def is_at_rest_of(url: str) -> bool:
    """Whether the server has told a connection that it is let go."""
    return metrics(url).get("lab_session_connections_total|unread", 0) > 0


async def heard_until_closed(socket: ClientConnection) -> tuple[int, tuple[int, str]]:
    """The last number that was told, and how the connection ended."""
    seen = 1
    async for message in messages_until_closed(socket):
        seen = json.loads(message)["sequence"]
    return seen, (socket.close_code or 0, socket.close_reason or "")


async def messages_until_closed(socket: ClientConnection) -> AsyncIterator[str]:
    with suppress(ConnectionClosed):
        while True:
            yield str(await socket.recv())
