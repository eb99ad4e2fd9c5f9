"""Replicas under Ray on three nodes of this machine: placed, lost, more when needed, exchanged."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import pairwise

import psutil
import pytest
from hang import HANG_S
from server_process import eventually, plain

from lab_kit import datasets
from lab_kit.client import FailoverClient, NativeWire, connect_anywhere
from lab_kit.cluster import Cluster
from lab_kit.core.errors import SystemOverloaded
from lab_kit.core.events import Final, StreamOptions

pytest.importorskip("ray")

CHUNK = 3_200
SPEECH = datasets.clip("two-cities-best").pcm16
SAID = "it was the best of times"
PLACES = 2
HALF = len(SPEECH) // CHUNK // 2 * CHUNK


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    made = Cluster.start(nodes=3, replicas=2, most=4, places=PLACES)
    yield made
    made.stop()


@asynccontextmanager
async def streams(cluster: Cluster, count: int) -> AsyncIterator[list[FailoverClient]]:
    await eventually(lambda: is_at_rest(cluster), "those of the test before are gone")
    async with asyncio.timeout(HANG_S), AsyncExitStack() as stack:
        opened = []
        for _ in range(count):
            stream = connect_anywhere(NativeWire.WEBSOCKET, cluster.place, StreamOptions())
            opened.append(await stack.enter_async_context(stream))
        yield opened


def is_at_rest(cluster: Cluster) -> bool:
    return all(one.report.streams == 0 for one in cluster.status().replicas)


async def say(opened: list[FailoverClient], start: int, stop: int) -> None:
    for at in range(start, stop, CHUNK):
        for one in opened:
            await one.send(SPEECH[at : at + CHUNK])
        await asyncio.sleep(0.02)


async def finals(stream: FailoverClient) -> list[Final]:
    return [r.event async for r in stream if isinstance(r.event, Final)]


async def finish(opened: list[FailoverClient], hearing: list[asyncio.Task[list[Final]]]) -> None:
    """Each heard all of it, and nothing twice."""
    for one in opened:
        await one.finish()
    for heard in await asyncio.gather(*hearing):
        assert plain(" ".join(final.text for final in heard)) == SAID
        assert all(b.start_s >= a.end_s - 0.25 for a, b in pairwise(heard))


def hear(opened: list[FailoverClient]) -> list[asyncio.Task[list[Final]]]:
    return [asyncio.create_task(finals(one)) for one in opened]


def ours(cluster: Cluster) -> list[psutil.Process]:
    return psutil.Process(cluster.pid).children(recursive=True)


def test_nothing_listens_beyond_this_machine(cluster: Cluster) -> None:
    addresses = {
        connection.laddr.ip
        for process in ours(cluster)
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert addresses <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


async def test_streams_are_placed_where_there_is_room(cluster: Cluster) -> None:
    async with streams(cluster, PLACES * 2) as opened:
        await say(opened, 0, CHUNK)
        await eventually(
            lambda: sum(r.report.streams for r in cluster.status().replicas) == 2 * PLACES, "seen"
        )
        full = [r.report.streams for r in cluster.status().replicas if r.report.streams]
        assert full == [PLACES, PLACES]
        await say(opened, CHUNK, len(SPEECH))
        await finish(opened, hear(opened))


async def test_more_replicas_come_for_more_streams_and_who_is_there_stays(
    cluster: Cluster,
) -> None:
    async with streams(cluster, 2 * PLACES) as opened:
        await say(opened, 0, HALF)
        before = {r.name: r.report.streams for r in cluster.status().replicas}
        # four streams with headroom are more than two replicas of two
        await eventually(lambda: len(cluster.status().replicas) >= 3, "a third replica")
        now = {r.name: r.report.streams for r in cluster.status().replicas}
        assert all(now[name] == streams for name, streams in before.items()), "nobody was moved"
        await say(opened, HALF, len(SPEECH))
        await finish(opened, hear(opened))
    await eventually(lambda: len(cluster.status().replicas) == 2, "two again")


async def test_a_node_that_dies_costs_no_words(cluster: Cluster) -> None:
    async with streams(cluster, 2) as opened:
        hearing = hear(opened)
        await say(opened, 0, HALF)
        replicas = cluster.status().replicas
        lost = max(replicas, key=lambda r: r.report.streams).report.node
        held = sum(r.report.streams for r in replicas if r.report.node == lost)
        cluster.kill_node(lost)
        await say(opened, HALF, len(SPEECH))
        await finish(opened, hearing)
        assert sum(len(one.begun_again) for one in opened) == held
    cluster.add_node()
    await asyncio.to_thread(cluster.wait_for, 2)
    assert lost not in cluster.status().nodes


async def test_a_new_release_drains_the_old_one(cluster: Cluster) -> None:
    async with streams(cluster, 2) as opened:
        hearing = hear(opened)
        await say(opened, 0, HALF)
        release = cluster.redeploy(drain_s=10.0)
        await eventually(
            lambda: any(r.report.is_leaving for r in cluster.status().replicas), "one leaves"
        )
        await say(opened, HALF, len(SPEECH))
        await finish(opened, hearing)
    await eventually(
        lambda: {r.report.release for r in cluster.status().replicas} == {release}, "all are new"
    )


async def test_who_finds_no_place_is_told_when_to_ask_again(cluster: Cluster) -> None:
    async with streams(cluster, len(cluster.status().replicas) * PLACES) as opened:
        await say(opened, 0, CHUNK)
        refused = None
        for _ in range(8):  # whoever is sent somewhere counts there until its next report
            try:
                await cluster.place()
            except SystemOverloaded as error:
                refused = error
        assert refused is not None
        assert refused.retry_after_s is not None
