"""The servers to which a table's wrong things are done, and what is the case meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from hang import HANG_S
from server_process import (
    OPERATOR_KEY,
    ServerProcess,
    eventually,
    is_at_rest,
    metrics,
    refuse_nobody,
    stop_softly,
)
from wire_callers import LOST, Act, Asked, Caller, LiveWire, Outcome, connected, outcome_of

from lab_kit.client import ServerAddress
from lab_kit.gateway.door.limits import Limits
from lab_kit.stream.pipeline import MAX_OWED_FINALS

SMALL = Limits(
    streams=16,
    stream_audio_s=10.0,
    recording_audio_s=20.0,
    idle_s=5.0,
    no_audio_s=8.0,
    unsent_s=2.0,
)
"""Reaching one takes seconds; a client that is alive is held up for none of them. Half as much
sound again is fewer packets than WebRTC's inbox takes, or on a busy machine that would be first."""
UNREAD = Limits(unsent_s=20.0)
"""Too many results wait unread long before so much time has passed."""
PHRASES = 14
"""More than may be owed, and the few decodes beside them that are not owed."""
BESIDE = 2
"""Decodes of a stream that are no owed finals: one interim, one begun before the endpoint."""
_OPERATOR = {"authorization": f"Token {OPERATOR_KEY}"}
_TRIES = 3
_AT_ONCE_AND_FOR_GOOD = {
    "busy": 1e-9,
    "saturated": 1e-9,
    "final_wait_s": 3_600.0,
    "queue_wait_s": 3_600.0,
    "rise_s": 0.0,
    "fall_s": 3_600.0,
    "fill": 1_000.0,
}
_BACK_AT_ONCE = {"rise_s": 3_600.0, "fall_s": 0.0, "fill": 1_000.0}
CLOSING_LOW = 4
"""The degradation level beyond which there is none."""


@dataclass(frozen=True, slots=True)
class Does:
    """What is done on one wire."""

    act: Act | None = None
    asked: Asked | None = None


@dataclass(frozen=True, slots=True)
class Servers:
    """Those that rows share.

    Attributes:
        small: its limits are `SMALL`.
        held: its engine stands still while its barrier is there; its limits are `UNREAD`.
        keyed: needs a key, which this address does not have.
    """

    small: ServerProcess
    held: ServerProcess
    keyed: ServerAddress


Row = Mapping[LiveWire, Does]
Ended = Outcome | BaseException
Situation = Callable[[Servers, Row], Awaitable[Mapping[LiveWire, Ended]]]


def address_of(server: ServerProcess) -> ServerAddress:
    """Its addresses on all wires."""
    port = httpx.get(f"{server.url}/readyz", timeout=HANG_S).json()["grpc_port"]
    return ServerAddress(server.url, grpc=f"127.0.0.1:{port}")


async def done_at_once(server: ServerAddress, row: Row) -> dict[LiveWire, Ended]:
    """The row on all its wires at once; what went wrong on one of them stands in its place."""
    doing = (outcome_of(wire, server, does.act, does.asked) for wire, does in row.items())
    ended = await asyncio.gather(*doing, return_exceptions=True)
    return dict(zip(row, ended, strict=True))


async def done_in_turn(row: Row, do: Callable[[LiveWire, Does], Awaitable[Outcome]]) -> dict[
    LiveWire, Ended
]:  # fmt: skip
    """One wire after the other, where what is watched is the server's as a whole."""
    ended: dict[LiveWire, Ended] = {}
    for wire, does in row.items():
        (ended[wire],) = await asyncio.gather(do(wire, does), return_exceptions=True)
    return ended


async def at_rest(server: ServerProcess) -> None:
    """Wait until the server holds nothing for anybody."""
    await eventually(lambda: is_at_rest(server.url), "at rest")


# -- nothing in particular -----------------------------------------------------------------------


async def on_small_limits(servers: Servers, row: Row) -> Mapping[LiveWire, Ended]:
    """A server with small limits; everything is released in the end."""
    ended = await done_at_once(address_of(servers.small), row)
    await at_rest(servers.small)
    return ended


async def until_a_limit_of_time(servers: Servers, row: Row) -> Mapping[LiveWire, Ended]:
    """The same server, where the row only waits."""
    return await on_small_limits(servers, row)


async def on_a_server_with_a_key(servers: Servers, row: Row) -> Mapping[LiveWire, Ended]:
    """A key that is not the server's."""
    wrong = ServerAddress(servers.keyed.url, "wrong", servers.keyed.grpc)
    return await done_at_once(wrong, row)


# -- full and reduced ----------------------------------------------------------------------------


async def while_full(servers: Servers, row: Row) -> Mapping[LiveWire, Ended]:
    """Every place is taken."""
    address = address_of(servers.small)
    await at_rest(servers.small)
    async with AsyncExitStack() as held:
        for _ in range(SMALL.streams):
            await held.enter_async_context(silent(address))
        ended = await done_at_once(address, row)
    await at_rest(servers.small)
    return ended


@asynccontextmanager
async def silent(address: ServerAddress) -> AsyncIterator[None]:
    """A stream that sends silence, a tenth of what it may."""
    async with repeating(address, bytes(640), every_s=0.2):
        yield


@asynccontextmanager
async def speaking(address: ServerAddress) -> AsyncIterator[None]:
    """A stream that keeps the engine busy."""
    interims = Asked(options={"interim_results": "true"})
    async with repeating(address, Caller.speech[16_000:48_000], every_s=1.0, asked=interims):
        yield


@asynccontextmanager
async def repeating(
    address: ServerAddress, sound: bytes, every_s: float, asked: Asked | None = None
) -> AsyncIterator[None]:
    """An open stream that sends the same ``sound`` again and again."""
    async with connected(LiveWire.DEEPGRAM, address, asked) as caller:

        async def go_on() -> None:
            while True:
                await caller.say(sound)
                await asyncio.sleep(every_s)

        going = asyncio.gather(go_on(), caller.hear_out())
        try:
            yield
        finally:
            going.cancel()
            await asyncio.gather(going, return_exceptions=True)


async def while_reduced(servers: Servers, row: Row) -> Mapping[LiveWire, Ended]:
    """The service is reduced as far as it can be."""
    address = address_of(servers.small)
    async with speaking(address):
        await reduce(servers.small)
    ended = await done_at_once(address, row)
    await restore(servers.small)
    return ended


async def as_it_is_reduced(servers: Servers, row: Row) -> Mapping[LiveWire, Ended]:
    """The streams are open before the service is reduced."""
    address = address_of(servers.small)
    await at_rest(servers.small)
    async with speaking(address):
        doing = asyncio.create_task(done_at_once(address, row))
        streams = len(row) + 1
        await eventually(lambda: metrics(servers.small.url)["lab_streams"] == streams, "open")
        await eventually(lambda: finals_of(servers.small) >= len(row), "heard")
        await reduce(servers.small)
        ended = await doing
    await restore(servers.small)
    return ended


async def reduce(server: ServerProcess) -> None:
    """Let whatever is done count as too much."""
    await put(server, _AT_ONCE_AND_FOR_GOOD)
    await eventually(lambda: level(server) == CLOSING_LOW, "reduced")


async def restore(server: ServerProcess) -> None:
    """Back to full service, for whatever comes."""
    await at_rest(server)
    await put(server, _BACK_AT_ONCE)
    await eventually(lambda: level(server) == 0, "restored")
    await asyncio.to_thread(refuse_nobody, server.url, _OPERATOR)


async def put(server: ServerProcess, thresholds: Mapping[str, float]) -> None:
    """Change what counts as pressure."""
    async with httpx.AsyncClient(trust_env=False, timeout=HANG_S) as http:
        url = f"{server.url}/operator/degradation"
        answer = await http.put(url, json=dict(thresholds), headers=_OPERATOR)
    answer.raise_for_status()


def level(server: ServerProcess) -> float:
    """Of degradation."""
    return metrics(server.url)["lab_degradation_level"]


def finals_of(server: ServerProcess) -> float:
    """That it has sent."""
    return metrics(server.url).get("lab_results_total|final", 0.0)


# -- an engine that stands still -----------------------------------------------------------------


@asynccontextmanager
async def standing(server: ServerProcess) -> AsyncIterator[Path]:
    """The engine stands still until its barrier, which this gives, is away."""
    assert server.barrier is not None
    await at_rest(server)
    server.barrier.touch()
    try:
        yield server.barrier
    finally:
        server.barrier.unlink(missing_ok=True)
        await at_rest(server)


async def while_it_answers_nothing(servers: Servers, row: Row) -> Mapping[LiveWire, Ended]:
    """The engine stands still until every stream has ended."""
    async with standing(servers.held):
        return await done_at_once(address_of(servers.held), row)


async def until_they_are_behind(servers: Servers, row: Row) -> Mapping[LiveWire, Ended]:
    """The engine stands still until the streams have been asked to give way."""
    before = gave_way(servers.held)
    async with standing(servers.held) as barrier:
        doing = asyncio.create_task(done_at_once(address_of(servers.held), row))
        await eventually(lambda: gave_way(servers.held) == before + len(row), "behind")
        barrier.unlink()
        return await doing


def gave_way(server: ServerProcess) -> float:
    """Streams that were owed a final for too long."""
    return metrics(server.url).get("lab_streams_closed_early_total|batch|behind", 0.0)


async def until_as_much_is_owed_as_may_be(servers: Servers, row: Row) -> Mapping[LiveWire, Ended]:
    """The engine stands still until the stream owes its most; nothing is taken beyond that."""
    address = address_of(servers.held)

    async def held_back(wire: LiveWire, does: Does) -> Outcome:
        most = 0.0

        def owes(least: int) -> bool:
            nonlocal most
            most = max(most, in_engine(servers.held))
            return most >= least

        async with standing(servers.held) as barrier:
            doing = asyncio.create_task(outcome_of(wire, address, does.act, does.asked))
            await eventually(lambda: owes(MAX_OWED_FINALS + 1), "held back")
            barrier.unlink()
            await eventually(lambda: owes(0) and doing.done(), "ended")
        assert most <= MAX_OWED_FINALS + 1 + BESIDE < PHRASES
        return await doing

    return await done_in_turn(row, held_back)


def in_engine(server: ServerProcess) -> float:
    """Decodes that wait or run."""
    seen = metrics(server.url)
    return seen["lab_engine_waiting"] + seen["lab_engine_running"]


async def while_it_stops(servers: Servers, row: Row) -> Mapping[LiveWire, Ended]:
    """A server that is told to stop while it owes each stream a final."""
    barrier = servers.held.log.with_suffix(".stopping")
    with ServerProcess(Limits(drain_s=HANG_S), barrier=barrier) as server:
        barrier.touch()
        address, doing = address_of(server), []
        for wire, does in row.items():
            doing.append(await owed(wire, does, server, address))
        stop_softly(server)
        await eventually(lambda: is_draining(server), "draining")
        barrier.unlink()
        return dict(zip(row, await asyncio.gather(*doing, return_exceptions=True), strict=True))


async def owed(
    wire: LiveWire, does: Does, server: ServerProcess, address: ServerAddress
) -> "asyncio.Task[Outcome]":
    """A stream whose final is asked for, of all that it said."""
    has_acted, before = asyncio.Event(), in_engine(server)

    async def act(caller: Caller) -> None:
        assert does.act is not None
        await does.act(caller)
        await caller.taken()
        has_acted.set()

    doing = asyncio.create_task(outcome_of(wire, address, act, does.asked))
    await eventually(lambda: has_acted.is_set() and in_engine(server) > before, "owed")
    return doing


def is_draining(server: ServerProcess) -> bool:
    """Whether it says so."""
    return bool(httpx.get(f"{server.url}/readyz").json()["status"] == "draining")


# -- nobody reads --------------------------------------------------------------------------------


async def while_nobody_reads(servers: Servers, row: Row) -> Mapping[LiveWire, Ended]:
    """The caller does its part again and again, till the server has let it go; then it reads."""
    address = address_of(servers.held)

    async def unread(wire: LiveWire, does: Does) -> Outcome:
        # what comes to a socket that is closed already resets it, and with it what was not read yet
        for _ in range(_TRIES - 1):
            outcome = await once(wire, does)
            if outcome.code != LOST:
                return outcome
        return await once(wire, does)

    async def once(wire: LiveWire, does: Does) -> Outcome:
        assert does.act is not None
        async with asyncio.timeout(HANG_S), connected(wire, address, does.asked) as caller:
            caller.stop_reading()
            before = ends(servers.held)
            while await asyncio.to_thread(ends, servers.held) == before:
                await does.act(caller)
            caller.read_again()
            outcome = await caller.hear_out()
        await at_rest(servers.held)
        return outcome

    return await done_in_turn(row, unread)


def ends(server: ServerProcess) -> float:
    """Streams that have ended, however they did."""
    seen = metrics(server.url)
    return sum(seen[name] for name in seen if name.startswith("lab_stream_ends_total|"))
