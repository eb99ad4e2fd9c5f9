"""Two workers for everybody: nobody's recordings stand in front of another's."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import pytest
from hang import HANG_S

from lab_kit.core.errors import SystemOverloaded
from lab_kit.gateway.door.body_memory import BodyMemory
from lab_kit.gateway.door.preparation import MOST_WAITING, Preparation


class LongWork:
    """Work that has begun, or will, and lasts until a test ends it."""

    def __init__(self, ends: threading.Event) -> None:
        self.has_begun = threading.Event()
        self._ends = ends

    def __call__(self) -> str:
        self.has_begun.set()
        assert self._ends.wait(HANG_S)
        return threading.current_thread().name

    async def begun(self) -> None:
        assert await asyncio.to_thread(self.has_begun.wait, HANG_S)


@pytest.fixture
async def preparation() -> AsyncIterator[Preparation]:
    made = Preparation()
    yield made
    made.stop()


@pytest.fixture
def ends() -> threading.Event:
    return threading.Event()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(HANG_S):
        while not holds():
            await asyncio.sleep(0.001)


async def test_a_long_job_of_one_caller_does_not_delay_another(
    preparation: Preparation, ends: threading.Event
) -> None:
    long = [LongWork(ends) for _ in range(3)]
    tasks = [asyncio.create_task(preparation.run("a", work)) for work in long]
    await long[0].begun()
    async with asyncio.timeout(HANG_S):
        for n in range(5):
            assert await preparation.run("b", lambda n=n: n) == n  # type: ignore[misc]
    assert not long[1].has_begun.is_set()
    ends.set()
    names = await asyncio.gather(*tasks)
    assert all(name.startswith("preparation") for name in names)


async def test_who_stops_waiting_takes_the_job_out_of_the_queue(
    preparation: Preparation, ends: threading.Event
) -> None:
    first, second, third = (LongWork(ends) for _ in range(3))
    tasks = [asyncio.create_task(preparation.run("a", work)) for work in (first, second, third)]
    await first.begun()
    tasks[1].cancel()
    with pytest.raises(asyncio.CancelledError):
        await tasks[1]
    ends.set()
    await asyncio.gather(tasks[0], tasks[2])
    assert not second.has_begun.is_set()


async def test_a_caller_who_leaves_long_work_behind_waits_for_its_end(
    preparation: Preparation, ends: threading.Event
) -> None:
    """Or one caller could keep all workers busy by hanging up again and again."""
    left, following = LongWork(ends), LongWork(ends)
    leaving = asyncio.create_task(preparation.run("a", left))
    await left.begun()
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    waiting = asyncio.create_task(preparation.run("a", following))
    assert await preparation.run("b", lambda: "done") == "done"
    assert not following.has_begun.is_set()
    ends.set()
    await waiting


async def test_what_work_raises_is_its_callers_and_the_worker_goes_on(
    preparation: Preparation,
) -> None:
    with pytest.raises(ZeroDivisionError):
        await preparation.run("a", lambda: 1 / 0)
    assert await preparation.run("a", lambda: 1) == 1


async def test_what_waits_is_bounded(preparation: Preparation, ends: threading.Event) -> None:
    long = LongWork(ends)
    tasks = [asyncio.create_task(preparation.run("a", long))]
    await long.begun()
    tasks += [asyncio.create_task(preparation.run("a", int)) for _ in range(MOST_WAITING // 2)]
    await asyncio.sleep(0)  # each has been put into the queue
    with pytest.raises(SystemOverloaded):
        await preparation.run("a", int)
    assert await preparation.run("b", int) == 0
    for task in tasks[1:]:
        task.cancel()
    await asyncio.gather(*tasks[1:], return_exceptions=True)
    again = asyncio.create_task(preparation.run("a", int))  # their places are free
    ends.set()
    assert await again == 0
    await tasks[0]


@pytest.mark.parametrize("moment", ["waiting", "running", "answered"])
async def test_a_body_counts_until_nothing_reads_it_whenever_its_caller_leaves(
    preparation: Preparation, ends: threading.Event, moment: str
) -> None:
    memory = BodyMemory(100)
    ahead, work = LongWork(ends), LongWork(ends)

    async def upload() -> None:
        with memory.share("a") as share:
            share.hold(40)
            await preparation.run("a", work, share)
            await asyncio.Event().wait()

    tasks = []
    if moment == "waiting":
        tasks.append(asyncio.create_task(preparation.run("a", ahead)))
        await ahead.begun()
    uploading = asyncio.create_task(upload())
    if moment == "waiting":
        await asyncio.sleep(0)
    else:
        await work.begun()
    if moment == "answered":
        ends.set()
        await preparation.run("a", int)  # behind it
    assert memory.held_bytes == 40
    uploading.cancel()
    with suppress(asyncio.CancelledError):
        await uploading
    assert memory.held_bytes == (40 if moment == "running" else 0)
    ends.set()
    await until(lambda: memory.held_bytes == 0)
    await asyncio.gather(*tasks)
    assert work.has_begun.is_set() is (moment != "waiting")
