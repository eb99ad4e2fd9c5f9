"""Many calls at once: a few begin in each turn of the loop, in order, and nobody is forgotten."""

import asyncio

import pytest

from lab_kit.gateway.door.arrivals import AT_ONCE, Arrivals

CALLS = 50


async def begun_by_turn(arrivals: Arrivals, calls: int, peer: str = "a") -> list[list[int]]:
    """Which calls began in each turn of the loop, when all arrive in the first."""
    begun: list[int] = []

    async def call(number: int) -> None:
        await arrivals.turn(peer)
        begun.append(number)

    tasks = [asyncio.create_task(call(number)) for number in range(calls)]
    turns: list[list[int]] = []
    while not all(task.done() for task in tasks):
        await asyncio.sleep(0)
        turns.append(begun[sum(map(len, turns)) :])
    return [turn for turn in turns if turn]


async def test_a_few_begin_in_each_turn_in_the_order_of_arrival() -> None:
    turns = await begun_by_turn(Arrivals(), CALLS)
    assert [number for turn in turns for number in turn] == list(range(CALLS))
    assert max(map(len, turns)) <= AT_ONCE
    assert len(turns) <= CALLS  # nobody waits longer than the order demands


async def test_who_comes_alone_does_not_wait() -> None:
    arrivals = Arrivals()
    for _ in range(3):
        turn = arrivals.turn("a")
        with pytest.raises(StopIteration):
            turn.send(None)
        await asyncio.sleep(0)
        await asyncio.sleep(0)


async def test_peers_take_turns() -> None:
    begun: list[str] = []
    arrivals = Arrivals()

    async def call(peer: str) -> None:
        await arrivals.turn(peer)
        begun.append(peer)

    await asyncio.gather(*(call(peer) for peer in ["a"] * CALLS + ["b"] * 3 + ["c"]))
    assert begun[AT_ONCE : AT_ONCE + 6] == ["a", "b", "c", "a", "b", "a"]
    assert len(begun) == CALLS + 4


async def test_who_leaves_while_waiting_takes_nobodys_turn() -> None:
    arrivals = Arrivals()
    tasks = [asyncio.create_task(arrivals.turn("a")) for _ in range(CALLS)]
    await asyncio.sleep(0)
    for task in tasks[AT_ONCE::2]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(not task.cancelled() for task in tasks) == AT_ONCE + (CALLS - AT_ONCE) // 2
    assert await begun_by_turn(arrivals, CALLS)
