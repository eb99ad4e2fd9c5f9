"""One suite over every wire: the same words in the same order, the same ends, the same limits."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial

import httpx
import pytest
from hang import HANG_S
from server_process import ServerProcess, eventually, is_at_rest, metrics, plain, stop_softly

from lab_kit import client, datasets
from lab_kit.bench import Bench, paced
from lab_kit.client import WIRES, NativeWire, ServerAddress, Wire, connect_over
from lab_kit.client.live import StreamClient
from lab_kit.core.call_record import StreamCall
from lab_kit.core.errors import (
    ConnectionFailed,
    GoingAway,
    InvalidMessage,
    LabError,
    SystemOverloaded,
)
from lab_kit.core.events import Event, Final, Interim, StreamEnded, StreamOptions
from lab_kit.experiments.load import Network, between
from lab_kit.gateway.door.limits import Limits
from lab_kit.measure.accuracy import word_error_rate
from lab_kit.protocol.judge import breaches

CLIP = datasets.clip("two-cities-best")
SAID = "it was the best of times"
AnyWire = Wire | NativeWire
ALL: tuple[AnyWire, ...] = (*WIRES, *NativeWire)
LIVE = tuple(wire for wire in ALL if wire is not Wire.UPLOAD)
SPEECH = datasets.clip("two-cities-best").pcm16


def named(wire: AnyWire) -> str:
    return f"{type(wire).__name__.lower()}-{wire.name}"


over_each = pytest.mark.parametrize("wire", ALL, ids=[named(wire) for wire in ALL])
over_each_live = pytest.mark.parametrize("wire", LIVE, ids=[named(wire) for wire in LIVE])


def events(call: StreamCall) -> list[Event]:
    return [received.event for received in call.received]


async def spoken(bench: Bench, wire: AnyWire, options: StreamOptions | None = None) -> StreamCall:
    async with asyncio.timeout(HANG_S):
        return await bench.stream(CLIP, wire=wire, options=options)


@over_each
async def test_the_same_words_in_order_and_everything_released(bench: Bench, wire: AnyWire) -> None:
    call = await spoken(bench, wire)
    assert breaches(events(call)) == []
    assert word_error_rate(CLIP.text, call.text) <= 0.1, call.text
    assert call.versions == ("1",) or len(call.versions) == 1
    assert call.wire == wire.value
    assert call.setup_s > 0
    assert all(b >= a for a, b in zip(stamps(call), stamps(call)[1:], strict=False))
    await eventually(lambda: is_at_rest(bench.url), "at rest")


def stamps(call: StreamCall) -> list[int]:
    return [received.received_ns for received in call.received]


@over_each_live
async def test_interims_come_before_finals_where_the_wire_is_live(
    bench: Bench, wire: AnyWire
) -> None:
    heard = events(await spoken(bench, wire))
    kinds = [type(event) for event in heard if isinstance(event, Interim | Final)]
    assert kinds[0] is Interim
    assert kinds[-1] is Final


@over_each_live
async def test_a_stream_that_ends_at_once_ends_well(bench: Bench, wire: AnyWire) -> None:
    heard: list[Event] = []
    async with asyncio.timeout(HANG_S), opened(bench, wire) as end:
        await end.finish()
        heard = [received.event async for received in end]
    assert not any(isinstance(event, Final) and event.text for event in heard)
    await eventually(lambda: is_at_rest(bench.url), "at rest")


def opened(address: "Bench | ServerAddress", wire: AnyWire, **changes: object):  # type: ignore[no-untyped-def]
    chosen = StreamOptions(**changes)  # type: ignore[arg-type]
    return connect_over(wire, address.address if isinstance(address, Bench) else address, chosen)


async def say(end: StreamClient) -> None:
    """The clip, as fast as it goes."""
    for start in range(0, len(SPEECH), 3_200):
        await end.send(SPEECH[start : start + 3_200])


async def collect(end: StreamClient, texts: list[str]) -> None:
    """Finals until the stream ends, however it does."""
    async for received in end:
        if isinstance(received.event, Final):
            texts.append(received.event.text)


async def said_until_it_broke(end: StreamClient) -> tuple[str, LabError]:
    """What was said before the stream was ended by the other side, and why it says it was."""
    texts: list[str] = []
    with pytest.raises(LabError) as broken:
        await collect(end, texts)
    return plain(" ".join(texts)), broken.value


@pytest.mark.parametrize("wire", [Wire.WEBSOCKET, Wire.GRPC])
async def test_a_bad_chunk_is_refused_by_name_after_what_was_said(
    bench: Bench, wire: AnyWire
) -> None:
    """The others cannot send one: base64 is resampled by our client, WebRTC sends packets."""
    async with asyncio.timeout(HANG_S), opened(bench, wire) as end:
        await say(end)
        await end.send(bytes(3_201))
        said, why = await said_until_it_broke(end)
    assert SAID in said
    assert "3,201 bytes" in str(why)


# -- limits of a strict server -------------------------------------------------------------------


async def address_of(server: ServerProcess) -> ServerAddress:
    async with httpx.AsyncClient(trust_env=False) as http:
        port = (await http.get(f"{server.url}/readyz")).json()["grpc_port"]
    return ServerAddress(server.url, grpc=f"127.0.0.1:{port}")


async def test_a_full_server_refuses_on_every_wire_and_recovers(
    strict_server: ServerProcess,
) -> None:
    address = await address_of(strict_server)
    for wire in LIVE:  # and whatever is imported on the way, which takes longer than silence may
        await one_stream(address, wire)
    await eventually(lambda: is_at_rest(strict_server.url), "at rest")
    async with AsyncExitStack() as held, asyncio.timeout(HANG_S):
        full = [await held.enter_async_context(opened(address, Wire.WEBSOCKET)) for _ in range(6)]
        for wire in LIVE:
            for one in full:
                await one.keep_alive()
            with pytest.raises(SystemOverloaded, match="streams are open"):
                await one_stream(address, wire)
    await eventually(lambda: is_at_rest(strict_server.url), "at rest")
    await one_stream(address, Wire.GRPC)


async def one_stream(address: ServerAddress, wire: AnyWire) -> None:
    """Open a stream, end it, and hear it out."""
    async with opened(address, wire) as end:
        await end.finish()
        await collect(end, [])


async def over_all(wires: Sequence[AnyWire], check: Callable[[AnyWire], Awaitable[None]]) -> None:
    """Many wires at once, where a check only waits; a failure says over which."""

    async def checked(wire: AnyWire) -> None:
        try:
            await check(wire)
        except BaseException as error:
            error.add_note(f"over {named(wire)}")
            raise

    for some in at_once(wires):
        async with asyncio.TaskGroup() as group:
            for wire in some:
                group.create_task(checked(wire))


def at_once(wires: Sequence[AnyWire]) -> list[Sequence[AnyWire]]:
    """No more of them than the strict server takes streams."""
    return [wires[start : start + 4] for start in range(0, len(wires), 4)]


async def test_who_says_nothing_is_let_go_with_a_reason(strict_server: ServerProcess) -> None:
    """The limit is five seconds here."""
    address = await address_of(strict_server)

    async def check(wire: AnyWire) -> None:
        async with asyncio.timeout(HANG_S), opened(address, wire) as end:
            await say(end)
            said, why = await said_until_it_broke(end)
        assert SAID in said
        assert any(
            word in str(why) for word in ("NET-0001", "STREAM_IDLE", "no audio", "without audio")
        )

    await over_all(LIVE, check)
    await eventually(lambda: is_at_rest(strict_server.url), "at rest")


async def test_who_keeps_the_stream_alive_is_not(strict_server: ServerProcess) -> None:
    address = await address_of(strict_server)

    async def check(wire: AnyWire) -> None:
        async with asyncio.timeout(HANG_S):
            call = await client.stream_over(
                wire, address, paced(CLIP), StreamOptions(), hold_s=7.0, keep_alive_s=0.5
            )
        assert plain(call.text).startswith(SAID)

    await over_all(LIVE, check)


@over_each_live
async def test_a_server_that_stops_says_what_it_owes_first(wire: AnyWire) -> None:
    with ServerProcess(Limits()) as server:
        address = await address_of(server)
        async with asyncio.timeout(HANG_S), opened(address, wire) as end:
            await say(end)
            await eventually(lambda: has_heard_something(server.url), "heard")
            stop_softly(server)
            texts: list[str] = []
            # where the server had taken everything a stream has ended well; else that is the reason
            with suppress(ConnectionFailed, GoingAway):
                await collect(end, texts)
    # how much of the clip it had taken by then is another matter
    assert plain(" ".join(texts)).startswith("it was")


def has_heard_something(url: str) -> bool:
    seen = metrics(url)
    return any(name.startswith("lab_results_total|") and seen[name] > 0 for name in seen)


# -- through a network ---------------------------------------------------------------------------


@over_each
async def test_a_rough_network_changes_when_but_not_what(bench: Bench, wire: AnyWire) -> None:
    # a late or lost packet of UDP is a gap, see below; a stream's bytes come, if later
    rough = Network(one_way_s=0.03, jitter_s=0.02, loss=0.01)
    if wire is Wire.WEBRTC:
        rough = Network(one_way_s=0.03)
    with bench.behind(rough) as caller:
        call = await spoken(caller, wire)
    assert breaches(events(call)) == []
    assert word_error_rate(CLIP.text, call.text) <= 0.1, call.text
    assert call.traffic is not None
    assert call.traffic.up_bytes > 0
    assert call.traffic.down_bytes > 0


async def test_a_lost_or_late_packet_of_webrtc_costs_at_most_words_and_time_stays_true(
    bench: Bench,
) -> None:
    """Packets that overtake each other leave the library's jitter buffer fuller, till it drops.

    Nothing is lost while the connection is made: each packet of that costs seconds, when lost.
    """
    rough = Network(one_way_s=0.01, jitter_s=0.02, loss=0.05, calm_s=4.0, seed=3)
    with bench.behind(rough) as caller:
        async with asyncio.timeout(HANG_S):
            call = await caller.stream(datasets.clip("two-cities-opening"), wire=Wire.WEBRTC)
    assert breaches(events(call)) == []
    ended = [event for event in events(call) if isinstance(event, StreamEnded)]
    assert ended[0].audio_s == pytest.approx(call.audio_s, abs=0.4)
    assert call.text


async def test_bytes_are_counted_and_base64_costs_a_third_more(bench: Bench) -> None:
    with bench.behind(Network()) as caller:
        plain_, coded = [await spoken(caller, w) for w in (Wire.WEBSOCKET, Wire.REALTIME)]
    assert plain_.traffic is not None
    assert coded.traffic is not None
    pcm16, pcm24 = 32_000 * plain_.audio_s, 48_000 * coded.audio_s
    assert pcm16 < plain_.traffic.up_bytes < pcm16 * 1.05
    assert pcm24 * 4 / 3 < coded.traffic.up_bytes < pcm24 * 4 / 3 * 1.08


@pytest.mark.parametrize("keeps_alive", [True, False])
async def test_a_proxy_that_closes_idle_connections_is_survived_by_keeping_alive(
    bench: Bench, keeps_alive: bool
) -> None:
    """UDP has no connection that a proxy could close."""

    async def check(wire: AnyWire) -> None:
        with bench.behind(Network(idle_close_s=2.0)) as caller:
            if keeps_alive:
                kept = await caller.stream(CLIP, wire=wire, hold_s=5.0, keep_alive_s=0.4)
                assert plain(kept.text).startswith(SAID)
            else:
                with pytest.raises((ConnectionFailed, InvalidMessage)):
                    await caller.stream(CLIP, wire=wire, hold_s=5.0)

    await over_all([Wire.WEBSOCKET, Wire.REALTIME, Wire.GRPC], check)
    await eventually(lambda: is_at_rest(bench.url), "at rest")


async def test_a_peer_that_goes_deaf_is_reclaimed(strict_server: ServerProcess) -> None:
    """Half-open: nothing passes any more and nobody says so; the server's own limit ends it."""
    address, url = await address_of(strict_server), strict_server.url
    for wires in at_once(LIVE):
        async with AsyncExitStack() as hanging:
            speaking = []
            for wire in wires:
                far = hanging.enter_context(between(address, Network(deaf_after_s=3.0)))
                speaking.append(await hanging.enter_async_context(hung(far, wire)))
            await eventually(partial(are_open, url, len(wires)), "open")
            await eventually(lambda: is_at_rest(url), "at rest")
            for one in speaking:
                one.cancel()


def are_open(url: str, streams: int) -> bool:
    return metrics(url)["lab_streams"] == streams


@asynccontextmanager
async def hung(address: ServerAddress, wire: AnyWire) -> AsyncIterator["asyncio.Task[StreamCall]"]:
    """A stream that says nothing more after its clip and waits; cancelled at the end."""
    task = asyncio.create_task(
        client.stream_over(wire, address, paced(CLIP), StreamOptions(), hold_s=20.0)
    )
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
