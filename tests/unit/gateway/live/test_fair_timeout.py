"""Time that counts only while the event loop is free."""

import asyncio
import time

import pytest

from lab_kit.gateway.live.fair_timeout import LOOKS, fair_timeout

LIMIT_S = 0.1


async def pass_turns(turns: int) -> None:
    """As bytes need some turns of the loop from the kernel to whoever waits for them."""
    for _ in range(turns):
        await asyncio.sleep(0)


async def test_what_takes_too_long_is_broken_off() -> None:
    began_s = asyncio.get_running_loop().time()
    with pytest.raises(TimeoutError):
        async with fair_timeout(LIMIT_S):
            await asyncio.Event().wait()
    assert asyncio.get_running_loop().time() - began_s >= LIMIT_S


async def test_a_loop_that_is_held_up_uses_up_one_part_of_the_time() -> None:
    loop = asyncio.get_running_loop()
    async with fair_timeout(LIMIT_S):
        loop.call_soon(time.sleep, LIMIT_S * 2)
        await pass_turns(LOOKS // 2)  # in which half of the parts can run out at most


async def test_what_ends_in_time_is_left_alone_afterwards() -> None:
    async with fair_timeout(LIMIT_S) as timeout:
        await asyncio.sleep(0)
    await asyncio.sleep(LIMIT_S * 2)
    assert not timeout.expired()


async def test_whoever_holds_it_may_end_it_at_once() -> None:
    async def ended_at_once() -> None:
        async with fair_timeout(3_600.0) as timeout:
            timeout.reschedule(0.0)
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await ended_at_once()
